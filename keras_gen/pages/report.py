"""A run's report: one page with all that is known of it, which needs no server, no network and no other file."""

import base64
import io
import shlex
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from keras_gen.errors import InputError
from keras_gen.indices import evenly_spaced_indices
from keras_gen.latent.pictures import epochs_with, read_picture, say_missing
from keras_gen.latent.views import FILE_NAMES
from keras_gen.pages import asset, render
from keras_gen.run.arguments import as_path
from keras_gen.run.checkpoints import checkpoint_path
from keras_gen.run.networks import saved_names
from keras_gen.run.run import Run
from keras_gen.settings import NAMES
from keras_gen.settings.fields import shown
from keras_gen.text import counted, printable, short_number

MAX_GRIDS, MAX_OTHERS = 24, 24
GRID_WIDTH, PAGE_WIDTH = 480, 1000  # pixels
MAX_PNG = 500_000  # bytes; larger pictures lose some of their quality
ENDS = {
    "running": "it has not ended, or was cut off",
    "finished": "it finished",
    "stopped": "a callback stopped it",
    "interrupted": "it was interrupted and can be resumed",
    "failed": "it failed",
}
PICTURES = {
    "Losses": {"losses": "Training (solid): mean over the epoch; held-out (dashed): after it."},
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
    """Write a run's report; see `Run.report`. Whatever a user has named is escaped."""
    path = as_path("out", out, ".html") if out is not None else run.page_path("report").with_stem("report")
    page = render(
        "report.html",
        title=printable(run.title),
        summary=_summary(run),
        findings=[_finding(finding) for finding in run.findings if finding.get("resolved") is None],
        resolved=[_finding(finding) for finding in run.findings if finding.get("resolved") is not None],
        grids=_grids(run, say),
        sections=_sections(run, say, training_images),
        tables=_tables(run),
        commands=_commands(run, say),
        css=asset("page.css") + asset("report.css"),
        script=asset("report.js"),
    )
    run.folder.write_text(path.absolute(), page)
    return path


def _summary(run: Run) -> str:
    data, best = run.record["dataset"], run.record.get("best")
    shape = " x ".join(map(str, run.image_shape))
    text = (
        f"A {NAMES[run.kind]} of the recipe {printable(run.settings.recipe)}, trained on "
        f"{data['train']['count']:,} images of {printable(run.name)} ({shape}; {data['held_out']['count']:,} held out) "
        f"for {len(run.history)} of {counted(run.settings.training.epochs, 'epoch')}: "
        f"{ENDS.get(run.status, run.status)}."
    )
    if not best:
        return text
    return f"{text} The best models are those of epoch {best['epoch']}, by {best['by'].replace('_', ' ')}."


def _finding(finding: dict) -> str:
    epochs = f"from epoch {finding['epoch']}"
    if finding.get("resolved") is not None:
        epochs += f" to {finding['resolved']}"
    return f"{finding['text']} ({epochs})"


def _grids(run: Run, say: Callable[[str], None]) -> list[dict]:
    """Return grids of generated images, as data URLs, with their epochs."""
    epochs = epochs_with(run, run.folder.epoch_image, say)
    shown = [epochs[index] for index in evenly_spaced_indices(len(epochs), MAX_GRIDS)] if epochs else []
    sources = {epoch: _source(run, run.folder.epoch_image(epoch), say, GRID_WIDTH) for epoch in shown}
    return [{"epoch": epoch, "source": source} for epoch, source in sources.items() if source]


def _sections(run: Run, say: Callable[[str], None], training_images: bool) -> dict[str, list[tuple[str, str]]]:
    """Return pictures, as data URLs, with what they show, under their headings."""
    finished = run.status == "finished"
    names = ["data", *(["losses", *(FILE_NAMES[view] for view in run.final_views)] if finished else [])]
    files = [run.folder.path / "figures" / f"{name}.png" for name in names] + [
        run.folder.path / "history.csv"
    ] * finished
    say_missing([path for path in files if (run.history or finished) and not path.exists()], say)
    figures = run.folder.path / "figures"
    pictures = {
        title: {
            figures / f"{name}.png": text
            for name, text in texts.items()
            if training_images or name not in OF_TRAINING_IMAGES
        }
        for title, texts in PICTURES.items()
    }
    known = {figures / f"{name}.png" for texts in PICTURES.values() for name in texts}
    others = sorted(path for path in figures.glob("*.png") if path not in known and not path.name.startswith("."))
    if len(others) > MAX_OTHERS:
        say(f"Left out: {counted(len(others) - MAX_OTHERS, 'picture')} of {figures}")
    pictures["More pictures"] = {path: f"figures/{printable(path.name)}" for path in others[:MAX_OTHERS]}
    sections = {}
    for title, paths in pictures.items():
        sources = [(_source(run, path, say), text) for path, text in paths.items() if path.exists()]
        sections[title] = [(source, text) for source, text in sources if source]
    return {title: shown_pictures for title, shown_pictures in sections.items() if shown_pictures}


def _source(run: Run, path: Path, say: Callable[[str], None], max_width: int | None = None) -> str | None:
    """Return a picture as a data URL; one that is damaged is named and left out."""
    try:
        return _data_url(read_picture(run.folder, path), max_width)
    except InputError as error:
        say(f"Left out: {error}")
        return None


def _data_url(png: bytes, max_width: int | None) -> str:
    """Return a PNG as a data URL: as it is if it is small and may be, else as a smaller WebP with slight losses."""
    if max_width is None and len(png) <= MAX_PNG:
        return "data:image/png;base64," + base64.b64encode(png).decode()
    with Image.open(io.BytesIO(png)) as image:
        picture = image.convert("RGB")
    max_width = max_width or PAGE_WIDTH
    if picture.width > max_width:
        height = max(1, round(picture.height * max_width / picture.width))
        picture = picture.resize((max_width, height), Image.Resampling.LANCZOS)
    output = io.BytesIO()
    picture.save(output, "WEBP", quality=80)
    return "data:image/webp;base64," + base64.b64encode(output.getvalue()).decode()


def _tables(run: Run) -> list[tuple[str, list[tuple[str, str]], bool]]:
    """Return the heading of each table, its names and values, and whether these are numbers."""
    tables = []
    if run.history:
        unit = run.settings.loss_unit
        rows = [
            (name.replace("_", " "), short_number(value, 5))
            for name, value in run.history[-1].items()
            if name != "epoch"
        ]
        title = f"Losses after epoch {run.history[-1]['epoch']}{unit and ', in ' + unit}"
        tables.append((title, rows, True))
    if scores := run.folder.read_scores():
        # The run may have gone on since; an older version did not write the epoch.
        title = f"Metrics of the {scores['models']} models, epoch {scores['epoch']}" if "epoch" in scores else "Metrics"
        tables.append((title, _flat(scores), True))
    tables.append(("Settings", _flat(run.settings.as_dict()), False))
    facts = {name: run.record.get(name, "unknown") for name in ("device", "backend")} | run.record.get("versions", {})
    for part in ("train", "held_out"):
        images = run.record["dataset"][part]
        fingerprint = images.get("fingerprint") or images["pixel_fingerprint"]
        facts[f"{part.replace('_', '-')} images, sha256"] = fingerprint
    tables.append(("Made with", [(name, str(value)) for name, value in facts.items()], False))
    return tables


def _flat(values: dict, prefix: str = "") -> list[tuple[str, str]]:
    """Return nested values as rows, the inner names joined by dots."""
    rows = []
    for name, value in values.items():
        if isinstance(value, dict):
            rows += _flat(value, f"{prefix}{name}.")
        else:
            rows.append((f"{prefix}{name}", short_number(value, 5) if isinstance(value, float) else shown(value)))
    return rows


def _commands(run: Run, say: Callable[[str], None]) -> list[tuple[str, str]]:
    """Return what made the run and what goes on from it: a text, and a command line."""
    path = shlex.quote(str(run.folder.path))
    commands = [("It was made by", "\n".join(lines))] if (lines := run.record.get("commands")) else []
    if run.folder.has_checkpoint:
        more = f" --epochs {2 * run.settings.training.epochs}" if run.status == "finished" else ""
        if not (more and run.settings.learning_rate_falls):  # a rate that has fallen would go up again
            commands.append(("To continue training", f"python train_{run.kind}.py --resume {path}{more}"))
    elif run.status == "finished":
        say_missing([checkpoint_path(run.folder, len(run.history))], say)
    if not any(saved_names(run.folder.path / "models")):  # it ended before there was anything to draw with
        return commands
    return [
        *commands,
        ("New images", f"python -m keras_gen generate {path} --seeds 0-63"),
        ("A page to move through its latent space", f"python -m keras_gen explore {path}"),
        ("How good it is", f"python -m keras_gen evaluate {path}"),
        ("A view of its latent space", f"python -m keras_gen latent {path} interpolate"),
        ("Its training as a film", f"python -m keras_gen film {path}"),
    ]
