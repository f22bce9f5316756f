"""The compiled engine's DCGAN."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from keras_gen.indices import rows_at
from keras_gen.models.conditioning import beside
from keras_gen.settings import DCGANSettings
from keras_gen.training.compiled import CompiledTrainer, descend
from keras_gen.training.dcgan import FAKE, GENERATOR, REAL, SIGN, DCGANTrainer
from keras_gen.training.freezing import check_changes, restored, weight_changes


class CompiledDCGANTrainer(CompiledTrainer, DCGANTrainer):
    """A DCGAN and its training step, compiled; see `DCGANTrainer`."""

    settings: DCGANSettings

    def __init__(self, image_shape: tuple[int, int, int], settings: DCGANSettings, classes: int | None = None) -> None:
        self.turns = settings.training.discriminator_steps
        super().__init__(image_shape, settings, classes)
        self.turn_terms = (REAL, FAKE, SIGN) if self.adaptive else (REAL, FAKE)
        self.terms = self.turn_terms * self.turns + (GENERATOR,)

    def checked_step(self, images: np.ndarray, batch: np.ndarray, step: int) -> str:
        """Rehearse both halves of a step, take the whole one, and say which weights each half changed."""
        line = self._rehearsed(images, batch, step)
        self.train_steps(images, [batch], step)
        return line

    def _rehearsed(self, images: np.ndarray, batch: np.ndarray, step: int) -> str:
        """Take both halves of a step one by one, undo them, and say which weights each of them changed."""
        arrays = self._arrays(images, [batch], step, length=1)
        with restored([variable for group in self.variables.values() for variable in group]):
            with weight_changes(**self.networks) as changes:
                self._rehearse(self._discriminator_half, *arrays)
            first = check_changes("discriminator", changes, {"discriminator": "everything", "generator": "nothing"})
            with weight_changes(**self.networks) as changes:
                self._rehearse(lambda images, classes, latents, *flips: self._generator_half(classes, latents), *arrays)
            second = check_changes("generator", changes, {"generator": "everything", "discriminator": "statistics"})
        return f"{first}; {second}"

    def _rehearse(self, half: Callable, *arrays: object) -> None:
        def one(*arrays: tf.Tensor) -> None:
            half(*self._of_step(arrays, 0))

        with self._together():
            tf.function(lambda *arrays: self._strategy.run(one, args=arrays), autograph=False)(*arrays)

    def _built(self) -> set[keras.Model]:
        shown = {self.augmented_discriminator, self.gan, self.training_logits, self.training_gan_logits}
        return shown | {*self.networks.values(), *self.models.values()}

    def _draws(self, count: int) -> list[np.ndarray]:
        latents = [self.draw_latents(count, turn) for turn in range(self.turns + 1)]
        flips = [self.draw_flips(count, turn) for turn in range(self.turns)] if self.mirrors else []
        return [np.stack(draws) for draws in (latents, flips) if draws]

    def _step(
        self, images: tf.Tensor, classes: tf.Tensor | None, latents: tf.Tensor, *flips: tf.Tensor
    ) -> list[tf.Tensor]:
        if self.settings.training.share_fakes:
            return self._sharing_step(images, classes, latents, *flips)
        return self._discriminator_half(images, classes, latents, *flips) + self._generator_half(classes, latents)

    def _discriminator_half(
        self, images: tf.Tensor, classes: tf.Tensor | None, latents: tf.Tensor, *flips: tf.Tensor
    ) -> list[tf.Tensor]:
        losses = []
        for turn in range(self.turns):
            kinds = rows_at(classes, turn)
            fakes = self.generator(beside(latents[turn], kinds), training=False)
            losses += self._train_discriminator(self._real(images, turn, *flips), fakes, kinds)
        return losses

    def _generator_half(self, classes: tf.Tensor | None, latents: tf.Tensor) -> list[tf.Tensor]:
        kinds = rows_at(classes, -1)
        with tf.GradientTape() as tape:
            loss = self._generator_loss(self.generator(beside(latents[-1], kinds), training=True), kinds)
        descend(self.gan.optimizer, tape, loss, self.generator)
        return [loss]

    def _sharing_step(
        self, images: tf.Tensor, classes: tf.Tensor | None, latents: tf.Tensor, *flips: tf.Tensor
    ) -> list[tf.Tensor]:
        losses = []
        for turn in range(self.turns):
            kinds = rows_at(classes, turn)
            with tf.GradientTape() as tape:
                fakes = self.generator(beside(latents[turn], kinds), training=True)
            losses += self._train_discriminator(self._real(images, turn, *flips), fakes, kinds)
        with tape:  # the last pass goes on, through the discriminator as it is now
            loss = self._generator_loss(fakes, kinds)
        descend(self.gan.optimizer, tape, loss, self.generator)
        return [*losses, loss]

    def _real(self, images: tf.Tensor, turn: int, flips: tf.Tensor | None = None) -> tf.Tensor:
        real = images[turn]
        if flips is not None:
            real = tf.where(flips[turn][:, None, None, None], real[:, :, ::-1], real)
        return self._to_range(real)

    def _train_discriminator(self, real: tf.Tensor, fakes: tf.Tensor, kinds: tf.Tensor | None) -> list[tf.Tensor]:
        labels = self.labels(real.shape[0])
        if self.settings.training.concatenate_batches:
            both = tf.concat([real, tf.cast(fakes, real.dtype)], 0)
            loss, logits = self._show(both, None if kinds is None else tf.tile(kinds, [2]), np.concatenate(labels))
            # A mean over both halves, of which one is zero.
            on_real = 2 * tf.reduce_mean(self.loss.on_real(np.concatenate(labels), logits)) / self.devices
            losses, logits = [on_real, 2 * loss - on_real], logits[: real.shape[0]]
        else:
            (on_real, logits), (on_fake, _) = (
                self._show(batch, kinds, label) for batch, label in zip((real, fakes), labels, strict=True)
            )
            losses = [on_real, on_fake]
        return [*losses, tf.reduce_mean(tf.sign(logits)) / self.devices] if self.adaptive else losses

    def _show(self, batch: tf.Tensor, kinds: tf.Tensor | None, labels: np.ndarray) -> tuple[tf.Tensor, tf.Tensor]:
        batch = tf.stop_gradient(batch)
        with tf.GradientTape() as tape:
            logits = self.augmented_discriminator(beside(batch, kinds), training=True)
            loss = self.augmented_discriminator.compute_loss(batch, labels, logits, training=True)
        descend(self.augmented_discriminator.optimizer, tape, loss, self.discriminator)
        return loss, logits

    def _generator_loss(self, fakes: tf.Tensor, kinds: tf.Tensor | None) -> tf.Tensor:
        ones = np.ones((fakes.shape[0], 1), np.float32)
        logits = self.augmented_discriminator(beside(fakes, kinds), training=True)
        return self.gan.compute_loss(fakes, ones, logits, training=True)

    def _named(self, losses: list[float]) -> dict[str, float]:
        turns = np.reshape(losses[:-1], (self.turns, -1))
        means = dict(zip(self.turn_terms, turns.mean(axis=0).tolist(), strict=True))
        return means | {GENERATOR: losses[-1]}

    def _end_step(self, values: tf.Tensor) -> None:
        self.end_step(tf.reduce_mean(values[2:-1:3]) if self.adaptive else None)  # the third of each turn is the sign
