"""The epoch loop that both models share: batches, losses, the weight check, callbacks, saving."""

import contextlib
import signal
import time
from collections.abc import Callable

import keras
import numpy as np

from keras_gen.data import ImageSet, epoch_batches
from keras_gen.errors import RunError
from keras_gen.run import Run
from keras_gen.run.checkpoints import save_checkpoint
from keras_gen.training.callbacks import Checkpoints, HistoryFiles, LiveReport, Progress, StopSignals, Validation
from keras_gen.training.device import return_freed_memory
from keras_gen.training.doctor import Doctor
from keras_gen.training.freezing import restored
from keras_gen.training.patience import out_of_patience
from keras_gen.training.trainer import Trainer

CALL_SECONDS = 0.5  # an engine that takes many steps in one call is asked for about as many: Ctrl-C waits for them


class Loop:
    """Trains a run, new or restored, to its end, or until it is asked to stop.

    What watches it is a `keras.callbacks.CallbackList`. Its methods are called as `fit` calls them: at
    `on_train_begin` and `on_train_end`, `on_epoch_begin` and `on_epoch_end` (epochs count from 0), and
    `on_train_batch_begin` and `on_train_batch_end`; the compiled engine calls the last two once for each call of
    several steps. Our own callbacks come first, then the user's, then the bar and what saves.

    Args:
        trainer: Takes the steps and measures the losses.
        run: The run.
        train: Images to train on, shuffled anew each epoch.
        held_out: Images to measure on after each epoch.
        measure: Scores a run on validation images every `evaluate_every` epochs, or None.
        callbacks: The user's.
        say: Takes lines of text for the user.
        save_every: Seconds between checkpoints.
        doctor: Whether to look for what is wrong with the run after each epoch.
    """

    def __init__(
        self,
        trainer: Trainer,
        run: Run,
        train: ImageSet,
        held_out: ImageSet,
        *,
        measure: Callable[[Run], dict] | None = None,
        callbacks: list[keras.callbacks.Callback] | tuple = (),
        say: Callable[[str], None] = print,
        save_every: float = 60.0,
        doctor: bool = True,
    ) -> None:
        self.trainer, self.run, self.train, self.held_out = trainer, run, train, held_out
        trainer.class_labels = run.labels_of(train)
        self.steps = len(self._batches(epoch=1))
        self.signals = StopSignals()
        self.progress = Progress(trainer, run, say)
        pictures = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: run.draw_epoch())
        writes = run.folder is not None
        watching = [
            *([Validation(run, measure)] if measure is not None else []),
            *([HistoryFiles(run)] if writes else []),
            *([Doctor(trainer, run, train, self.progress.say)] if doctor and trainer.chief else []),
            *([pictures] if writes else []),
            *callbacks,
            self.progress,
            *([LiveReport(run, self.progress)] if writes else []),
            *([Checkpoints(self, save_every)] if writes else []),
            self.signals,
        ]
        self.callbacks = keras.callbacks.CallbackList(
            watching, model=trainer.model, epochs=run.settings.training.epochs, steps=self.steps, verbose=0
        )
        self._batch_logs = any(_watches_batches(callback) for callback in callbacks)
        self._between_steps = True
        self._calls = self._timed = 0
        self._seconds = 0.0

    def fit(self) -> None:
        """Train."""
        self.trainer.model.stop_training = False
        checked = self.run.epoch > 0 or self.run.step > 0
        with self.signals.taken(), contextlib.closing(self.progress):
            try:
                self.callbacks.on_train_begin()
                for epoch in range(self.run.epoch + 1, self.run.settings.training.epochs + 1):
                    if out_of_patience(self.run):
                        break
                    checked = self._train_epoch(epoch, checked)
                    if not self._stopping():
                        self._end_epoch(epoch)
                    if self._stopping():
                        break
                self.callbacks.on_train_end()
            except BaseException as error:
                if self._between_steps and not isinstance(error, RunError):  # a callback's: what was trained is whole
                    with contextlib.suppress(OSError):  # if the disk is full, too, the first error is told
                        self.save()
                raise

    def save(self) -> None:
        """Write a checkpoint and the models; an epoch of which all steps are taken is measured after a resume."""
        run = self.run
        if run.folder is None:
            return
        position = {
            "epoch": run.epoch,
            "step": run.step,
            "sums": self.trainer.sums,
            "history": run.history,
            "timing": run.timing,
            "metrics": run.metrics,
        }
        save_checkpoint(run.folder, self.trainer.variables, position)
        run.folder.save_models(run.models, run=run.record["id"], epoch=run.epoch, step=run.step)

    def rehearse(self, seconds: float) -> tuple[int, float, float]:
        """Take steps for so long at least, and end two epochs; the trainer and the run are used up by it.

        Returns:
            The number of steps of an epoch, and the seconds of a step and of the second epoch's end.
        """
        self.trainer.start_epoch(1)
        full = [batch for batch in self._batches(epoch=1) if len(batch) == self.trainer.images_per_step]
        taken, first, began = 0, 0, time.perf_counter()
        while self._calls <= self.trainer.compiling_calls or time.perf_counter() - began < seconds:
            if self._calls == self.trainer.compiling_calls:  # what was compiled is waited for, and the clock starts
                self.trainer.losses()
                first, began = taken, time.perf_counter()
            self.run.step = taken % len(full)
            taken += self._take_steps(full[self.run.step :])
        self.trainer.losses()
        step_seconds = (time.perf_counter() - began) / (taken - first)
        for epoch in (1, 2):
            self._started = began = time.perf_counter()
            self._end_epoch(epoch)
        end_seconds = time.perf_counter() - began
        self.save()
        return self.steps, step_seconds, end_seconds

    def _train_epoch(self, epoch: int, checked: bool) -> bool:
        """Take the steps of one epoch that are left; return whether the weights have been checked in the run."""
        if self.run.step == 0:
            self.trainer.start_epoch(epoch)
        self.trainer.epoch = epoch
        self.callbacks.on_epoch_begin(epoch - 1)
        self._started = time.perf_counter()
        batches = self._batches(epoch)
        if self._calls == 0 and 0 < self.run.step < len(batches) and len(batches[self.run.step]) < len(batches[0]):
            self.trainer.trace_first(self.train.images, batches[0])
        while self.run.step < len(batches):
            self.callbacks.on_train_batch_begin(self.run.step)
            self._between_steps = False
            first = self.train.images[batches[self.run.step]] if not checked else None
            if first is not None and np.ptp(first) > 0:  # of black images some weights have no gradient
                line = self.trainer.checked_step(self.train.images, batches[self.run.step], self.run.step + 1)
                self.progress.say(f"Weights {line}")
                taken, checked = 1, True
            else:
                taken = self._take_steps(batches[self.run.step :])
            self.run.step += taken
            self._between_steps = True
            logs = keras_logs(self.trainer.losses()) if self._batch_logs else {}
            self.callbacks.on_train_batch_end(self.run.step - 1, logs)
            if self._stopping():
                break
        return checked

    def _take_steps(self, batches: list[np.ndarray]) -> int:
        """Take the next steps, as many as one call should, and return their number."""
        count = 1
        if self._timed:
            count = max(1, min(self.trainer.steps_per_execution, int(CALL_SECONDS * self._timed / self._seconds)))
        equal = [batch for batch in batches[:count] if len(batch) == len(batches[0])]  # the last one may be smaller
        began = time.perf_counter()
        self.trainer.train_steps(self.train.images, equal, self.run.step + 1)
        self._calls += 1
        if self._calls > self.trainer.compiling_calls:
            self._timed += len(equal)
            self._seconds += time.perf_counter() - began
        elif self._calls == self.trainer.compiling_calls:
            return_freed_memory()
        return len(equal)

    def _end_epoch(self, epoch: int) -> None:
        """Measure the epoch, and show it to the callbacks."""
        losses = self.trainer.losses()  # waits for what a device still computes
        trained = time.perf_counter()
        losses |= self.trainer.held_out_losses(self.held_out.images, self.run.labels_of(self.held_out))
        measured = time.perf_counter()
        if len(self.run.history) == self.run.resumed_after:  # this, too, was compiled just now
            return_freed_memory()
        self.run.history.append({"epoch": epoch} | losses)
        self.run.timing.append(
            {"epoch": epoch, "train_seconds": trained - self._started, "held_out_seconds": measured - trained}
        )
        if measures := self.trainer.measures():
            self.run.metrics.append({"epoch": epoch} | measures)
        self.run.step = 0
        with restored(self.trainer.noise_states):  # whoever looks at a run must not change it
            self.callbacks.on_epoch_end(epoch - 1, keras_logs(losses))

    def _stopping(self) -> bool:
        wanted = bool(self.trainer.model.stop_training)
        agreed = self.trainer.agree(wanted)
        if agreed and not wanted and self.signals.received is None:  # another worker was interrupted
            self.signals.received = signal.SIGINT
        return agreed

    def _batches(self, epoch: int) -> list[np.ndarray]:
        count, size, seed = len(self.train), self.trainer.images_per_step, self.run.settings.training.seed
        balanced = self.train.labels if self.run.settings.training.balance_classes else None
        return epoch_batches(count, size, seed, epoch, self.trainer.drop_last, balanced)


def keras_logs(losses: dict[str, float]) -> dict[str, float]:
    """Return losses under our names and, besides, under those that Keras's own callbacks expect.

    `held_out_...` is `val_...` there; a GAN's `loss` is its generator's.
    """
    logs = dict(losses)
    for name, value in losses.items():
        if name.startswith("held_out_"):
            logs[f"val_{name.removeprefix('held_out_')}"] = value
    if "generator_loss" in losses:
        logs["loss"] = losses["generator_loss"]
    if "held_out_generator_loss" in losses:
        logs["val_loss"] = losses["held_out_generator_loss"]
    return logs


def _watches_batches(callback: keras.callbacks.Callback) -> bool:
    """Return whether a callback does something after a batch, and so wants its losses, which costs a little."""
    base, kind = keras.callbacks.Callback, type(callback)
    return isinstance(callback, keras.callbacks.LambdaCallback) or (
        kind.on_train_batch_end is not base.on_train_batch_end or kind.on_batch_end is not base.on_batch_end
    )
