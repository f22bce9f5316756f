"""Health checks after each epoch: what is wrong with a run, and what to do about it.

The doctor looks at the losses, at the optimisers' averages of the gradients and at
one batch of images, all of which is there already or costs next to nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import keras
import numpy as np

from keras_gen.indices import evenly_spaced_indices
from keras_gen.training.findings import PROBED, Finding, dcgan_checks, vae_checks
from keras_gen.training.gradients import check_gradients

if TYPE_CHECKING:
    from keras_gen.data import ImageSet
    from keras_gen.run import Run
    from keras_gen.training.trainer import Trainer


class Doctor(keras.callbacks.Callback):
    """Examines a run after each epoch, says what is new, and keeps all findings in run.json.

    A finding there has its name, its text, the epoch in which it was first seen, and the one in which it was no longer
    seen (`resolved`) or None.

    Args:
        trainer: Of the run.
        run: The run.
        train: Its training images.
        say: Takes lines of text for the user.
    """

    def __init__(self, trainer: Trainer, run: Run, train: ImageSet, say: Callable[[str], None] = print) -> None:
        super().__init__()
        self.trainer, self.run, self.say = trainer, run, say
        self.images = np.asarray(train.images[evenly_spaced_indices(len(train), PROBED)])
        self.first: np.ndarray | None = None  # what a generator made when its running averages had settled
        self.first_epoch = self.steps = 0  # steps taken so far

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Examine the run, and say what was not said before."""
        self.steps = self.run.epoch * self.params["steps"]
        seen = self.examine()
        findings = self.run.findings
        known = {finding["name"]: finding for finding in findings}
        changed = False
        for finding in seen:
            if finding.name not in known:
                findings.append({"name": finding.name, "epoch": self.run.epoch, "text": finding.text, "resolved": None})
                self.say(f"Doctor  {finding.text}")
                changed = True
            elif known[finding.name].get("resolved"):
                known[finding.name]["resolved"], changed = None, True
        for name in known.keys() - {finding.name for finding in seen}:
            if known[name].get("resolved") is None:
                known[name]["resolved"], changed = self.run.epoch, True
        if changed:
            self.run.update(findings=findings)

    def examine(self) -> list[Finding]:
        """Return what is wrong with the run now."""
        checks = {"vae": vae_checks, "dcgan": dcgan_checks}[self.run.kind](self)
        self.seen: list[Finding] = []
        for check in [*checks, lambda: check_gradients(self.trainer.optimizers)]:
            if (finding := check()) is not None:
                self.seen.append(finding)
        return self.seen

    def sees(self, *names: str) -> bool:
        """Tell whether an earlier check of this examination found one of these."""
        return any(finding.name in names for finding in self.seen)
