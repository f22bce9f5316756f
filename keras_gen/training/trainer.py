"""What the epoch loop needs of a model's trainer."""

from abc import ABC, abstractmethod

import keras
import numpy as np

from keras_gen.training.settings import Settings


class Trainer(ABC):
    """A model and its training step: see `VAETrainer` and `DCGANTrainer`, and their compiled twins.

    Attributes:
        kind: `vae` or `dcgan`.
        settings: What was built, and how it is trained.
        models: The models that a run saves, by name.
        pixel_range: Lowest and highest value of a pixel, as the models see it.
        images_per_step: Images of the data set that one step takes.
        drop_last: Whether a last batch that is not full is left out.
        optimizers: By what they train.
        variables: All that a checkpoint holds, in groups.
        sums: The losses of the epoch so far, as JSON can hold them.
        steps_per_call: Steps that `train_steps` takes at most.
        compiling_calls: Calls at the start that take longer than those that follow.
        chief: Whether this process writes the run; of several that train together only one does.
    """

    kind: str
    settings: Settings
    models: dict[str, keras.Model]
    pixel_range: tuple[float, float]
    images_per_step: int
    drop_last: bool
    optimizers: dict[str, keras.optimizers.Optimizer]
    variables: dict[str, list[keras.Variable]]
    sums: dict
    steps_per_call: int = 1
    compiling_calls: int = 1
    chief: bool = True

    @abstractmethod
    def start_epoch(self, epoch: int = 1) -> None:
        """Begin new means of the losses, and set what changes from epoch to epoch."""

    @abstractmethod
    def train_step(self, images: np.ndarray, epoch: int, step: int) -> None:
        """Take one step.

        Args:
            images: uint8, shape (images_per_step, height, width, channels).
            epoch: Where the run stands, from 1; with the seed it fixes every draw.
            step: Likewise.

        Raises:
            RunError: A loss is not finite.
        """

    def train_steps(self, images: np.ndarray, batches: list[np.ndarray], epoch: int, step: int) -> None:
        """Take a step on each batch.

        Args:
            images: All training images, uint8, shape (n, height, width, channels).
            batches: At most `steps_per_call` arrays of indices, all of one length.
            epoch: As for `train_step`.
            step: The first batch's.
        """
        for number, batch in enumerate(batches, start=step):
            self.train_step(images[batch], epoch, number)

    @abstractmethod
    def audited_step(self, images: np.ndarray, batch: np.ndarray, epoch: int, step: int) -> str:
        """Take one step and say which weights it moved.

        Raises:
            RunError: It moved what it must not, or left still what it must move.
        """

    @abstractmethod
    def losses(self) -> dict[str, float]:
        """Return the mean losses of this epoch."""

    @abstractmethod
    def held_out_losses(self, images: np.ndarray) -> dict[str, float]:
        """Return the same losses on held-out images, uint8."""

    def _end_step(self) -> None:  # noqa: B027, there may be nothing left
        """Do what is left of a step when the networks have been trained, on all devices."""

    def agree(self, stop: bool) -> bool:
        """Return whether any of the processes that train together wants to stop; they ask after the same steps."""
        return stop
