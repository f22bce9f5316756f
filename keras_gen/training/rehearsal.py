"""What a run will take here, measured before it starts: a few steps and the end of an epoch, in a temporary folder."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from keras_gen.files import folder_bytes
from keras_gen.run import RunFolder
from keras_gen.run.kinds import RUNS
from keras_gen.run.new_folder import new_id
from keras_gen.text import counted
from keras_gen.training.callbacks import duration
from keras_gen.training.freezing import restored
from keras_gen.training.loop import Loop
from keras_gen.training.planning import Plan, describe_plan
from keras_gen.training.trainer import Trainer

SECONDS = 3.0  # of steps that are timed, at most
SHARE = 0.05  # of the minutes that may go into them
MAX_EPOCHS = 1_000_000


@dataclass(frozen=True)
class Pace:
    """Seconds of the parts of a run, and the bytes of what it writes."""

    steps: int  # in an epoch
    step: float
    epoch_end: float  # losses on held-out images, pictures, the doctor
    validation: float  # of the scores of one epoch
    sizes: dict[str, int]  # of the folders of a run after an epoch, by name: checkpoints, images, models, latents

    def epoch(self, evaluate_every: int) -> float:
        """Return the mean seconds of a whole epoch."""
        return self.steps * self.step + self.epoch_end + (self.validation / evaluate_every if evaluate_every else 0)


def fix_epochs(plan: Plan, trainer: Trainer, say: Callable[[str], None]) -> None:
    """Replace the `minutes` of a plan by the number of epochs that fits, for good: all that depends on it follows."""
    began, minutes = time.monotonic(), plan.settings.training.minutes
    plan.settings = trainer.settings.replace(epochs=trainer.settings.training.epochs, minutes=None)
    pace = rehearse(plan, trainer, min(SECONDS, 60 * minutes * SHARE))
    seconds = pace.epoch(plan.settings.training.evaluate_every)
    left = 60 * minutes - (time.monotonic() - began)
    epochs = max(1, min(MAX_EPOCHS, int(left / seconds)))
    plan.settings = trainer.settings = trainer.settings.replace(epochs=epochs, minutes=None)
    plan.time_budget = {"minutes": minutes, "epochs": epochs, "seconds_per_epoch": round(seconds, 4)}
    each = duration(seconds) if seconds >= 10 else f"{seconds:.2g} s"
    fits = f"{minutes:g} min are {counted(epochs, 'epoch')} here, of {each} each"
    if seconds > left:
        fits = f"{minutes:g} min are too short for one epoch here, which takes {each}; one is trained"
    say(f"Time    {fits}; to train the same run again, give `epochs={epochs}`")


def rehearse(plan: Plan, trainer: Trainer, seconds: float, validate: bool = True) -> Pace:
    """Take steps for some seconds and end an epoch, and set the trainer back to where it was.

    `validate` times the scores on validation images too, if there are any.
    """
    variables = [variable for group in trainer.variables.values() for variable in group]
    with tempfile.TemporaryDirectory() as temporary, restored(variables):
        record = describe_plan(plan, trainer.pixel_range) | {"id": new_id(), "findings": []}
        run = RUNS[plan.kind](record)
        run.continue_with(trainer.models, (plan.train, plan.held_out), record)
        measure = run.validation_measure(plan.train, plan.validation) if validate and plan.validation else None
        run.folder = RunFolder.create(Path(temporary, "run"), plan.kind, run.name, facts=record)
        steps, step, epoch_end = Loop(trainer, run, plan.train, plan.held_out, say=lambda _: None).rehearse(seconds)
        validation = _seconds(lambda: measure(run)) if measure else 0.0
        sizes = {path.name: folder_bytes(path) for path in run.folder.path.iterdir() if path.is_dir()}
    trainer.start_epoch(1)
    trainer.step = 1
    return Pace(steps, step, epoch_end, validation, sizes)


def _seconds(action: Callable[[], object]) -> float:
    """Return how long an action takes when it is not the first time."""
    for _ in range(2):
        began = time.perf_counter()
        action()
    return time.perf_counter() - began
