"""When a run has trained long enough: its validation score has not improved `patience` times.

What it decides by is in `run.metrics`, which a checkpoint holds: a resumed run stops where an undisturbed one does.
"""

import math

from keras_gen.run import Run
from keras_gen.text import counted

VALIDATION_SCORES = {"validation_loss": "validation loss", "kid": "KID to validation images"}


def out_of_patience(run: Run) -> bool:
    """Return whether the last `patience` scores are no better than the best one before them.

    While the KL term of a VAE is warmed up, its loss tells little: no run stops by scores from then.
    """
    training, rows = run.settings.training, _measured(run)
    if training.patience is None or len(rows) <= training.patience:
        return False
    last, before = rows[-training.patience :], rows[: -training.patience]
    if last[0]["epoch"] <= getattr(training, "kl_warmup", 0):
        return False
    return min(_score(run, row) for row in last) >= min(_score(run, row) for row in before)


def patience_line(run: Run) -> str:
    """Return why a run that is out of patience has stopped."""
    best = min(_measured(run), key=lambda row: _score(run, row))
    name, times = VALIDATION_SCORES[run.criterion], counted(run.settings.training.patience, "time")
    return f"the {name} has not improved {times} since epoch {best['epoch']} ({best[run.criterion]:.4g})"


def _measured(run: Run) -> list[dict]:
    return [row for row in run.metrics if run.criterion in row]


def _score(run: Run, row: dict) -> float:
    return row[run.criterion] if math.isfinite(row[run.criterion]) else math.inf
