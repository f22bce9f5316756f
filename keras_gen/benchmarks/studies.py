"""Studies of quality: which runs are compared, what each differs in, and the table of what they reached.

Every number comes from the training commands and from `evaluate`, as a user would run them. Nothing here imports a
backend.
"""

from __future__ import annotations

import csv
import json
import statistics
from dataclasses import dataclass, field
from pathlib import Path

from keras_gen.training.settings import flag


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
        validated: Whether they are compared on validation images, to choose settings, or on the held-out ones.
    """

    title: str
    kind: str
    dataset: str
    settings: dict[str, object] = field(hash=False)
    trials: tuple[Trial, ...]
    validated: bool

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

# Nets of half the width take a quarter of the time, which is what makes a table of thirteen rows possible on a CPU.
HALF_WIDTH = {"generator_filters": 64, "generator_base_filters": 96, "discriminator_filters": 32}

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
        "DCGAN on 4,000 digits",
        "dcgan",
        "mnist5k",
        FAST,
        (Trial("chapter", "chapter", CHAPTER), Trial("tuned", "tuned", TUNED)),
        validated=False,
    ),
    "cars": Study(
        "DCGAN on 5,000 cars",
        "dcgan",
        "cifar10:automobile",
        FAST,
        (Trial("chapter", "chapter", CHAPTER), Trial("tuned", "tuned", TUNED)),
        validated=False,
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
        {"recipe": "chapter", "epochs": 20, "evaluate_every": 10} | FAST | HALF_WIDTH,
        (
            Trial("chapter", "chapter"),
            Trial("average of the weights (0.999)", "ema", {"ema": 0.999}),
            Trial("mirror flips", "mirror", {"augment": "mirror"}),
            Trial("mirror and translation", "translation", {"augment": "translation,mirror"}),
            Trial("mirror, translation, colour, cutout", "augment", {"augment": "color,translation,cutout,mirror"}),
            Trial(
                "both learning rates 2e-4",
                "equal-rates",
                {"generator_learning_rate": 2e-4, "discriminator_learning_rate": 2e-4},
            ),
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
            Trial("average, augmentation and equal rates: tuned", "tuned", TUNED),
        ),
        validated=True,
    ),
}


def report(study: Study, folders: dict[Trial, list[Path]]) -> list[str]:
    """Return a study's table as lines of Markdown.

    Args:
        study: What was compared.
        folders: The finished runs of each trial, one for each seed.
    """
    tables = {("vae", True): _vae_settings, ("dcgan", True): _dcgan_settings}
    tables |= {("vae", False): _vae_results, ("dcgan", False): _dcgan_results}
    heads, cells = tables[study.kind, study.validated](folders)
    seconds = {trial: statistics.fmean(_seconds(run) for run in runs) for trial, runs in folders.items()}
    first = seconds[study.trials[0]]
    rows = [[trial.title, *cells[trial], f"{seconds[trial] / first:.2f}"] for trial in folders]
    heads = ["", *heads, "time"]
    seeds = max(len(runs) for runs in folders.values())
    return [
        f"## {study.title}",
        "",
        f"{'Validation' if study.validated else 'Held-out'} images; {seeds} seed{'s' if seeds > 1 else ''}. "
        "Times are training's alone, as a multiple of the first row's.",
        "",
        *("| " + " | ".join(row) + " |" for row in [heads, ["---"] * len(heads), *rows]),
    ]


def _vae_settings(folders: dict[Trial, list[Path]]) -> tuple[list[str], dict[Trial, list[str]]]:
    cells = {
        trial: [_several([float(_table(run / "metrics.csv")[-1]["validation_loss"]) for run in runs])]
        for trial, runs in folders.items()
    }
    return ["loss in nats"], cells


def _vae_results(folders: dict[Trial, list[Path]]) -> tuple[list[str], dict[Trial, list[str]]]:
    cells = {}
    for trial, runs in folders.items():
        last = [_table(run / "history.csv")[-1] for run in runs]
        names = ("held_out_loss", "held_out_reconstruction", "held_out_kl")
        cells[trial] = [_several([float(row[name]) for row in last]) for name in names]
    return ["loss in nats", "reconstruction", "KL"], cells


def _dcgan_settings(folders: dict[Trial, list[Path]]) -> tuple[list[str], dict[Trial, list[str]]]:
    epochs = [int(row["epoch"]) for row in _table(next(iter(folders.values()))[0] / "metrics.csv")]
    cells = {}
    for trial, runs in folders.items():
        tables = [_table(run / "metrics.csv") for run in runs]
        cells[trial] = [_kid([table[place] for table in tables]) for place in range(len(epochs))]
    return [f"KID after epoch {epoch}" for epoch in epochs], cells


def _dcgan_results(folders: dict[Trial, list[Path]]) -> tuple[list[str], dict[Trial, list[str]]]:
    cells = {}
    for trial, runs in folders.items():
        scores = [json.loads((run / "metrics.json").read_text()) for run in runs]
        images = [each["images"] for each in scores]
        cells[trial] = [
            _kid([_row(each["generated"]["kid"]) for each in images]),
            _kid([_row(each["floor"]["kid"]) for each in images]),
            *(_several([each["generated"][name] for each in images]) for name in ("precision", "recall")),
            ", ".join(_classes(each) for each in scores),
            ", ".join("yes" if _memorises(each) else "no" for each in scores),
        ]
    return ["KID", "its floor", "precision", "recall", "classes", "memorises"], cells


def _row(estimate: dict) -> dict:
    return {"kid": estimate["value"], "kid_standard_error": estimate["standard_error"]}


def _classes(scores: dict) -> str:
    if "classes" not in scores:
        return "–"
    count = len(scores["classes"]["shares"])
    return f"{count - len(scores['classes']['missing'])} of {count}"


def _memorises(scores: dict) -> bool:
    return any(found["memorising"] for found in scores["memorising"].values())


def _kid(rows: list[dict]) -> str:
    """Return the mean over the seeds, and the standard error of that mean for the images that were drawn."""
    value = statistics.fmean(float(row["kid"]) for row in rows)
    error = sum(float(row["kid_standard_error"]) ** 2 for row in rows) ** 0.5 / len(rows)
    return f"{value:.3f} ± {error:.3f}"


def _several(values: list[float]) -> str:
    """Return the mean, and where there are several seeds the smallest and the largest."""
    mean = f"{statistics.fmean(values):.4g}"
    return mean if len(values) == 1 else f"{mean} ({min(values):.4g} to {max(values):.4g})"


def _table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _seconds(run: Path) -> float:
    return sum(float(row["train_seconds"]) for row in _table(run / "timing.csv"))
