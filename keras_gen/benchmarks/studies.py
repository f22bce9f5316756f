"""Studies of quality, as studies.toml lists them: trains and measures what they compare."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

from keras_gen.benchmarks import read_tables
from keras_gen.benchmarks.study_tables import report
from keras_gen.data import load_dataset
from keras_gen.errors import InputError
from keras_gen.files import write_text
from keras_gen.run import Run
from keras_gen.settings import Settings, resolve_settings

RUN_BYTES = 200e6  # that a run may need: images, checkpoints, pictures


class Trial(NamedTuple):
    """One row of a study, a run for each seed: its title, the name of its run folders, its recipe and settings."""

    title: str
    name: str
    overrides: dict[str, object]


@dataclass(frozen=True)
class Study:
    """Some runs to compare on one data set; studies.toml says what the fields mean."""

    title: str
    kind: str
    dataset: str
    measured_on: str
    settings: dict[str, object]
    trials: list[dict]
    images: int | None = None

    def rows(self) -> list[Trial]:
        """Return the trials; the first is what the others are compared to."""
        rows = []
        for trial in self.trials:
            own = {name: value for name, value in trial.items() if name not in ("title", "name")}
            rows.append(Trial(trial["title"], trial["name"], self.settings | own))
        return rows

    def resolved(self, trial: Trial, seed: int) -> Settings:
        """Return the settings of one run."""
        return resolve_settings(self.kind, self.dataset, **trial.overrides, seed=seed)

    def data(self, data_dir: str | Path | None, say: Callable[[str], None]) -> tuple:
        """Return what a training takes as its data: the name, or some training images and the held-out ones."""
        if self.images is None:
            return (self.dataset,)
        train, held_out = load_dataset(self.dataset, data_dir, say=say)
        return train[: self.images], held_out


@cache
def studies() -> dict[str, Study]:
    """Return the studies of studies.toml, by name."""
    tables = read_tables("studies.toml")
    found = {}
    for name, table in tables.items():
        base = tables.get(table.pop("base", None), {})
        settings = base.get("settings", {}) | table.get("settings", {})
        found[name] = Study(**base | table | {"settings": settings})
    return found


def run_studies(
    names: list[str],
    seeds: list[int],
    out: Path,
    data_dir: str | Path | None = None,
    say: Callable[[str], None] = print,
) -> None:
    """Train and measure what is not there yet, print the tables and write them to OUT/tables.md.

    Each trial of the studies that are named is run with each seed, in a folder of its own; one that was stopped goes
    on. The data sets are looked for in `data_dir` first.
    """
    check_folder(out)
    lines = []
    for name in names:
        study = studies()[name]
        plan = [(trial, seed, out / f"{name}-{trial.name}-seed-{seed}") for seed in seeds for trial in study.rows()]
        for trial, seed, path in plan:
            check_settings(path, study.resolved(trial, seed))
        runs: dict[str, list[Run]] = {}
        for trial, seed, path in plan:  # all rows of a seed come first, so that one seed can be looked at early
            say(f"\n{study.title}: {trial.title}, seed {seed}")
            runs.setdefault(trial.title, []).append(_complete(study, trial, seed, path, data_dir, say))
        table = report(study, runs)
        print("\n".join(["", *table]), flush=True)
        lines += [*table, ""]
    write_text(out / "tables.md", "\n".join(lines))


def check_folder(out: Path) -> None:
    """Raise InputError where a folder of runs cannot be, or where there is no room for a run."""
    if out.exists() and not out.is_dir():
        raise InputError(f"`out` {out} is a file; name a folder for the runs")
    there = next(path for path in (out, *out.absolute().parents) if path.exists())
    if (free := shutil.disk_usage(there).free) < RUN_BYTES:
        raise InputError(
            f"{out} has room for {free / 1e6:.0f} MB, and a run may need {RUN_BYTES / 1e6:.0f} MB; make room, or name "
            "a folder on another disk with `out`"
        )


def check_settings(path: Path, wanted: Settings, may_differ: tuple[str, ...] = ()) -> None:
    """Raise InputError if there is a run folder of other settings: an older study's, say."""
    from keras_gen.run import load_run

    # What was asked for as `auto` is kept as what it became; a recipe is but a name for the other settings.
    may_differ = ("precision", "recipe", *may_differ)
    if path.exists() and (different := load_run(path).settings.differences(wanted, may_differ)):
        raise InputError(
            f"{path} was made with other settings: {'; '.join(different)}; remove it, or name another folder with `out`"
        )


def train_or_resume(
    kind: str, data: tuple, path: Path, options: dict[str, object], at_least: int = 0, **settings: object
) -> Run:
    """Return the run of a folder, trained to its end.

    Args:
        kind: `vae` or `dcgan`.
        data: What `train_vae` takes first: the data, and held-out images if there are others than its own.
        path: The folder.
        options: Of `train_vae` that are no settings.
        at_least: Epochs to go on to, if a run there has fewer.
        **settings: Of a new run.
    """
    import keras

    import keras_gen

    train = {"vae": keras_gen.train_vae, "dcgan": keras_gen.train_dcgan}[kind]
    keras.utils.clear_session()  # the earlier run's models
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        train(*data, folder=path, **options, **settings)
    else:
        run = keras_gen.load_run(path)
        more = {"epochs": at_least} if run.settings.training.epochs < at_least else {}
        if more or run.status != "finished":
            train(*data, folder=path, resume=True, **options, **more)
    return keras_gen.load_run(path)


def _complete(study: Study, trial: Trial, seed: int, path: Path, data_dir: object, say: Callable[[str], None]) -> Run:
    """Do what one run still needs, and return it."""
    options = {"data_dir": data_dir, "say": say}
    run = train_or_resume(study.kind, study.data(data_dir, say), path, options, **trial.overrides, seed=seed)
    scores = run.folder.read_scores()
    measured = (scores.get("models"), scores.get("epoch")) == ("last", run.settings.training.epochs)
    if study.measured_on == "held_out" and study.kind == "dcgan" and not measured:
        if data_dir:
            run.use_datasets(data_dir=data_dir)
        run.evaluate(say=say)
    return run
