"""Training of the DCGAN: `train_on_batch` in turns, weights frozen in between."""

from collections.abc import Callable

import keras
import numpy as np
from keras import ops

from keras_gen.data import ImageSet, to_range
from keras_gen.latent import draw_latents
from keras_gen.models import Augment, build_augmented, build_discriminator, build_gan, build_generator
from keras_gen.models.augmentation import OPERATIONS
from keras_gen.models.losses import ADVERSARIAL_LOSSES
from keras_gen.seeds import random_stream
from keras_gen.training.audit import check_moves, frozen, who_moved
from keras_gen.training.averaging import MovingAverage
from keras_gen.training.device import jit_compile, precision
from keras_gen.training.engines import make_trainer
from keras_gen.training.loop import SAVE_EVERY, TrainingRun, check_finite, run_epochs
from keras_gen.training.recipes import resolve_settings
from keras_gen.training.run_folder import RunFolder
from keras_gen.training.settings import DCGANSettings
from keras_gen.training.trainer import Trainer

REAL, FAKE, GENERATOR = "discriminator_loss_real", "discriminator_loss_fake", "generator_loss"


class DCGANTrainer(Trainer):
    """A DCGAN and its training step.

    Building it sets the global random seeds of Python, NumPy and the backend,
    which Keras's initializers and dropout draw from.

    Args:
        image_shape: Height, width and channels.
        settings: What to build and how to train it.
    """

    kind = "dcgan"
    drop_last = True  # BatchNormalization's statistics of a handful of images would be noise

    def __init__(self, image_shape: tuple[int, int, int], settings: DCGANSettings) -> None:
        self.settings = settings
        self.pixel_range = settings.pixel_range
        self.images_per_step = settings.batch_size * settings.discriminator_steps
        shared = {
            "kernel_size": settings.kernel_size,
            "batch_norm_momentum": settings.batch_norm_momentum,
            "leaky_alpha": settings.leaky_alpha,
            "init_stddev": settings.init_stddev,
        }
        keras.utils.set_random_seed(settings.seed)
        with precision(settings.precision):
            self.generator = build_generator(
                image_shape,
                latent_dim=settings.latent_dim,
                filters=settings.generator_filters,
                extra_layers=settings.generator_extra_layers,
                base_filters=settings.generator_base_filters,
                activation=settings.generator_activation,
                output_activation=settings.output_activation,
                upsampling=settings.upsampling,
                **shared,
            )
            self.discriminator = build_discriminator(
                image_shape,
                filters=settings.discriminator_filters,
                extra_layers=settings.discriminator_extra_layers,
                batch_norm=settings.discriminator_batch_norm,
                activate_last=settings.discriminator_activate_last,
                dropout=settings.dropout,
                spectral_norm=settings.spectral_norm,
                **shared,
            )
        operations = settings.augment.split(",")
        self._mirror = "mirror" in operations
        self.judge = self.discriminator  # what training shows images to
        if augmentations := [operation for operation in operations if operation in OPERATIONS]:
            augment = Augment(augmentations, settings.pixel_range, settings.seed, name="augment")
            self.judge = build_augmented(self.discriminator, augment)
        self.gan = build_gan(self.generator, self.judge)
        self.average = MovingAverage(self.generator, settings.ema) if settings.ema else None
        self.players = {"generator": self.generator, "discriminator": self.discriminator}
        self.models = self.players | ({"generator": self.average.model} if self.average else {})
        self.jit = jit_compile(settings.jit, convolutional=settings.convolutional)
        self.loss = ADVERSARIAL_LOSSES[settings.loss]
        self.judge.compile(
            optimizer=self._optimizer(settings.discriminator_learning_rate),
            loss=self.loss.discriminator,
            metrics=[self.loss.on_real] if settings.concatenate_batches else None,
            jit_compile=self.jit,
        )
        self.gan.compile(
            optimizer=self._optimizer(settings.generator_learning_rate),
            loss=self.loss.generator,
            jit_compile=self.jit,
        )
        self.optimizers = {"discriminator": self.judge.optimizer, "generator": self.gan.optimizer}
        self.start_epoch()

    @property
    def variables(self) -> dict[str, list[keras.Variable]]:
        """All that a checkpoint holds: the networks, their random generators, the optimisers, the moving average."""
        for optimizer, network in ((self.judge.optimizer, self.discriminator), (self.gan.optimizer, self.generator)):
            if not optimizer.built:  # as it is before the first step
                optimizer.build(network.trainable_variables)
        return {
            "gan": self.gan.variables,
            "generator_optimizer": self.gan.optimizer.variables,
            "discriminator_optimizer": self.judge.optimizer.variables,
        } | ({"average": self.average.variables} if self.average else {})

    def _optimizer(self, learning_rate: float) -> keras.optimizers.Optimizer:
        if self.settings.optimizer == "adam":
            return keras.optimizers.Adam(learning_rate, beta_1=self.settings.adam_beta_1)
        return keras.optimizers.RMSprop(learning_rate)

    def start_epoch(self, epoch: int = 1) -> None:
        """Begin new means of the losses."""
        self.sums = {name: [0.0, 0] for name in (REAL, FAKE, GENERATOR)}  # total and count

    def train_step(self, images: np.ndarray, epoch: int, step: int) -> None:
        """Update the discriminator `discriminator_steps` times, each on images of its own, then the generator once.

        Args:
            images: uint8, shape (batch_size * discriminator_steps, height, width, channels).
            epoch: Where the run stands; with the seed it fixes the latent points.
            step: Likewise.

        Raises:
            RunError: A loss is not finite.
        """
        for turn, real in enumerate(np.split(images, self.settings.discriminator_steps)):
            self._discriminator_step(real, epoch, step, turn)
        self._generator_step(epoch, step)
        self._end_step()

    def audited_step(self, images: np.ndarray, batch: np.ndarray, epoch: int, step: int) -> str:
        """Take one step and return a sentence on which weights each half of it moved."""
        with who_moved(**self.players) as moves:
            for turn, real in enumerate(np.split(images[batch], self.settings.discriminator_steps)):
                self._discriminator_step(real, epoch, step, turn)
        first = check_moves("discriminator", moves, {"discriminator": "everything", "generator": "nothing"})
        with who_moved(**self.players) as moves:
            self._generator_step(epoch, step)
        self._end_step()
        second = check_moves("generator", moves, {"generator": "everything", "discriminator": "statistics"})
        return f"{first}; {second}"

    def losses(self) -> dict[str, float]:
        """Return the mean losses of this epoch; those of the cross-entropy are nats."""
        return {name: total / max(1, count) for name, (total, count) in self.sums.items()}

    def held_out_losses(self, images: np.ndarray) -> dict[str, float]:
        """Return the same losses on held-out images and on as many fixed latent points.

        Measured of the functions that play in training: the discriminator and
        the generator that trains normalise by the batch's own statistics, so
        they do here, and what that would update is thrown away.

        Args:
            images: uint8, shape (n, height, width, channels).
        """
        latents = self._latents(len(images), random_stream(self.settings.seed, "held_out"))
        sums = dict.fromkeys((REAL, FAKE, GENERATOR), 0.0)
        parts = max(1, round(len(images) / self.settings.batch_size))
        for real, z in zip(np.array_split(images, parts), np.array_split(latents, parts), strict=True):
            fakes = self.generator.predict_on_batch(z)
            if self.settings.concatenate_batches:
                logits = _in_training_mode(self.judge, np.concatenate([self._scale(real), fakes]))
                on_real, on_fake = np.split(logits, 2)
            else:
                on_real = _in_training_mode(self.judge, self._scale(real))
                on_fake = _in_training_mode(self.judge, fakes)
            real_labels, fake_labels = self._labels(len(real))
            sums[REAL] += _total(self.loss.discriminator(real_labels, on_real))
            sums[FAKE] += _total(self.loss.discriminator(fake_labels, on_fake))
            sums[GENERATOR] += _total(self.loss.generator(np.ones_like(on_fake), _in_training_mode(self.gan, z)))
        return {f"held_out_{name}": total / len(images) for name, total in sums.items()}

    def _discriminator_step(self, images: np.ndarray, epoch: int, step: int, turn: int) -> None:
        count = len(images)
        if self._mirror:
            flips = self._flips(count, epoch, step, turn)
            images = np.where(flips[:, None, None, None], images[:, :, ::-1], images)
        real = self._scale(images)
        fakes = self.generator.predict_on_batch(self._latents(count, self._stream(epoch, step, turn)))
        real_labels, fake_labels = self._labels(count)
        if self.settings.concatenate_batches:
            batch, labels = np.concatenate([real, fakes]), np.concatenate([real_labels, fake_labels])
            logs = self.judge.train_on_batch(batch, labels, return_dict=True)
            on_real = 2 * logs["on_real"]  # a mean over both halves, of which one is zero
            self._record(REAL, on_real, epoch, step)
            self._record(FAKE, 2 * logs["loss"] - on_real, epoch, step)
        else:
            self._record(REAL, self.judge.train_on_batch(real, real_labels), epoch, step)
            self._record(FAKE, self.judge.train_on_batch(fakes, fake_labels), epoch, step)

    def _generator_step(self, epoch: int, step: int) -> None:
        count = self.settings.batch_size
        latents = self._latents(count, self._stream(epoch, step, self.settings.discriminator_steps))
        with frozen(self.discriminator):
            loss = self.gan.train_on_batch(latents, np.ones((count, 1), np.float32))
        self._record(GENERATOR, loss, epoch, step)

    def _end_step(self) -> None:
        if self.average:
            self.average.update()

    def _record(self, name: str, value: float, epoch: int, step: int) -> None:
        self.sums[name][0] += check_finite(float(value), name, epoch, step)
        self.sums[name][1] += 1

    def _stream(self, epoch: int, step: int, turn: int) -> np.random.Generator:
        return random_stream(self.settings.seed, "latents", epoch, step, turn)

    def _latents(self, count: int, random: np.random.Generator) -> np.ndarray:
        return draw_latents(random, count, self.settings.latent_dim, self.settings.latent_distribution)

    def _flips(self, count: int, epoch: int, step: int, turn: int) -> np.ndarray:
        """Draw which of the real images are flipped left to right: about half."""
        return random_stream(self.settings.seed, "mirror", epoch, step, turn).random(count) < 0.5

    def _labels(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the labels of real and of generated images."""
        return np.full((count, 1), 1 - self.settings.label_smoothing, np.float32), np.zeros((count, 1), np.float32)

    def _scale(self, images: np.ndarray) -> np.ndarray:
        return to_range(images, self.pixel_range)


def _in_training_mode(model: keras.Model, x: np.ndarray) -> np.ndarray:
    """Return a model's outputs in training mode, without any effect on it, and with the same dropout every time."""
    constant_dropout = [
        ops.zeros_like(v.value) if "seed_generator" in v.path else v.value for v in model.non_trainable_variables
    ]
    trained = [v.value for v in model.trainable_variables]
    outputs, _ = model.stateless_call(trained, constant_dropout, x, training=True)
    return ops.convert_to_numpy(outputs)


def _total(losses: object) -> float:
    return float(np.sum(ops.convert_to_numpy(losses), dtype=np.float64))


def train_dcgan(
    train: ImageSet,
    held_out: ImageSet,
    settings: DCGANSettings | None = None,
    *,
    folder: RunFolder | None = None,
    resume: bool = False,
    on_epoch_end: Callable[[TrainingRun], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    say: Callable[[str], None] = print,
    save_every: float = SAVE_EVERY,
    doctor: bool = True,
) -> TrainingRun:
    """Train a DCGAN.

    Args:
        train: Images to train on.
        held_out: Images to measure on after every epoch.
        settings: What to build and how to train it; None is the chapter's recipe.
        folder: Where history, models and checkpoints are written; None writes nothing.
        resume: Go on from the folder's last checkpoint.
        on_epoch_end: Called with the run after each epoch; draw or score there.
        should_stop: Asked after every step; True ends the run there.
        say: Takes lines of text for the user.
        save_every: Seconds between checkpoints.
        doctor: Whether to look for what is wrong with the run after each epoch.

    Returns:
        The run, with `models["generator"]`, `models["discriminator"]` and `history`.

    Raises:
        InputError: The settings do not fit the images.
        RunError: The audit failed, or a loss is not finite.
    """
    settings = settings or resolve_settings("dcgan", train.name)
    trainer = make_trainer("dcgan", train.image_shape, settings)
    return run_epochs(trainer, train, held_out, folder, resume, on_epoch_end, should_stop, say, save_every, doctor)
