from types import SimpleNamespace

import numpy as np

from keras_gen.models.exporting import largest_layers
from keras_gen.models.inference import BATCH, _full_batches, decode


class Recorder:
    """Stands for a generator: each image is its latent point's first number."""

    def __init__(self):
        self.batches = []

    def predict_on_batch(self, latents):
        self.batches.append(len(latents))
        return latents[:, :1].reshape(-1, 1, 1, 1)


def test_decoding_in_batches_of_one_size_keeps_every_image_and_its_order():
    model = Recorder()
    count = 2 * BATCH + 3
    latents = np.linspace(0, 1, count, dtype=np.float32).reshape(-1, 1)
    images = decode(model, latents, (0.0, 1.0))
    np.testing.assert_array_equal(images[:, 0, 0, 0], np.rint(latents[:, 0] * 255))
    assert model.batches == [BATCH] * 3


def test_every_row_has_its_own_label_also_in_the_last_batch():
    for (rows, labels), count in _full_batches(np.arange(2 * BATCH + 3), np.arange(2 * BATCH + 3)):
        np.testing.assert_array_equal(rows, labels)
        assert len(rows) == BATCH and count in (BATCH, 3)


def test_the_layers_with_the_most_weights_come_first():
    sizes = {"a": 5, "b": 0, "c": 900, "d": 20, "e": 30}
    layers = [SimpleNamespace(name=name, count_params=lambda size=size: size) for name, size in sizes.items()]
    assert largest_layers(SimpleNamespace(layers=layers)) == [("c", 900), ("e", 30), ("d", 20)]
    assert largest_layers(SimpleNamespace(layers=layers[:2])) == [("a", 5)]
