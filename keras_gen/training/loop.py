"""The epoch loop that both models share: batches, bar, losses, audit, saving, stopping, going on."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field

import keras
import numpy as np
from tqdm import tqdm

from keras_gen.data import ImageSet, epoch_batches
from keras_gen.errors import InputError, RunError
from keras_gen.training.audit import kept
from keras_gen.training.checkpoints import load_checkpoint, save_checkpoint
from keras_gen.training.device import device_name, versions
from keras_gen.training.doctor import Doctor
from keras_gen.training.recipes import settings_of
from keras_gen.training.run_folder import RunFolder
from keras_gen.training.settings import Settings, changes
from keras_gen.training.trainer import Trainer

SAVE_EVERY = 60.0  # seconds
TIMED_STEPS = 20  # after these the run says how long it will take
CALL_SECONDS = 0.5  # an engine that takes many steps in one call is asked for about as many: Ctrl-C waits for them
SHOW_SECONDS = 2  # the bar shows the epoch's losses so far, renewed this often


@dataclass
class TrainingRun:
    """A run, under way or ended: what callbacks get and what training returns.

    Attributes:
        kind: `vae` or `dcgan`.
        settings: Its settings.
        models: The models it trains, by the name they are saved under.
        pixel_range: Lowest and highest value of a pixel, as the models see it.
        train: The training images.
        held_out: The held-out images.
        folder: Where it writes, or None.
        history: One row of losses for each finished epoch.
        timing: What each of them took, in seconds.
        metrics: One row for each epoch that was evaluated; a callback adds them.
        step: Steps taken of the epoch after them.
        stopped: Whether it was asked to stop before its last epoch.
        resumed_after: Epochs that an earlier process finished.
    """

    kind: str
    settings: Settings
    models: dict[str, keras.Model]
    pixel_range: tuple[float, float]
    train: ImageSet
    held_out: ImageSet
    folder: RunFolder | None
    history: list[dict[str, float]] = field(default_factory=list)
    timing: list[dict[str, float]] = field(default_factory=list)
    metrics: list[dict[str, float]] = field(default_factory=list)
    step: int = 0
    stopped: bool = False
    resumed_after: int = 0

    @property
    def epoch(self) -> int:
        """The number of finished epochs."""
        return len(self.history)


def check_batches(trainer: Trainer, train: ImageSet) -> None:
    """Raise InputError when there are too few images for one step."""
    if len(train) < trainer.images_per_step:
        largest = len(train) // (4 * trainer.images_per_step // trainer.settings.batch_size)
        remedy = f"use --batch-size {largest}, or more images" if largest >= 2 else "use more images"
        raise InputError(
            f"{len(train)} training images are fewer than the {trainer.images_per_step} of one step; {remedy}"
        )


def run_epochs(
    trainer: Trainer,
    train: ImageSet,
    held_out: ImageSet,
    folder: RunFolder | None = None,
    resume: bool = False,
    on_epoch_end: Callable[[TrainingRun], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    say: Callable[[str], None] = print,
    save_every: float = SAVE_EVERY,
    doctor: bool = True,
) -> TrainingRun:
    """Train for all epochs, or for those that are left.

    Args:
        trainer: Takes the steps and measures the losses.
        train: Images to train on, shuffled anew each epoch.
        held_out: Images to measure on after each epoch.
        folder: Where to write, or None; of several workers only the chief writes.
        resume: Go on from the folder's last checkpoint.
        on_epoch_end: Called with the run after each epoch, once its row of losses is there.
        should_stop: Asked after every step; True ends the run there.
        say: Takes lines of text for the user.
        save_every: Seconds between checkpoints; the last one is written when the run ends.
        doctor: Whether to look for what is wrong with the run after each epoch.

    Returns:
        The run.

    Raises:
        InputError: There are fewer images than one step needs, or the run cannot be resumed.
        RunError: The audit failed, or a loss is not finite.
    """
    check_batches(trainer, train)
    if resume and folder is None:
        raise InputError("resume=True needs the folder of the run to go on with")
    with folder.locked() if folder is not None and trainer.chief else nullcontext():
        run, findings = _begin(trainer, train, held_out, folder, resume, say)
        doctor = Doctor(trainer, train.images, findings) if doctor and trainer.chief else None
        session = _Session(should_stop, say, save_every, doctor)
        status = "failed"
        try:
            _run_epochs(trainer, run, on_epoch_end, session)
            _save(trainer, run)
            status = "interrupted" if run.stopped else "finished"
        finally:
            if run.folder is not None:
                run.folder.write(status=status)
    return run


def _begin(
    trainer: Trainer,
    train: ImageSet,
    held_out: ImageSet,
    folder: RunFolder | None,
    resume: bool,
    say: Callable[[str], None],
) -> tuple[TrainingRun, list[dict]]:
    """Return a new run, or the old one where its last checkpoint left it, and what its doctor has found."""
    if folder is not None and trainer.chief and not resume and folder.used:
        raise InputError(f"{folder.path} holds a run already; make a new folder, or go on with it by resume=True")
    own = folder if trainer.chief else None  # the other workers only read there
    run = TrainingRun(trainer.kind, trainer.settings, trainer.models, trainer.pixel_range, train, held_out, own)
    if resume:
        _restore(trainer, run, folder, say)
    findings = folder.read().get("findings", []) if resume else []
    if own is not None:
        own.write(**_describe(run), status="running", findings=findings)
    return run, findings


def _run_epochs(
    trainer: Trainer,
    run: TrainingRun,
    on_epoch_end: Callable[[TrainingRun], None] | None,
    session: "_Session",
) -> None:
    steps = len(_batches(trainer, run, epoch=1))
    done = run.epoch * steps + run.step
    session.audited = done > 0
    total = run.settings.epochs * steps
    with tqdm(total=total, initial=done, unit="step", dynamic_ncols=True, mininterval=0.5) as bar:
        for epoch in range(run.epoch + 1, run.settings.epochs + 1):
            started = time.perf_counter()
            _train_epoch(trainer, run, epoch, bar, session)
            if run.stopped:
                return
            losses = trainer.losses()  # waits for what a device still computes
            trained = time.perf_counter()
            with session.between_steps():
                losses |= trainer.held_out_losses(run.held_out.images)
                measured = time.perf_counter()
                run.history.append({"epoch": epoch} | losses)
                run.timing.append(
                    {"epoch": epoch, "train_seconds": trained - started, "held_out_seconds": measured - trained}
                )
                run.step = 0
                _show(bar, losses)
                if run.folder is not None:
                    run.folder.write_history(run.history)
                    run.folder.write_timing(run.timing)
                with kept(_noise_states(trainer)):  # whoever looks at a run must not change it
                    if session.doctor is not None:
                        _examine(run, session, bar)
                    if on_epoch_end is not None:
                        on_epoch_end(run)


@dataclass
class _Session:
    """What one process knows of its own part of a run."""

    should_stop: Callable[[], bool] | None
    say: Callable[[str], None]
    save_every: float
    doctor: Doctor | None
    audited: bool = False  # a run is audited in its first step, once
    saved: float = field(default_factory=time.monotonic)
    shown: float = 0.0  # when the bar was last renewed
    started: float = 0.0  # when the first calls, which compile, were done
    calls: int = 0  # so far
    steps: int = 0  # taken since `started`
    between: float = 0.0  # seconds since `started` that no step took: measuring, drawing, saving
    told: bool = False  # how long it will take

    def seconds_per_step(self, all_in: bool = False) -> float:
        """Return the mean since the first calls, of the steps alone or with all that is done between them."""
        return (time.monotonic() - self.started - (0 if all_in else self.between)) / self.steps

    @contextmanager
    def between_steps(self) -> Iterator[None]:
        """Take the time of what is no step."""
        began = time.monotonic()
        yield
        self.between += time.monotonic() - began


def _train_epoch(trainer: Trainer, run: TrainingRun, epoch: int, bar: tqdm, session: _Session) -> None:
    """Take the steps of one epoch that are left; sets `run.stopped` and returns when asked to stop."""
    bar.set_description(f"epoch {epoch}/{run.settings.epochs}", refresh=False)
    if run.step == 0:
        trainer.start_epoch(epoch)
    batches = _batches(trainer, run, epoch)
    while run.step < len(batches):
        taken = _take_steps(trainer, run, epoch, batches[run.step :], session, bar)
        run.step += taken
        bar.update(taken)
        _keep_time(trainer, session, taken, bar)
        now = time.monotonic()
        if now - session.shown > SHOW_SECONDS:
            _show(bar, trainer.losses())
            session.shown = now
        if now - session.saved > session.save_every:
            with session.between_steps():
                _save(trainer, run)
            session.saved = time.monotonic()
        if trainer.agree(session.should_stop is not None and session.should_stop()):
            run.stopped = True
            return


def _take_steps(
    trainer: Trainer, run: TrainingRun, epoch: int, batches: list[np.ndarray], session: _Session, bar: tqdm
) -> int:
    """Take the next steps, as many as one call should, and return their number; the first one of a run is audited."""
    images, step = run.train.images, run.step + 1
    if not session.audited:
        line = trainer.audited_step(images, batches[0], epoch, step)
        bar.clear()
        session.say(f"Audit   {line}")
        session.audited = True
        return 1
    most = 1
    if session.steps:
        most = max(1, min(trainer.steps_per_call, int(CALL_SECONDS / session.seconds_per_step())))
    alike = [batch for batch in batches[:most] if len(batch) == len(batches[0])]  # the last one may be smaller
    trainer.train_steps(images, alike, epoch, step)
    return len(alike)


def _keep_time(trainer: Trainer, session: _Session, taken: int, bar: tqdm) -> None:
    """Time the steps, but for the first calls, which compile, and say once how long the rest will take."""
    session.calls += 1
    if session.calls <= trainer.compiling_calls:
        session.shown = session.started = time.monotonic()
        session.between = 0.0
        bar.start_t = bar.last_print_t = time.time()  # else compiling would spoil the estimate of the time left
        return
    session.steps += taken
    if session.steps >= TIMED_STEPS and not session.told:
        left = session.seconds_per_step(all_in=True) * (bar.total - bar.n)
        bar.clear()
        session.say(f"Time    about {_duration(left)} left, {session.seconds_per_step():.2g} s a step")
        session.told = True


def _examine(run: TrainingRun, session: _Session, bar: tqdm) -> None:
    """Let the doctor look at the run, and say and keep what is new."""
    for finding in session.doctor.examine(run, bar.n):
        bar.clear()
        session.say(f"Doctor  {finding.text}")
        if run.folder is not None:
            run.folder.write(findings=session.doctor.findings)


def _noise_states(trainer: Trainer) -> list[keras.Variable]:
    """Return the states of the networks' random generators."""
    return [each for group in trainer.variables.values() for each in group if "seed_generator" in each.path]


def _duration(seconds: float) -> str:
    """Return a time as people say it: 40 s, 12 min, 1 h 50 min."""
    minutes = round(seconds / 60)
    if minutes < 2:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


def _save(trainer: Trainer, run: TrainingRun) -> None:
    """Write a checkpoint and the models; an epoch of which all steps are taken is measured after a resume."""
    if run.folder is None:
        return
    position = {
        "epoch": run.epoch,
        "step": run.step,
        "sums": trainer.sums,
        "history": run.history,
        "timing": run.timing,
        "metrics": run.metrics,
    }
    save_checkpoint(run.folder.checkpoints, trainer.variables, position)
    run.folder.save_models(run.models)


def _restore(trainer: Trainer, run: TrainingRun, folder: RunFolder, say: Callable[[str], None]) -> None:
    """Set networks, optimisers and the run to where the last checkpoint was taken."""
    facts = folder.read()
    if part := folder.foreign_part(run.train, run.held_out):
        raise InputError(
            f"the {part.replace('_', '-')} images are not those of {folder.path} (their fingerprint differs); "
            "resume with the same data, or start a new run"
        )
    if facts["backend"] != keras.backend.backend():
        raise InputError(
            f"{folder.path} was trained by {facts['backend']}; set KERAS_BACKEND={facts['backend']} to resume it"
        )
    if different := changes(settings_of(facts).as_dict(), run.settings.as_dict(), ("epochs",)):
        raise InputError(f"a resumed run keeps its settings: {'; '.join(different)}")
    position = load_checkpoint(folder.checkpoints, trainer.variables, say)
    begun = position["epoch"] + (position["step"] > 0)
    if begun > run.settings.epochs:
        raise InputError(f"{folder.path} is in epoch {begun} already; give at least as many with --epochs")
    if begun == position["epoch"] == run.settings.epochs and facts["status"] == "finished":
        raise InputError(f"{folder.path} has its {begun} epochs; give more with --epochs to go on")
    trainer.sums = position["sums"]
    run.history, run.timing, run.step = position["history"], position["timing"], position["step"]
    run.metrics = position.get("metrics", [])
    run.resumed_after = run.epoch
    where = f"step {run.step} of epoch {run.epoch + 1}" if run.step else f"the end of epoch {run.epoch}"
    say(f"Resume  from {where} of {run.settings.epochs}")


def _batches(trainer: Trainer, run: TrainingRun, epoch: int) -> list[np.ndarray]:
    return epoch_batches(len(run.train), trainer.images_per_step, run.settings.seed, epoch, trainer.drop_last)


def _show(bar: tqdm, losses: dict[str, float]) -> None:
    bar.set_postfix({_SHOWN[name]: f"{value:.4g}" for name, value in losses.items() if name in _SHOWN}, refresh=False)


def _describe(run: TrainingRun) -> dict[str, object]:
    """Return what run.json says of a run before it starts."""
    sets = {"train": run.train, "held_out": run.held_out}
    return {
        "kind": run.kind,
        "settings": run.settings.as_dict(),
        "dataset": {"name": run.train.name, "class_names": list(run.train.class_names)}
        | {
            part: {"fingerprint": some.fingerprint, "count": len(some), "image_shape": list(some.image_shape)}
            for part, some in sets.items()
        },
        "pixel_range": list(run.pixel_range),
        "seed": run.settings.seed,
        "backend": keras.backend.backend(),
        "device": device_name(),
        "versions": versions(),
    }


# What the bar shows, and under which name.
_SHOWN = {
    "loss": "loss",
    "held_out_loss": "held-out",
    "discriminator_loss_real": "D real",
    "discriminator_loss_fake": "D fake",
    "generator_loss": "G",
}


def check_finite(value: float, term: str, epoch: int, step: int) -> float:
    """Return a loss, or raise RunError when it is not finite."""
    if not math.isfinite(value):
        raise RunError(f"the {term} became {value} at step {step} of epoch {epoch}; try a lower learning rate")
    return value
