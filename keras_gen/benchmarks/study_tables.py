"""What the runs of a study reached, as Markdown."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from keras_gen.benchmarks.markdown import markdown_table
from keras_gen.evaluation.estimate import Estimate
from keras_gen.run import Run

if TYPE_CHECKING:
    from keras_gen.benchmarks.studies import Study

Value = float | Estimate | str | None


def report(study: Study, runs: dict[str, list[Run]]) -> list[str]:
    """Return the tables of a study as lines of Markdown; `runs` has the runs of each trial, one for each seed."""
    columns, first = COLUMNS[study.kind, study.measured_on], next(iter(runs.values()))
    seeds = len(first)
    rows = [
        {"": title}
        | {column: _cell(list(map(value, of))) for column, value in columns.items()}
        | {"time": f"{_train_seconds(of) / _train_seconds(first):.2f}"}
        for title, of in runs.items()
    ]
    on_the_way = "evaluate_every" in study.settings and study.measured_on == "held_out"
    return [
        f"## {study.title}",
        "",
        f"{study.measured_on.capitalize().replace('_', '-')} images; {seeds} seed{'s' if seeds > 1 else ''}. "
        "Times are training's alone, as a multiple of the first row's.",
        "",
        *markdown_table(rows),
        *(_by_epoch(runs) if on_the_way else []),
    ]


def _train_seconds(runs: list[Run]) -> float:
    return np.mean([sum(row["train_seconds"] for row in run.timing) for run in runs])


def _by_epoch(runs: dict[str, list[Run]]) -> list[str]:
    """Return a table of the distances that were measured on the way, on validation images, a row for each epoch."""
    kids = {title: [[_kid(row) for row in run.metrics] for run in of] for title, of in runs.items()}
    first, *_, last = kids.values()
    rows = [
        {"KID after epoch": str(row["epoch"])}
        | {title: _cell([kid[index].value for kid in seeds], ".3f") for title, seeds in kids.items()}
        | {"apart": f"{min(_apart(one[index], other[index]) for one, other in zip(first, last, strict=True)):.1f}"}
        for index, row in enumerate(next(iter(runs.values()))[0].metrics)
    ]
    floors = ", ".join(_cell([_kid(run.metrics[-1], "kid_floor")]) for run in next(iter(runs.values())))
    return [
        "",
        f"On the way, on validation images (floors, by seed: {floors}). Apart are the first and the last by so many "
        "standard errors of their difference, in the seed in which it is least:",
        "",
        *markdown_table(rows),
    ]


def _apart(one: Estimate, other: Estimate) -> float:
    return (one.value - other.value) / np.hypot(one.standard_error, other.standard_error)


def _cell(values: list[Value], digits: str = ".4g") -> str:
    """Return the values of the seeds in one cell.

    Numbers become their mean and, of several, the smallest and the largest; estimates their mean and its standard
    error for the images that were drawn.
    """
    if None in values:
        return "–"
    if isinstance(values[0], str):
        return ", ".join(values)
    if isinstance(values[0], Estimate):
        error = np.linalg.norm([value.standard_error for value in values]) / len(values)
        return f"{np.mean([value.value for value in values]):.3f} ± {error:.3f}"
    mean, low, high = (format(function(values), digits) for function in (np.mean, np.min, np.max))
    return mean if len(values) == 1 else f"{mean} ({low} to {high})"


def _kid(row: dict[str, float], name: str = "kid") -> Estimate | None:
    """Return a distance from a row of metrics.csv; older versions did not measure the floor."""
    return Estimate(row[name], row[f"{name}_standard_error"]) if name in row else None


def _generated(run: Run, name: str, images: str = "generated") -> Value:
    score = run.folder.read_scores()["images"][images][name]
    return Estimate(score["value"], score["standard_error"]) if isinstance(score, dict) else score


def _classes(run: Run) -> str:
    classes = run.folder.read_scores().get("classes")
    if classes is None:
        return "–"
    count, lacking = len(classes["shares"]), len(classes["missing"]) + len(classes.get("undetermined", []))
    return f"{count - lacking} of {count}"


def _memorises(run: Run) -> str:
    return "yes" if any(space["memorising"] for space in run.folder.read_scores()["memorising"].values()) else "no"


COLUMNS: dict[tuple[str, str], dict[str, Callable[[Run], Value]]] = {
    ("vae", "validation"): {"loss in nats": lambda run: run.metrics[-1]["validation_loss"]},
    ("vae", "held_out"): {
        "loss in nats": lambda run: run.history[-1]["held_out_loss"],
        "reconstruction": lambda run: run.history[-1]["held_out_reconstruction"],
        "KL": lambda run: run.history[-1]["held_out_kl"],
    },
    ("dcgan", "validation"): {
        "KID": lambda run: _kid(run.metrics[-1]),
        "its floor": lambda run: _kid(run.metrics[-1], "kid_floor"),
    },
    ("dcgan", "held_out"): {
        "KID": lambda run: _generated(run, "kid"),
        "its floor": lambda run: _generated(run, "kid", "floor"),
        "precision": lambda run: _generated(run, "precision"),
        "recall": lambda run: _generated(run, "recall"),
        "classes": _classes,
        "memorises": _memorises,
    },
}
