"""Runs side by side: the settings that differ, and which run is better by how much, on the same held-out images."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from keras_gen.errors import InputError
from keras_gen.evaluation.common_scores import (
    LETTERS,
    ScoreRow,
    common_scores,
    finished_epochs,
    is_current,
    read_measured,
    same_data,
)
from keras_gen.evaluation.estimate import Estimate
from keras_gen.files import write_csv
from keras_gen.run import Run, load_run
from keras_gen.run.arguments import as_path
from keras_gen.settings.fields import shown


@dataclass(frozen=True)
class Comparison:
    """Two runs or more, compared; `keras_gen.compare` makes it.

    Attributes:
        runs: The runs.
        settings: Name and values, one a run, of each setting that differs.
        scores: What was measured on the same held-out images.
        notes: What cannot be compared, and why, a sentence each.
        unmeasured: Whether measuring would add scores.
    """

    runs: list[Run]
    settings: list[tuple[str, list[str]]]
    scores: list[ScoreRow]
    notes: list[str]
    unmeasured: bool

    @property
    def names(self) -> list[str]:
        """A letter and the title of each run."""
        return [f"{letter}  {run.title}" for letter, run in zip(LETTERS, self.runs, strict=False)]

    @property
    def verdicts(self) -> list[str]:
        """Which run is better, a sentence for each score whose error is known."""
        return [f"{row.name}: {row.verdict}" for row in self.scores if row.verdict]

    @property
    def command(self) -> str | None:
        """The command that measures what is missing; None if nothing is, or a run has no folder."""
        if not self.unmeasured or not all(run.folder for run in self.runs):
            return None
        return f"python -m keras_gen compare {' '.join(run.folder.argument for run in self.runs)} --evaluate"

    def page(self, out: str | Path | None = None, say: Callable[[str], None] = print) -> Path:
        """Write the comparison as one HTML page, and return its path; see `pages.compare.write_comparison`."""
        from keras_gen.pages.compare import write_comparison

        return write_comparison(self, out, say)

    def csv(self, out: str | Path) -> Path:
        """Write the settings that differ, the scores and their differences as a CSV file, and return its path."""
        path = as_path("out", out, ".csv")
        rows = [["part", "name", *(str(run.folder.path if run.folder else run.title) for run in self.runs)]]
        rows += [["setting", name, *values] for name, values in self.settings]
        for row in self.scores:
            values, errors = zip(*map(_parts, row.values), strict=True)
            rows.append(["score", row.name, *values])
            if any(errors):
                rows.append(["standard error", row.name, *errors])
            if row.best is not None:
                values, errors = zip(*map(_parts, row.differences), strict=True)
                rows.append([f"{LETTERS[row.best]} is better by", row.name, *values])
                rows.append(["standard error of that", row.name, *errors])
                rows.append(["verdict", row.name, row.verdict])
        write_csv(path, rows)
        return path


def compare(
    *runs: Run | str | Path,
    evaluate: bool = False,
    dataset: str | Path | None = None,
    data_dir: str | Path | None = None,
    say: Callable[[str], None] = print,
) -> Comparison:
    """Compare two runs or more: their settings, and the scores that were measured on the same held-out images.

    Args:
        *runs: Runs, or their folders; at most eight.
        evaluate: Measure runs whose last models have not been measured, as `Run.evaluate` does. Otherwise only scores
            that are there are compared.
        dataset: Where the images are now, for measuring; None is where they were.
        data_dir: Folder to look in for their files; None is that of each run.
        say: Takes lines of text about what is measured.

    Returns:
        The comparison: `verdicts` says which is better, `page()` writes a page, `csv(path)` a table.

    Raises:
        InputError: There are not two different runs, or a folder holds none.

    Example:
        >>> keras_gen.compare("runs/0001-vae-mnist5k", "runs/0002-vae-mnist5k", evaluate=True).verdicts
    """
    if not 2 <= len(runs) <= len(LETTERS):
        received = f"one {type(runs[0]).__name__}" if runs and isinstance(runs[0], list | tuple) else len(runs)
        raise InputError(f"compare takes 2 to {len(LETTERS)} runs, each an argument of its own; received {received}")
    loaded = [run if isinstance(run, Run) else load_run(run) for run in runs]
    paths = [run.folder.path.resolve() if run.folder else id(run) for run in loaded]
    for number, path in enumerate(paths):
        if path in paths[:number]:
            raise InputError(f"{loaded[number].where} is named twice; compare different runs")
    notes = [
        f"{LETTERS[number]} has no finished epoch yet, so only its settings are compared"
        for number, run in enumerate(loaded)
        if not finished_epochs(run)
    ]
    notes += _curve_notes(loaded)
    facts = [read_measured(run, number, notes) for number, run in enumerate(loaded)]
    if evaluate:
        for number, run in enumerate(loaded):
            if finished_epochs(run) and not is_current(run, facts[number]):
                say(f"Measuring {LETTERS[number]}  {run.title}")
                if (dataset, data_dir) != (None, None):
                    run.use_datasets(dataset, data_dir)
                run.evaluate(say=say)
                facts[number] = read_measured(run, number, [])
    scores = common_scores(loaded, facts, notes)
    measured = [is_current(run, found) for run, found in zip(loaded, facts, strict=True) if finished_epochs(run)]
    unmeasured = same_data(loaded) and not all(measured)
    return Comparison(loaded, _differing_settings(loaded), scores, notes, unmeasured)


def _curve_notes(runs: list[Run]) -> list[str]:
    """Say what the runs' losses do not tell."""
    notes = []
    for letter, run in zip(LETTERS, runs, strict=False):
        try:
            run.history, run.timing, run.metrics  # noqa: B018, read from files now
        except InputError as error:
            notes.append(f"the curves of {letter} are left out: {error}")
        for path in run.folder.missing("history.csv", "timing.csv", "metrics.csv") if run.folder else []:
            notes.append(f"the curves of {letter} from {path} are left out: it is missing")
    if len({run.kind for run in runs}) > 1:
        return [*notes, "a VAE and a DCGAN have different losses, so no curves are drawn; their images are shown"]
    if runs[0].kind == "vae" and len({run.settings.decoder.likelihood for run in runs}) > 1:
        notes.append("the likelihoods differ, so the losses have no common scale")
    elif runs[0].kind == "vae" and len({run.settings.training.beta for run in runs}) > 1:
        notes.append("the weight of the KL term differs: compare reconstruction and KL instead of the loss")
    return notes


def _differing_settings(runs: list[Run]) -> list[tuple[str, list[str]]]:
    """Return the settings that all runs have and that differ, and other facts that do."""
    explicit = set().union(*(run.settings.flat(explicit=True) for run in runs))
    flat = [run.settings.flat() for run in runs]
    names = [name for name in flat[0] if name in explicit and all(name in values for values in flat)]
    rows = [("model", [run.kind for run in runs]), ("data", [run.name for run in runs])]
    rows += [("training images", [f"{run.record['dataset']['train']['count']:,}" for run in runs])]
    rows += [("recipe", [run.settings.recipe for run in runs])]
    rows += [(name, [shown(values[name]) for values in flat]) for name in names]
    rows += [("finished epochs", [str(finished_epochs(run)) for run in runs])]
    rows += [(name, [str(run.record.get(name, "unknown")) for run in runs]) for name in ("device", "backend")]
    return [(name, values) for name, values in rows if len(set(values)) > 1]


def _parts(value: Estimate | float | None) -> tuple[object, object]:
    """Return a value and its error as cells of a table."""
    if isinstance(value, Estimate):
        return value.value, value.standard_error
    return ("" if value is None else value), ""
