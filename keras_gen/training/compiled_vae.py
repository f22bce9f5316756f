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
        z_mean, z_log_var, _ = self.models["encoder"].outputs
        self._with_codes = keras.Model(beside(*self.vae.inputs), [*self.vae.outputs, z_mean, z_log_var])

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
            logits, z_mean, z_log_var = self._with_codes(beside(x, rows_at(classes, 0)), training=True)
            loss = self.vae.compute_loss(x, x, logits, training=True)
        descend(self.vae.optimizer, tape, loss, self.vae)
        return [loss, tf.reduce_mean(kl_divergence(z_mean, z_log_var)) / self.devices]

    def _named(self, losses: list[float]) -> dict[str, float]:
        return dict(zip(self.terms, losses, strict=True))

    def mean_kl(self) -> float:
        """Return the mean KL term of this epoch; the layer `kl` counts only what its own device is shown."""
        total, count = self.sums["kl"]
        return total / count
