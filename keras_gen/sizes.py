"""Which image sizes the networks can reach, and how deep they are for each.

A generator starts from a small square map and doubles it, so a picture's side
must be 4, 5, 6 or 7 pixels times a power of two: 28 = 7 x 2 x 2, 32 = 4 x 2 x 2 x 2.
"""

import math

from keras_gen.errors import InputError

SMALLEST, LARGEST = 8, 512
MAX_FILTERS = 512  # of any layer
REACHABLE = sorted(base * 2**k for base in (4, 5, 6, 7) for k in range(1, 8) if base * 2**k <= LARGEST)


def doublings(size: int) -> tuple[int, int]:
    """Split an image side into the map it starts from, 4 to 7 pixels, and the times that is doubled, at least 1.

    Raises:
        InputError: No base from 4 to 7 leads to this size.
    """
    if size not in REACHABLE:
        below = [reachable for reachable in REACHABLE if reachable < size][-1:]
        above = [reachable for reachable in REACHABLE if reachable > size][:1]
        nearest = " or ".join(str(reachable) for reachable in below + above)
        raise InputError(
            f"the networks cannot reach {size} pixels (a side is 4, 5, 6 or 7 times a power of two, "
            f"{SMALLEST} to {LARGEST}); resize with --image-size {nearest}"
        )
    count = int(math.log2(size // 4))
    return size // 2**count, count


def square_size(image_shape: tuple[int, int, int]) -> int:
    """Return the side of a square image, or say that it is not square."""
    height, width, _ = image_shape
    if height != width:
        nearest = min(REACHABLE, key=lambda size: abs(size - min(height, width)))
        raise InputError(f"images are {height}x{width}, not square; crop and resize with --image-size {nearest}")
    return height


def reachable(height: int, width: int) -> bool:
    """Tell whether convolutions can halve both sides equally often, at least once, to 4 to 7 pixels."""
    sides = (height, width)
    return any(all(side % 2**k == 0 and 4 <= side // 2**k <= 7 for side in sides) for k in range(1, 8))


def halvings(size: int) -> int:
    """Return how often a side can be halved (rounding up) until it is at most 4 pixels."""
    return max(1, math.ceil(math.log2(size / 4)))


def widths(nearest: int, count: int, most: int = MAX_FILTERS) -> list[int]:
    """Return `count` layer widths from the image inwards: each twice the one before, at most `most`."""
    return [min(nearest * 2**layer, most) for layer in range(count)]
