"""From what a user asks for to what is trained: settings resolved, images loaded, nothing written."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import keras
import numpy as np

from keras_gen.data import ImageSet, load_dataset
from keras_gen.errors import InputError
from keras_gen.run import Run, RunFolder, load_run
from keras_gen.run.checkpoints import begun_epochs
from keras_gen.run.images import find_images, split_validation
from keras_gen.run.record import describe_images
from keras_gen.settings import SETTINGS, Settings, default_recipe, recipe_choices, resolve_settings
from keras_gen.text import printable
from keras_gen.training.engines import check_engine

MAY_CHANGE = ("epochs", "patience", "max_bad")  # on a resume
MAX_CLASSES = 1000  # of a conditional run
MIN_OF_CLASS = 2
MIN_VALIDATION = 6  # images that `patience` can judge by


@dataclass
class Plan:
    """What is to be trained: a new run, or the rest of one."""

    kind: str
    settings: Settings
    why: str  # it is this recipe; empty if it was asked for
    choices: list[str]  # that the recipe makes for the data, as `recipe_choices` says them
    train: ImageSet
    held_out: ImageSet
    validation: ImageSet | None  # training images split off for `evaluate_every` and `patience`
    source: dict | None  # the arguments with which `load_dataset` gives the images again
    run: Run | None = None  # to continue
    time_budget: dict | None = None  # `minutes`, and the number of epochs that was found to fit
    start_from: dict | None = None  # what was taken of other networks

    @cached_property
    def class_counts(self) -> np.ndarray | None:
        """How many training images each class of a conditional run has; None for another run.

        Raises:
            InputError: The images have no such labels as `conditional`, or `balance_classes`, needs.
        """
        training = self.settings.training
        if not (training.conditional or training.balance_classes):
            return None
        setting = "`conditional`" if training.conditional else "`balance_classes`"
        parts = (
            {"training": self.train, "held-out": self.held_out} if training.conditional else {"training": self.train}
        )
        for part, images in parts.items():
            if images.labels is None:
                raise InputError(
                    f"the {part} images of {self.train.name} have no labels, which {setting} needs; use images that "
                    "have some, or leave it out"
                )
        present, counts = np.unique(self.train.labels, return_counts=True)
        if not training.conditional:
            return None
        names = self.train.class_names
        if not 2 <= max(len(names), len(present)) <= MAX_CLASSES or present[-1] >= MAX_CLASSES:
            raise InputError(
                f"`conditional` takes 2 to {MAX_CLASSES:,} classes, and {self.train.name} has "
                f"{max(len(names), len(present)):,}; use other labels, or leave it out"
            )
        if counts.min() < MIN_OF_CLASS:
            rare = present[counts.argmin()]
            raise InputError(
                f"the class {printable(names[rare] if names else rare)} has {counts.min()} training image, and "
                f"`conditional` needs {MIN_OF_CLASS} or more of each; add images of it, or leave out the class"
            )
        if strangers := sorted(set(np.unique(self.held_out.labels)) - set(present)):
            stranger = names[strangers[0]] if names else strangers[0]
            raise InputError(
                f"held-out images have the label {printable(stranger)}, which no training image has; `conditional` "
                "needs images of each class in both parts"
            )
        return np.bincount(self.train.labels, minlength=len(names))

    @property
    def classes(self) -> int | None:
        """How many labels the networks are told; None for a run that is not conditional."""
        return None if self.class_counts is None else len(self.class_counts)


def make_plan(
    kind: str,
    data: object = None,
    held_out: object = None,
    settings: Settings | None = None,
    *,
    resume: RunFolder | str | Path | None = None,
    data_dir: str | Path | None = None,
    say: Callable[[str], None] = print,
    **overrides: object,
) -> Plan:
    """Resolve the settings of a new run, or of the one to `resume`, and load its images; see `train_vae`."""
    if settings is not None and not isinstance(settings, SETTINGS[kind]):
        raise InputError(
            f"`settings` must be {SETTINGS[kind].__name__}, as from resolve_settings({kind!r}, ...); "
            f"received {type(settings).__name__}"
        )
    if resume:
        return _plan_resume(kind, resume, data, held_out, settings, overrides, data_dir, say)
    data = "mnist5k" if data is None else data
    recipe = overrides.get("recipe")
    if settings is not None and recipe is not None:
        raise InputError("`settings` and `recipe` both say what to build; give one of them")
    if settings is None:
        # The seed and the size must be known to load the images; recipes may depend on what is loaded.
        early = resolve_settings(kind, getattr(data, "name", data if isinstance(data, str) else "images"), **overrides)
    else:
        early = settings.replace(**overrides)
    check_engine(early, keras.backend.backend())
    train, held_out = _load(data, held_out, early, data_dir, say)
    why, choices = "", []
    if settings is None:
        early, choices = resolve_settings(kind, train, **overrides), recipe_choices(kind, train, **overrides)
        why = "" if recipe else default_recipe(kind, train.name)[1]
    source = train.source
    train, validation = split_validation(train, early, in_place=isinstance(data, str | Path))
    return Plan(kind, early, why, choices, train, held_out, validation, source)


def _plan_resume(
    kind: str,
    folder: RunFolder | str | Path,
    data: object,
    held_out: object,
    settings: Settings | None,
    overrides: dict[str, object],
    data_dir: str | Path | None,
    say: Callable[[str], None],
) -> Plan:
    run = load_run(folder.path if isinstance(folder, RunFolder) else folder)
    if run.kind != kind:
        raise InputError(
            f"{run.where} is a {run.kind} run; resume it with python train_{run.kind}.py --resume {run.folder.argument}"
        )
    new = (settings or run.settings).replace(**overrides)
    if new.training.minutes is not None:
        raise InputError(
            f"`minutes` fixes the epochs of a new run, and {run.where} has {run.settings.training.epochs}; leave it "
            "out, or give more with `epochs`"
        )
    if different := run.settings.differences(new, MAY_CHANGE):
        raise InputError(
            f"a resumed run keeps its settings: {'; '.join(different)}; leave these out, or start a new run"
        )
    epochs = run.settings.training.epochs
    may_change = {"epochs": new.training.epochs, "patience": new.training.patience, "max_bad": new.data.max_bad}
    new = run.settings.replace(**may_change)
    if (begun := begun_epochs(run.folder)) > new.training.epochs:
        raise InputError(f"{run.where} is in epoch {begun} already; give at least as many with `epochs`")
    if new.training.epochs > epochs and new.learning_rate_falls:
        say(
            f"Advice  the learning rate falls along a cosine over all epochs: with {new.training.epochs} instead of "
            f"{epochs} it goes up again; in a new run it falls once"
        )
    if held_out is None and (data is None or isinstance(data, str | Path)):
        run.settings = new
        train, validation, held_out = find_images(run, data, data_dir)
        source = held_out.source
    else:
        train, held_out = _load(data, held_out, new, data_dir, say)
        source = train.source
        train, validation = split_validation(train, new)
    run.check_images(train, held_out)
    return Plan(kind, new, "", [], train, held_out, validation, source or run.record.get("source"), run)


def _load(
    data: object, held_out: object, settings: Settings, data_dir: str | Path | None, say: Callable[[str], None]
) -> tuple[ImageSet, ImageSet]:
    options = {"seed": settings.training.seed, "say": say, **asdict(settings.data)}
    train, held_out = load_dataset(data, data_dir, held_out=held_out, **options)
    return (train, held_out) if train.source == held_out.source else (train.with_source(None), held_out)


def describe_plan(plan: Plan, pixel_range: tuple[float, float]) -> dict:
    """Return what run.json says of what is trained."""
    record = {
        "kind": plan.kind,
        "settings": plan.settings.as_dict(),
        **describe_images(plan.train, plan.held_out, plan.source),
    }
    if plan.class_counts is not None:
        record["dataset"]["class_counts"] = plan.class_counts.tolist()
    facts = {"time_budget": plan.time_budget, "start_from": plan.start_from}
    record |= {name: fact for name, fact in facts.items() if fact is not None}
    if plan.run is None:
        record |= {"pixel_range": list(pixel_range), "seed": plan.settings.training.seed}
    return record


def check_validation(plan: Plan) -> None:
    """Raise InputError where there are too few images to judge by whether the run still improves."""
    if plan.settings.training.patience and len(plan.validation) < MIN_VALIDATION:
        count = len(plan.train) + len(plan.validation)
        raise InputError(
            f"`patience` judges by a tenth of the training images, which of {count} are {len(plan.validation)}, and "
            f"{MIN_VALIDATION} are the least; use {10 * MIN_VALIDATION} or more, or leave it out"
        )
