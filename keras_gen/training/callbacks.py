"""What watches a training: Keras callbacks for the history, pictures, scores, bar, checkpoints and signals."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import keras
from tqdm.auto import tqdm

from keras_gen.errors import InputError
from keras_gen.signals import handled
from keras_gen.text import has_terminal, printable, short_number

if TYPE_CHECKING:
    from keras_gen.run import Run
    from keras_gen.training.loop import Loop
    from keras_gen.training.trainer import Trainer

TIMED_STEPS = 20  # after these the run says how long it will take
REPORT_SECONDS, REPORT_SHARE = 15, 0.03  # between two reports of a run that trains; of its time
FIRST_COST = 0.4  # seconds, until the first report has been timed
SHOW_SECONDS = 2  # the bar shows the epoch's losses so far, renewed this often
SHOWN = {  # losses that the bar shows, and under which name
    "loss": "loss",
    "held_out_loss": "held-out",
    "discriminator_loss_real": "D real",
    "discriminator_loss_fake": "D fake",
    "generator_loss": "G",
}


def checked_callbacks(callbacks: object) -> list[keras.callbacks.Callback]:
    """Return one callback of a user's, or several, as a list, or raise InputError."""
    callbacks = [] if callbacks is None else keras.tree.flatten(callbacks)
    for callback in callbacks:
        if not isinstance(callback, keras.callbacks.Callback):
            raise InputError(
                f"`callbacks` must be instances of keras.callbacks.Callback; received {printable(repr(callback))}"
            )
    return callbacks


class HistoryFiles(keras.callbacks.Callback):
    """Writes history.csv and timing.csv after each epoch, and metrics.csv if there is something in it.

    At the end, too, for a killed process may have written of epochs that its last checkpoint does not know.
    """

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.run = run

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Write the tables."""
        for name in ("history", "timing", "metrics"):
            if rows := getattr(self.run, name):
                self.run.folder.write_table(f"{name}.csv", rows)

    def on_train_end(self, logs: dict | None = None) -> None:
        """Write the tables."""
        self.on_epoch_end(self.run.epoch)


class Validation(keras.callbacks.Callback):
    """Measures the run every `evaluate_every` epochs, and after the last, on validation images; keeps the best models.

    `measure` returns a row of scores of a run; the one of its `criterion` is best when it is lowest.
    """

    def __init__(self, run: Run, measure: Callable[[Run], dict]) -> None:
        super().__init__()
        self.run, self.measure = run, measure

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Measure, and write the models if none were better."""
        run, training, criterion = self.run, self.run.settings.training, self.run.criterion
        if run.epoch % training.evaluate_every and run.epoch != training.epochs:
            return
        row = self.measure(run)
        if logs is not None:  # so that EarlyStopping and the like can watch them
            logs.update(row)
        best = min((earlier[criterion] for earlier in run.metrics if criterion in earlier), default=float("inf"))
        if not run.metrics or run.metrics[-1]["epoch"] != run.epoch:
            run.metrics.append({"epoch": run.epoch})
        run.metrics[-1] |= row
        if run.folder is not None and row[criterion] < best:
            run.folder.save_models(run.models, best=True, run=run.record["id"], epoch=run.epoch, step=0)
            run.update(best={"epoch": run.epoch, "by": criterion, "value": row[criterion]})


class Progress(keras.callbacks.Callback):
    """Shows a bar with the losses and the time left; without a terminal, says a line for each epoch."""

    def __init__(self, trainer: Trainer, run: Run, say: Callable[[str], None]) -> None:
        super().__init__()
        self.trainer, self.run, self._say = trainer, run, say
        self.bar = tqdm(disable=True)
        self.steps = self.timed = self.calls = 0
        self.shown = self.started = 0.0
        self.announced = False

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Open the bar."""
        self.total = self.params["epochs"] * self.params["steps"]
        self.steps = self.run.epoch * self.params["steps"] + self.run.step
        options = {"unit": "step", "dynamic_ncols": True, "mininterval": 0.5, "disable": not has_terminal()}
        self.bar = tqdm(total=self.total, initial=self.steps, **options)

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Name the epoch."""
        self.first = epoch * self.params["steps"]
        self.bar.set_description(f"epoch {epoch + 1}/{self.params['epochs']}", refresh=False)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Count the steps, and say once how long the rest will take."""
        taken = self.first + batch + 1 - self.steps
        self.steps, self.calls, now = self.steps + taken, self.calls + 1, time.monotonic()
        self.bar.update(taken)
        if self.calls <= self.trainer.compiling_calls:  # compiling would spoil the estimate of the time left
            self.started = self.shown = now
            self.bar.start_t = self.bar.last_print_t = time.time()
            return
        self.timed += taken
        if self.timed >= TIMED_STEPS and not self.announced:
            estimate = f"about {duration(self.seconds_left)} left, {self.seconds_per_step:.2g} s a step"
            self.say(f"Time    {estimate}; a first estimate, of the steps alone")
            self.announced = True
        if not self.bar.disable and now - self.shown > SHOW_SECONDS:
            self.bar.set_postfix(_texts(self.trainer.losses()), refresh=False)
            self.shown = now

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Show the epoch's losses."""
        losses = _texts(self.run.history[-1])
        if not self.bar.disable:
            self.bar.set_postfix(losses, refresh=False)
            return
        texts = ", ".join(f"{name} {value}" for name, value in losses.items())
        left = f", about {duration(self.seconds_left)} left" if self.timed and self.steps < self.total else ""
        self._say(f"Epoch   {epoch + 1} of {self.params['epochs']}: {texts}{left}")

    def close(self) -> None:
        """Close the bar."""
        self.bar.close()

    def say(self, line: str) -> None:
        """Print a line without spoiling the bar."""
        self.bar.clear()
        self._say(line)

    @property
    def seconds_per_step(self) -> float:
        """Mean since the first calls, with all that is done between the steps."""
        return (time.monotonic() - self.started) / self.timed

    @property
    def seconds_left(self) -> float:
        """What the remaining steps will take."""
        return self.seconds_per_step * (self.total - self.steps)


def _texts(losses: dict[str, float]) -> dict[str, str]:
    return {name: short_number(losses[key]) for key, name in SHOWN.items() if key in losses}


class LiveReport(keras.callbacks.Callback):
    """Writes report.html after an epoch, so that it grows while the run trains.

    At most every `REPORT_SECONDS`, and for at most `REPORT_SHARE` of the training's time.
    """

    def __init__(self, run: Run, progress: Progress) -> None:
        super().__init__()
        self.run, self.progress = run, progress
        self.spent, self.cost = 0.0, FIRST_COST
        self.began = self.written = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Write it, if it is time and the training goes on: its end writes it anyway."""
        now = time.monotonic()
        elapsed = now - self.began
        due = now - self.written >= REPORT_SECONDS and self.spent + self.cost <= REPORT_SHARE * elapsed
        if not due or self.run.epoch >= self.params["epochs"]:
            return
        left = duration(self.progress.seconds_left) if self.progress.timed else None
        epochs_done = self.run.epoch - self.run.resumed_after
        try:
            page = self.run.report_progress(left, max(REPORT_SECONDS, now - self.written, elapsed / epochs_done))
        except (OSError, InputError):  # it may be open in a program that locks it; the next time will do
            page = None
        if page is not None and self.spent == 0:
            self.progress.say(f"Report  {page} shows the run while it trains; open it in a browser")
        self.written = time.monotonic()
        self.cost = self.written - now
        self.spent += self.cost


class Checkpoints(keras.callbacks.Callback):
    """Saves all that the run needs to continue, every `save_every` seconds and at the end."""

    def __init__(self, loop: Loop, save_every: float) -> None:
        super().__init__()
        self.loop, self.save_every = loop, save_every
        self.saved = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Save if it is time."""
        if time.monotonic() - self.saved > self.save_every:
            self.loop.save()
            self.saved = time.monotonic()

    def on_train_end(self, logs: dict | None = None) -> None:
        """Save."""
        self.loop.save()


class StopSignals(keras.callbacks.Callback):
    """Turns Ctrl-C, SIGTERM and SIGHUP into a stop after the step, so that nothing is cut off."""

    def __init__(self) -> None:
        super().__init__()
        self.received: int | None = None

    def taken(self) -> contextlib.AbstractContextManager[None]:
        """Take the signals inside the `with`."""
        return handled(("SIGINT", "SIGTERM", "SIGHUP"), self._receive)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Stop if a signal has arrived."""
        if self.received is not None:
            self.model.stop_training = True

    on_epoch_end = on_train_batch_end

    def _receive(self, number: int, _: object) -> None:
        if self.received is None:
            self.received = number
            with contextlib.suppress(OSError):  # the terminal may be closed
                os.write(2, b"\nStopping after this step, and saving ...\n")  # print is not safe in a signal's handler


def duration(seconds: float) -> str:
    """Return a time as people say it: 40 s, 12 min, 1 h 50 min."""
    minutes = round(seconds / 60)
    if minutes < 2:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
