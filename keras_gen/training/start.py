"""From data and settings to a trained run: what is checked, announced, written and drawn around the loop."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from pathlib import Path

import keras

from keras_gen.errors import InputError
from keras_gen.files import check_links, remove_leftovers
from keras_gen.run import Run, RunFolder
from keras_gen.run.arguments import as_path, check_seconds
from keras_gen.run.checkpoints import load_checkpoint, newest_written
from keras_gen.run.images import save_images
from keras_gen.run.kinds import RUNS
from keras_gen.run.new_folder import new_id
from keras_gen.text import counted, short_number
from keras_gen.training.callbacks import checked_callbacks
from keras_gen.training.device import device_name, versions
from keras_gen.training.engines import make_trainer
from keras_gen.training.lines import announce, last_losses, resume_line, unbreakable
from keras_gen.training.loop import Loop
from keras_gen.training.patience import out_of_patience, patience_line
from keras_gen.training.planning import Plan, check_validation, describe_plan, make_plan
from keras_gen.training.rehearsal import fix_epochs
from keras_gen.training.starting_weights import take_weights
from keras_gen.training.trainer import Trainer


def prepare(plan: Plan, say: Callable[[str], None] = print) -> Trainer:
    """Build the networks and what trains them, and say what will be trained on and what computes; nothing is written.

    The settings of the plan are the trainer's afterwards: their precision is not `auto` any more.
    """
    trainer = make_trainer(plan.kind, plan.train.image_shape, plan.settings, plan.classes)
    count, images_per_step = len(plan.train), trainer.images_per_step
    if count < images_per_step:
        largest = count // (4 * images_per_step // plan.settings.training.batch_size)
        parts = [part for part in (plan.validation, plan.held_out) if part is not None]
        left_out = sum(map(len, parts))
        smaller = f"`batch_size={largest}`, or " if largest >= 2 else ""
        raise InputError(
            f"{counted(count, 'training image')} ({left_out} of {count + left_out} held out) cannot fill one step of "
            f"{images_per_step}; use {smaller}more images: a network learns from a few hundred"
        )
    check_validation(plan)
    announce(plan, trainer, say)
    plan.settings = trainer.settings
    training = plan.settings.training
    if training.start_from is not None and not (plan.run and plan.run.folder.has_checkpoint):
        before = plan.run.record.get("start_from") if plan.run else None
        plan.start_from = take_weights(trainer, training.start_from, say, before)
    if training.minutes is not None:
        fix_epochs(plan, trainer, say)
    return trainer


def train(
    kind: str,
    *data: object,
    folder: RunFolder | str | Path | bool | None = None,
    resume: bool = False,
    callbacks: list[keras.callbacks.Callback] | tuple = (),
    say: Callable[[str], None] = print,
    save_every: float = 60.0,
    doctor: bool = True,
    **options: object,
) -> Run:
    """Train a model of a kind; see `train_vae` and `train_dcgan`."""
    if folder is not None and not isinstance(folder, RunFolder | bool):
        folder = as_path("folder", folder)
    if resume and (not folder or folder is True):
        raise InputError("resume=True needs the `folder` of the run to continue")
    if not callable(say):
        raise InputError(f"`say` must be a function that takes a line, such as print; received {say!r}")
    say, save_every, callbacks = unbreakable(say), check_seconds("save_every", save_every), checked_callbacks(callbacks)
    plan = make_plan(kind, *data, resume=folder if resume else None, say=say, **options)
    trainer = prepare(plan, say)
    run = run_plan(plan, trainer, folder, callbacks=callbacks, say=say, save_every=save_every, doctor=doctor)
    if run.stopped_by is not None:
        _pass_on(run.stopped_by)
    return run


def run_plan(
    plan: Plan,
    trainer: Trainer,
    folder: RunFolder | str | Path | bool | None,
    *,
    callbacks: list[keras.callbacks.Callback] | tuple | Callable[[Run], list] = (),
    say: Callable[[str], None] = print,
    command: str | None = None,
    **options: object,
) -> Run:
    """Train what `prepare` has made ready, and draw what it learned.

    Args:
        plan: What to train.
        trainer: From `prepare`.
        folder: A new path, a `RunFolder`, True for the next number under `runs`, or None to write nothing.
        callbacks: The user's, or a function of the run that returns them.
        say: Takes lines of text for the user.
        command: The command line, which run.json keeps.
        **options: Of the loop: `save_every` and `doctor`.

    Returns:
        The run; `run.stopped_by` is the number of the signal that stopped it, or None.
    """
    started = time.monotonic()
    run, measure = _begin(plan, trainer, folder, command, say)
    with run.folder.locked() if run.folder is not None and trainer.chief else nullcontext():
        if plan.run is not None:
            restore(trainer, run, say)
        if not trainer.chief:  # only the first of several workers writes
            run.folder = None
        callbacks = callbacks(run) if callable(callbacks) else callbacks
        loop = Loop(trainer, run, plan.train, plan.held_out, measure=measure, callbacks=callbacks, say=say, **options)
        if run.folder is not None:
            remove_leftovers(run.folder.path)
            # Only a training writes networks, and this one has the lock.
            remove_leftovers(run.folder.path / "models", abandoned=0)
        run.update(status="running", stop_reason=None)
        try:
            if plan.run is None and run.folder is not None:
                _fill_folder(run, plan, say)
            loop.fit()
            run.stopped_by = loop.signals.received
            _finish(run, time.monotonic() - started, say)
        except BaseException as error:
            _fail(run, error, say)
            raise
    return run


def _begin(
    plan: Plan, trainer: Trainer, folder: RunFolder | str | Path | bool | None, command: str | None, say: Callable
) -> tuple[Run, Callable | None]:
    """Return a new run with its folder, or the one to continue, and what measures it on validation images."""
    old = {} if plan.run is None else plan.run.record
    record = describe_plan(plan, trainer.pixel_range) | {
        "id": old.get("id") or new_id(),  # a run of format version 1 has none
        "backend": keras.backend.backend(),
        "device": device_name(),
        "versions": versions(),
        "commands": [*old.get("commands", []), *([command] if command else [])],
    }
    if plan.run is not None:
        run = plan.run
        run.settings = plan.settings
    else:
        record |= {"status": "running", "findings": []}
        run = RUNS[plan.kind](record)
    run.continue_with(trainer.models, (plan.train, plan.held_out), record)
    measure = None
    if plan.validation is not None and trainer.chief:  # before there is a folder: what it needs may be missing
        measure = run.validation_measure(plan.train, plan.validation)
    if plan.run is not None:
        say(f"Run     {run.where}")
    elif folder and trainer.chief:
        run.folder = _folder(folder, plan, record)
        run.record = run.folder.read()
    return run, measure


def _fill_folder(run: Run, plan: Plan, say: Callable[[str], None]) -> None:
    say(f"Run     {run.folder.path}")
    if plan.source is None and not save_images(run.folder, plan.train, plan.validation, plan.held_out):
        say("Advice  the images are too many to be saved with the run; keep them, to resume or evaluate it")
    say(f"Preview {run.draw_data()}")


def _folder(folder: RunFolder | str | Path | bool, plan: Plan, record: dict) -> RunFolder:
    if isinstance(folder, RunFolder):
        if folder.used:
            raise InputError(f"{folder.path} holds a run already; make a new folder, or continue it by resume=True")
        folder.write(**record)
        return folder
    return RunFolder.create(None if folder is True else folder, plan.kind, plan.train.name, facts=record)


def restore(trainer: Trainer, run: Run, say: Callable[[str], None]) -> None:
    """Set networks, optimisers and the run to where the last checkpoint was taken; to the start, if there is none."""
    for name in ("images", "figures", "models", "checkpoints"):
        check_links(run.folder.path / name / "*")  # now, not once an epoch is trained
    if not run.folder.has_checkpoint:
        lost = newest_written(run.folder)
        if lost and (run.status in ("finished", "stopped") or run.folder.read_table("history.csv")):
            raise InputError(f"{lost} is missing, and there is no other checkpoint; put it back, or start a new run")
        why = f"{lost} is not there" if lost else "the run was stopped before anything was saved"
        say(f"Resume  from the beginning: {why}")
        _forget_later_findings(run)
        return
    position = load_checkpoint(run.folder, trainer.variables, say)
    trainer.sums = _sums(position["sums"])
    run.history, run.timing, run.step = position["history"], position["timing"], position["step"]
    run.metrics = position.get("metrics", [])
    epochs = run.settings.training.epochs
    if (position["epoch"], position["step"]) == (epochs, 0) and run.status == "finished" and not run.missing_pictures():
        raise InputError(f"{run.where} has its {counted(epochs, 'epoch')}; give more with `epochs` to continue")
    if out_of_patience(run) and run.status == "stopped" and not run.missing_pictures():
        raise InputError(
            f"{run.where} has stopped: {patience_line(run)}; give a higher `patience` or `patience=None` to continue"
        )
    run.resumed_after = len(run.history)
    _forget_later_findings(run)
    where = f"step {run.step} of epoch {run.epoch + 1}" if run.step else f"the end of epoch {run.epoch}"
    say(f"Resume  from {where} of {epochs}")


def _forget_later_findings(run: Run) -> None:
    """Drop what was found after the checkpoint, in a process that was killed: it is found, and told, again."""
    findings = [finding for finding in run.findings if finding["epoch"] <= run.epoch]
    for finding in findings:
        if (finding.get("resolved") or 0) > run.epoch:
            finding["resolved"] = None
    run.record["findings"] = findings


def _sums(sums: dict) -> dict:
    """Return the sums of an epoch's losses; a VAE's of format version 1 had another form."""
    names = ("loss", "kl")
    return {name: [sums[name], sums["images"]] for name in names if name in sums} if "images" in sums else sums


def _fail(run: Run, error: BaseException, say: Callable[[str], None]) -> None:
    """Keep what can be kept of a run that ends by an exception, and say how to continue."""
    interrupted = not isinstance(error, Exception)  # by a signal
    with suppress(OSError, InputError):  # what went wrong comes first
        run.update(status="interrupted" if interrupted else "failed")
        if run.folder is not None:
            run.report(say=say)
    if run.folder is not None and run.folder.has_checkpoint:
        say(f"The last good state is saved. To continue from it: {resume_line(run)}")
    elif run.folder is not None and interrupted:
        say(f"Stopped before the first step was saved. To start again: {resume_line(run)}")


def _finish(run: Run, seconds: float, say: Callable[[str], None]) -> None:
    """Draw the figures and the report, then call the run ended: a process that is killed here can be resumed."""
    epochs, reason = run.settings.training.epochs, None
    minutes, rest = divmod(round(seconds), 60)
    onwards = [f"To continue: {resume_line(run)}"] if run.folder else []
    if run.stopped_by is not None and run.epoch < epochs:  # else it arrived while the last epoch was saved
        status = "interrupted"
        say(" ".join([f"Stopped in epoch {run.epoch + 1} of {epochs}.", *onwards]))
    elif run.epoch < epochs and out_of_patience(run):
        status, reason = "stopped", patience_line(run)
        say(f"Stopped after epoch {run.epoch} of {epochs}, {minutes} min {rest} s. {last_losses(run)}")
    elif run.epoch < epochs:
        status = "stopped"
        losses = [last_losses(run)] if run.history else []
        say(" ".join([f"Stopped by a callback after epoch {run.epoch} of {epochs}.", *losses, *onwards]))
    else:
        status = "finished"
        since = f" since epoch {run.resumed_after}" if run.resumed_after else ""
        say(f"Done: {counted(epochs, 'epoch')}, {minutes} min {rest} s{since}. {last_losses(run)}")
    if best := run.record.get("best"):
        say(f"Best    epoch {best['epoch']}, {best['by'].replace('_', ' ')} {short_number(best['value'])}: models/best")
    if run.folder is not None:
        run.update(status="running" if status == "finished" else status)
        if drawn := run.draw_figures():
            say("Pictures to open:")
            for path in drawn:
                say(f"  {path}")
        run.record |= {"status": status, "stop_reason": reason}
        say(f"All of it on one page: {run.report(say=say)}")
    run.update(status=status, stop_reason=reason)
    if reason:
        say(f"Stopped early: {reason}")


def _pass_on(number: int) -> None:
    """Do what a signal does that was held back while the run was saved."""
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    os.kill(os.getpid(), number)
