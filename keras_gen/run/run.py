"""A training run, live or loaded: its images, codes, history, models and data."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from keras_gen.errors import InputError
from keras_gen.run.drawing import RunDraws
from keras_gen.run.folder import RunFolder
from keras_gen.run.networks import MODELS
from keras_gen.run.record import foreign_part
from keras_gen.run.results import RunResults
from keras_gen.settings import settings_from_record
from keras_gen.text import counted

if TYPE_CHECKING:
    import keras

    from keras_gen.data import ImageSet
    from keras_gen.settings import Settings


class Run(RunDraws, RunResults):
    """A run: what was trained, on what, and what came of it. `train_vae`, `train_dcgan` and `load_run` return one.

    Args:
        record: What run.json says, or would say.
        folder: The run folder, or None for a run that writes nothing.
        models: Models in memory, by the name they are saved under; others are loaded when they are asked for.
        datasets: Its training and held-out images, if they are in memory.
        best: Use the best models, which `evaluate_every` or `patience` saves, instead of the last.

    Attributes:
        kind: `vae` or `dcgan`.
        image_model: Name of the model that makes images.
        method: How two of its latent points are best joined: `linear` or `spherical`.
        encodes: Whether it has an encoder.
        criterion: Name of the validation score that is lowest for the best models.
        views: Names of the views of its latent space that it has.
        final_views: Names of those that are drawn when it ends.
        held_out_bits: Bits per dimension by the last held-out losses, of a VAE whose likelihood is of 256 levels.
        record: What run.json says.
        folder: The run folder, or None.
        settings: What it was trained with.
        image_shape: Height, width and channels.
        pixel_range: Lowest and highest value of a pixel, as the networks see it.
        step: Steps taken of the epoch after the last whole one.
        resumed_after: Epochs that earlier processes finished.
        stopped_by: Number of the signal that stopped it, or None.
    """

    kind: str
    image_model: str
    method: str
    encodes: bool
    criterion: str
    views: tuple[str, ...]
    final_views: tuple[str, ...] = ()
    held_out_bits: float | None = None

    def __init__(
        self,
        record: dict,
        folder: RunFolder | None = None,
        *,
        models: dict[str, keras.Model] | None = None,
        datasets: tuple[ImageSet, ImageSet] | None = None,
        best: bool = False,
    ) -> None:
        self.record, self.folder, self.best = record, folder, best
        self.settings: Settings = settings_from_record(record)
        self.pixel_range = tuple(record["pixel_range"])
        self.image_shape = tuple(record["dataset"]["train"]["image_shape"])
        self.step = self.resumed_after = 0
        self.stopped_by: int | None = None
        self._models, self._model_facts = dict(models or {}), {}
        self._datasets = datasets

    def __repr__(self) -> str:
        where = f" in {self.folder.path}" if self.folder else ""
        return f"<{type(self).__name__} of {self.name}, {counted(self.epoch, 'epoch')}{where}>"

    @property
    def name(self) -> str:
        """The data set's name."""
        return self.record["dataset"]["name"]

    @property
    def class_names(self) -> tuple[str, ...]:
        """The name of each label."""
        return tuple(self.record["dataset"]["class_names"])

    @property
    def status(self) -> str:
        """`running`, `finished`, `stopped` (by a callback), `interrupted` or `failed`."""
        return self.record.get("status", "running")

    @property
    def findings(self) -> list[dict]:
        """What the doctor found: name, epoch and text of each finding."""
        return self.record.get("findings", [])

    @property
    def open_findings(self) -> list[dict]:
        """Those of the findings that still hold."""
        return [finding for finding in self.findings if finding.get("resolved") is None]

    @cached_property
    def history(self) -> list[dict[str, float]]:
        """One row of losses for each finished epoch."""
        return self._table("history.csv")

    @cached_property
    def timing(self) -> list[dict[str, float]]:
        """What each epoch took, in seconds."""
        return self._table("timing.csv")

    @cached_property
    def metrics(self) -> list[dict[str, float]]:
        """One row for each epoch that was measured on validation images."""
        return self._table("metrics.csv")

    @property
    def epoch(self) -> int:
        """The last whole epoch that its models have seen, or the best; 0 if it was stopped in its first."""
        if self._model_facts.get("epoch") is not None:
            return self._model_facts["epoch"]
        if self.best:
            return self.record["best"]["epoch"]
        return self.history[-1]["epoch"] if self.history else 0

    @property
    def models_text(self) -> str:
        """Which of its models are in use, such as `epoch 12`, for a line to the user."""
        step = self._model_facts.get("step", self.step)
        return f"{'best, ' if self.best else ''}epoch {self.epoch}" + (f" and {counted(step, 'step')}" if step else "")

    @property
    def models(self) -> dict[str, keras.Model]:
        """The saved models, by name: `encoder` and `decoder`, or `generator` and `discriminator`."""
        return {name: self.model(name) for name in MODELS[self.kind]}

    def model(self, name: str) -> keras.Model:
        """Return one of the models.

        Raises:
            InputError: The run has no such model, it cannot be loaded safely, or it is of another epoch than the other.
        """
        if name not in MODELS[self.kind]:
            raise InputError(f"a {self.kind} run has no model {name}; it has {' and '.join(MODELS[self.kind])}")
        if name not in self._models:
            if self.folder is None:
                raise InputError(f"this run has no {name} in memory and no folder to load it from")
            model, facts = self.folder.load_model(name, self.best)
            if self._model_facts and facts != self._model_facts:
                raise InputError(
                    f"the models in {self.folder.path} are of different epochs, as when the run is still trained while "
                    "they are read; try again"
                )
            self._models[name], self._model_facts = model, facts
        return self._models[name]

    def datasets(self) -> tuple[ImageSet, ImageSet]:
        """Return the training and held-out images; they are loaded once.

        Raises:
            InputError: The images are no longer where they were, or other ones, or were never in a file.
        """
        if self._datasets is None:
            self.use_datasets()
        return self._datasets

    def use_datasets(self, dataset: str | Path | None = None, data_dir: str | Path | None = None) -> None:
        """Look for the run's images elsewhere than where they were.

        Args:
            dataset: A data set's name or path; None is the run's own.
            data_dir: Folder to look in for its files; None is the run's own.

        Raises:
            InputError: There are other images than those that the run was trained with.
        """
        from keras_gen.run.images import find_images

        train, _, held_out = find_images(self, dataset, data_dir)
        self.check_images(train, held_out)
        self._datasets = train, held_out

    def check_images(self, train: ImageSet, held_out: ImageSet) -> None:
        """Raise InputError if the run was trained on other images than these."""
        if part := foreign_part(self.record, train, held_out):
            raise InputError(
                f"the {part} images of {train.name} are not those of {self.where} (their fingerprint "
                "differs); give the same images with `dataset`, or start a new run"
            )

    def continue_with(
        self, models: dict[str, keras.Model], datasets: tuple[ImageSet, ImageSet], facts: dict[str, object]
    ) -> None:
        """Make the run a live one, with the networks that train, and its training and held-out images in memory.

        The facts are what run.json says of this process; `update` writes them.
        """
        self._models, self._model_facts, self._datasets = dict(models), {}, datasets
        self.record |= facts
        for name in ("history", "timing", "metrics"):
            self.__dict__[name] = []

    def update(self, **facts: object) -> None:
        """Set fields of the record, and of run.json."""
        self.record |= facts
        if self.folder is not None:
            self.folder.write(**self.record)

    @property
    def title(self) -> str:
        """The folder's name, or the data set's."""
        return self.folder.path.absolute().name if self.folder else self.name

    @property
    def where(self) -> str:
        """What to call the run in a message."""
        return str(self.folder.path) if self.folder else "this run"

    def _table(self, name: str) -> list[dict[str, float]]:
        return self.folder.read_table(name) if self.folder else []
