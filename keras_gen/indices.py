"""Which of many items to show or compare."""

import numpy as np


def evenly_spaced_indices(length: int, count: int) -> np.ndarray:
    """Return `count` indices, or all there are, evenly spaced over a length, the first and the last among them."""
    return np.linspace(0, length - 1, min(length, count)).astype(np.int64)


def rows_at(array: object, index: object) -> object:
    """Return some rows of an array or tensor, or None where there is none: labels come with images or not at all."""
    return None if array is None else array[index]
