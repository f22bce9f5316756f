"""Which of many items to show or compare."""

import numpy as np


def evenly_spaced_indices(length: int, count: int) -> np.ndarray:
    """Return `count` indices, or all there are, evenly spaced over a length, the first and the last among them."""
    return np.linspace(0, length - 1, min(length, count)).astype(np.int64)
