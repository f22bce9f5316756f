"""A run's report: one page with all that is known of it, which needs no server, no network and no other file."""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from keras_gen.latent.pictures import FILE_NAMES, say_missing
from keras_gen.pages import asset, render
from keras_gen.pages.charts import loss_charts, score_charts
from keras_gen.pages.glossary import GLOSSARY
from keras_gen.pages.page_pictures import epoch_grids, picture_source
from keras_gen.run.arguments import as_path
from keras_gen.run.checkpoints import checkpoint_path
from keras_gen.run.folder import RunFolder
from keras_gen.run.networks import saved_names
from keras_gen.run.record import recorded_fingerprint
from keras_gen.run.run import Run
from keras_gen.settings import NAMES, to_toml
from keras_gen.settings.fields import shown
from keras_gen.text import counted, printable, short_number

MAX_OTHERS = 24  # pictures that have no place of their own
ENDS = {
    "running": "it has not ended, or was cut off",
    "finished": "it finished",
    "stopped": "a callback stopped it",
    "interrupted": "it was interrupted and can be resumed",
    "failed": "it failed",
}
PICTURES = {
    "Latent space": {
        "manifold": "Images decoded from a grid of latent points (normal quantiles).",
        "latent_space": "Held-out images, placed by the encoder; the colours are their labels.",
        "reconstructions": "Held-out images above their reconstructions.",
        "traversal": "Each latent dimension swept over its range; those that carry most come first.",
    },
    "Copies of training images": {
        "nearest": "The ten generated images that come nearest to a copy, above the training images nearest to them.",
    },
    "What it was trained on": {"data": "Some training images, as the networks see them."},
}
CHARTED = ("losses", "scores")  # figures that the page draws itself
DIAGRAMS = ("latent_space",)  # pictures on white without images in them: a dark page may turn their colours round
OF_TRAINING_IMAGES = ("nearest", "data")  # pictures that show some
LINKED = {
    "explorer.html": "explorer",
    "metrics.json": "metrics",
    "metrics.csv": "scores by epoch",
    "history.csv": "losses by epoch",
}


@dataclass(frozen=True)
class Live:
    """What a report says of a training that goes on.

    Attributes:
        time_left: What the rest is expected to take, as a text; None if that is not known yet.
        next_seconds: After how long the page is expected to be written again, at the latest.
    """

    time_left: str | None
    next_seconds: float


def write_report(
    run: Run,
    out: str | Path | None = None,
    say: Callable[[str], None] = print,
    training_images: bool = True,
    live: Live | None = None,
) -> Path:
    """Write a run's report; see `Run.report`. Whatever a user has named is escaped."""
    path = as_path("out", out, ".html") if out is not None else run.page_path("report").with_stem("report")
    grids = epoch_grids(run, say)
    losses, scores = loss_charts(run.history, run.settings.loss_unit), score_charts(run.metrics)
    page = render(
        "report.html",
        title=printable(run.title),
        state=_state(run, live),
        summary=_summary(run),
        links=links(run, path, LINKED),
        findings=[_finding(finding) for finding in run.open_findings],
        resolved=[_finding(finding) for finding in run.findings if finding.get("resolved") is not None],
        grids=grids,
        sections=_sections(run, say, training_images),
        scores=bool(scores),
        tables=_tables(run),
        recipe=to_toml(run.settings),
        commands=_commands(run, say),
        glossary=GLOSSARY,
        data={"grids": grids, "losses": losses, "scores": scores, "live": _live_facts(live)},
        css=asset("page.css", "report.css"),
        script=asset("widgets.js", "report.js"),
    )
    run.folder.write_text(path.absolute(), page)
    return path


def _state(run: Run, live: Live | None) -> str:
    """Return what the run is doing; while it trains also when that was written: a killed run must not seem alive."""
    epochs = run.settings.training.epochs
    if live is None:
        reason = run.record.get("stop_reason")
        end = f"it stopped early: {printable(reason, 200)}" if reason else ENDS.get(run.status, run.status)
        return f"{len(run.history)} of {counted(epochs, 'epoch')}: {end}."
    left = f", {live.time_left} left" if live.time_left else ""
    written = time.strftime("%Y-%m-%d %H:%M:%S")
    return f"training, epoch {min(len(run.history) + 1, epochs)} of {epochs}{left}. Written {written}."


def _live_facts(live: Live | None) -> dict[str, float] | None:
    return None if live is None else {"written": time.time(), "nextSeconds": live.next_seconds}


def _summary(run: Run) -> str:
    data, best = run.record["dataset"], run.record.get("best")
    shape = " x ".join(map(str, run.image_shape))
    text = (
        f"A {NAMES[run.kind]} of the recipe {printable(run.settings.recipe)}, trained on "
        f"{data['train']['count']:,} images of {printable(run.name)} ({shape}; {data['held_out']['count']:,} held out)."
    )
    if not best:
        return text
    return f"{text} The best models are those of epoch {best['epoch']}, by {best['by'].replace('_', ' ')}."


def lead_to_explorer(folder: RunFolder) -> None:
    """Add a link to the explorer to a report that was written before it; a damaged or foreign one stays as it is."""
    path, place = folder.path / "report.html", '<a href="#recipe">'
    link = f'<a href="explorer.html">{LINKED["explorer.html"]}</a>\n'
    with suppress(OSError, ValueError):  # an InputError is a ValueError
        page = folder.checked(path).read_text(encoding="utf-8")
        if place in page and link not in page:
            folder.write_text(path.name, page.replace(place, link + place, 1))


def links(run: Run, page: Path, names: dict[str, str]) -> list[tuple[str, str]]:
    """Return the files of the run that the page leads to, as they are reached from it: an address, and a name."""
    found = []
    for name, text in names.items():
        if (run.folder.path / name).is_file():
            try:
                address = os.path.relpath(run.folder.path / name, page.absolute().parent)
            except ValueError:  # on another drive
                continue
            found.append((quote(Path(address).as_posix().encode(errors="surrogateescape")), text))
    return found


def _finding(finding: dict) -> str:
    epochs = f"from epoch {finding['epoch']}"
    if finding.get("resolved") is not None:
        epochs += f" to {finding['resolved']}"
    return f"{finding['text']} ({epochs})"


def _sections(run: Run, say: Callable[[str], None], training_images: bool) -> dict[str, list[dict[str, str]]]:
    """Return pictures, as data URLs, with what they show, under their headings."""
    finished = run.status == "finished"
    names = ["data", *(["losses", *(FILE_NAMES[view] for view in run.final_views)] if finished else [])]
    files = [run.folder.path / "figures" / f"{name}.png" for name in names] if run.history or finished else []
    lost, history = run.folder.missing(*LINKED), run.folder.path / "history.csv"
    if finished and not history.is_file():  # also where there are no checksums
        lost.append(history)
    say_missing([*(path for path in files if not path.exists()), *sorted(set(lost))], say)
    figures = run.folder.path / "figures"
    pictures = {
        title: {
            figures / f"{name}.png": text
            for name, text in texts.items()
            if training_images or name not in OF_TRAINING_IMAGES
        }
        for title, texts in PICTURES.items()
    }
    known = {figures / f"{name}.png" for texts in (*PICTURES.values(), CHARTED) for name in texts}
    others = sorted(path for path in figures.glob("*.png") if path not in known and not path.name.startswith("."))
    if len(others) > MAX_OTHERS:
        say(f"Left out: {counted(len(others) - MAX_OTHERS, 'picture')} of {figures}")
    pictures["More pictures"] = {path: f"figures/{printable(path.name)}" for path in others[:MAX_OTHERS]}
    sections = {}
    for title, paths in pictures.items():
        sections[title] = [
            {"source": source, "text": text, "style": "plot" if path.stem in DIAGRAMS else "pictures"}
            for path, text in paths.items()
            if path.exists() and (source := picture_source(run, path, say))
        ]
    return {title: shown_pictures for title, shown_pictures in sections.items() if shown_pictures}


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
    facts = {name: run.record.get(name, "unknown") for name in ("device", "backend")} | run.record.get("versions", {})
    for part in ("train", "held_out"):
        facts[f"{part.replace('_', '-')} images, sha256"] = recorded_fingerprint(run.record, part)
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
    path = run.folder.argument
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
        ("An image of your own in it, or a held-out one", f"python -m keras_gen latent {path} project IMAGE"),
        ("Beside another run", f"python -m keras_gen compare {path} OTHER_RUN"),
        ("Its training as a film", f"python -m keras_gen film {path}"),
    ]
