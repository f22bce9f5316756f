"""The compiled engine: the steps of `VAETrainer` and `DCGANTrainer`, many in one call of TensorFlow.

The mathematics and the draws are those of the loops of `train_on_batch`, and so are the weights, up to rounding.
What it spares is the way from Python to TensorFlow and back: once for each loss there, here once for many steps.
It can also split each batch over several devices (`distribution.py`).
"""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

import keras
import numpy as np
import tensorflow as tf

from keras_gen.errors import InputError, RunError
from keras_gen.models.layers import kl_divergence
from keras_gen.models.losses import observed
from keras_gen.seeds import random_stream
from keras_gen.training.audit import check_moves, kept, who_moved
from keras_gen.training.dcgan import FAKE, GENERATOR, REAL, DCGANTrainer
from keras_gen.training.distribution import is_chief, one_batch, strategy
from keras_gen.training.settings import DCGANSettings, Settings, VAESettings
from keras_gen.training.trainer import Trainer
from keras_gen.training.vae import VAETrainer

MOST_STEPS = 50  # in one call
CALL_BYTES = 2**26  # of images in one call
HELD_BYTES = 2**30  # a larger data set stays with the host, and comes call by call
LOST_WORKER = (  # what TensorFlow raises when another process does not answer
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
    tf.errors.UnavailableError,
)


class CompiledTrainer(Trainer):
    """What both compiled trainers share: the call of many steps, and the losses that wait to be fetched.

    The arrays that a call takes have the shape (steps, turns, batch, ...). A turn is one batch of images or of latent
    points; a step of a DCGAN has several. Where devices share the work, each takes its part of every batch.
    """

    compiling_calls = 2  # the audit and the first call
    turns = 1  # batches of images in a step
    terms: tuple[str, ...]  # the losses of a step, in order

    def __init__(self, image_shape: tuple[int, int, int], settings: Settings) -> None:
        self._strategy = strategy(settings.distribute)
        self.devices = self._strategy.num_replicas_in_sync
        if settings.batch_size % self.devices:
            raise InputError(
                f"--batch-size {settings.batch_size} cannot be split evenly over {self.devices} devices; "
                f"use a multiple of {self.devices}"
            )
        self.chief = is_chief(settings.distribute)
        self._waiting: list[tuple] = []  # losses of calls that the host has not looked at
        self._held: tuple[np.ndarray, tf.Tensor] | None = None
        with self._strategy.scope():
            super().__init__(image_shape, settings)
            self.variables  # noqa: B018, the optimisers' too must be made here
        image_bytes = int(np.prod(image_shape))
        self.steps_per_call = max(1, min(MOST_STEPS, CALL_BYTES // (self.images_per_step * image_bytes)))
        if settings.distribute == "multiworker":
            self.steps_per_call = 1  # workers must take the same steps in a call, and each has clocks of its own
        if self.devices > 1:
            self.drop_last = True  # a last batch that is not full may not split evenly
            for model in self._built():  # else what measures them would do so on each device
                model._distribute_strategy = None
        jit = bool(self.jit) and settings.distribute == "none"
        self._call = tf.function(self._steps, autograph=False, jit_compile=jit)
        self._votes = tf.function(lambda mine: self._strategy.reduce("SUM", mine, axis=None), autograph=False)

    @property
    def sums(self) -> dict:
        """The losses of the epoch so far; those that wait on the device are fetched, and checked.

        Raises:
            RunError: A loss is not finite.
        """
        waiting, self._waiting = self._waiting, []
        for losses, count, images, epoch, step in waiting:
            for number, values in enumerate(losses.numpy()[:count].tolist(), start=step):
                self._record_step(values, images, epoch, number)
        return self._sums

    @sums.setter
    def sums(self, sums: dict) -> None:
        self._waiting, self._sums = [], sums

    def train_step(self, images: np.ndarray, epoch: int, step: int) -> None:
        """Take one step on uint8 images."""
        self.train_steps(images, [np.arange(len(images))], epoch, step)

    def train_steps(self, images: np.ndarray, batches: list[np.ndarray], epoch: int, step: int) -> None:
        """Take a step on each batch, in one call; a loss that is not finite is known when `sums` is asked for."""
        pool = self._on_device(images) if self.devices == 1 and self._can_hold(images) else None
        arrays = self._arrays(images, batches, epoch, step, self.steps_per_call, held=pool is not None)
        with self._together():
            losses = self._call(pool, arrays, tf.constant(len(batches)))
        self._waiting.append((losses, len(batches), len(batches[0]), epoch, step))

    def agree(self, stop: bool) -> bool:
        """Return whether any worker wants to stop."""
        if self.settings.distribute != "multiworker":
            return stop
        with self._together():
            return float(self._votes(tf.constant(float(stop)))) > 0

    @abstractmethod
    def _step(self, images: tf.Tensor, *draws: tf.Tensor) -> list[tf.Tensor]:
        """Take one step on uint8 images, shape (turns, batch, height, width, channels), and return its losses."""

    @abstractmethod
    def _draws(self, count: int, epoch: int, step: int) -> list[np.ndarray]:
        """Return what a step draws beside images, for `count` images a turn."""

    @abstractmethod
    def _record_step(self, losses: list[float], images: int, epoch: int, step: int) -> None:
        """Add the losses of one step to the sums."""

    @abstractmethod
    def _built(self) -> set[keras.Model]:
        """Return every model that was built."""

    def _steps(self, pool: tf.Tensor | None, arrays: list[tf.Tensor], count: tf.Tensor) -> tf.Tensor:
        """Take `count` steps, fewer if a loss is not finite, and return their losses: shape (steps_per_call, terms)."""

        def goes_on(step: tf.Tensor, losses: tf.Tensor, finite: tf.Tensor) -> tf.Tensor:
            return tf.logical_and(step < count, finite)

        def one(pool: tf.Tensor | None, arrays: list[tf.Tensor], step: tf.Tensor) -> tf.Tensor:
            images, *draws = (array[step] for array in arrays)
            if pool is not None:
                images = tf.gather(pool, images)
            return tf.cast(tf.stack(self._step(images, *draws)), tf.float32)

        def body(step: tf.Tensor, losses: tf.Tensor, _: tf.Tensor) -> tuple[tf.Tensor, ...]:
            parts = self._strategy.run(one, args=(pool, arrays, step))
            values = self._strategy.reduce("SUM", parts, axis=None)  # Keras has divided them by the number of devices
            self._end_step()
            losses = tf.tensor_scatter_nd_update(losses, [[step]], [values])
            return step + 1, losses, tf.reduce_all(tf.math.is_finite(values))

        losses = tf.zeros((self.steps_per_call, len(self.terms)))
        return tf.while_loop(goes_on, body, (tf.constant(0), losses, tf.constant(True)))[1]

    def _arrays(
        self, images: np.ndarray, batches: list[np.ndarray], epoch: int, step: int, length: int, held: bool = False
    ) -> list[object]:
        """Return what a call takes: the places of the images, or the images themselves, and all draws.

        Args:
            images: All training images.
            batches: Indices of each step's.
            epoch: Where the run stands.
            step: The first batch's.
            length: Steps that the arrays have room for: what has one shape is compiled once.
            held: Whether the device has the images already, and takes their places.
        """
        count = len(batches[0]) // self.turns
        drawn = (self._draws(count, epoch, step + number) for number in range(len(batches)))
        draws = [np.stack(each) for each in zip(*drawn, strict=True)]
        makers = [lambda part: self._shown(images, batches, epoch, step, part)]
        if held:
            makers = [lambda part: self._places(batches)[:, :, part]]
        makers += [lambda part, array=array: array[:, :, part] for array in draws]
        return [self._shared_out(make, count, length) for make in makers]

    def _places(self, batches: list[np.ndarray]) -> np.ndarray:
        return np.stack(batches).reshape(len(batches), self.turns, -1)

    def _shown(self, images: np.ndarray, batches: list[np.ndarray], epoch: int, step: int, part: slice) -> np.ndarray:
        """Return one device's part of each turn's images; no others are read."""
        return images[self._places(batches)[:, :, part]]

    def _can_hold(self, images: np.ndarray) -> bool:
        """Return whether the images can lie on the device from the first call on."""
        return images.nbytes <= HELD_BYTES

    def _on_device(self, images: np.ndarray) -> tf.Tensor:
        if self._held is None or self._held[0] is not images:
            self._held = images, tf.constant(images)
        return self._held[1]

    def _shared_out(self, make: Callable[[slice], np.ndarray], count: int, length: int) -> object:
        """Return each device's part of an array, with zeros behind its steps.

        Args:
            make: Makes a part, for its place among the `count` images of a turn.
            count: Images of a turn, on all devices.
            length: Steps that the result has room for.
        """

        def lengthened(part: slice) -> tf.Tensor:
            array = make(part)
            return tf.constant(np.concatenate([array, np.zeros((length - len(array), *array.shape[1:]), array.dtype)]))

        if self.devices == 1:
            return lengthened(slice(count))
        share = count // self.devices
        return self._strategy.experimental_distribute_values_from_function(
            lambda context: lengthened(
                slice(context.replica_id_in_sync_group * share, (context.replica_id_in_sync_group + 1) * share)
            )
        )

    @contextmanager
    def _together(self) -> Iterator[None]:
        """Compute on all devices as if on one.

        Raises:
            RunError: Another worker is gone.
        """
        try:
            with one_batch(self._built()) if self.devices > 1 else nullcontext():
                yield
        except LOST_WORKER:
            if self.settings.distribute != "multiworker":
                raise
            raise RunError(
                "another worker is gone or cannot be reached; when all can be started again, start each with --resume "
                "and the run's folder"
            ) from None

    def _to_range(self, images: tf.Tensor) -> tf.Tensor:
        low, high = self.pixel_range
        return tf.cast(images, tf.float32) * np.float32((high - low) / 255) + np.float32(low)


def _descend(optimizer: keras.optimizers.Optimizer, tape: tf.GradientTape, loss: tf.Tensor, model: keras.Model) -> None:
    variables = model.trainable_variables
    optimizer.apply(tape.gradient(loss, [variable.value for variable in variables]), variables)


class CompiledVAETrainer(CompiledTrainer, VAETrainer):
    """A VAE and its training step, compiled; see `VAETrainer`."""

    settings: VAESettings
    terms = ("loss", "kl")

    def __init__(self, image_shape: tuple[int, int, int], settings: VAESettings) -> None:
        super().__init__(image_shape, settings)
        z_mean, z_log_var, _ = self.models["encoder"].outputs
        self._with_codes = keras.Model(self.vae.inputs, [*self.vae.outputs, z_mean, z_log_var])

    def start_epoch(self, epoch: int = 1) -> None:
        """Begin new means of the losses, and set what changes from epoch to epoch."""
        super().start_epoch(epoch)
        self.sums["kl"] = 0.0  # the layer `kl` counts too, but only what its own device is shown

    def _built(self) -> set[keras.Model]:
        return {*self.models.values(), self.vae, self.terms_model}

    def _can_hold(self, images: np.ndarray) -> bool:
        return self.settings.likelihood != "binarized" and super()._can_hold(images)  # those are drawn for each step

    def _shown(self, images: np.ndarray, batches: list[np.ndarray], epoch: int, step: int, part: slice) -> np.ndarray:
        if self.settings.likelihood != "binarized":
            return super()._shown(images, batches, epoch, step, part)
        streams = (
            random_stream(self.settings.seed, "binarize", epoch, step + number) for number in range(len(batches))
        )
        drawn = [
            observed(images[batch], "binarized", random) for batch, random in zip(batches, streams, strict=True)
        ]  # for the whole batch, as one device would
        return np.stack(drawn)[:, None, part]

    def _draws(self, count: int, epoch: int, step: int) -> list[np.ndarray]:
        return []

    def _step(self, images: tf.Tensor) -> list[tf.Tensor]:
        x = self._to_range(images[0])
        with tf.GradientTape() as tape:
            logits, z_mean, z_log_var = self._with_codes(x, training=True)
            loss = self.vae.compute_loss(x, x, logits, training=True)
        _descend(self.vae.optimizer, tape, loss, self.vae)
        return [loss, tf.reduce_mean(kl_divergence(z_mean, z_log_var)) / self.devices]

    def _record_step(self, losses: list[float], images: int, epoch: int, step: int) -> None:
        loss, kl = losses
        self._record(loss, images, epoch, step)
        self._sums["kl"] += kl * images

    def _mean_kl(self) -> float:
        return self.sums["kl"] / max(1, self.sums["images"])


class CompiledDCGANTrainer(CompiledTrainer, DCGANTrainer):
    """A DCGAN and its training step, compiled; see `DCGANTrainer`."""

    settings: DCGANSettings

    def __init__(self, image_shape: tuple[int, int, int], settings: DCGANSettings) -> None:
        self.turns = settings.discriminator_steps
        self.terms = (REAL, FAKE) * self.turns + (GENERATOR,)
        super().__init__(image_shape, settings)

    def audited_step(self, images: np.ndarray, batch: np.ndarray, epoch: int, step: int) -> str:
        """Rehearse both halves of a step, take the whole one, and say which weights each half moved."""
        line = self._rehearsed(images, batch, epoch, step)
        self.train_steps(images, [batch], epoch, step)
        return line

    def _rehearsed(self, images: np.ndarray, batch: np.ndarray, epoch: int, step: int) -> str:
        """Take both halves of a step one by one, undo them, and say which weights each of them moved."""
        arrays = self._arrays(images, [batch], epoch, step, length=1)
        with kept([variable for group in self.variables.values() for variable in group]):
            with who_moved(**self.players) as moves:
                self._rehearse(self._discriminator_half, *arrays)
            first = check_moves("discriminator", moves, {"discriminator": "everything", "generator": "nothing"})
            with who_moved(**self.players) as moves:
                self._rehearse(self._generator_half, arrays[1])
            second = check_moves("generator", moves, {"generator": "everything", "discriminator": "statistics"})
        return f"{first}; {second}"

    def _rehearse(self, half: Callable, *arrays: object) -> None:
        def one(*arrays: tf.Tensor) -> None:
            half(*(array[0] for array in arrays))

        with self._together():
            tf.function(lambda *arrays: self._strategy.run(one, args=arrays), autograph=False)(*arrays)

    def _built(self) -> set[keras.Model]:
        return {*self.players.values(), *self.models.values(), self.judge, self.gan}

    def _draws(self, count: int, epoch: int, step: int) -> list[np.ndarray]:
        latents = [self._latents(count, self._stream(epoch, step, turn)) for turn in range(self.turns + 1)]
        flips = [self._flips(count, epoch, step, turn) for turn in range(self.turns)] if self._mirror else []
        return [np.stack(draws) for draws in (latents, flips) if draws]

    def _step(self, images: tf.Tensor, latents: tf.Tensor, *flips: tf.Tensor) -> list[tf.Tensor]:
        if self.settings.share_fakes:
            return self._sharing_step(images, latents, *flips)
        return self._discriminator_half(images, latents, *flips) + self._generator_half(latents)

    def _discriminator_half(self, images: tf.Tensor, latents: tf.Tensor, *flips: tf.Tensor) -> list[tf.Tensor]:
        losses = []
        for turn in range(self.turns):
            fakes = self.generator(latents[turn], training=False)
            losses += self._train_discriminator(self._real(images, turn, *flips), fakes)
        return losses

    def _generator_half(self, latents: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            loss = self._generator_loss(self.generator(latents[-1], training=True))
        _descend(self.gan.optimizer, tape, loss, self.generator)
        return [loss]

    def _sharing_step(self, images: tf.Tensor, latents: tf.Tensor, *flips: tf.Tensor) -> list[tf.Tensor]:
        losses = []
        for turn in range(self.turns):
            with tf.GradientTape() as tape:
                fakes = self.generator(latents[turn], training=True)
            losses += self._train_discriminator(self._real(images, turn, *flips), fakes)
        with tape:  # the last pass goes on, through the discriminator as it is now
            loss = self._generator_loss(fakes)
        _descend(self.gan.optimizer, tape, loss, self.generator)
        return [*losses, loss]

    def _real(self, images: tf.Tensor, turn: int, flips: tf.Tensor | None = None) -> tf.Tensor:
        real = images[turn]
        if flips is not None:
            real = tf.where(flips[turn][:, None, None, None], real[:, :, ::-1], real)
        return self._to_range(real)

    def _train_discriminator(self, real: tf.Tensor, fakes: tf.Tensor) -> list[tf.Tensor]:
        labels = self._labels(real.shape[0])
        if not self.settings.concatenate_batches:
            return [self._show(batch, some)[0] for batch, some in zip((real, fakes), labels, strict=True)]
        loss, logits = self._show(tf.concat([real, tf.cast(fakes, real.dtype)], 0), np.concatenate(labels))
        # A mean over both halves, of which one is zero.
        on_real = 2 * tf.reduce_mean(self.loss.on_real(np.concatenate(labels), logits)) / self.devices
        return [on_real, 2 * loss - on_real]

    def _show(self, batch: tf.Tensor, labels: np.ndarray) -> tuple[tf.Tensor, tf.Tensor]:
        batch = tf.stop_gradient(batch)
        with tf.GradientTape() as tape:
            logits = self.judge(batch, training=True)
            loss = self.judge.compute_loss(batch, labels, logits, training=True)
        _descend(self.judge.optimizer, tape, loss, self.discriminator)
        return loss, logits

    def _generator_loss(self, fakes: tf.Tensor) -> tf.Tensor:
        ones = np.ones((fakes.shape[0], 1), np.float32)
        return self.gan.compute_loss(fakes, ones, self.judge(fakes, training=True), training=True)

    def _record_step(self, losses: list[float], images: int, epoch: int, step: int) -> None:
        for name, loss in zip(self.terms, losses, strict=True):
            self._record(name, loss, epoch, step)
