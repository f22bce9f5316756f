"""Health checks after each epoch: what is wrong with a run, and what to do about it.

The doctor looks at the losses, at the optimisers' averages of the gradients and at
one batch of images, all of which is there already or costs next to nothing.
"""

from collections.abc import Callable

import keras
import numpy as np

from keras_gen.data import ImageSet
from keras_gen.indices import evenly_spaced_indices
from keras_gen.run import Run
from keras_gen.training.data_findings import data_findings
from keras_gen.training.findings import PROBED, Finding, dcgan_findings, vae_findings
from keras_gen.training.gradients import gradient_finding
from keras_gen.training.label_findings import images_by_class, label_findings
from keras_gen.training.trainer import Trainer


class Doctor(keras.callbacks.Callback):
    """Examines a run after each epoch, says what is new, and keeps all findings in run.json.

    A finding there has its name, its text, the epoch in which it was first seen, and the one in which it was no longer
    seen (`resolved`) or None.
    """

    def __init__(self, trainer: Trainer, run: Run, train: ImageSet, say: Callable[[str], None] = print) -> None:
        super().__init__()
        self.trainer, self.run, self.say = trainer, run, say
        indices = evenly_spaced_indices(len(train), PROBED)
        self.images, self.classes = np.asarray(train.images[indices]), run.labels_of(train, indices)
        self.by_class = images_by_class(train) if run.conditional else {}
        self.of_data = list(data_findings(train, run.conditional))
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
        findings = {"vae": vae_findings, "dcgan": dcgan_findings}[self.run.kind]
        of_labels = label_findings(self) if self.run.conditional else ()
        gradients = gradient_finding(self.trainer.optimizers)
        return [*findings(self), *of_labels, *([gradients] if gradients else []), *self.of_data]
