import numpy as np

from keras_gen.models.inference import BATCH, decode


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
