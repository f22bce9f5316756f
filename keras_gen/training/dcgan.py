"""Training of the DCGAN with `train_on_batch`: which network is frozen when."""

from pathlib import Path

import keras
import numpy as np
from keras import ops

from keras_gen.data import to_range
from keras_gen.indices import rows_at
from keras_gen.latent import draw_latents
from keras_gen.models import AdaptiveAugment, Augment, build_augmented, build_discriminator, build_gan, build_generator
from keras_gen.models.augmentation import OPERATIONS
from keras_gen.models.conditioning import beside
from keras_gen.models.losses import ADVERSARIAL_LOSSES, real_sign
from keras_gen.run import DCGANRun, RunFolder
from keras_gen.seeds import own_random_state, random_stream
from keras_gen.settings import DCGANSettings
from keras_gen.training.adaptive import AdaptiveProbability
from keras_gen.training.averaging import MovingAverage
from keras_gen.training.device import jit_compile, precision
from keras_gen.training.freezing import check_changes, frozen, weight_changes
from keras_gen.training.start import train
from keras_gen.training.trainer import Trainer

REAL, FAKE, GENERATOR = "discriminator_loss_real", "discriminator_loss_fake", "generator_loss"
SIGN = "real_sign"  # of the discriminator on real images; no loss


class DCGANTrainer(Trainer):
    """A DCGAN and its training step."""

    kind = "dcgan"
    drop_last = True  # BatchNormalization's statistics of a handful of images would be noise

    def __init__(self, image_shape: tuple[int, int, int], settings: DCGANSettings, classes: int | None = None) -> None:
        self.settings, training = settings, settings.training
        self.pixel_range = settings.pixel_range
        self.images_per_step = training.batch_size * training.discriminator_steps
        with own_random_state(training.seed), precision(training.precision):
            self.generator = build_generator(image_shape, settings.generator, classes=classes)
            self.discriminator = build_discriminator(image_shape, settings.discriminator, classes=classes)
            self.average = MovingAverage(self.generator, training.ema) if training.ema else None
        self.augmented_discriminator = self._augmented(training.augment.split(","))  # what training shows images to
        self.gan = self.model = build_gan(self.generator, self.augmented_discriminator)
        self.networks = {"generator": self.generator, "discriminator": self.discriminator}
        self.models = self.networks | ({"generator": self.average.model} if self.average else {})
        self.loss = ADVERSARIAL_LOSSES[training.loss]
        self.jit = jit_compile(training.jit, slower=True)
        self.augmented_discriminator.compile(
            optimizer=self._optimizer(training.discriminator_learning_rate),
            loss=self.loss.discriminator,
            metrics=[self.loss.on_real] * training.concatenate_batches + [real_sign] * bool(self.adaptive) or None,
            jit_compile=self.jit,
        )
        self.gan.compile(
            optimizer=self._optimizer(training.generator_learning_rate),
            loss=self.loss.generator,
            jit_compile=self.jit,
        )
        self.training_logits, self.training_gan_logits = map(InTrainingMode, (self.augmented_discriminator, self.gan))
        for model in (self.training_logits, self.training_gan_logits):
            model.compile(jit_compile=self.jit)
        # Its optimiser has the generator's weights alone, and Keras would load it for all: ModelCheckpoint saves none.
        self.gan.get_compile_config = lambda: None
        self.optimizers = {"discriminator": self.augmented_discriminator.optimizer, "generator": self.gan.optimizer}
        self.optimizers["discriminator"].build(self.discriminator.trainable_variables)
        self.optimizers["generator"].build(self.generator.trainable_variables)
        self.variables = {
            "gan": self.gan.variables,
            "generator_optimizer": self.optimizers["generator"].variables,
            "discriminator_optimizer": self.optimizers["discriminator"].variables,
        }
        self.variables |= {"average": self.average.variables} if self.average else {}
        self.variables |= {"augmentation": self.adaptive.variables} if self.adaptive else {}
        self.start_epoch(1)

    def networks_replaced(self) -> None:
        """Let the average begin from the generator's weights."""
        if self.average:
            self.average.model.set_weights(self.generator.get_weights())

    def train_step(self, images: np.ndarray, classes: np.ndarray | None = None) -> dict[str, float]:
        """Update the discriminator `discriminator_steps` times, each on images of its own, then the generator once."""
        losses = self.discriminator_steps(images, classes) | self.generator_step(classes)
        self.end_step(losses.get(SIGN))
        return losses

    def discriminator_steps(self, images: np.ndarray, classes: np.ndarray | None = None) -> dict[str, float]:
        """Train the discriminator and return its mean losses on real and on generated images."""
        parts = np.split(images, self.settings.training.discriminator_steps)
        losses = [self.discriminator_step(real, turn, self.turn_of(classes, turn)) for turn, real in enumerate(parts)]
        return {name: float(np.mean([loss[name] for loss in losses])) for name in losses[0]}

    def discriminator_step(self, real: np.ndarray, turn: int, classes: np.ndarray | None = None) -> dict[str, float]:
        """Update the discriminator on real images, labelled 1 - label_smoothing, and on generated ones, labelled 0.

        In a conditional run both are of the same classes.
        """
        real = self.scaled(self.mirrored(real, turn))
        fakes = self.generator.predict_on_batch(beside(self.draw_latents(len(real), turn), classes))
        real_labels, fake_labels = self.labels(len(real))
        if not self.settings.training.concatenate_batches:
            on_real = self.augmented_discriminator.train_on_batch(beside(real, classes), real_labels, return_dict=True)
            on_fake = self.augmented_discriminator.train_on_batch(beside(fakes, classes), fake_labels, return_dict=True)
            return {REAL: on_real["loss"], FAKE: on_fake["loss"]} | self._sign(on_real)
        both, labels = np.concatenate([real, fakes]), np.concatenate([real_labels, fake_labels])
        inputs = beside(both, None if classes is None else np.tile(classes, 2))
        logs = self.augmented_discriminator.train_on_batch(inputs, labels, return_dict=True)
        loss_real = 2 * logs[self.loss.on_real.__name__]  # a mean over both halves, of which one is zero
        return {REAL: loss_real, FAKE: 2 * logs["loss"] - loss_real} | self._sign(logs, share=2)

    def generator_step(self, classes: np.ndarray | None = None) -> dict[str, float]:
        """Update the generator through the discriminator, whose variables (not layers) are frozen.

        In a conditional run its images are of the classes of the last real ones.
        """
        count, turn = self.settings.training.batch_size, self.settings.training.discriminator_steps
        inputs = beside(self.draw_latents(count, turn), self.turn_of(classes, turn - 1))
        with frozen(self.discriminator):
            loss = self.gan.train_on_batch(inputs, np.ones((count, 1), np.float32))
        return {GENERATOR: loss}

    def end_step(self, sign: object = None) -> None:
        """Move the average of the generator's weights and the probability of augmentation, if they are asked for."""
        if self.average:
            self.average.update()
        if self.adaptive:
            self.adaptive.update(sign)

    def checked_step(self, images: np.ndarray, batch: np.ndarray, step: int) -> str:
        """Take one step and say which weights each half of it changed; see `Trainer.checked_step`."""
        self.step = step
        with weight_changes(**self.networks) as changes:
            losses = self.discriminator_steps(images[batch], self.classes_of(batch))
        first = check_changes("discriminator", changes, {"discriminator": "everything", "generator": "nothing"})
        with weight_changes(**self.networks) as changes:
            losses |= self.generator_step(self.classes_of(batch))
        self.end_step(losses.get(SIGN))
        second = check_changes("generator", changes, {"generator": "everything", "discriminator": "statistics"})
        self.record(losses, len(batch), step)
        return f"{first}; {second}"

    def losses(self) -> dict[str, float]:
        """Return the mean losses of this epoch."""
        return {name: value for name, value in super().losses().items() if name != SIGN}

    def measures(self) -> dict[str, float]:
        """Return the probability of adaptive augmentation, and the mean sign on real images that it follows."""
        if not self.adaptive:
            return {}
        probability = float(ops.convert_to_numpy(self.adaptive.probability))
        return {"augment_probability": probability, SIGN: super().losses()[SIGN]}

    def turn_of(self, classes: np.ndarray | None, turn: int) -> np.ndarray | None:
        """Return the classes of one turn's images, of those of a step."""
        return None if classes is None else np.split(classes, self.settings.training.discriminator_steps)[turn]

    def draw_latents(self, count: int, turn: int) -> np.ndarray:
        """Return the latent points of a step: turn 0 and up for the discriminator, the last one for the generator."""
        return self._latents(count, self.random("latents", turn))

    def mirrored(self, images: np.ndarray, turn: int) -> np.ndarray:
        """Return the images with about half of them flipped left to right, if `augment` has `mirror`."""
        if not self.mirrors:
            return images
        return np.where(self.draw_flips(len(images), turn)[:, None, None, None], images[:, :, ::-1], images)

    def draw_flips(self, count: int, turn: int) -> np.ndarray:
        """Return which of the real images are flipped."""
        return self.random("mirror", turn).random(count) < 0.5

    def labels(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the labels of real images, smoothed on one side only, and of generated images."""
        smoothed = 1 - self.settings.training.label_smoothing
        return np.full((count, 1), smoothed, np.float32), np.zeros((count, 1), np.float32)

    def scaled(self, images: np.ndarray) -> np.ndarray:
        """Return uint8 pixels in the range of the generator's."""
        return to_range(images, self.pixel_range)

    def held_out_losses(self, images: np.ndarray, classes: np.ndarray | None = None) -> dict[str, float]:
        """Return the losses on held-out images and on as many fixed latent points.

        Computed in training mode: the discriminator and the generator that train normalise by the batch's own
        statistics, so they do here, and what that would update is thrown away.
        """
        latents = self._latents(len(images), random_stream(self.settings.training.seed, "held_out"))
        sums = dict.fromkeys((REAL, FAKE, GENERATOR), 0.0)
        parts = max(1, round(len(images) / self.settings.training.batch_size))
        for indices in np.array_split(np.arange(len(images)), parts):
            real, kinds = images[indices], rows_at(classes, indices)
            z = beside(latents[indices], kinds)
            fakes = self.generator.predict_on_batch(z)
            if self.settings.training.concatenate_batches:
                both = beside(np.concatenate([self.scaled(real), fakes]), None if kinds is None else np.tile(kinds, 2))
                on_real, on_fake = np.split(self.training_logits.predict_on_batch(both), 2)
            else:
                on_real = self.training_logits.predict_on_batch(beside(self.scaled(real), kinds))
                on_fake = self.training_logits.predict_on_batch(beside(fakes, kinds))
            real_labels, fake_labels = self.labels(len(real))
            sums[REAL] += _total(self.loss.discriminator(real_labels, on_real))
            sums[FAKE] += _total(self.loss.discriminator(fake_labels, on_fake))
            through_gan = self.training_gan_logits.predict_on_batch(z)
            sums[GENERATOR] += _total(self.loss.generator(np.ones_like(on_fake), through_gan))
        return {f"held_out_{name}": total / len(images) for name, total in sums.items()}

    def _augmented(self, operations: list[str]) -> keras.Model:
        self.mirrors = "mirror" in operations  # of real images alone, so no part of the model
        self.adaptive: AdaptiveProbability | None = None
        in_model = [operation for operation in operations if operation in OPERATIONS]
        if "auto" not in operations and not in_model:
            return self.discriminator
        kind, training = AdaptiveAugment if "auto" in operations else Augment, self.settings.training
        augment = kind(in_model or OPERATIONS, self.pixel_range, training.seed, name="augment")
        if "auto" in operations:
            self.adaptive = AdaptiveProbability(augment.probability, training.augment_target, self.images_per_step)
        return build_augmented(self.discriminator, augment)

    def _sign(self, logs: dict[str, float], share: int = 1) -> dict[str, float]:
        """Return the mean sign on real images; the metric has divided by `share` times as many."""
        return {SIGN: share * logs[real_sign.__name__]} if self.adaptive else {}

    def _optimizer(self, learning_rate: float) -> keras.optimizers.Optimizer:
        if self.settings.training.optimizer == "adam":
            return keras.optimizers.Adam(learning_rate, beta_1=self.settings.training.adam_beta_1)
        return keras.optimizers.RMSprop(learning_rate)

    def _latents(self, count: int, random: np.random.Generator) -> np.ndarray:
        return draw_latents(random, count, self.settings.latent_dim, self.settings.latent_distribution)


class InTrainingMode(keras.Model):
    """Calls a network in training mode, without any effect on it, and with the same dropout every time."""

    def __init__(self, network: keras.Model) -> None:
        super().__init__(autocast=False)  # the network has a precision of its own
        self.network = network

    def call(self, x: object) -> object:
        """Return the network's outputs."""
        constant_dropout = [
            ops.zeros_like(v.value) if "seed_generator" in v.path else v.value
            for v in self.network.non_trainable_variables
        ]
        trained = [v.value for v in self.network.trainable_variables]
        outputs, _ = self.network.stateless_call(trained, constant_dropout, x, training=True)
        return outputs


def _total(losses: object) -> float:
    return float(np.sum(ops.convert_to_numpy(losses), dtype=np.float64))


def train_dcgan(
    data: object = None,
    held_out: object = None,
    settings: DCGANSettings | None = None,
    *,
    folder: RunFolder | str | Path | None = None,
    resume: bool = False,
    callbacks: list[keras.callbacks.Callback] | tuple = (),
    **options: object,
) -> DCGANRun:
    """Train a DCGAN and return the run; the arguments, and what is raised, are those of `train_vae`."""
    return train("dcgan", data, held_out, settings, folder=folder, resume=resume, callbacks=callbacks, **options)
