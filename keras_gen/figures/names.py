"""Names in figures: whatever users call their classes, a figure shows something that can be read."""

import functools
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

import matplotlib
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties, get_font

from keras_gen.figures.style import Figure, installed_fonts
from keras_gen.text import printable

LONGEST = 24  # characters of a name in a figure
DRAWS_RIGHT_TO_LEFT = matplotlib.__version_info__ >= (3, 11)  # before, letters stood alone and in the wrong order
NOTE = "# and a number stands for a name; see the file …-names.txt beside this picture"


def shown_names(figure: Figure, names: Sequence[str], numbers: Iterable[int] | None = None) -> list[str]:
    """Return names as a figure can show them; equal ones have one number, and None counts these from 0.

    Long ones are shortened. One that no installed font has the letters for becomes a number such as #12, and so do
    names that shortening makes equal. `save_figure` writes the list of these numbers beside the figure.
    """
    if numbers is None:
        numbered = {name: number for number, name in enumerate(dict.fromkeys(names))}
    else:
        numbered = dict(zip(names, numbers, strict=True))
    short = {name: printable(name, LONGEST) for name in numbered}
    alike = Counter(short.values())
    result, table = {}, {}
    for name, number in numbered.items():
        result[name] = literal(short[name])
        if not drawable(short[name]):
            result[name] = f"#{number}"
        elif alike[short[name]] > 1:
            result[name] = f"#{number} {result[name].strip()}"
        if result[name].startswith("#") and result[name] != name:
            table[f"#{number}"] = printable(name, 10_000)
    if table:
        figure.name_table |= table
        figure.supxlabel(NOTE, fontsize=7, color="dimgray")
    return [result[name] for name in names]


def drawable(text: str) -> bool:
    """Tell whether matplotlib can show a text, with the fonts that are installed."""
    if not DRAWS_RIGHT_TO_LEFT and any(unicodedata.bidirectional(letter) in ("R", "AL") for letter in text):
        return False
    return all(_has_glyph(letter) for letter in text)


@functools.cache
def _has_glyph(letter: str) -> bool:
    return any(get_font(file).get_char_index(ord(letter)) for file in installed_fonts().values())


def literal(text: str) -> str:
    """Return a text as matplotlib shows it letter for letter.

    Dollar signs would begin a formula, and a legend leaves out names that begin with an underscore.
    """
    return (" " if text.startswith("_") else "") + text.replace("$", r"\$")


def wrapped(text: str, inches: float, size: float = 10) -> str:
    """Return a text in lines that are no wider than so many inches, if its words are not."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        lines[-1:] = [longer] if not lines[-1] or widest([longer], size) <= inches else [lines[-1], word]
    return "\n".join(lines)


def widest(texts: Iterable[str], size: float = 10) -> float:
    """Return how many inches the widest text takes in letters of `size` points."""
    renderer, font = RendererAgg(1, 1, 72), FontProperties(size=size)
    widths = (renderer.get_text_width_height_descent(text, font, ismath=False)[0] for text in texts)
    return max(widths, default=0) / 72
