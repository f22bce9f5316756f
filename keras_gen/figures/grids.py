"""Images side by side, pixel for pixel."""

import math
from pathlib import Path

import numpy as np
from PIL import Image

GAP = 2  # white pixels between images
PICTURE_SIDE = 64  # small images are enlarged to about this side, each pixel to a square


def image_grid(images: np.ndarray, columns: int | None = None) -> np.ndarray:
    """Lay out images in rows, in reading order, on white.

    Args:
        images: uint8, shape (n, height, width, channels), 1 or 3 channels.
        columns: Images in a row; None makes the grid about square.

    Returns:
        uint8, shape (rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, channels).
    """
    count, height, width, channels = images.shape
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    cells = np.full((rows * columns, height + GAP, width + GAP, channels), 255, np.uint8)
    cells[:count, :height, :width] = images
    grid = cells.reshape(rows, columns, height + GAP, width + GAP, channels).swapaxes(1, 2)
    return grid.reshape(rows * (height + GAP), columns * (width + GAP), channels)[:-GAP, :-GAP]


def save_grid(images: np.ndarray, path: Path, columns: int | None = None) -> None:
    """Write a grid of images as PNG, each pixel enlarged to a whole number of pixels.

    Args:
        images: uint8, shape (n, height, width, channels).
        path: The PNG file.
        columns: Images in a row; None makes the grid about square.
    """
    grid = image_grid(images, columns)
    scale = max(1, PICTURE_SIDE // images.shape[1])
    grid = grid.repeat(scale, axis=0).repeat(scale, axis=1)
    Image.fromarray(grid[..., 0] if grid.shape[-1] == 1 else grid).save(path)
