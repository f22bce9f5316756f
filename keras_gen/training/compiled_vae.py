"""The compiled engine's VAE."""

import keras
import numpy as np
import tensorflow as tf

from keras_gen.indices import rows_at
from keras_gen.models.conditioning import beside
from keras_gen.models.layers import kl_divergence
from keras_gen.models.losses import observed
from keras_gen.settings import VAESettings
from keras_gen.training.compiled import CompiledTrainer, descend
from keras_gen.training.vae import VAETrainer


class CompiledVAETrainer(CompiledTrainer, VAETrainer):
    """A VAE and its training step, compiled; see `VAETrainer`."""

    settings: VAESettings
    terms = ("loss", "kl")

    def __init__(self, image_shape: tuple[int, int, int], settings: VAESettings, classes: int | None = None) -> None:
        super().__init__(image_shape, settings, classes)
        if settings.training.importance_samples > 1:
            self._with_terms, self.terms = self.vae, (*self.terms, "reconstruction")
        else:
            z_mean, z_log_var, _ = self.vae.get_layer("kl").input
            outputs = [*self.vae.outputs, kl_divergence(z_mean, z_log_var)]
            self._with_terms = keras.Model(beside(*self.vae.inputs), outputs)

    def _built(self) -> set[keras.Model]:
        return {*self.models.values(), self.vae, self.terms_model}

    def _can_hold(self, images: np.ndarray) -> bool:
        # Binarized images are drawn for each step.
        return self.settings.decoder.likelihood != "binarized" and super()._can_hold(images)

    def _shown(self, images: np.ndarray, batches: list[np.ndarray], step: int, part: slice) -> np.ndarray:
        if self.settings.decoder.likelihood != "binarized":
            return super()._shown(images, batches, step, part)
        drawn = []
        for self.step, batch in enumerate(batches, start=step):  # for the whole batch, as one device would
            drawn.append(observed(images[batch], "binarized", self.random("binarize")))
        return np.stack(drawn)[:, None, part]

    def _draws(self, count: int) -> list[np.ndarray]:
        return []

    def _step(self, images: tf.Tensor, classes: tf.Tensor | None) -> list[tf.Tensor]:
        x = self._to_range(images[0])
        with tf.GradientTape() as tape:
            output, *terms = self._with_terms(beside(x, rows_at(classes, 0)), training=True)
            loss = self.vae.compute_loss(x, x, output, training=True)
        descend(self.vae.optimizer, tape, loss, self.vae)
        return [loss, *(tf.reduce_mean(term) / self.devices for term in terms)]

    def _named(self, losses: list[float]) -> dict[str, float]:
        return dict(zip(self.terms, losses, strict=True))

    def mean_terms(self) -> dict[str, float]:
        """Return the mean terms of this epoch; the layer `kl` counts only what its own device is shown."""
        return {name: self.sums[name][0] / self.sums[name][1] for name in self.terms[1:]}
