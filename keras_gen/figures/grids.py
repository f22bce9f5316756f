"""Images side by side, pixel for pixel."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from keras_gen.figures.names import shown_names, widest
from keras_gen.figures.style import Figure, own_style
from keras_gen.files import replacing
from keras_gen.transparency import on_checkerboard

GAP = 2  # white pixels between images
PICTURE_SIDE = 64  # small images are enlarged to about this side, each pixel to a square


def image_grid(images: np.ndarray, columns: int | None = None, gap: int = GAP) -> np.ndarray:
    """Lay out images, uint8 (n, height, width, channels), in rows, in reading order, on white; RGBA on a checkerboard.

    The grid is about square if no number of columns is given; the gap is in pixels between the images.
    """
    images = on_checkerboard(images)
    count, height, width, channels = images.shape
    columns = columns or math.ceil(math.sqrt(count))
    rows, high, wide = math.ceil(count / columns), height + gap, width + gap
    cells = np.full((rows * columns, high, wide, channels), 255, np.uint8)
    cells[:count, :height, :width] = images
    grid = cells.reshape(rows, columns, high, wide, channels).swapaxes(1, 2).reshape(rows * high, columns * wide, -1)
    return grid[: rows * high - gap, : columns * wide - gap]


@own_style()
def labelled_grid(images: np.ndarray, labels: list[str], columns: int | None = None) -> Figure:
    """Draw a grid of images, uint8 (n, height, width, channels), each with its label above it."""
    columns = columns or math.ceil(math.sqrt(len(images)))
    rows = math.ceil(len(images) / columns)
    figure = Figure(layout="constrained")
    labels = shown_names(figure, labels)
    figure.set_size_inches(max(0.8, widest(labels, 7) + 0.1) * columns, 0.95 * rows)
    for place, image in enumerate(on_checkerboard(images)):
        axes = figure.add_subplot(rows, columns, place + 1)
        axes.imshow(image[..., 0] if image.shape[-1] == 1 else image, cmap="gray", vmin=0, vmax=255)
        axes.set_title(labels[place], fontsize=7, pad=2)
        axes.set_axis_off()
    return figure


def save_grid(images: np.ndarray, path: Path, columns: int | None = None, replacing: Callable = replacing) -> None:
    """Write a grid of images as PNG, each pixel enlarged to a whole number of pixels.

    `replacing` is how the file is written; see `save_figure`.
    """
    save_image(enlarged(image_grid(images, columns), images.shape[1]), path, replacing)


def enlarged(picture: np.ndarray, side: int, wanted: int = PICTURE_SIDE) -> np.ndarray:
    """Repeat pixels of an image, or of a grid, so that images of `side` pixels have about the `wanted` side."""
    scale = max(1, wanted // side)
    return picture.repeat(scale, axis=0).repeat(scale, axis=1)


def save_image(image: np.ndarray, path: Path, replacing: Callable = replacing) -> None:
    """Write one image, uint8 (height, width, channels), as PNG, pixel for pixel; see `save_grid`."""
    with replacing(path) as temporary:
        to_pillow(image).save(temporary, "PNG")


def to_pillow(image: np.ndarray) -> Image.Image:
    """Return uint8 (height, width, channels), 1, 3 or 4 channels, as a Pillow image."""
    return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
