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
from keras_gen.settings import Settings
from keras_gen.training.device import gpus
from keras_gen.training.distribution import is_chief, one_batch, strategy
from keras_gen.training.trainer import Trainer
from keras_gen.transparency import has_alpha

MAX_STEPS = 50  # in one call
CALL_BYTES = 2**26  # of images in one call
HELD_BYTES = 2**30  # a larger data set stays with the host, and comes call by call, as all do without a GPU
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

    compiling_calls = 2  # the weight check and the first call
    turns = 1  # batches of images in a step
    terms: tuple[str, ...]  # the losses of a step, in order

    def __init__(self, image_shape: tuple[int, int, int], settings: Settings, classes: int | None = None) -> None:
        self._strategy = strategy(settings.training.distribute)
        self.devices = self._strategy.num_replicas_in_sync
        if settings.training.batch_size % self.devices:
            raise InputError(
                f"`batch_size={settings.training.batch_size}` cannot be split evenly over {self.devices} devices; "
                f"use a multiple of {self.devices}"
            )
        self.chief = is_chief(settings.training.distribute)
        self._waiting: list[tuple] = []  # losses of calls that the host has not looked at
        self._held: tuple[np.ndarray, tf.Tensor] | None = None
        self._holds = bool(gpus())  # on a CPU a second copy of all images would only cost memory
        with self._strategy.scope():
            super().__init__(image_shape, settings, classes)
        image_bytes = int(np.prod(image_shape))
        self.steps_per_execution = max(1, min(MAX_STEPS, CALL_BYTES // (self.images_per_step * image_bytes)))
        if settings.training.distribute == "multiworker":
            self.steps_per_execution = 1  # workers must take the same steps in a call, and each has clocks of its own
        if self.devices > 1:
            self.drop_last = True  # a last batch that is not full may not split evenly
            for model in self._built():  # else what measures them would do so on each device
                model._distribute_strategy = None
        jit = bool(self.jit) and settings.training.distribute == "none"
        self._call = tf.function(self._steps, autograph=False, jit_compile=jit)
        self._votes = tf.function(lambda mine: self._strategy.reduce("SUM", mine, axis=None), autograph=False)

    @property
    def sums(self) -> dict:
        """Total and count of each loss of the epoch so far; those on the device are fetched, and must be finite."""
        waiting, self._waiting = self._waiting, []
        for losses, count, images, step in waiting:
            for number, values in enumerate(losses.numpy()[:count].tolist(), start=step):
                self.record(self._named(values), images, number)
        return self._sums

    @sums.setter
    def sums(self, sums: dict) -> None:
        self._waiting, self._sums = [], sums

    def train_steps(self, images: np.ndarray, batches: list[np.ndarray], step: int) -> None:
        """Take a step on each batch, in one call; a loss that is not finite is known when `sums` is asked for."""
        pool = self._on_device(images) if self.devices == 1 and self._can_hold(images) else None
        arrays = self._arrays(images, batches, step, self.steps_per_execution, held=pool is not None)
        with self._together():
            losses = self._call(pool, arrays, tf.constant(len(batches)))
        self._waiting.append((losses, len(batches), len(batches[0]), step))

    def trace_first(self, images: np.ndarray, batch: np.ndarray) -> None:
        """Do nothing: each size of a batch has a trace of its own."""

    def agree(self, stop: bool) -> bool:
        """Return whether any worker wants to stop."""
        if self.settings.training.distribute != "multiworker":
            return stop
        with self._together():
            return float(self._votes(tf.constant(float(stop)))) > 0

    @abstractmethod
    def _step(self, images: tf.Tensor, classes: tf.Tensor | None, *draws: tf.Tensor) -> list[tf.Tensor]:
        """Take one step on uint8 images, shape (turns, batch, height, width, channels), and return its losses.

        Conditional networks are given the classes, (turns, batch).
        """

    @abstractmethod
    def _draws(self, count: int) -> list[np.ndarray]:
        """Return what the step `self.step` draws beside images, for `count` images a turn."""

    def _end_step(self, values: tf.Tensor) -> None:
        """Do what is left of a step, whose losses have the order of `terms`, when all devices have trained."""

    @abstractmethod
    def _named(self, losses: list[float]) -> dict[str, float]:
        """Return the losses of one step, in the order of `terms`, as `train_step` gives them."""

    @abstractmethod
    def _built(self) -> set[keras.Model]:
        """Return every model that was built."""

    def _steps(self, pool: tf.Tensor | None, arrays: list[tf.Tensor], count: tf.Tensor) -> tf.Tensor:
        """Take `count` steps, fewer if a loss is not finite, and return their losses, (steps_per_execution, terms)."""

        def goes_on(step: tf.Tensor, losses: tf.Tensor, finite: tf.Tensor) -> tf.Tensor:
            return tf.logical_and(step < count, finite)

        def one(pool: tf.Tensor | None, arrays: list[tf.Tensor], step: tf.Tensor) -> tf.Tensor:
            images, *others = self._of_step(arrays, step)
            if pool is not None:
                images = tf.gather(pool, images)
            return tf.cast(tf.stack(self._step(images, *others)), tf.float32)

        def body(step: tf.Tensor, losses: tf.Tensor, _: tf.Tensor) -> tuple[tf.Tensor, ...]:
            parts = self._strategy.run(one, args=(pool, arrays, step))
            values = self._strategy.reduce("SUM", parts, axis=None)  # Keras has divided them by the number of devices
            self._end_step(values)
            losses = tf.tensor_scatter_nd_update(losses, [[step]], [values])
            return step + 1, losses, tf.reduce_all(tf.math.is_finite(values))

        losses = tf.zeros((self.steps_per_execution, len(self.terms)))
        return tf.while_loop(goes_on, body, (tf.constant(0), losses, tf.constant(True)))[1]

    def _arrays(
        self, images: np.ndarray, batches: list[np.ndarray], step: int, length: int, held: bool = False
    ) -> list[object]:
        """Return what a call takes: the images, or their indices where the device has the images, and all draws.

        There is room for `length` steps in each array: what has one shape is compiled once.
        """
        count = len(batches[0]) // self.turns
        drawn = []
        for self.step in range(step, step + len(batches)):
            drawn.append(self._draws(count))
        draws = [np.stack(arrays) for arrays in zip(*drawn, strict=True)]
        makers = [lambda part: self._shown(images, batches, step, part)]
        if held:
            makers = [lambda part: self._places(batches)[:, :, part]]
        if self.class_labels is not None:
            classes = self.class_labels[self._places(batches)].astype(np.int32)
            makers.append(lambda part: classes[:, :, part])
        makers += [lambda part, array=array: array[:, :, part] for array in draws]
        return [self._shared_out(make, count, length) for make in makers]

    def _of_step(self, arrays: list[tf.Tensor], step: object) -> list[tf.Tensor | None]:
        """Return what one step takes of the arrays of a call: images, classes or None, and all draws."""
        parts = [array[step] for array in arrays]
        return parts if self.class_labels is not None else [parts[0], None, *parts[1:]]

    def _places(self, batches: list[np.ndarray]) -> np.ndarray:
        return np.stack(batches).reshape(len(batches), self.turns, -1)

    def _shown(self, images: np.ndarray, batches: list[np.ndarray], step: int, part: slice) -> np.ndarray:
        """Return one device's part of each turn's images; no others are read."""
        return images.take(self._places(batches)[:, :, part], axis=0)

    def _can_hold(self, images: np.ndarray) -> bool:
        """Return whether the images can lie on the device from the first call on."""
        return self._holds and images.nbytes <= HELD_BYTES

    def _on_device(self, images: np.ndarray) -> tf.Tensor:
        if self._held is None or self._held[0] is not images:
            self._held = images, tf.constant(images)
        return self._held[1]

    def _shared_out(self, make: Callable[[slice], np.ndarray], count: int, length: int) -> object:
        """Return each device's part of an array, with zeros behind its steps.

        `make` makes a part, for its place among the `count` images of a turn; there is room for `length` steps.
        """

        def lengthened(part: slice) -> tf.Tensor:
            array = make(part)
            if len(array) == length:
                return tf.constant(array)
            room = np.zeros((length, *array.shape[1:]), array.dtype)
            room[: len(array)] = array
            return tf.constant(room)

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
        """Compute on all devices as if on one, or raise RunError if another worker is gone."""
        try:
            with one_batch(self._built()) if self.devices > 1 else nullcontext():
                yield
        except LOST_WORKER:
            if self.settings.training.distribute != "multiworker":
                raise
            raise RunError(
                "another worker is gone or cannot be reached; when all can be started again, start each with `resume` "
                "and the run's folder"
            ) from None

    def _to_range(self, images: tf.Tensor) -> tf.Tensor:
        low, high = self.pixel_range
        images = tf.cast(images, tf.float32)
        if has_alpha(images):  # as `transparency.premultiplied` does
            colours = tf.round(images[..., :3] * images[..., 3:] / np.float32(255))
            images = tf.concat([colours, images[..., 3:]], axis=-1)
        return images * np.float32((high - low) / 255) + np.float32(low)


def descend(optimizer: keras.optimizers.Optimizer, tape: tf.GradientTape, loss: tf.Tensor, model: keras.Model) -> None:
    """Let an optimiser descend the gradient of a loss, in a model's weights."""
    variables = model.trainable_variables
    optimizer.apply(tape.gradient(loss, [variable.value for variable in variables]), variables)
