"""Which image sizes the networks can reach, and how deep they are for each.

A generator starts from a small map and doubles it, so each side of a picture must be 4, 5, 6 or 7 pixels times the same
power of two: 28 x 28 is 7 x 7 doubled twice, 32 x 56 is 4 x 7 doubled three times.
"""

import math
import re

from keras_gen.errors import InputError

SMALLEST, LARGEST = 8, 512
SMALLEST_SIDE, LARGEST_SIDE = 4, 1024  # that images can be resized to
SIDES_WANTED = f"a whole number from {SMALLEST_SIDE} to {LARGEST_SIDE}, or two as HEIGHTxWIDTH"
MAX_FILTERS = 512  # of any layer
BASES = (4, 5, 6, 7)
REACHABLE = sorted(base * 2**k for base in BASES for k in range(1, 8) if base * 2**k <= LARGEST)
PAIRS = sorted((2**k * a, 2**k * b) for a in BASES for b in BASES for k in range(1, 8) if 2**k * max(a, b) <= LARGEST)
ASPECT_WEIGHT = 4  # what a crop leaves out is lost, what resampling changes is mostly still there


def as_size(value: object) -> int | str:
    """Return an image size as settings keep it: the side of a square, or text such as `32x56` for height and width.

    Raises:
        ValueError: It is no such size.
    """
    parts = value if isinstance(value, list | tuple) else re.split("[xX×]", str(value))
    found = [int(str(part)) for part in parts]
    if not 1 <= len(found) <= 2 or not all(SMALLEST_SIDE <= side <= LARGEST_SIDE for side in found):
        raise ValueError
    return found[0] if len(set(found)) == 1 else f"{found[0]}x{found[1]}"


def sides(size: int | str) -> tuple[int, int]:
    """Return height and width of a size from `as_size`."""
    height, _, width = str(size).partition("x")
    return int(height), int(width or height)


def doublings(height: int, width: int) -> tuple[int, int, int]:
    """Split an image's sides into the map it starts from, 4 to 7 pixels a side, and the times that is doubled.

    Raises:
        InputError: No such map leads to this size.
    """
    if not reachable(height, width):
        is_square = height == width
        size, *offered = (
            str(pair[0]) if is_square else f"{pair[0]}x{pair[1]}"
            for pair in [(height, width), *_offered(height, width)]
        )
        rule = "a side is 4, 5, 6 or 7 times a" if is_square else "each side is 4, 5, 6 or 7 times the same"
        first = offered[0] if is_square else repr(offered[0])
        raise InputError(
            f"the networks cannot reach {size} pixels ({rule} power of two, {SMALLEST} to {LARGEST}); resize with "
            f"{' or '.join([f'`image_size={first}`', *offered[1:]])}"
        )
    count = int(math.log2(height // 4))
    return height // 2**count, width // 2**count, count


def reachable(height: int, width: int) -> bool:
    """Tell whether the networks can reach this height and width."""
    return (height, width) in PAIRS


def nearest_pair(height: int, width: int) -> tuple[int, int]:
    """Return the height and width that the networks reach with the least change of shape, and then of size."""

    def change(pair: tuple[int, int]) -> float:
        taller, wider = math.log(pair[0] / height), math.log(pair[1] / width)
        return ASPECT_WEIGHT * abs(taller - wider) + abs(taller + wider)

    return min(PAIRS, key=change)


def _offered(height: int, width: int) -> list[tuple[int, int]]:
    """Return the sizes to name instead of one that cannot be reached: squares for a square."""
    if height == width:
        below = [side for side in REACHABLE if side < height][-1:]
        above = [side for side in REACHABLE if side > height][:1]
        return [(side, side) for side in below + above]

    def distance(pair: tuple[int, int]) -> float:
        return sum(abs(math.log(side / max(wanted, 1))) for side, wanted in zip(pair, (height, width), strict=True))

    return sorted(PAIRS, key=distance)[:2]


def halvings(*sides: int) -> int:
    """Return how often an image can be halved (rounding up) until its longer side is at most 4 pixels."""
    return max(1, math.ceil(math.log2(max(sides) / 4)))


def widths(nearest: int, count: int, most: int = MAX_FILTERS) -> list[int]:
    """Return `count` layer widths from the image inwards: each twice the one before, at most `most`."""
    return [min(nearest * 2**layer, most) for layer in range(count)]
