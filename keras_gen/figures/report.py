"""A run's report: one page that needs no server, no network and no other file."""

import base64
import io
from dataclasses import asdict, dataclass, field

import numpy as np
from PIL import Image

from keras_gen.figures.grids import to_pillow
from keras_gen.figures.pages import asset, render


@dataclass(frozen=True)
class Picture:
    """A picture, as a data URL, and what it shows."""

    source: str
    text: str


@dataclass(frozen=True)
class Grid:
    """A grid of generated images, as a data URL, and its epoch."""

    source: str
    epoch: int


@dataclass(frozen=True)
class Section:
    """Pictures under a heading."""

    title: str
    pictures: list[Picture]


@dataclass(frozen=True)
class Table:
    """Names and values under a heading."""

    title: str
    rows: list[tuple[str, str]]
    numbers: bool = False


@dataclass(frozen=True)
class Command:
    """A command line, and what it does."""

    text: str
    line: str


@dataclass
class Report:
    """What a report shows, from top to bottom.

    Attributes:
        title: The run's name.
        summary: A sentence: what was trained, on what, and how it ended.
        findings: What is wrong with the run, a sentence each.
        grids: Over the epochs.
        sections: Pictures.
        tables: Numbers and settings.
        commands: That made the run, and that go on from it.
    """

    title: str
    summary: str
    findings: list[str] = field(default_factory=list)
    grids: list[Grid] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)


def report_page(report: Report) -> str:
    """Return the page as HTML; whatever a user has named is escaped."""
    grids = [asdict(grid) for grid in report.grids]
    return render("report.html", report=report, grids=grids, css=asset("page.css"), script=asset("report.js"))


def png_source(data: bytes) -> str:
    """Return the bytes of a PNG file as a data URL."""
    return "data:image/png;base64," + base64.b64encode(data).decode()


def webp_source(picture: np.ndarray, widest: int = 480) -> str:
    """Return pixels, uint8 (height, width, channels), as a data URL of a small file with slight losses."""
    image = to_pillow(picture)
    if image.width > widest:
        image = image.resize((widest, round(image.height * widest / image.width)), Image.Resampling.LANCZOS)
    output = io.BytesIO()
    image.save(output, "WEBP", quality=80)
    return "data:image/webp;base64," + base64.b64encode(output.getvalue()).decode()
