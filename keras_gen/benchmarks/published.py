"""Published numbers, as published.toml lists them: trains and measures what is held against them."""

import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

import keras_gen
from keras_gen.benchmarks import read_tables
from keras_gen.benchmarks.markdown import markdown_table
from keras_gen.benchmarks.studies import check_folder, check_settings, train_or_resume
from keras_gen.data import ImageSet, load_dataset
from keras_gen.evaluation.estimate import Estimate
from keras_gen.files import replacing, write_text
from keras_gen.indices import rows_at
from keras_gen.run import Run
from keras_gen.settings import Settings, resolve_settings
from keras_gen.text import has_terminal

PAGE = Path(keras_gen.__file__).parents[1] / "docs" / "published.md"
BLOCK = 500  # test images that are measured between two writes
STRIDE = 5  # every fifth image is measured first, then those behind these, and so on: test images are sorted by writers


@dataclass(frozen=True)
class Row:
    """One published number; published.toml says what the fields mean."""

    title: str
    recipe: str
    published: str
    samples: int
    dataset: str = "mnist"
    settings: dict[str, object] = field(default_factory=dict)
    all_images: bool = False
    short_epochs: int | None = None
    short_images: int | None = None
    note: str = ""

    def resolved(self, seed: int, full: bool = True) -> Settings:
        """Return the settings of one run."""
        epochs = {} if full or self.short_epochs is None else {"epochs": self.short_epochs}
        options = {"engine": "compiled", "seed": seed} | self.settings | epochs
        return resolve_settings("vae", self.dataset, self.recipe, **options)


@cache
def published() -> dict[str, Row]:
    """Return the rows of published.toml, by name."""
    return {name: Row(**table) for name, table in read_tables("published.toml").items()}


def run_published(
    names: list[str],
    seeds: list[int],
    out: Path,
    data_dir: str | Path | None = None,
    full: bool = False,
    say: Callable[[str], None] = print,
) -> None:
    """Train and measure what is not there yet, print the table, and write its lines into docs/published.md.

    Args:
        names: Of rows.
        seeds: Each row is run with each of them, in a folder of its own; a run that was stopped goes on.
        out: Folder of the runs.
        data_dir: Where the data is looked for first.
        full: Train long rows for all epochs; runs of a short schedule go on.
        say: Takes lines of text for the user.
    """
    check_folder(out)
    for name in names:
        for seed in seeds:
            check_settings(out / f"{name}-seed-{seed}", published()[name].resolved(seed, full), ("epochs",))
    table = []
    for name in names:
        row, runs, losses = published()[name], [], []
        for seed in seeds:
            say(f"\n{row.title}, seed {seed}")
            runs.append(_trained(row, row.resolved(seed, full), out / f"{name}-seed-{seed}", data_dir, say))
            losses.append(_losses(runs[-1], row.samples, None if full else row.short_images))
        table.append(_line(name, row, seeds, runs, losses))
        if PAGE.exists():  # not in an installed package
            _replace_lines(PAGE, table[-1:])
    print("\n".join(["", *markdown_table(table)]), flush=True)


def _trained(row: Row, settings: Settings, path: Path, data_dir: object, say: Callable[[str], None]) -> Run:
    """Return the finished run of a row, trained if need be."""
    data = (row.dataset,)
    if row.all_images:
        train, held_out = sets = load_dataset(row.dataset, data_dir, say=say)
        images, labels = (np.concatenate(parts) for parts in zip(*((s.images, s.labels) for s in sets), strict=True))
        data = ImageSet(images, labels, train.class_names, train.name), held_out
    options = {"data_dir": data_dir, "say": say}
    run = train_or_resume("vae", data, path, options, settings.training.epochs, settings=settings)
    if data_dir and not row.all_images:
        run.use_datasets(data_dir=data_dir)
    return run


def _losses(run: Run, samples: int, count: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the losses of all or `count` test images and the effective sample sizes; of the training loss one number.

    They are kept in the run folder while they are measured, a block of images at a time.
    """
    if samples == 0:
        return np.array([run.history[-1]["loss"]]), np.ones(1)
    path, epochs = run.folder.path / f"losses-{samples}.npz", run.settings.training.epochs
    losses, effective = _read(path, epochs)
    _, held_out = run.datasets()
    labels, count = run.labels_of(held_out), count or len(held_out)
    order = np.argsort(np.arange(len(held_out)) % STRIDE, kind="stable")
    with tqdm(desc="Measure", total=count, initial=len(losses), unit="image", disable=not has_terminal()) as bar:
        while (start := len(losses)) < count:
            part = order[start : min(start + BLOCK, count)]
            found = _measured(run, samples, held_out.images[part], rows_at(labels, part), start)
            losses, effective = (np.append(*pair) for pair in zip((losses, effective), found, strict=True))
            with replacing(path) as temporary:
                np.savez(temporary, epochs=epochs, losses=losses, effective=effective)
            bar.update(len(losses) - start)
    return losses[:count], effective[:count]


def _measured(
    run: Run, samples: int, images: np.ndarray, labels: np.ndarray | None, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    from keras_gen.evaluation.likelihood import elbo_terms, importance_sampling

    options = {"likelihood": run.settings.decoder.likelihood, "samples": samples, "seed": seed, "labels": labels}
    networks = run.model("encoder"), run.model("decoder")
    if samples == 1:  # with the KL term in closed form
        return sum(elbo_terms(*networks, images, **options)), np.ones(len(images))
    found = importance_sampling(*networks, images, grow=False, **options)
    return -found.bounds, found.effective


def _read(path: Path, epochs: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what was measured before, if it is of a run of so many epochs; a damaged file is measured again."""
    with (
        suppress(OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile),
        np.load(path, allow_pickle=False) as arrays,
    ):
        if arrays["epochs"] == epochs:
            return arrays["losses"], arrays["effective"]
    return np.zeros(0), np.zeros(0)


def _line(
    name: str, row: Row, seeds: list[int], runs: list[Run], measured: list[tuple[np.ndarray, np.ndarray]]
) -> dict[str, str]:
    """Return the cells of a row; the error is that of the test images."""
    from keras_gen.training.callbacks import duration

    losses = np.array([losses for losses, _ in measured])
    means, images = losses.mean(axis=1), losses.shape[1]
    obtained = str(Estimate.of_mean(losses.mean(axis=0))) if images > 1 else f"{means.mean():.2f}"
    seconds = np.mean([sum(line["train_seconds"] for line in run.timing) for run in runs])
    epochs, whole = runs[0].settings.training.epochs, row.resolved(seeds[0]).training.epochs
    notes = [f"{epochs:,} of {whole:,} epochs"] if epochs < whole else []
    if row.samples > 1:
        effective = np.median([effective for _, effective in measured])
        notes.append(
            f"{images:,} test images, {row.samples:,} samples each, of which {effective:.0f} are effective (median)"
        )
    return {
        "model": row.title,
        "command": f"`benchmark --published {name}{' --full' if row.short_epochs and epochs == whole else ''}`",
        "seeds": ", ".join(map(str, seeds)),
        "time": duration(seconds),
        "obtained": obtained + (f" ({means.min():.2f} to {means.max():.2f})" if len(seeds) > 1 else ""),
        "published": row.published,
        "note": "; ".join([*notes, *([row.note] if row.note else [])]),
    }


def _replace_lines(page: Path, table: list[dict[str, str]]) -> None:
    """Write lines of the table in place of the page's lines of the same rows."""
    fresh = {line.split(" | ")[0]: line for line in markdown_table(table)[2:]}
    lines = page.read_text("utf-8").splitlines()
    write_text(page, "\n".join(fresh.get(line.split(" | ")[0], line) for line in lines) + "\n")
