"""Studies of quality: which runs are compared, what each differs in, and the table of what they reached.

Every number comes from the training commands and from `evaluate`, as a user would run them. Nothing here imports a
backend.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from keras_gen.benchmarks.tables import markdown
from keras_gen.training.recipes import EQUAL_RATES, MIRRORED, resolve_settings
from keras_gen.training.run_folder import RunFolder
from keras_gen.training.settings import Settings, flag


@dataclass(frozen=True)
class Trial:
    """One row of a study: a run for each seed.

    Attributes:
        title: Its row in the table.
        name: Of its run folders.
        settings: Where it differs from the study's.
    """

    title: str
    name: str
    settings: dict[str, object] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Study:
    """Some runs to compare on one data set.

    Attributes:
        title: Above its table.
        kind: `vae` or `dcgan`.
        dataset: What all train on.
        settings: What all share.
        trials: The rows; the first is what the others are compared to.
        validated: Whether they are compared on validation images, to choose settings, or on the held-out ones. What
            is measured on validation images on the way to those is told of, too.
    """

    title: str
    kind: str
    dataset: str
    settings: dict[str, object] = field(hash=False)
    trials: tuple[Trial, ...]
    validated: bool

    def resolved(self, trial: Trial, seed: int) -> Settings:
        """Return the settings of one run."""
        return resolve_settings(self.kind, self.dataset, **self.settings | trial.settings, seed=seed)

    def command(self, trial: Trial, seed: int, data_dir: str | None) -> list[str]:
        """Return the training command of one run, but for its folder."""
        flags = {"dataset": self.dataset, "seed": seed} | ({"data_dir": data_dir} if data_dir else {})
        words = [f"train_{self.kind}.py"]
        for name, value in (flags | self.settings | trial.settings).items():
            if isinstance(value, bool):
                words.append(flag(name) if value else "--no-" + flag(name)[2:])
            else:
                words += [flag(name), str(value)]
        return words


# What is only a matter of time is the same for all.
FAST = {"engine": "compiled", "precision": "auto"}
TUNED, CHAPTER = {"recipe": "tuned"}, {"recipe": "chapter"}
TWENTY = {"latent_dim": 20}
SILU = {"activation": "silu", "learning_rate": 2e-3}
AUGMENTED = {"augment": "color,translation,cutout,mirror"}
BOTH_RECIPES = (Trial("chapter", "chapter", CHAPTER), Trial("tuned", "tuned", TUNED))

# Nets of half the width take less time, which so many rows need on a CPU.
HALF_WIDTH = {"generator_filters": 64, "generator_base_filters": 96, "discriminator_filters": 32}

CARS = Study(
    "DCGAN on 5,000 cars, 50 epochs",
    "dcgan",
    "cifar10:automobile",
    {"epochs": 50, "evaluate_every": 5} | FAST,
    BOTH_RECIPES,
    validated=False,
)

STUDIES = {
    "vae": Study(
        "VAE on MNIST, 50 epochs",
        "vae",
        "mnist",
        {"engine": "compiled"},
        (
            Trial("chapter, 2 dimensions", "chapter-2", CHAPTER),
            Trial("tuned, 2 dimensions", "tuned-2", TUNED),
            Trial("chapter, 20 dimensions", "chapter-20", CHAPTER | TWENTY),
            Trial("tuned, 20 dimensions", "tuned-20", TUNED | TWENTY),
        ),
        validated=False,
    ),
    "digits": Study(
        "DCGAN on 4,000 digits, 30 epochs",
        "dcgan",
        "mnist5k",
        {"epochs": 30} | FAST,  # the article's 100 would be three times as many as the others'
        (*BOTH_RECIPES, Trial("article", "article", {"recipe": "article"})),
        validated=False,
    ),
    "cars": CARS,
    "cars-200": replace(
        CARS, title="The same, all of the chapter's 200 epochs", settings=CARS.settings | {"epochs": 200}
    ),
    "vae-settings": Study(
        "What earns its place in the VAE: MNIST, 2 dimensions, 50 epochs",
        "vae",
        "mnist",
        {"engine": "compiled", "evaluate_every": 10} | TUNED,
        (
            Trial("tuned", "tuned"),
            Trial("one hidden layer of 256", "shallow", {"intermediate_dim": 256}),
            Trial("no LayerNormalization", "no-norm", {"layer_norm": False}),
            Trial("constant learning rate", "constant", {"learning_rate_schedule": "constant"}),
            Trial("learning rate 4e-3, warm-up of 5 epochs", "faster", {"learning_rate": 4e-3, "kl_warmup": 5}),
            Trial("learning rate 4e-3, no warm-up", "no-warmup", {"learning_rate": 4e-3, "kl_warmup": 0}),
            Trial("silu, learning rate 2e-3", "silu", SILU),
        ),
        validated=True,
    ),
    "vae-20-settings": Study(
        "The same in 20 dimensions",
        "vae",
        "mnist",
        {"engine": "compiled", "evaluate_every": 10} | TUNED | TWENTY,
        (
            Trial("tuned", "tuned"),
            Trial("relu, learning rate 3e-3", "relu", {"activation": "relu", "learning_rate": 3e-3}),
        ),
        validated=True,
    ),
    "cars-settings": Study(
        "What earns its place in the DCGAN: cars, nets of half the width, 20 epochs",
        "dcgan",
        "cifar10:automobile",
        {"recipe": "chapter", "epochs": 20, "evaluate_every": 20} | FAST | HALF_WIDTH,
        (
            Trial("chapter", "chapter"),
            Trial("average of the weights (0.999)", "ema", {"ema": 0.999}),
            Trial("mirror flips", "mirror", MIRRORED),
            Trial("mirror and translation", "translation", {"augment": "translation,mirror"}),
            Trial("mirror, translation, colour, cutout", "augment", AUGMENTED),
            Trial("both learning rates 2e-4", "equal-rates", EQUAL_RATES),
            Trial("batches of 32", "batch-32", {"batch_size": 32}),
            Trial("no label smoothing", "no-smoothing", {"label_smoothing": 0}),
            Trial(
                "spectral norm for BatchNormalization",
                "spectral",
                {"spectral_norm": True, "discriminator_batch_norm": False},
            ),
            Trial("hinge loss (no label smoothing)", "hinge", {"loss": "hinge", "label_smoothing": 0}),
            Trial("resizing and convolution", "resize", {"upsampling": "resize"}),
            Trial("kernels of 4 pixels", "kernel-4", {"kernel_size": 4}),
            Trial("BatchNormalization's momentum 0.99", "momentum", {"batch_norm_momentum": 0.99}),
            Trial("average, mirror flips, equal rates, batches of 32: tuned", "tuned", TUNED),
            Trial("tuned, and translation, colour, cutout", "tuned-augment", TUNED | AUGMENTED),
        ),
        validated=True,
    ),
}


def report(study: Study, folders: dict[Trial, list[RunFolder]]) -> list[str]:
    """Return a study's tables as lines of Markdown.

    Args:
        study: What was compared.
        folders: The finished runs of each trial, one for each seed.
    """
    cells_of = {
        ("vae", True): _vae_settings,
        ("dcgan", True): _dcgan_settings,
        ("vae", False): _vae_results,
        ("dcgan", False): _dcgan_results,
    }[study.kind, study.validated]
    seconds = {trial: statistics.fmean(map(_seconds, runs)) for trial, runs in folders.items()}
    first = seconds[study.trials[0]]
    seeds = len(folders[study.trials[0]])
    return [
        f"## {study.title}",
        "",
        f"{'Validation' if study.validated else 'Held-out'} images; {seeds} seed{'s' if seeds > 1 else ''}. "
        "Times are training's alone, as a multiple of the first row's.",
        "",
        *markdown(
            [
                {"": trial.title} | cells_of(runs) | {"time": f"{seconds[trial] / first:.2f}"}
                for trial, runs in folders.items()
            ]
        ),
        *(_by_epoch(folders) if "evaluate_every" in study.settings and not study.validated else []),
    ]


def _by_epoch(folders: dict[Trial, list[RunFolder]]) -> list[str]:
    """Return a table of the distances that were measured on the way, on validation images, a row for each epoch."""
    measured = {trial: [run.read_table("metrics.csv") for run in runs] for trial, runs in folders.items()}
    first, *_, last = measured.values()
    rows = []
    for place, row in enumerate(first[0]):
        values = {
            trial.title: _several([float(table[place]["kid"]) for table in tables], ".3f")
            for trial, tables in measured.items()
        }
        apart = min(_apart(one[place], other[place]) for one, other in zip(first, last, strict=True))
        rows.append({"KID after epoch": row["epoch"]} | values | {"apart": f"{apart:.1f}"})
    floors = ", ".join(_floor([table[-1]]) for table in first)
    return [
        "",
        f"On the way, on validation images (floors, by seed: {floors}). Apart are the first and the last by this many "
        "standard errors of their difference, in the seed in which it is least:",
        "",
        *markdown(rows),
    ]


def _apart(one: dict[str, str], other: dict[str, str]) -> float:
    """Return by how many standard errors of the difference the second of two rows has the smaller distance."""
    (value, error), (others, others_error) = (map(float, _estimate(row, "kid")) for row in (one, other))
    return (value - others) / math.hypot(error, others_error)


def _estimate(row: dict[str, str], name: str) -> tuple[str, str]:
    """Return a score of metrics.csv and its standard error."""
    return row[name], row[f"{name}_standard_error"]


def _vae_settings(runs: list[RunFolder]) -> dict[str, str]:
    return {"loss in nats": _several([float(run.read_table("metrics.csv")[-1]["validation_loss"]) for run in runs])}


def _vae_results(runs: list[RunFolder]) -> dict[str, str]:
    last = [run.read_table("history.csv")[-1] for run in runs]
    titles = {
        "loss in nats": "held_out_loss",
        "reconstruction": "held_out_reconstruction",
        "KL": "held_out_kl",
    }
    return {title: _several([float(row[name]) for row in last]) for title, name in titles.items()}


def _dcgan_settings(runs: list[RunFolder]) -> dict[str, str]:
    last = [run.read_table("metrics.csv")[-1] for run in runs]
    return {"KID": _kid([_estimate(row, "kid") for row in last]), "its floor": _floor(last)}


def _dcgan_results(runs: list[RunFolder]) -> dict[str, str]:
    scores = [json.loads((run.path / "metrics.json").read_text()) for run in runs]
    generated, floor = ([each["images"][which] for each in scores] for which in ("generated", "floor"))
    return {
        "KID": _kid([each["kid"].values() for each in generated]),
        "its floor": _kid([each["kid"].values() for each in floor]),
        "precision": _several([each["precision"] for each in generated]),
        "recall": _several([each["recall"] for each in generated]),
        "classes": ", ".join(_classes(each) for each in scores),
        "memorises": ", ".join("yes" if _memorises(each) else "no" for each in scores),
    }


def _floor(rows: list[dict[str, str]]) -> str:
    """Return the mean floor of rows of metrics.csv, or a dash: older versions did not measure it."""
    known = all("kid_floor" in row for row in rows)
    return _kid([_estimate(row, "kid_floor") for row in rows]) if known else "–"


def _classes(scores: dict) -> str:
    if "classes" not in scores:
        return "–"
    count = len(scores["classes"]["shares"])
    gone = len(scores["classes"]["missing"]) + len(scores["classes"].get("undetermined", []))
    return f"{count - gone} of {count}"


def _memorises(scores: dict) -> bool:
    return any(found["memorising"] for found in scores["memorising"].values())


def _kid(estimates: list[Iterable]) -> str:
    """Return the mean of the seeds' values, and the standard error of that mean for the images that were drawn.

    Args:
        estimates: Each seed's value and its standard error, numbers or the text of numbers.
    """
    values, errors = zip(*(map(float, estimate) for estimate in estimates), strict=True)
    return f"{statistics.fmean(values):.3f} ± {math.hypot(*errors) / len(errors):.3f}"


def _several(values: list[float], digits: str = ".4g") -> str:
    """Return the mean, and where there are several seeds the smallest and the largest."""
    mean, *ends = (format(each, digits) for each in (statistics.fmean(values), min(values), max(values)))
    return mean if len(values) == 1 else f"{mean} ({' to '.join(ends)})"


def _seconds(run: RunFolder) -> float:
    return sum(float(row["train_seconds"]) for row in run.read_table("timing.csv"))
