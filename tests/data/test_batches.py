import numpy as np

from keras_gen.data import epoch_batches


def test_every_image_is_shown_once_and_the_order_is_new_each_epoch():
    first, second = (epoch_batches(10, 4, seed=3, epoch=epoch, drop_last=False) for epoch in (1, 2))
    assert [len(batch) for batch in first] == [4, 4, 2]
    assert sorted(np.concatenate(first)) == list(range(10))
    assert np.concatenate(first).tolist() != np.concatenate(second).tolist()


def test_the_order_is_fixed_by_seed_and_epoch():
    orders = [np.concatenate(epoch_batches(50, 8, seed, 5, False)).tolist() for seed in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]


def test_an_incomplete_batch_can_be_left_out():
    assert [len(batch) for batch in epoch_batches(10, 4, 0, 1, drop_last=True)] == [4, 4]
    assert [len(batch) for batch in epoch_batches(8, 4, 0, 1, drop_last=True)] == [4, 4]
