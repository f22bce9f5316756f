"""What train_vae.py and train_dcgan.py do: read the flags, plan the run, train it."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from keras_gen.cli.command import DONE, chosen_backend, run_command, say_on_stderr, start_backend
from keras_gen.cli.command import say as say_on_stdout
from keras_gen.cli.flags import replace_old_flags, train_parser
from keras_gen.errors import InputError
from keras_gen.settings import Settings, parse_sets, resolve_settings, settings_from_record
from keras_gen.sizes import doublings, sides
from keras_gen.training.distribution import is_chief, strategy, workers
from keras_gen.training.engines import check_engine

if TYPE_CHECKING:
    from collections.abc import Callable

    import keras

    from keras_gen.run import Run
    from keras_gen.training.planning import Plan
    from keras_gen.training.trainer import Trainer


def train_command(kind: str, argv: list[str] | None = None, program: str | None = None) -> int:
    """Run train_vae.py or train_dcgan.py, which may be called otherwise, and return its exit code."""
    argv = sys.argv[1:] if argv is None else argv
    return run_command(lambda: _train(kind, argv, program or f"python train_{kind}.py"))


def _train(kind: str, argv: list[str], program: str) -> int:
    words, replaced = replace_old_flags(kind, argv)
    options = vars(train_parser(kind, program).parse_args(words))
    overrides = _overrides(kind, options)
    settings = _check_early(kind, options, overrides)
    start_backend(lambda: strategy(settings.training.distribute) if settings.training.distribute != "none" else None)
    from keras_gen.training.lines import resume_line, unbreakable
    from keras_gen.training.planning import make_plan
    from keras_gen.training.start import prepare, run_plan

    say = unbreakable(_say_comment if options["dry_run"] else say_on_stdout)
    for line in replaced:
        say(f"Flags   {line}")
    data = {name: options[name] for name in ("resume", "data_dir")}
    plan = make_plan(kind, options["dataset"], say=say, **data, **overrides)
    trainer = prepare(plan, say)
    if options["dry_run"]:
        _print_plan(plan, trainer, say)
        return DONE
    if not trainer.chief:
        say(f"Worker  {workers()}; the first of them writes the run")
    run = run_plan(
        plan,
        trainer,
        options["out"] or True,
        callbacks=_tensorboard if options["tensorboard"] else (),
        say=say,
        save_every=options["save_every"],
        doctor=options["doctor"],
        command=shlex.join([*_called(kind, program), *argv]),
    )
    if run.stopped_by is None:
        return DONE
    if say.broken:  # `| tee` gets the same Ctrl-C, and ends at once
        say_on_stderr(f"Stopped. To continue: {resume_line(run)}")
    return 128 + run.stopped_by


def _overrides(kind: str, options: dict) -> dict[str, object]:
    """Return the settings that flags and `--set` give, by group; those of `data` by name."""
    overrides: dict[str, object] = parse_sets(kind, options["set"])
    for name, value in options.items():
        group, dot, field = name.partition(".")
        if dot:
            values = overrides.setdefault(group, {})
            if field in values:
                raise InputError(f"`{name}` and `set` {name} are the same setting; give one of them")
            values[field] = value
    overrides |= overrides.pop("data", {})  # where a group of this name would be taken for the images
    if options["recipe"] is not None:
        overrides["recipe"] = options["recipe"]
    return overrides


def _called(kind: str, program: str) -> list[str]:
    """Return the words that call the program again, from the same folder: the script may be in another one."""
    return ["python", sys.argv[0]] if Path(sys.argv[0]).name == f"train_{kind}.py" else program.split()


def _check_early(kind: str, options: dict, overrides: dict[str, object]) -> Settings:
    """Refuse what can be refused before Keras is imported and images are read; return the settings so far."""
    from keras_gen.run.arguments import as_path, check_seconds
    from keras_gen.run.folder import RunFolder
    from keras_gen.run.new_folder import already_exists

    out, resume = (None if options[name] is None else as_path(name, options[name]) for name in ("out", "resume"))
    check_seconds("save_every", options["save_every"])
    if options["tensorboard"] and importlib.util.find_spec("tensorboard") is None:
        raise InputError("`tensorboard` needs the package tensorboard; run: pip install tensorboard")
    if resume:
        if out:
            raise InputError("`out` names a new folder and `resume` an old one; give one of the two")
        settings = settings_from_record(RunFolder(resume).read())
    else:
        settings = resolve_settings(kind, options["dataset"] or "mnist5k", **overrides)
    check_engine(settings, chosen_backend())
    if out and os.path.lexists(out) and is_chief(settings.training.distribute):
        raise already_exists(out)
    if settings.data.image_size and settings.convolutional:
        doublings(*sides(settings.data.image_size))
    return settings


def _tensorboard(run: Run) -> list[keras.callbacks.Callback]:
    """Return the callback that writes what TensorBoard shows; a worker that writes nothing has none."""
    import keras

    return [] if run.folder is None else [keras.callbacks.TensorBoard(Path(run.folder.path, "tensorboard"))]


def _print_plan(plan: Plan, trainer: Trainer, say: Callable[[str], None]) -> None:
    """Print the settings as a recipe file; what is no setting is a comment in it, so that all can be saved as one."""
    from keras_gen.settings import to_toml
    from keras_gen.training.expectation import expectation

    for line in to_toml(plan.settings).splitlines():
        say_on_stdout(line)
    width = max(40, shutil.get_terminal_size().columns - len("# "))  # wider, and Keras cuts off the last column
    for model in trainer.models.values():
        model.summary(line_length=min(98, width), print_fn=lambda text: [say(line) for line in text.splitlines()])
    for line in expectation(plan, trainer):
        say(line)


def _say_comment(line: str) -> None:
    say_on_stdout(f"# {line}")
