"""Runs side by side: the settings that differ, and which run is better by how much, on the same held-out images."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from keras_gen.errors import InputError
from keras_gen.evaluation.estimate import Estimate
from keras_gen.evaluation.paired import paired_differences
from keras_gen.files import write_text
from keras_gen.run import Run, load_run
from keras_gen.run.arguments import as_path
from keras_gen.settings.fields import shown
from keras_gen.text import counted, listed

LETTERS = "ABCDEFGH"
BOUNDS = {"importance_weighted_bound": "importance-weighted bound", "elbo": "ELBO"}  # more is better
IMAGE_SCORES = ("fid", "precision", "recall", "coverage")  # without errors, so they decide nothing
TITLES = {"kid": "KID", "fid": "FID"}
FEW_IMAGES = 300  # below it the errors are rough
MISSING = "–"


@dataclass(frozen=True)
class ScoreRow:
    """A score of each run.

    Attributes:
        name: Of the score.
        unit: Of the values; may be empty.
        values: One a run; None where it was not measured.
        differences: By how much the best run is better than each, with the error of the difference; None for the best
            one itself, and where no error is known.
        best: Number of the run with the best value, or None if that is not told.
        remark: What is said in place of a verdict where no error is known.
    """

    name: str
    unit: str
    values: list[Estimate | float | None]
    differences: list[Estimate | None] = field(default_factory=list)
    best: int | None = None
    remark: str = ""

    @property
    def verdict(self) -> str:
        """Which run is better, in words; may be empty where no error is known."""
        if self.best is None:
            return self.remark
        unit = self.unit and f" {self.unit}"
        others = [(LETTERS[number], found) for number, found in enumerate(self.differences) if found is not None]
        worse = [(letter, found) for letter, found in others if found.is_beyond_error]
        equal = [(letter, found) for letter, found in others if not found.is_beyond_error]
        best, two = LETTERS[self.best], len(others) == 1
        parts = []
        if worse:
            parts = [f"{'' if two else f'than {letter} '}by {found}{unit}" for letter, found in worse]
            parts = [f"{best} is better {', '.join(parts)}"]
        parts += [
            f"no difference beyond the error between {best} and {letter} ({found}{unit})" for letter, found in equal
        ]
        return "; ".join(parts)


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

    def page(self, out: str | Path | None = None, say: Callable[[str], None] = print) -> Path:
        """Write the comparison as one HTML page, and return its path; see `pages.compare.write_comparison`."""
        from keras_gen.pages.compare import write_comparison

        return write_comparison(self, out, say)

    def csv(self, out: str | Path) -> Path:
        """Write the settings that differ, the scores and their differences as a CSV file, and return its path."""
        path, text = as_path("out", out, ".csv"), io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["part", "name", *(str(run.folder.path if run.folder else run.title) for run in self.runs)])
        writer.writerows(["setting", name, *values] for name, values in self.settings)
        for row in self.scores:
            values, errors = zip(*map(_parts, row.values), strict=True)
            writer.writerow(["score", row.name, *values])
            if any(errors):
                writer.writerow(["standard error", row.name, *errors])
            if row.best is not None:
                values, errors = zip(*map(_parts, row.differences), strict=True)
                writer.writerow([f"{LETTERS[row.best]} is better by", row.name, *values])
                writer.writerow(["standard error of that", row.name, *errors])
                writer.writerow(["verdict", row.name, row.verdict])
        write_text(path, text.getvalue())
        return path


def compare(*runs: Run | str | Path, evaluate: bool = False, say: Callable[[str], None] = print) -> Comparison:
    """Compare two runs or more: their settings, and the scores that were measured on the same held-out images.

    Args:
        *runs: Runs, or their folders; at most eight.
        evaluate: Measure runs whose last models have not been measured, as `Run.evaluate` does. Otherwise only scores
            that are there are compared.
        say: Takes lines of text about what is measured.

    Returns:
        The comparison: `verdicts` says which is better, `page()` writes a page, `csv(path)` a table.

    Raises:
        InputError: There are not two different runs, or a folder holds none.

    Example:
        >>> keras_gen.compare("runs/0001-vae-mnist5k", "runs/0002-vae-mnist5k", evaluate=True).verdicts
    """
    if not 2 <= len(runs) <= len(LETTERS):
        raise InputError(f"compare takes 2 to {len(LETTERS)} runs; received {len(runs)}")
    loaded = [run if isinstance(run, Run) else load_run(run) for run in runs]
    paths = [run.folder.path.resolve() if run.folder else id(run) for run in loaded]
    for number, path in enumerate(paths):
        if path in paths[:number]:
            raise InputError(f"{loaded[number].where} is named twice; compare different runs")
    notes = [
        f"{LETTERS[number]} has no finished epoch yet, so only its settings are compared"
        for number, run in enumerate(loaded)
        if not _epochs(run)
    ]
    notes += _curve_notes(loaded)
    facts = [_measured(run, number, notes) for number, run in enumerate(loaded)]
    if evaluate:
        for number, run in enumerate(loaded):
            if _epochs(run) and not _is_current(run, facts[number]):
                say(f"Measuring {LETTERS[number]}  {run.title}")
                run.evaluate(say=say)
                facts[number] = _measured(run, number, [])
    scores = _scores(loaded, facts, notes)
    unmeasured = _same_data(loaded) and not all(_is_current(*pair) for pair in zip(loaded, facts, strict=True))
    return Comparison(loaded, _differing_settings(loaded), scores, notes, unmeasured)


def _curve_notes(runs: list[Run]) -> list[str]:
    """Say what the runs' losses do not tell."""
    notes = []
    for letter, run in zip(LETTERS, runs, strict=False):
        try:
            run.history, run.timing, run.metrics  # noqa: B018, read from files now
        except InputError as error:
            notes.append(f"the curves of {letter} are left out: {error}")
    if len({run.kind for run in runs}) > 1:
        return [*notes, "a VAE and a DCGAN have different losses, so no curves are drawn; their images are shown"]
    if runs[0].kind == "vae" and len({run.settings.decoder.likelihood for run in runs}) > 1:
        notes.append("the likelihoods differ, so the losses have no common scale")
    elif runs[0].kind == "vae" and len({run.settings.training.beta for run in runs}) > 1:
        notes.append("the weight of the KL term differs: compare reconstruction and KL instead of the loss")
    return notes


def _epochs(run: Run) -> int:
    try:
        return run.history[-1]["epoch"] if run.history else 0
    except InputError:  # the history is damaged; the curves say so
        return run.settings.training.epochs


def _differing_settings(runs: list[Run]) -> list[tuple[str, list[str]]]:
    """Return the settings that all runs have and that differ, and other facts that do."""
    explicit = set().union(*(run.settings.flat(explicit=True) for run in runs))
    flat = [run.settings.flat() for run in runs]
    names = [name for name in flat[0] if name in explicit and all(name in values for values in flat)]
    rows = [("model", [run.kind for run in runs]), ("data", [run.name for run in runs])]
    rows += [("training images", [f"{run.record['dataset']['train']['count']:,}" for run in runs])]
    rows += [("recipe", [run.settings.recipe for run in runs])]
    rows += [(name, [shown(values[name]) for values in flat]) for name in names]
    rows += [("finished epochs", [str(_epochs(run)) for run in runs])]
    rows += [(name, [str(run.record.get(name, "unknown")) for run in runs]) for name in ("device", "backend")]
    return [(name, values) for name, values in rows if len(set(values)) > 1]


def _fingerprint(run: Run, part: str) -> str:
    facts = run.record["dataset"][part]
    return facts.get("fingerprint") or facts["pixel_fingerprint"]


def _same_data(runs: list[Run], part: str = "held_out") -> bool:
    return len({_fingerprint(run, part) for run in runs}) == 1


def _measured(run: Run, number: int, notes: list[str]) -> dict:
    """Return what `evaluate` measured of a run; nothing if it has not, or if the file is damaged."""
    if run.folder is None:
        return {}
    try:
        scores = run.folder.read_scores()
        return {} if not scores else {"epoch": scores.get("epoch"), "models": scores["models"], **_flat(scores)}
    except InputError as error:
        notes.append(f"the scores of {LETTERS[number]} are left out: {error}")
    except (KeyError, TypeError, ValueError, AttributeError):
        notes.append(
            f"the scores of {LETTERS[number]} are left out: {run.folder.path / 'metrics.json'} is damaged, or of an "
            "older version; evaluate the run again"
        )
    return {}


def _flat(scores: dict) -> dict:
    """Return the scores that runs are compared by; an estimate is one with its error."""
    images, bounds = scores["images"], scores.get("likelihood")
    generated = images["generated"]
    result = {"kid": _estimate(generated["kid"])} | {name: float(generated[name]) for name in IMAGE_SCORES}
    result |= {"count": int(images["count"]), "features": str(images["features"])}
    if bounds:
        result |= {name: _estimate(bounds[name]) for name in BOUNDS}
        result |= {"kl": float(bounds["kl"]), "active_units": float(bounds["active_units"])}
        result["likelihood"] = bounds["likelihood"], bool(bounds.get("conditional"))
    return result


def _estimate(values: dict) -> Estimate:
    return Estimate(float(values["value"]), float(values["standard_error"]))


def _is_current(run: Run, facts: dict) -> bool:
    """Tell whether the run's last models have been measured."""
    return facts.get("epoch") == _epochs(run) and facts.get("models") == "last"


def _scores(runs: list[Run], facts: list[dict], notes: list[str]) -> list[ScoreRow]:
    """Return the scores that can be compared, and note why others cannot."""
    if not _same_data(runs):
        names = listed(dict.fromkeys(run.name for run in runs))
        what = f"different data ({names})" if len({run.name for run in runs}) > 1 else f"different images of {names}"
        notes.append(f"the runs were trained on {what}, so they have no scores in common")
        return []
    for number, (run, found) in enumerate(zip(runs, facts, strict=True)):
        if found and not _is_current(run, found):
            models = f"its {found['models']} models of epoch {found['epoch']}"
            notes.append(f"{LETTERS[number]} has {counted(_epochs(run), 'epoch')}; its scores are of {models}")
    measured = [number for number, found in enumerate(facts) if found]
    differences = _differences(runs, facts, measured, notes)
    if len(measured) < 2:
        return _held_out_losses(runs)
    rows = []
    kinds = {facts[number].get("likelihood") for number in measured}
    if kinds == {None}:
        pass
    elif None in kinds:
        notes.append("a DCGAN has no likelihood, so bounds are not compared")
    elif len(kinds) > 1:
        notes.append("the likelihoods differ, or one run is told the labels, so bounds have no common scale")
    else:
        rows += [_row(name, title, "nats", facts, differences, 1) for name, title in BOUNDS.items()]
        rows += [_row("kl", "KL", "nats", facts), _row("active_units", "active latent dimensions", "", facts)]
    if not _same_data([runs[number] for number in measured], "train"):
        notes.append(
            "the training images differ, and the features of image scores are learned from them: no KID is compared"
        )
        return rows
    if len({(facts[number]["features"], facts[number]["count"]) for number in measured}) > 1:
        notes.append("image scores were measured by other features or of another number of images: no KID is compared")
        return rows
    if (count := facts[measured[0]]["count"]) < FEW_IMAGES:
        notes.append(f"image scores are of {counted(count, 'image')}: below {FEW_IMAGES} their errors are rough")
    rows.append(_row("kid", "KID", "", facts, differences, -1))
    return rows + [_row(name, TITLES.get(name, name), "", facts) for name in IMAGE_SCORES]


def _held_out_losses(runs: list[Run]) -> list[ScoreRow]:
    """Return the last held-out loss of VAEs, without the weight of the KL term: what is known without measuring."""
    if {run.kind for run in runs} != {"vae"} or len({run.settings.decoder.likelihood for run in runs}) > 1:
        return []
    values = [_held_out_loss(run) for run in runs]
    known = sorted((value, LETTERS[number]) for number, value in enumerate(values) if value is not None)
    if len(known) < 2:
        return []
    remark = f"{known[0][1]} has the lowest, by {known[1][0] - known[0][0]:.4g} nats; the error is not known"
    return [ScoreRow("held-out loss", "nats", values, remark=remark)]


def _held_out_loss(run: Run) -> float | None:
    try:
        last = run.history[-1] if run.history else {}
    except InputError:  # the curves say so
        return None
    parts = [last.get(f"held_out_{name}") for name in ("reconstruction", "kl")]
    return None if None in parts else sum(parts)


def _differences(
    runs: list[Run], facts: list[dict], measured: list[int], notes: list[str]
) -> dict[tuple[int, int], dict[str, Estimate]]:
    """Return by how much the scores of each measured run exceed those of each other one."""
    result = {}
    for one in measured:
        for other in measured:
            if one == other:
                continue
            try:
                result[one, other] = paired_differences(runs[one], runs[other])
            except InputError as error:
                result[one, other] = {}
                if one < other:
                    notes.append(f"the errors of {LETTERS[one]} and {LETTERS[other]} cannot be paired: {error}")
    return result


def _row(
    name: str,
    title: str,
    unit: str,
    facts: list[dict],
    differences: dict[tuple[int, int], dict[str, Estimate]] | None = None,
    sign: int = 0,
) -> ScoreRow:
    """Return a score's row; with the sign 1 more is better, with -1 less is."""
    values = [found.get(name) for found in facts]
    if not sign:
        return ScoreRow(title, unit, values)
    measured = [number for number, value in enumerate(values) if value is not None]
    best = max(measured, key=lambda number: sign * values[number].value)
    found: list[Estimate | None] = [None] * len(values)
    for number in measured:
        pair = (differences or {}).get((best, number), {}).get(name)
        found[number] = pair and Estimate(sign * pair.value, pair.standard_error)
    return ScoreRow(title, unit, values, found, best if any(found) else None)


def _parts(value: Estimate | float | None) -> tuple[object, object]:
    """Return a value and its error as cells of a table."""
    if isinstance(value, Estimate):
        return value.value, value.standard_error
    return ("" if value is None else value), ""


def cell(value: Estimate | float | None) -> str:
    """Return a value as a reader sees it."""
    if value is None:
        return MISSING
    return str(value) if isinstance(value, Estimate) else f"{value:.4g}"
