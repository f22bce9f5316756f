"""A run's report: collects what its folder holds, for `pages.report` to lay out."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from keras_gen.errors import InputError
from keras_gen.indices import evenly_spaced_indices
from keras_gen.latent.pictures import epochs_with, read_picture, say_missing
from keras_gen.latent.views import FILE_NAMES
from keras_gen.pages.report import Command, Grid, Picture, Report, Section, Table, png_source, report_page
from keras_gen.run.arguments import as_path
from keras_gen.run.networks import saved_names
from keras_gen.settings import NAMES
from keras_gen.text import printable

if TYPE_CHECKING:
    from keras_gen.run.run import Run

MAX_GRIDS = 24
GRID_WIDTH = 480  # pixels
ENDS = {
    "running": "it has not ended, or was cut off",
    "finished": "it finished",
    "stopped": "a callback stopped it",
    "interrupted": "it was interrupted and can be resumed",
    "failed": "it failed",
}
PICTURES = {
    "Losses": {"losses": "After each epoch: training solid, held-out dashed."},
    "Scores": {
        "scores": "On validation images, with two standard errors where they are known.",
        "nearest": "The ten generated images that come nearest to a copy, above the training images nearest to them.",
    },
    "Latent space": {
        "latent_space": "Held-out images, placed by the encoder; the colours are their labels.",
        "manifold": "Images decoded from a grid of latent points (normal quantiles).",
        "traversal": "Each latent dimension swept over its range; those that carry most come first.",
        "reconstructions": "Held-out images above their reconstructions.",
    },
    "What it was trained on": {"data": "Some training images, as the networks see them."},
}


OF_TRAINING_IMAGES = ("nearest", "data")  # pictures that show some


def write_report(
    run: Run, out: str | Path | None = None, say: Callable[[str], None] = print, training_images: bool = True
) -> Path:
    """Write a run's report and return its path.

    Args:
        run: A run with a folder.
        out: The file; None is report.html in the folder.
        say: Told of pictures that are left out, since they are damaged.
        training_images: Whether the page shows training images.

    Raises:
        InputError: The run has no folder, or a table in it is damaged.
    """
    path = as_path("out", out, ".html") if out is not None else run.page_path("report").with_stem("report")
    page = report_page(
        Report(
            title=printable(run.title),
            summary=_summary(run),
            findings=[_finding(finding) for finding in run.findings if finding.get("resolved") is None],
            resolved=[_finding(finding) for finding in run.findings if finding.get("resolved") is not None],
            grids=_grids(run, say),
            sections=_sections(run, say, training_images),
            tables=_tables(run),
            commands=_commands(run),
        )
    )
    with run.folder.replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8", errors="replace")  # names of files may be no text at all
    return path


def _summary(run: Run) -> str:
    data, best = run.record["dataset"], run.record.get("best")
    shape = " x ".join(map(str, run.image_shape))
    text = (
        f"A {NAMES[run.kind]} of the recipe {printable(run.settings.recipe)}, trained on "
        f"{data['train']['count']:,} images of {printable(run.name)} ({shape}; {data['held_out']['count']:,} held out) "
        f"for {len(run.history)} of {run.settings.training.epochs} epochs: {ENDS.get(run.status, run.status)}."
    )
    if not best:
        return text
    return f"{text} The best models are those of epoch {best['epoch']}, by {best['by'].replace('_', ' ')}."


def _finding(finding: dict) -> str:
    epochs = f"from epoch {finding['epoch']}"
    if finding.get("resolved") is not None:
        epochs += f" to {finding['resolved']}"
    return f"{finding['text']} ({epochs})"


def _grids(run: Run, say: Callable[[str], None]) -> list[Grid]:
    epochs = epochs_with(run, run.folder.epoch_image, say)
    shown = [epochs[index] for index in evenly_spaced_indices(len(epochs), MAX_GRIDS)] if epochs else []
    sources = {epoch: _source(run, run.folder.epoch_image(epoch), say, GRID_WIDTH) for epoch in shown}
    return [Grid(source, epoch) for epoch, source in sources.items() if source]


def _sections(run: Run, say: Callable[[str], None], training_images: bool) -> list[Section]:
    finished = run.status == "finished"
    names = ["data", *(["losses", *(FILE_NAMES[view] for view in run.final_views)] if finished else [])]
    files = [run.folder.path / "figures" / f"{name}.png" for name in names] + [
        run.folder.path / "history.csv"
    ] * finished
    say_missing([path for path in files if (run.history or finished) and not path.exists()], say)
    sections = []
    for title, texts in PICTURES.items():
        shown = [name for name in texts if training_images or name not in OF_TRAINING_IMAGES]
        paths = {run.folder.path / "figures" / f"{name}.png": texts[name] for name in shown}
        sources = {_source(run, path, say): text for path, text in paths.items() if path.exists()}
        pictures = [Picture(source, text) for source, text in sources.items() if source]
        sections += [Section(title, pictures)] if pictures else []
    return sections


def _source(run: Run, path: Path, say: Callable[[str], None], max_width: int | None = None) -> str | None:
    """Return a picture as a data URL; one that is damaged is named and left out."""
    try:
        return png_source(read_picture(run.folder, path), max_width)
    except InputError as error:
        say(f"Left out: {error}")
        return None


def _tables(run: Run) -> list[Table]:
    tables = []
    if run.history:
        unit = run.settings.loss_unit
        rows = [(name.replace("_", " "), f"{value:.5g}") for name, value in run.history[-1].items() if name != "epoch"]
        title = f"Losses after epoch {run.history[-1]['epoch']}{unit and ', in ' + unit}"
        tables.append(Table(title, rows, numbers=True))
    if scores := run.folder.read_scores():
        # The run may have gone on since; an older version did not write the epoch.
        title = f"Metrics of the {scores['models']} models, epoch {scores['epoch']}" if "epoch" in scores else "Metrics"
        tables.append(Table(title, list(_flat(scores)), numbers=True))
    tables.append(Table("Settings", list(_flat(run.settings.as_dict()))))
    facts = {name: run.record.get(name, "unknown") for name in ("device", "backend")} | run.record.get("versions", {})
    for part in ("train", "held_out"):
        images = run.record["dataset"][part]
        fingerprint = images.get("fingerprint") or images["pixel_fingerprint"]
        facts[f"{part.replace('_', '-')} images, sha256"] = fingerprint
    tables.append(Table("Made with", [(name, str(value)) for name, value in facts.items()]))
    return tables


def _flat(values: dict, prefix: str = "") -> list[tuple[str, str]]:
    """Return nested values as rows, the inner names joined by dots."""
    rows = []
    for name, value in values.items():
        if isinstance(value, dict):
            rows += _flat(value, f"{prefix}{name}.")
        else:
            rows.append((f"{prefix}{name}", f"{value:.5g}" if isinstance(value, float) else str(value)))
    return rows


def _commands(run: Run) -> list[Command]:
    path = shlex.quote(str(run.folder.path))
    commands = [Command("It was made by", "\n".join(lines))] if (lines := run.record.get("commands")) else []
    if run.folder.has_checkpoint:
        more = f" --epochs {2 * run.settings.training.epochs}" if run.status == "finished" else ""
        commands.append(Command("To continue training", f"python train_{run.kind}.py --resume {path}{more}"))
    if not any(saved_names(run.folder.path / "models")):  # it ended before there was anything to draw with
        return commands
    return [
        *commands,
        Command("New images", f"python -m keras_gen generate {path} --seeds 0-63"),
        Command("A page to move through its latent space", f"python -m keras_gen explore {path}"),
        Command("How good it is", f"python -m keras_gen evaluate {path}"),
        Command("A view of its latent space", f"python -m keras_gen latent {path} interpolate"),
        Command("Its training as a film", f"python -m keras_gen film {path}"),
    ]
