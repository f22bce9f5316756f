"""Which runs a folder holds, and how far each came."""

import os
from dataclasses import dataclass
from pathlib import Path

from keras_gen.errors import InputError
from keras_gen.files import folder_bytes
from keras_gen.run.arguments import as_path
from keras_gen.run.kinds import load_run
from keras_gen.run.run import Run


@dataclass(frozen=True)
class RunSummary:
    """A line about a run.

    Attributes:
        path: Its folder.
        bytes: What it takes on the disk.
        problem: Why the rest is not known; empty if it is.
        kind: `vae` or `dcgan`.
        data: The data set's name.
        recipe: Where its settings came from.
        epochs: That it has finished.
        planned_epochs: That it was to have.
        held_out_loss: Of the last epoch, of a VAE.
        kid: On held-out images if `evaluate` has measured it, else the last on validation images.
        status: `running`, `finished`, `stopped`, `interrupted` or `failed`.
        findings: Names of what the doctor finds now.
    """

    path: Path
    bytes: int
    problem: str = ""
    kind: str = ""
    data: str = ""
    recipe: str = ""
    epochs: int = 0
    planned_epochs: int = 0
    held_out_loss: float | None = None
    kid: float | None = None
    status: str = ""
    findings: tuple[str, ...] = ()


def list_runs(folder: str | Path = "runs") -> list[RunSummary]:
    """Return a summary of each run that is directly in a folder, by name; a damaged one's says what is wrong.

    Raises:
        InputError: The folder is missing, or holds no run.
    """
    folder = as_path("folder", folder)
    try:
        paths = sorted(path for path in folder.iterdir() if os.path.lexists(path / "run.json"))
    except OSError as error:
        raise InputError(
            f"{folder} holds no runs ({error.strerror}); train one with train_vae.py or train_dcgan.py, or name a "
            "folder of runs"
        ) from None
    if not paths:
        raise InputError(f"{folder} holds no runs; train one with train_vae.py or train_dcgan.py, or name another")
    return [_summary(path) for path in paths]


def _summary(path: Path) -> RunSummary:
    size = folder_bytes(path)
    try:
        run = load_run(path)
        last = run.history[-1] if run.history else {}
        loss = last.get("held_out_loss") if run.kind == "vae" else None
        return RunSummary(
            path,
            size,
            kind=run.kind,
            data=run.name,
            recipe=run.settings.recipe,
            epochs=last.get("epoch", 0),
            planned_epochs=run.settings.training.epochs,
            held_out_loss=loss,
            kid=_kid(run),
            status=run.status,
            findings=tuple(finding["name"] for finding in run.open_findings),
        )
    except InputError as error:
        return RunSummary(path, size, problem=str(error))


def _kid(run: Run) -> float | None:
    try:
        return float(run.folder.read_scores()["images"]["generated"]["kid"]["value"])
    except (KeyError, TypeError, ValueError):  # not measured, or by an older version
        return next((row["kid"] for row in reversed(run.metrics) if "kid" in row), None)
