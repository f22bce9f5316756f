"""From what a user asks for to what is trained: settings resolved, images loaded, nothing written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import keras

from keras_gen.data import ImageSet, load_dataset
from keras_gen.errors import InputError
from keras_gen.run import Run, RunFolder, load_run
from keras_gen.run.checkpoints import begun_epochs
from keras_gen.run.images import find_images, split_validation
from keras_gen.settings import SETTINGS, Settings, default_recipe, resolve_settings
from keras_gen.training.engines import check_engine

MAY_CHANGE = ("epochs", "max_bad")  # on a resume


@dataclass
class Plan:
    """What is to be trained: a new run, or the rest of one."""

    kind: str
    settings: Settings
    why: str  # it is this recipe; empty if it was asked for
    train: ImageSet
    held_out: ImageSet
    validation: ImageSet | None  # training images split off for `evaluate_every`
    source: dict | None  # the arguments with which `load_dataset` gives the images again
    run: Run | None = None  # to continue


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
    why = ""
    if settings is None:
        early = resolve_settings(kind, train, **overrides)
        why = "" if recipe else default_recipe(kind, train.name)[1]
    source = train.source
    train, validation = split_validation(train, early, in_place=isinstance(data, str | Path))
    return Plan(kind, early, why, train, held_out, validation, source)


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
            f"{run.where} is a {run.kind} run; resume it with python train_{run.kind}.py --resume {run.where}"
        )
    new = (settings or run.settings).replace(**overrides)
    if different := run.settings.differences(new, MAY_CHANGE):
        raise InputError(
            f"a resumed run keeps its settings: {'; '.join(different)}; leave these out, or start a new run"
        )
    epochs = run.settings.training.epochs
    new = run.settings.replace(epochs=new.training.epochs, max_bad=new.data.max_bad)
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
    return Plan(kind, new, "", train, held_out, validation, source or run.record.get("source"), run)


def _load(
    data: object, held_out: object, settings: Settings, data_dir: str | Path | None, say: Callable[[str], None]
) -> tuple[ImageSet, ImageSet]:
    options = {"seed": settings.training.seed, "say": say, **asdict(settings.data)}
    train, held_out = load_dataset(data, data_dir, held_out=held_out, **options)
    return (train, held_out) if train.source == held_out.source else (train.with_source(None), held_out)
