"""What train_vae.py and train_dcgan.py share: flags made from the settings, start-up, the run, its pictures."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from keras_gen.cli.command import (
    DONE,
    Parser,
    StopSignals,
    check_whole,
    chosen_backend,
    run_command,
    say,
    start_backend,
)
from keras_gen.cli.report import write_report
from keras_gen.errors import InputError, RunError
from keras_gen.sizes import doublings
from keras_gen.training.distribution import is_chief, strategy, workers
from keras_gen.training.engines import check_engine
from keras_gen.training.recipes import RECIPES, resolve_settings, settings_of
from keras_gen.training.run_folder import RunFolder, already_exists
from keras_gen.training.settings import NAMES, SETTINGS, Settings, changes, flag

if TYPE_CHECKING:
    from collections.abc import Callable

    from keras_gen.cli.pictures import Pictures
    from keras_gen.data import ImageSet
    from keras_gen.training import TrainingRun
    from keras_gen.training.loop import Trainer

SOURCE = {"dataset": "mnist5k", "data_dir": None, "image_size": None, "channels": None, "max_bad": 50}  # defaults
MAY_CHANGE = ("epochs", "dataset", "data_dir", "max_bad")  # on --resume; its fingerprints tell the data
FEW_STEPS = 1500  # the digits begin to be readable there


def train_command(kind: str, argv: list[str] | None = None) -> int:
    """Run train_vae.py or train_dcgan.py and return its exit code.

    Args:
        kind: `vae` or `dcgan`.
        argv: Arguments; None takes the command line's.
    """
    argv = sys.argv[1:] if argv is None else argv
    return run_command(lambda: _train(kind, argv))


def train_parser(kind: str) -> argparse.ArgumentParser:
    """Return the parser of a training command; every setting of `kind` has its flag."""
    parser = Parser(
        prog=f"train_{kind}.py",
        description=f"Train a {NAMES[kind]} and draw what it learned into a folder under runs/.",
    )
    data = parser.add_argument_group("data and run")
    data.add_argument(
        "--dataset",
        default=argparse.SUPPRESS,
        help="mnist5k (embedded), mnist, fashion_mnist, cifar10, cifar10:CLASS, or the path of a folder of images or "
        "of an .npz file (default: mnist5k)",
    )
    data.add_argument(
        "--data-dir",
        default=argparse.SUPPRESS,
        help="folder to look in for the data set's files (default: Keras's cache, then a download)",
    )
    data.add_argument(
        "--image-size",
        type=int,
        default=argparse.SUPPRESS,
        help="crop and resize the images to this side in pixels (default: as they are; for a folder, the size that all "
        "its images share if the networks can reach it, else 64)",
    )
    data.add_argument(
        "--channels",
        type=int,
        metavar="{1,3}",
        default=argparse.SUPPRESS,
        help="turn the images grey (1) or to colour (3) (default: as they are)",
    )
    data.add_argument(
        "--max-bad",
        type=int,
        default=argparse.SUPPRESS,
        help="images of a folder that may be skipped because they cannot be used; one more is an error "
        f"(default: {SOURCE['max_bad']})",
    )
    data.add_argument(
        "--resume",
        metavar="RUN",
        default=argparse.SUPPRESS,
        help="go on with the run in this folder; only --epochs and where the data is may differ (default: a new run)",
    )
    data.add_argument(
        "--out",
        default=argparse.SUPPRESS,
        help="folder to make for the run (default: the next number, such as runs/0001-...)",
    )
    data.add_argument(
        "--save-every",
        type=float,
        metavar="SECONDS",
        default=60.0,
        help="how often all that --resume needs is saved (default: 60)",
    )
    data.add_argument(
        "--dry-run",
        action="store_true",
        default=argparse.SUPPRESS,
        help="print the settings and the networks, and stop (default: train)",
    )
    data.add_argument(
        "--doctor",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="look after each epoch for what is wrong with the run, and say what to do (default: yes)",
    )
    group = parser.add_argument_group("settings")
    for field in dataclasses.fields(SETTINGS[kind]):
        text = f"{field.metadata['help']} (default: {_default_text(kind, field)})"
        keywords = {"dest": field.name, "default": argparse.SUPPRESS, "help": text.replace("%", "%%")}
        choices = getattr(field.metadata["check"], "choices", None)
        if field.type is bool:
            group.add_argument(flag(field.name), action=argparse.BooleanOptionalAction, **keywords)
        elif every := getattr(field.metadata["check"], "all", None):
            group.add_argument(flag(field.name), nargs="?", const=every, **keywords)
        elif field.name == "recipe":
            group.add_argument(flag(field.name), metavar="{" + ",".join(RECIPES[kind]) + "}", **keywords)
        else:
            group.add_argument(flag(field.name), metavar="{" + ",".join(choices) + "}" if choices else None, **keywords)
    return parser


def _default_text(kind: str, field: dataclasses.Field) -> str:
    """Say a setting's default, and where it differs by data set or recipe."""
    if field.name == "recipe":
        return "chapter"
    texts = []
    for name, recipe in RECIPES[kind].items():
        value = recipe.settings.get(field.name, field.default)
        differing = [f"{some[field.name]} on {dataset}" for dataset, some in recipe.on.items() if field.name in some]
        if field.name in recipe.beyond_plane:
            differing.append(f"{recipe.beyond_plane[field.name]} with more than two latent dimensions")
        text = ", ".join([_plain(value), *differing])
        if not texts:
            texts.append(text)
        elif text != texts[0]:
            texts.append(f"{name}: {text}")
    return "; ".join(texts)


def _plain(value: object) -> str:
    return {True: "yes", False: "no", None: "none"}[value] if value is None or isinstance(value, bool) else str(value)


def _train(kind: str, argv: list[str]) -> int:
    started = time.monotonic()
    options = vars(train_parser(kind).parse_args(argv))
    plan = _resumed_plan(kind, options) if "resume" in options else _new_plan(kind, options)
    plan.commands.append(shlex.join(["python", f"train_{kind}.py", *argv]))
    _check_early(kind, plan, options)
    data = _load(plan)
    start_backend(lambda: strategy(plan.settings.distribute) if plan.settings.distribute != "none" else None)
    from keras_gen.cli.pictures import Pictures
    from keras_gen.training import make_trainer
    from keras_gen.training.loop import check_batches

    trainer = make_trainer(kind, data.train.image_shape, plan.settings)
    check_batches(trainer, data.train)
    _announce(kind, plan.settings, data, trainer)
    plan.settings = trainer.settings
    if "dry_run" in options:
        _print_plan(plan.settings, trainer)
        return DONE
    if not trainer.chief:
        return _follow(trainer, data, plan)
    pictures = Pictures(plan.settings)
    callbacks = _callbacks(kind, plan, data, pictures)
    with StopSignals() as stop:
        folder = _begin(kind, plan, options, data, pictures)
        run = _run(trainer, data, folder, callbacks, plan, options, stop)
        if run.stopped:
            say(f"Stopped in epoch {run.epoch + 1} of {plan.settings.epochs}. To go on: {_resume_line(kind, folder)}")
        else:
            print(_summary(run, time.monotonic() - started))
        if best := folder.read().get("best"):
            print(f"Best    epoch {best['epoch']}, {best['by'].replace('_', ' ')} {best['value']:.4g}: models/best")
        if drawn := pictures.at_end(run):
            print("Pictures to open:")
            for path in drawn:
                say(f"  {path}")
        say(f"All of it on one page: {write_report(folder)}")
    return stop.exit_code if run.stopped else DONE


def _follow(trainer: Trainer, data: _Data, plan: _Plan) -> int:
    """Train as one of several workers of which another writes the run; return the exit code."""
    from keras_gen.training.loop import run_epochs

    print(f"Worker  {workers()}; the first of them writes the run")
    with StopSignals() as stop:
        resume = plan.folder is not None
        run = run_epochs(trainer, data.train, data.held_out, plan.folder, resume=resume, should_stop=stop)
    print("Stopped, and so did all workers" if run.stopped else f"Done: {plan.settings.epochs} epochs")
    return stop.exit_code if run.stopped else DONE


def _check_early(kind: str, plan: _Plan, options: dict) -> None:
    """Refuse, before a folder of images is decoded, what can be refused without looking at them."""
    if not 0 <= options["save_every"] <= 1e9:
        raise InputError(f"--save-every must be a number of seconds from 0 to 1e9; received {options['save_every']:g}")
    check_engine(plan.settings, chosen_backend())
    if "out" in options and os.path.lexists(options["out"]) and is_chief(plan.settings.distribute):
        raise already_exists(options["out"])
    if plan.source["image_size"] and plan.settings.convolutional:
        doublings(plan.source["image_size"])


def _load(plan: _Plan) -> _Data:
    from keras_gen.data import load_dataset, validation_split

    options = {name: value for name, value in plan.source.items() if name != "dataset"}
    train, held_out = load_dataset(plan.source["dataset"], seed=plan.settings.seed, say=say, **options)
    if not plan.settings.evaluate_every:
        return _Data(train, None, held_out)
    return _Data(*validation_split(train, plan.settings.seed, in_place=True), held_out)


def _begin(kind: str, plan: _Plan, options: dict, data: _Data, pictures: Pictures) -> RunFolder:
    """Make the folder of a new run, or take that of the old one."""
    folder = plan.folder or RunFolder.create(options.get("out"), kind, data.train.name)
    say(f"Run     {folder.path}")
    if plan.folder is None:
        folder.write(source=plan.source, commands=plan.commands)
        say(f"Preview {pictures.before_training(data.train, folder)}")
    return folder


def _resume_line(kind: str, folder: RunFolder) -> str:
    return f"python train_{kind}.py --resume {shlex.quote(str(folder.path))}"


def _callbacks(kind: str, plan: _Plan, data: _Data, pictures: Pictures) -> list[Callable[[TrainingRun], None]]:
    """Return what is done after each epoch."""
    if data.validation is None:
        return [pictures.after_epoch]
    from keras_gen.cli.scores import Validation

    return [pictures.after_epoch, Validation(kind, plan.settings, data.train, data.validation).after_epoch]


def _announce(kind: str, settings: Settings, data: _Data, trainer: Trainer) -> None:
    """Say what will be trained on, what to expect of it, and what computes."""
    from keras_gen.data.inspection import inspect
    from keras_gen.training.device import backend_version, best_precision, device_name, unused_nvidia_card

    train = data.train
    shape = "x".join(map(str, train.image_shape))
    aside = f", {len(data.validation):,} validation" if data.validation is not None else ""
    say(f"Data    {train.name}: {len(train):,} training{aside} and {len(data.held_out):,} held-out images, {shape}")
    helps = "--augment" if getattr(settings, "augment", "") == "none" else ""
    for advice in inspect(train, helps) + _advice_on_steps(kind, settings, train):
        say(f"Advice  {advice}")
    why = f" ({best_precision(settings.convolutional)[1]})" if settings.precision == "auto" else ""
    print(f"Device  {backend_version()} on the {device_name()}, {trainer.settings.precision}{why}")
    if settings.distribute != "none":
        print(f"Split   each batch of {settings.batch_size} over {trainer.devices} devices")
    if hint := unused_nvidia_card():
        print(hint)


def _run(
    trainer: Trainer,
    data: _Data,
    folder: RunFolder,
    callbacks: list[Callable[[TrainingRun], None]],
    plan: _Plan,
    options: dict,
    stop: StopSignals,
) -> TrainingRun:
    """Train; when that fails, say how to go on from the last good state."""
    from keras_gen.training.loop import run_epochs

    if left_out := len(data.train) % trainer.images_per_step * trainer.drop_last:
        print(
            f"Batches of {trainer.images_per_step}; the last {left_out} images of each shuffle are left out, "
            "for BatchNormalization wants full batches"
        )
    try:
        run = run_epochs(
            trainer,
            data.train,
            data.held_out,
            folder,
            resume=plan.folder is not None,
            on_epoch_end=lambda run: [callback(run) for callback in callbacks],
            should_stop=stop,
            say=say,
            save_every=options["save_every"],
            doctor=options["doctor"],
        )
    except (RunError, OSError):
        with contextlib.suppress(OSError, InputError):  # what went wrong comes first
            write_report(folder)
        if folder.has_checkpoint:
            say(f"The last good state is kept. To go on from it: {_resume_line(trainer.kind, folder)}")
        raise
    folder.write(source=plan.source, commands=plan.commands)  # the data may have moved since the run was begun
    return run


def _summary(run: TrainingRun, seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    since = f" since epoch {run.resumed_after}" if run.resumed_after else ""
    return f"Done: {run.settings.epochs} epochs, {minutes} min {seconds} s{since}. {_last_losses(run)}"


def _advice_on_steps(kind: str, settings: Settings, train: ImageSet) -> list[str]:
    if kind == "vae":
        return []
    steps = len(train) // (settings.batch_size * settings.discriminator_steps) * settings.epochs
    if steps >= FEW_STEPS:
        return []
    smaller = " or a smaller --batch-size" if settings.batch_size > 32 else ""
    epochs = -(-FEW_STEPS * settings.epochs // steps)
    return [f"{steps:,} steps are few for a GAN (the chapter's cars take 7,800); try --epochs {epochs}{smaller}"]


@dataclasses.dataclass
class _Data:
    """The images of a run."""

    train: ImageSet
    validation: ImageSet | None  # set aside from the training images, with --evaluate-every
    held_out: ImageSet


@dataclasses.dataclass
class _Plan:
    """What is to be trained: a new run, or the rest of one."""

    settings: Settings
    source: dict  # what load_dataset needs, as run.json keeps it
    folder: RunFolder | None = None
    commands: list[str] = dataclasses.field(default_factory=list)  # that made it, this one last


def _given_settings(kind: str, options: dict) -> dict:
    names = {field.name for field in dataclasses.fields(SETTINGS[kind])}
    return {name: value for name, value in options.items() if name in names}


def _new_plan(kind: str, options: dict) -> _Plan:
    source = SOURCE | {name: options[name] for name in SOURCE if name in options}
    settings = resolve_settings(kind, source["dataset"], **_given_settings(kind, options))
    return _Plan(settings, _checked_source(source))


def _resumed_plan(kind: str, options: dict) -> _Plan:
    """Take settings and source from the run; only the number of epochs and the place of the data may change."""
    if "out" in options:
        raise InputError("--out names a new folder and --resume an old one; give one of the two")
    folder = RunFolder(options["resume"])
    run = folder.read()
    if run["kind"] != kind:
        raise InputError(f"{folder.path} is a run of train_{run['kind']}.py; resume it with that")
    if "source" not in run:
        raise InputError(f"{folder.path} was made from Python; resume it there, with train_{kind}(..., resume=True)")
    old = settings_of(run)
    new = dataclasses.replace(old, **_given_settings(kind, options))
    source = SOURCE | run["source"]
    asked = _checked_source(source | {name: options[name] for name in SOURCE if name in options})
    if different := changes(old.as_dict(), new.as_dict(), MAY_CHANGE) + changes(source, asked, MAY_CHANGE):
        raise InputError(
            f"a resumed run keeps its settings: {'; '.join(different)}; leave these out, or start a new run"
        )
    if new.epochs != old.epochs and getattr(new, "learning_rate_schedule", "constant") != "constant":
        print(
            f"Advice  the learning rate falls along a cosine over all epochs: with {new.epochs} instead of "
            f"{old.epochs} it goes up again; in a new run it falls once"
        )
    return _Plan(new, asked, folder, run.get("commands", []))


def _checked_source(source: dict) -> dict:
    """Check the flags on data, and make paths absolute, so that the run can be resumed from anywhere."""
    from keras_gen.data.loading import is_path

    size, channels, max_bad = source["image_size"], source["channels"], source["max_bad"]
    if size is not None:
        check_whole("--image-size", size, 4, 1024)
    if channels not in (None, 1, 3):
        raise InputError(f"--channels must be 1 for grey or 3 for colour; received {channels}")
    check_whole("--max-bad", max_bad, 0, 1_000_000_000)
    paths = {"data_dir": source["data_dir"] and str(Path(source["data_dir"]).absolute())}
    if is_path(source["dataset"]):
        paths["dataset"] = str(Path(source["dataset"]).absolute())
    return source | paths


def _print_plan(settings: Settings, trainer: object) -> None:
    print("Settings")
    for name, value in settings.as_dict().items():
        print(f"  {flag(name):30} {_plain(value)}")
    for model in trainer.models.values():
        model.summary(line_length=78)


def _last_losses(run: TrainingRun) -> str:
    row, unit = run.history[-1], run.settings.loss_unit
    held_out = {name.removeprefix("held_out_"): value for name, value in row.items() if name.startswith("held_out_")}
    losses = ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in held_out.items())
    return f"Held-out {losses}{unit and ' ' + unit}."
