"""A run's report: one page that needs no server, no network and no other file."""

import base64
import io
from dataclasses import asdict, dataclass, field

from PIL import Image

from keras_gen.pages import asset, render

MAX_PNG = 500_000  # bytes
PAGE_WIDTH = 1000  # pixels


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
        resolved: What was wrong with it for a while.
        grids: Over the epochs.
        sections: Pictures.
        tables: Numbers and settings.
        commands: That made the run, and that go on from it.
    """

    title: str
    summary: str
    findings: list[str] = field(default_factory=list)
    resolved: list[str] = field(default_factory=list)
    grids: list[Grid] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)


def report_page(report: Report) -> str:
    """Return the page as HTML; whatever a user has named is escaped."""
    grids = [asdict(grid) for grid in report.grids]
    css = asset("page.css") + asset("report.css")
    return render("report.html", report=report, grids=grids, css=css, script=asset("report.js"))


def png_source(png: bytes, max_width: int | None = None) -> str:
    """Return a PNG as a data URL: as it is if it is small, else as a smaller WebP with slight losses.

    Args:
        png: The bytes of its file.
        max_width: Pixels that it may be wide; None is as wide as a page.
    """
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
