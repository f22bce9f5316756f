"""python -m keras_gen report: all that a run's folder holds, on one page."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from keras_gen.cli.command import DONE, Parser, check_ending, check_new, run_parser
from keras_gen.errors import InputError
from keras_gen.files import write_text
from keras_gen.training.recipes import settings_of
from keras_gen.training.run_folder import RunFolder
from keras_gen.training.settings import NAMES, flag

if TYPE_CHECKING:
    from keras_gen.figures.report import Command, Grid, Section, Table

MOST_GRIDS = 24
GRID_WIDTH = 480  # pixels
ENDS = {
    "running": "it has not ended, or was cut off",
    "finished": "it finished",
    "interrupted": "it was interrupted and can be resumed",
    "failed": "it failed",
}
SCORE_PICTURES = {
    "scores": "On validation images, with two standard errors where they are known.",
    "nearest": "Generated images, and below them the training images nearest to them.",
}
LATENT_PICTURES = {
    "latent_space": "Held-out images, placed by the encoder; the colours are their labels.",
    "manifold": "The plane decoded: each picture is an evenly spaced point of the prior.",
    "traversal": "Each latent dimension swept over its range; those that carry most come first.",
    "reconstructions": "Held-out images above their reconstructions.",
}


def main(argv: list[str]) -> int:
    """Run the command and return its exit code."""
    options = parser().parse_args(argv)
    if options.out is not None:
        check_ending("--out", options.out, ".html")
        check_new(options.out)
    print(f"Open in a browser: {write_report(RunFolder(options.run), options.out)}")
    return DONE


def parser() -> Parser:
    """Return the command's parser."""
    result = run_parser(
        "report",
        "Put all that a run's folder holds on one page: settings, losses, pictures, commands. Training "
        "and `evaluate` do so at their end.",
    )
    result.add_argument("--out", type=Path, metavar="HTML", help="file for the page (default: RUN/report.html)")
    return result


def write_report(folder: RunFolder, out: Path | None = None) -> Path:
    """Write a run's report and return its path.

    Args:
        folder: The run's.
        out: The file; None is report.html in the folder.

    Raises:
        InputError: The folder holds no run.
    """
    from keras_gen.figures.report import Report, report_page

    facts = folder.read()
    history = folder.read_table("history.csv")
    report = Report(
        title=folder.path.absolute().name,
        summary=_summary(facts, history),
        findings=[finding["text"] for finding in facts.get("findings", [])],
        grids=_grids(folder),
        sections=_sections(folder),
        tables=_tables(folder, facts, history),
        commands=_commands(folder, facts),
    )
    path = out or folder.path / "report.html"
    write_text(path, report_page(report))
    return path


def _summary(facts: dict, history: list[dict[str, str]]) -> str:
    data, epochs = facts["dataset"], facts["settings"]["epochs"]
    shape = " x ".join(map(str, data["train"]["image_shape"]))
    best = facts.get("best")
    kept = f" The best models are those of epoch {best['epoch']}, by {best['by'].replace('_', ' ')}." if best else ""
    return (
        f"A {NAMES[facts['kind']]} of the recipe {facts['settings']['recipe']}, trained on "
        f"{data['train']['count']:,} images of {data['name']} ({shape}; {data['held_out']['count']:,} held out) "
        f"for {len(history)} of {epochs} epochs: {ENDS.get(facts['status'], facts['status'])}.{kept}"
    )


def _grids(folder: RunFolder) -> list[Grid]:
    from keras_gen.figures.report import Grid
    from keras_gen.places import spread_places

    epochs = folder.epochs_with(folder.epoch_image)
    if not epochs:
        return []
    some = [epochs[place] for place in spread_places(len(epochs), MOST_GRIDS)]
    return [Grid(_source(folder.epoch_image(epoch), GRID_WIDTH), epoch) for epoch in some]


def _sections(folder: RunFolder) -> list[Section]:
    from keras_gen.figures.report import Picture, Section

    def pictures(texts: dict[str, str]) -> list[Picture]:
        files = {name: folder.figures / f"{name}.png" for name in texts}
        return [Picture(_source(files[name]), text) for name, text in texts.items() if files[name].exists()]

    sections = [
        Section("Losses", pictures({"losses": "After each epoch: training solid, held-out dashed."})),
        Section("Scores", pictures(SCORE_PICTURES)),
        Section("Latent space", pictures(LATENT_PICTURES)),
        Section("What it was trained on", pictures({"data": "Some training images, as the networks see them."})),
    ]
    return [section for section in sections if section.pictures]


def _source(path: Path, widest: int | None = None) -> str:
    """Return a PNG file as a data URL.

    Raises:
        InputError: The file is damaged.
    """
    from keras_gen.figures.report import png_source

    try:
        return png_source(path.read_bytes(), widest)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}); remove it") from None


def _tables(folder: RunFolder, facts: dict, history: list[dict[str, str]]) -> list[Table]:
    from keras_gen.figures.report import Table

    tables = []
    if history:
        unit = settings_of(facts).loss_unit
        last = [(name.replace("_", " "), _number(value)) for name, value in history[-1].items() if name != "epoch"]
        tables.append(Table(f"Losses after epoch {history[-1]['epoch']}{unit and ', in ' + unit}", last, numbers=True))
    if metrics := _metrics(folder):
        tables.append(Table(_metrics_title(metrics), list(_flat(metrics)), numbers=True))
    settings = [(flag(name), "none" if value is None else str(value)) for name, value in facts["settings"].items()]
    tables.append(Table("Settings", settings))
    made = {"device": facts["device"], "backend": facts["backend"]} | facts["versions"]
    prints = {
        f"{part.replace('_', '-')} images, sha256": facts["dataset"][part]["fingerprint"]
        for part in ("train", "held_out")
    }
    tables.append(Table("Made with", [(name, str(value)) for name, value in (made | prints).items()]))
    return tables


def _metrics_title(metrics: dict) -> str:
    """Return what was measured when: a run may have gone on since."""
    if "epoch" not in metrics:  # an older version wrote it
        return "Metrics"
    return f"Metrics of the {metrics['models']} models, epoch {metrics['epoch']}"


def _metrics(folder: RunFolder) -> dict:
    """Return metrics.json, or nothing."""
    path = folder.path / "metrics.json"
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError("it holds no scores")
    except ValueError as error:
        raise InputError(f"{path} cannot be read ({error}); remove it, or run evaluate again") from None
    return found


def _number(text: str) -> str:
    try:
        return f"{float(text):.5g}"
    except ValueError:
        return text


def _flat(values: dict, prefix: str = "") -> list[tuple[str, str]]:
    """Return nested values as rows, the inner names joined by dots."""
    rows = []
    for name, value in values.items():
        if isinstance(value, dict):
            rows += _flat(value, f"{prefix}{name}.")
        else:
            rows.append(
                (f"{prefix}{name}".replace("_", " "), f"{value:.5g}" if isinstance(value, float) else str(value))
            )
    return rows


def _commands(folder: RunFolder, facts: dict) -> list[Command]:
    from keras_gen.figures.report import Command

    run = shlex.quote(str(folder.path))
    epochs = facts["settings"]["epochs"]
    more = f" --epochs {2 * epochs}" if facts["status"] == "finished" else ""
    commands = [Command("It was made by", "\n".join(facts["commands"]))] if "commands" in facts else []
    if "source" in facts and folder.has_checkpoint:
        commands.append(Command("To go on training", f"python train_{facts['kind']}.py --resume {run}{more}"))
    saved = any((folder.path / "models").glob("*.keras"))
    if not saved:  # it failed, or was killed, before there was anything to draw with
        return commands
    return [
        *commands,
        Command("New images", f"python -m keras_gen generate {run} --seeds 0-63"),
        Command("A page to move through its latent space", f"python -m keras_gen explore {run}"),
        Command("How good it is", f"python -m keras_gen evaluate {run}"),
        Command("A view of its latent space", f"python -m keras_gen latent {run} interpolate"),
        Command("Its training as a film", f"python -m keras_gen film {run}"),
    ]
