"""Studies of quality: trains what a study compares, and tabulates what the runs reached."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from keras_gen.benchmarks.markdown import markdown_table
from keras_gen.errors import InputError
from keras_gen.evaluation.estimate import Estimate
from keras_gen.files import write_text
from keras_gen.settings import Settings, resolve_settings

if TYPE_CHECKING:
    from keras_gen.runs import Run


@dataclass(frozen=True)
class Trial:
    """One row of a study: a run for each seed.

    Attributes:
        title: Its row in the table.
        name: Of its run folders.
        overrides: Its recipe and settings.
    """

    title: str
    name: str
    overrides: dict[str, object]


@dataclass(frozen=True)
class Study:
    """Some runs to compare on one data set; see studies.toml.

    Attributes:
        title: Above its table.
        kind: `vae` or `dcgan`.
        dataset: What all train on.
        measured_on: `validation` images, to choose settings, or the `held_out` ones.
        settings: What all trials share.
        trials: The rows; the first is what the others are compared to.
    """

    title: str
    kind: str
    dataset: str
    measured_on: str
    settings: dict[str, object]
    trials: list[dict]

    def rows(self) -> list[Trial]:
        """Return the trials."""
        return [
            Trial(title, name, self.settings | own)
            for title, name, own in ((own.pop("title"), own.pop("name"), own) for own in map(dict, self.trials))
        ]

    def resolved(self, trial: Trial, seed: int) -> Settings:
        """Return the settings of one run."""
        return resolve_settings(self.kind, self.dataset, **trial.overrides, seed=seed)


@cache
def studies() -> dict[str, Study]:
    """Return the studies of studies.toml, by name."""
    tables = tomllib.loads(resources.files("keras_gen.benchmarks").joinpath("studies.toml").read_text("utf-8"))
    return {
        name: Study(**{key: value for key, value in (tables[table.get("base", name)] | table).items() if key != "base"})
        for name, table in tables.items()
    }


def run_studies(
    names: list[str],
    seeds: list[int],
    out: Path,
    data_dir: str | Path | None = None,
    say: Callable[[str], None] = print,
) -> None:
    """Train and measure what is not there yet, print the tables and write them to OUT/tables.md.

    Args:
        names: Of the studies.
        seeds: Each trial is run with each of them.
        out: Folder for the runs; one that was stopped goes on.
        data_dir: Where the data sets are looked for first.
        say: Takes lines of text for the user.

    Raises:
        InputError: The folder is a file, or a run in it cannot go on or has other settings.
        RunError: A run failed.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"`out` {out} is a file; name a folder for the runs")
    lines = []
    for name in names:
        study = studies()[name]
        plan = [(trial, seed, out / f"{name}-{trial.name}-seed-{seed}") for seed in seeds for trial in study.rows()]
        for trial, seed, path in plan:
            if path.exists():
                _check(path, study.resolved(trial, seed))
        runs: dict[str, list[Run]] = {}
        for trial, seed, path in plan:  # all rows of a seed come first, so that one seed can be looked at early
            say(f"\n{study.title}: {trial.title}, seed {seed}")
            runs.setdefault(trial.title, []).append(_complete(study, trial, seed, path, data_dir, say))
        table = report(study, runs)
        print("\n".join(["", *table]), flush=True)
        lines += [*table, ""]
    write_text(out / "tables.md", "\n".join(lines))


def _check(path: Path, wanted: Settings) -> None:
    """Raise InputError if a run folder is of other settings: an older study's, say."""
    from keras_gen.runs import load_run

    # What was asked for as `auto` is kept as what it became; a recipe is but a name for the other settings.
    if different := load_run(path).settings.differences(wanted, ("precision", "recipe")):
        raise InputError(
            f"{path} was made with other settings: {'; '.join(different)}; remove it, or name another folder with `out`"
        )


def _complete(study: Study, trial: Trial, seed: int, path: Path, data_dir: object, say: Callable[[str], None]) -> Run:
    """Do what one run still needs, and return it."""
    import keras

    import keras_gen

    train = {"vae": keras_gen.train_vae, "dcgan": keras_gen.train_dcgan}[study.kind]
    keras.utils.clear_session()  # the earlier run's models
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        train(study.dataset, folder=path, data_dir=data_dir, say=say, seed=seed, **trial.overrides)
    elif keras_gen.load_run(path).status != "finished":
        train(folder=path, resume=True, data_dir=data_dir, say=say)
    run = keras_gen.load_run(path)
    scores = run.folder.read_scores()
    measured = (scores.get("models"), scores.get("epoch")) == ("last", run.settings.training.epochs)
    if study.measured_on == "held_out" and study.kind == "dcgan" and not measured:
        if data_dir:
            run.use_datasets(data_dir=data_dir)
        run.evaluate(say=say)
    return run


def report(study: Study, runs: dict[str, list[Run]]) -> list[str]:
    """Return a study's tables as lines of Markdown.

    Args:
        study: What was compared.
        runs: The finished runs of each trial, one for each seed, by its title.
    """
    cells_of = CELLS[study.kind, study.measured_on]
    seconds = {
        title: np.mean([sum(row["train_seconds"] for row in run.timing) for run in runs[title]]) for title in runs
    }
    first, count = next(iter(seconds)), len(next(iter(runs.values())))
    rows = [{"": title} | cells_of(runs[title]) | {"time": f"{seconds[title] / seconds[first]:.2f}"} for title in runs]
    on_the_way = "evaluate_every" in study.settings and study.measured_on == "held_out"
    return [
        f"## {study.title}",
        "",
        f"{study.measured_on.capitalize().replace('_', '-')} images; {count} seed{'s' if count > 1 else ''}. "
        "Times are training's alone, as a multiple of the first row's.",
        "",
        *markdown_table(rows),
        *(_by_epoch(runs) if on_the_way else []),
    ]


def _by_epoch(runs: dict[str, list[Run]]) -> list[str]:
    """Return a table of the distances that were measured on the way, on validation images, a row for each epoch."""
    kids = {
        title: np.array([[_estimate(row, "kid") for row in run.metrics] for run in of]) for title, of in runs.items()
    }
    first, *_, last = kids.values()
    gain, error = first[..., 0] - last[..., 0], np.hypot(first[..., 1], last[..., 1])
    first_runs = next(iter(runs.values()))
    rows = [
        {"KID after epoch": str(row["epoch"])}
        | {title: _range(values[:, index, 0], ".3f") for title, values in kids.items()}
        | {"apart": f"{(gain / error)[:, index].min():.1f}"}
        for index, row in enumerate(first_runs[0].metrics)
    ]
    return [
        "",
        f"On the way, on validation images (floors, by seed: {', '.join(_floor([run]) for run in first_runs)}). Apart "
        "are the first and the last by so many standard errors of their difference, in the seed in which it is least:",
        "",
        *markdown_table(rows),
    ]


def _vae_validation(runs: list[Run]) -> dict[str, str]:
    return {"loss in nats": _range([run.metrics[-1]["validation_loss"] for run in runs])}


def _vae_held_out(runs: list[Run]) -> dict[str, str]:
    titles = {"loss in nats": "held_out_loss", "reconstruction": "held_out_reconstruction", "KL": "held_out_kl"}
    return {title: _range([run.history[-1][name] for run in runs]) for title, name in titles.items()}


def _dcgan_validation(runs: list[Run]) -> dict[str, str]:
    return {"KID": _mean([_estimate(run.metrics[-1], "kid") for run in runs]), "its floor": _floor(runs)}


def _dcgan_held_out(runs: list[Run]) -> dict[str, str]:
    scores = [run.folder.read_scores() for run in runs]
    generated, floor = ([score["images"][which] for score in scores] for which in ("generated", "floor"))
    copied = [any(space["memorising"] for space in score["memorising"].values()) for score in scores]
    return {
        "KID": _mean([images["kid"].values() for images in generated]),
        "its floor": _mean([images["kid"].values() for images in floor]),
        "precision": _range([images["precision"] for images in generated]),
        "recall": _range([images["recall"] for images in generated]),
        "classes": ", ".join(map(_classes, scores)),
        "memorises": ", ".join("yes" if found else "no" for found in copied),
    }


CELLS = {
    ("vae", "validation"): _vae_validation,
    ("vae", "held_out"): _vae_held_out,
    ("dcgan", "validation"): _dcgan_validation,
    ("dcgan", "held_out"): _dcgan_held_out,
}


def _classes(scores: dict) -> str:
    if "classes" not in scores:
        return "–"
    count, classes = len(scores["classes"]["shares"]), scores["classes"]
    return f"{count - len(classes['missing']) - len(classes.get('undetermined', classes.get('untold', [])))} of {count}"


def _estimate(row: dict, name: str) -> tuple[float, float]:
    """Return a score of metrics.csv and its standard error."""
    return row[name], row[f"{name}_standard_error"]


def _floor(runs: list[Run]) -> str:
    """Return the mean floor of runs' last measurement, or a dash: older versions did not measure it."""
    rows = [run.metrics[-1] for run in runs]
    return _mean([_estimate(row, "kid_floor") for row in rows]) if all("kid_floor" in row for row in rows) else "–"


def _mean(estimates: Iterable[Iterable[float]]) -> str:
    """Return the mean of the seeds' estimates, and its standard error for the images that were drawn."""
    values, errors = np.transpose([list(estimate) for estimate in estimates])
    mean = Estimate(float(values.mean()), float(np.linalg.norm(errors)) / len(errors))
    return f"{mean.value:.3f} ± {mean.standard_error:.3f}"


def _range(values: Iterable[float], digits: str = ".4g") -> str:
    """Return the mean, and where there are several seeds the smallest and the largest."""
    mean, low, high = (format(function(values), digits) for function in (np.mean, np.min, np.max))
    return mean if len(values) == 1 else f"{mean} ({low} to {high})"
