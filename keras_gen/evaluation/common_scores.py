"""The scores that several runs have in common, and by how much the best run is better."""

import itertools
from contextlib import suppress
from dataclasses import dataclass, field

from keras_gen.errors import InputError
from keras_gen.evaluation.estimate import Estimate
from keras_gen.evaluation.paired import paired_differences
from keras_gen.run import Run
from keras_gen.run.checkpoints import begun_epochs
from keras_gen.run.record import recorded_fingerprint
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


def finished_epochs(run: Run) -> int:
    """Return how many epochs a run has finished."""
    with suppress(InputError):  # the history is damaged; the curves say so
        if run.history:
            return run.history[-1]["epoch"]
        if run.folder is None or not run.folder.missing("history.csv"):
            return 0
    return begun_epochs(run.folder)


def same_data(runs: list[Run], part: str = "held_out") -> bool:
    """Tell whether the runs have the same images."""
    return len({recorded_fingerprint(run.record, part) for run in runs}) == 1


def read_measured(run: Run, number: int, notes: list[str]) -> dict:
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
        if "reconstruction_error" in bounds:  # older scores have none
            result["reconstruction_error"] = _estimate(bounds["reconstruction_error"])
        result["likelihood"] = bounds["likelihood"], bool(bounds.get("conditional"))
    return result


def _estimate(values: dict) -> Estimate:
    return Estimate(float(values["value"]), float(values["standard_error"]))


def is_current(run: Run, facts: dict) -> bool:
    """Tell whether the run's last models have been measured."""
    return facts.get("epoch") == finished_epochs(run) and facts.get("models") == "last"


def common_scores(runs: list[Run], facts: list[dict], notes: list[str]) -> list[ScoreRow]:
    """Return the scores that can be compared, and note why others cannot."""
    if not same_data(runs):
        names = listed(dict.fromkeys(run.name for run in runs))
        what = f"different data ({names})" if len({run.name for run in runs}) > 1 else f"different images of {names}"
        notes.append(f"the runs were trained on {what}, so they have no scores in common")
        return []
    for number, (run, found) in enumerate(zip(runs, facts, strict=True)):
        if found and not is_current(run, found):
            models = f"its {found['models']} models of epoch {found['epoch']}"
            notes.append(f"{LETTERS[number]} has {counted(finished_epochs(run), 'epoch')}; its scores are of {models}")
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
    with_bounds = [number for number in measured if "likelihood" in facts[number]]
    older = [LETTERS[number] for number in with_bounds if "reconstruction_error" not in facts[number]]
    if older:
        notes.append(f"the scores of {listed(older)} have no reconstruction error yet; evaluate again to compare it")
    elif len(with_bounds) > 1:
        rows.append(_row("reconstruction_error", "reconstruction error", "grey levels", facts, differences, -1))
    if not same_data([runs[number] for number in measured], "train"):
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
    lead = known[1][0] - known[0][0]
    lowest = f"{known[0][1]} has the lowest, by {lead:.4g} nats" if lead else "the lowest two are equal"
    remark = f"{lowest}; the error is not known"
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
    for one, other in itertools.combinations(measured, 2):
        try:
            found = paired_differences(runs[one], runs[other])
        except InputError as error:
            found = {}
            notes.append(f"the errors of {LETTERS[one]} and {LETTERS[other]} cannot be paired: {error}")
        result[one, other] = found
        result[other, one] = {name: Estimate(0 - each.value, each.standard_error) for name, each in found.items()}
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


def cell(value: Estimate | float | None) -> str:
    """Return a value as a reader sees it."""
    if value is None:
        return MISSING
    return str(value) if isinstance(value, Estimate) else f"{value:.4g}"
