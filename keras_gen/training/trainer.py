"""What the training loop needs of a model's trainer."""

import math
from abc import ABC, abstractmethod

import keras
import numpy as np

from keras_gen.errors import RunError
from keras_gen.indices import rows_at
from keras_gen.seeds import random_stream
from keras_gen.settings import Settings


class Trainer(ABC):
    """A model and its training step: see `VAETrainer` and `DCGANTrainer`, and their compiled twins."""

    kind: str
    settings: Settings
    model: keras.Model  # the VAE, or the GAN, as callbacks see it
    models: dict[str, keras.Model]  # that a run saves
    networks: dict[str, keras.Model]  # that are trained
    pixel_range: tuple[float, float]  # lowest and highest value of a pixel, as the models see it
    images_per_step: int
    drop_last: bool  # whether a last batch that is not full is left out
    optimizers: dict[str, keras.optimizers.Optimizer]  # by what they train
    variables: dict[str, list[keras.Variable]]  # all that a checkpoint holds, in groups
    sums: dict[str, list[float]]  # total and count of each loss in the epoch so far, as JSON can hold them
    steps_per_execution: int = 1  # steps that one call of `train_steps` takes at most
    compiling_calls: int = 1  # calls at the start that take longer than those that follow
    chief: bool = True  # whether this process writes the run; of several that train together only one does
    epoch: int = 1  # where the run stands, from 1; with the seed it fixes every draw
    step: int = 1
    class_labels: np.ndarray | None = None  # of all training images, for conditional networks

    def networks_replaced(self) -> None:  # noqa: B027, there may be nothing
        """Let what follows the networks begin from the weights that they have now, before the first step."""

    def start_epoch(self, epoch: int) -> None:
        """Begin new means of the losses, and set what changes from epoch to epoch."""
        self.epoch, self.sums = epoch, {}

    @abstractmethod
    def train_step(self, images: np.ndarray, classes: np.ndarray | None = None) -> dict[str, float]:
        """Take one step on uint8 images, shape (images_per_step, height, width, channels); return its losses.

        Conditional networks are given the class of each image, too.
        """

    @abstractmethod
    def checked_step(self, images: np.ndarray, batch: np.ndarray, step: int) -> str:
        """Take the step on the images of a batch of indices, and say which weights it changed."""

    @abstractmethod
    def held_out_losses(self, images: np.ndarray, classes: np.ndarray | None = None) -> dict[str, float]:
        """Return the losses on held-out images, uint8, by the names of the training losses with `held_out_` before."""

    def train_steps(self, images: np.ndarray, batches: list[np.ndarray], step: int) -> None:
        """Take a step on each of at most `steps_per_execution` batches of indices, all of one length.

        The images are all training images, uint8; `step` is the first batch's, from 1.
        """
        for number, batch in enumerate(batches, start=step):
            self.step = number
            self.record(self.train_step(images.take(batch, axis=0), self.classes_of(batch)), len(batch), number)

    def trace_first(self, images: np.ndarray, batch: np.ndarray) -> None:  # noqa: B027, most need nothing
        """Let a step on a full batch be the first that is traced, where a resumed epoch goes on with a smaller one."""

    def classes_of(self, batch: np.ndarray) -> np.ndarray | None:
        """Return the labels of a batch of indices for conditional networks, else None."""
        return rows_at(self.class_labels, batch)

    def losses(self) -> dict[str, float]:
        """Return the mean losses of this epoch."""
        return {name: total / count for name, (total, count) in self.sums.items()}

    def record(self, losses: dict[str, float], images: int, step: int) -> None:
        """Add the losses of one step, each a mean over its images, to those of the epoch."""
        for name, loss in losses.items():
            value = float(loss)
            if not math.isfinite(value):
                raise RunError(
                    f"the {name} became {value} at step {step} of epoch {self.epoch}; try a lower learning rate"
                )
            total, count = self.sums.get(name, (0.0, 0))
            self.sums[name] = [total + value * images, count + images]

    def random(self, stream: str, *position: int) -> np.random.Generator:
        """Return a random generator that the seed, the epoch and the step fix."""
        return random_stream(self.settings.training.seed, stream, self.epoch, self.step, *position)

    @property
    def noise_states(self) -> list[keras.Variable]:
        """The states of the networks' random generators."""
        return [
            variable for group in self.variables.values() for variable in group if "seed_generator" in variable.path
        ]

    def measures(self) -> dict[str, float]:
        """Return what metrics.csv says of this epoch's training beside its losses."""
        return {}

    def agree(self, stop: bool) -> bool:
        """Return whether any of the processes that train together wants to stop; they ask after the same steps."""
        return stop
