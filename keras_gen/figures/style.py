"""How figures look, whatever the user's matplotlib is set to, and how they are saved."""

import contextlib
import functools
import io
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import matplotlib.figure
import matplotlib.style
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg

from keras_gen.files import replacing, write_text

DPI = 120
FONTS = (  # the first has Latin, Greek, Cyrillic, Hebrew and Arabic, and comes with matplotlib
    *("DejaVu Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Source Han Sans SC"),
    *("WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Droid Sans Fallback", "Microsoft YaHei", "SimHei"),
    *("Yu Gothic", "Malgun Gothic", "PingFang SC", "Hiragino Sans GB", "Hiragino Sans", "Apple SD Gothic Neo"),
    *("Arial Unicode MS", "Noto Sans Devanagari", "Noto Sans Thai", "Nirmala UI", "Leelawadee UI"),
)


@functools.cache
def installed_fonts() -> dict[str, str]:
    """Return the files of those of FONTS that are installed, by name."""
    installed = {font.name for font in font_manager.fontManager.ttflist}
    return {name: font_manager.findfont(name, fallback_to_default=False) for name in FONTS if name in installed}


@contextlib.contextmanager
def own_style() -> Iterator[None]:
    """Build or draw figures in matplotlib's default style with our fonts, then restore the user's; also a decorator."""
    with matplotlib.style.context(["default", {"font.family": list(installed_fonts())}]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # a box for a letter that no font has is no news to the user
        yield


class Figure(matplotlib.figure.Figure):
    """A figure that a notebook shows, also where pyplot has not been imported."""

    def __init__(self, **keywords: object) -> None:
        super().__init__(**keywords)
        self.name_table: dict[str, str] = {}

    @own_style()
    def _repr_png_(self) -> bytes:
        png = io.BytesIO()
        self.savefig(png, format="png")
        return png.getvalue()


@own_style()
def save_figure(figure: Figure, path: Path, replacing: Callable = replacing) -> None:
    """Write a figure as PNG, and beside it `...-names.txt` if names are numbers in it.

    `replacing` is how files are written; a run folder has a way of its own, `RunFolder.replacing`.
    """
    with replacing(path) as temporary:
        _print_png(figure, temporary)
    if figure.name_table:
        lines = [f"{number}\t{name}\n" for number, name in figure.name_table.items()]
        write_text(path.with_name(f"{path.stem}-names.txt"), "".join(lines), replacing)


def _print_png(figure: Figure, path: Path) -> None:
    """Write what `figure.savefig(path, dpi=DPI)` writes, but draw it once: savefig draws it first to lay it out."""
    canvas, dpi = figure.canvas, figure.dpi
    try:
        figure.dpi = DPI
        FigureCanvasAgg(figure).print_png(path)
    finally:
        figure.dpi = dpi
        figure.set_canvas(canvas)
