"""Importance weighting: several latent points for each image, and a bound that is tighter than the VAE's.

Y. Burda, R. Grosse and R. Salakhutdinov, "Importance weighted autoencoders" (2016).
"""

import math

import keras
from keras import ops

from keras_gen.models.layers import PACKAGE, KLDivergence


def importance_weighted_loss(minus_log_p: object, log_ratio: object, samples: int, beta: object = 1.0) -> object:
    """Return minus the bound log 1/k sum_k p(x|z_k) p(z_k) / q(z_k|x) in nats, image by image: equation 8.

    Args:
        minus_log_p: -log p(x|z) of each sample, shape (batch * samples,), those of an image next to each other.
        log_ratio: log q(z|x) - log p(z) of each sample; its mean is the KL term.
        samples: k; 1 is the evidence lower bound with a sample of the KL term.
        beta: Weight of the ratio; 1 is a bound.

    Returns:
        Shape (batch,).
    """
    log_weights = ops.reshape(-minus_log_p - beta * log_ratio, (-1, samples))
    return math.log(samples) - ops.logsumexp(log_weights, axis=-1)


@keras.saving.register_keras_serializable(PACKAGE)
class ImportanceWeighting(KLDivergence):
    """The loss of an importance-weighted VAE: adds the batch's mean `importance_weighted_loss` by `add_loss`.

    Args:
        samples: Latent points of each image.
        **kwargs: Of `KLDivergence`.

    Call arguments:
        inputs: -log p(x|z) and log q(z|x) - log p(z) of each sample, as `importance_weighted_loss` takes them, and the
            KL divergence of each image, which is only counted.

    Returns:
        The loss, the KL divergence and the mean of -log p(x|z), each of shape (batch,).
    """

    def __init__(self, samples: int, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.samples = samples
        self.reconstruction = self.add_weight(shape=(), initializer="zeros", trainable=False, dtype="float32")

    def call(self, inputs: list, training: bool = False) -> list:
        """Add the loss and return the terms."""
        minus_log_p, log_ratio, kl = inputs
        loss = importance_weighted_loss(minus_log_p, log_ratio, self.samples, self.weight)
        self.add_loss(ops.mean(loss))
        reconstruction = ops.mean(ops.reshape(minus_log_p, (-1, self.samples)), axis=-1)
        if training:
            self.count.assign_add(ops.cast(ops.shape(kl)[0], "float32"))
            for total, term in ((self.total, kl), (self.reconstruction, reconstruction)):
                total.assign_add(ops.cast(ops.stop_gradient(ops.sum(term)), "float32"))
        return [loss, kl, reconstruction]

    def means(self) -> dict[str, float]:
        """Return the means of the images trained on since the last `reset`."""
        return super().means() | {"reconstruction": self._mean(self.reconstruction)}

    def reset(self) -> None:
        """Forget the batches counted so far."""
        super().reset()
        self.reconstruction.assign(0.0)

    def compute_output_shape(self, input_shape: list[tuple]) -> list[tuple]:
        """Return the shape of an image's numbers, three times."""
        return [input_shape[-1]] * 3

    def get_config(self) -> dict:
        """Return what rebuilds the layer."""
        return {**super().get_config(), "samples": self.samples}
