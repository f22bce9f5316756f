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


def test_balanced_batches_show_each_class_alike_and_other_images_each_epoch():
    labels = np.repeat([0, 1, 2], [90, 9, 1])
    first, second = (epoch_batches(100, 10, 0, epoch, drop_last=False, balanced=labels) for epoch in (1, 2))
    shown = np.concatenate(first)
    assert len(shown) == 100
    np.testing.assert_allclose(np.bincount(labels[shown]), 100 / 3, atol=1)
    assert len(set(shown[labels[shown] == 0])) > 30  # none twice
    assert set(shown) != set(np.concatenate(second))
    assert all(np.bincount(labels[batch], minlength=3).min() >= 2 for batch in first)
    assert len(set(map(tuple, labels[shown[:99]].reshape(-1, 3)))) > 1  # in no fixed order
