"""Gradient descent on latent points, through a generator or decoder, towards given images."""

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

from keras_gen.data.pixels import to_range
from keras_gen.indices import rows_at
from keras_gen.models.conditioning import beside
from keras_gen.seeds import own_random_state

ROWS = 64  # latent points that are moved at once
LEARNING_RATE, BETA_2, EPSILON = 0.4, 0.9, 1e-10  # of Adam; near the end gradients are tiny
SCALES = (1, 2, 4)  # pixels of the blocks whose means are compared
TYPICAL_WEIGHT = 1e-3


class _Points(keras.layers.Layer):
    """Latent points that are trained as weights are, a row for each target."""

    def __init__(self, rows: int, latent_dim: int) -> None:
        super().__init__(dtype="float32")
        self.points = self.add_weight(shape=(rows, latent_dim), initializer="zeros", name="points")

    def call(self, targets: object) -> object:
        """Return the points, whatever the targets."""
        return ops.convert_to_tensor(self.points)


@dataclass
class Inverter:
    """Moves latent points so that their images come near to targets.

    Args:
        generator: From `build_generator` or `build_decoder`, trained; it is copied, and not changed.
        pixel_range: Lowest and highest value of a pixel, as it sees it.
        atypical: From latent points, (n, latent_dim), to a penalty of each that is about 0 for those it was trained on.
        rows: Points that are moved at once.
    """

    generator: keras.Model
    pixel_range: tuple[float, float]
    atypical: Callable
    rows: int = ROWS

    def __post_init__(self) -> None:
        with own_random_state(0):  # the copy draws weights, before it is given others
            network = keras.models.clone_model(self.generator)
        network.set_weights(self.generator.get_weights())
        network.trainable = False  # its BatchNormalization uses the moving averages, as in `decode`
        z, *labels = network.inputs
        targets = keras.Input(batch_shape=(self.rows, *network.output_shape[1:]))
        labels = [keras.Input(batch_shape=(self.rows,), dtype="int32") for _ in labels]
        self._points = _Points(self.rows, z.shape[-1])
        points = self._points(targets)
        images = network(beside(points, *labels))
        loss = image_loss(targets, images, self.pixel_range) + TYPICAL_WEIGHT * self.atypical(points)
        self._model = keras.Model(beside(targets, *labels), loss)
        self._optimizer = keras.optimizers.Adam(LEARNING_RATE, beta_2=BETA_2, epsilon=EPSILON)
        self._model.compile(self._optimizer, loss=lambda _, losses: losses, jit_compile=False)

    def descend(
        self,
        starts: np.ndarray,
        targets: np.ndarray,
        steps: int,
        labels: np.ndarray | None = None,
        taken: Callable[[], object] = lambda: None,
    ) -> np.ndarray:
        """Return the points to which `steps` steps of Adam lead from the starts, (n, latent_dim).

        Args:
            starts: Latent points.
            targets: uint8 (n, height, width, channels), the image that each should come near to.
            steps: How many; the learning rate falls to 0 along half a cosine.
            labels: Of the images, for a conditional network.
            taken: Called after each step.
        """
        found = np.empty_like(starts)
        for start in range(0, len(starts), self.rows):
            rows = np.minimum(np.arange(start, start + self.rows), len(starts) - 1)
            inputs = beside(to_range(targets[rows], self.pixel_range), rows_at(labels, rows))
            self._points.points.assign(starts[rows])
            for variable in self._optimizer.variables:  # nothing is known of these points yet
                variable.assign(ops.zeros_like(variable))
            for step in range(steps):
                self._optimizer.learning_rate = LEARNING_RATE * 0.5 * (1 + np.cos(np.pi * step / steps))
                self._model.train_on_batch(inputs, np.zeros(self.rows))
                taken()
            found[start : start + self.rows] = ops.convert_to_numpy(self._points.points)[: len(starts) - start]
        return found


def image_loss(targets: object, images: object, pixel_range: tuple[float, float]) -> object:
    """Return how far images, (n, height, width, channels), are from their targets.

    It is the sum of the mean squared differences of pixels from 0 to 1, and of means of blocks of pixels, so that a
    stroke a few pixels aside is nearer than one that is not there.
    """
    difference = (images - targets) / (pixel_range[1] - pixel_range[0])
    return sum(
        ops.mean(ops.square(ops.average_pool(difference, scale, padding="same")), axis=(1, 2, 3)) for scale in SCALES
    )
