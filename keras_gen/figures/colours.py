"""Colours that tell classes apart, for colour-blind readers too."""

import matplotlib
from matplotlib.colors import to_hex

# A class beyond the tenth has a colour again, but not its marker.
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">", "p", "h")


def class_colours(count: int) -> list[str]:
    """Return a colour for each class, as hexadecimal text; from the eleventh on, colours begin anew.

    M. A. Petroff, "Accessible Color Sequences for Data Visualization" (2021): ten colours, chosen to stay apart for the
    common kinds of colour blindness.
    """
    ten = matplotlib.color_sequences["petroff10"]
    return [to_hex(ten[number % len(ten)]) for number in range(count)]


def class_marker(number: int) -> str:
    """Return matplotlib's marker for a class, which tells apart those of the same colour."""
    return MARKERS[number // 10 % len(MARKERS)]
