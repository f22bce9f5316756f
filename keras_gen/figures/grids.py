"""Images side by side, pixel for pixel."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from keras_gen.figures.names import shown_names, widest
from keras_gen.figures.style import Figure, own_style
from keras_gen.files import replacing

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


@own_style()
def labelled_grid(images: np.ndarray, labels: list[str], columns: int | None = None) -> Figure:
    """Draw a grid of images, each with its label above it.

    Args:
        images: uint8, shape (n, height, width, channels), 1 or 3 channels.
        labels: A text for each.
        columns: Images in a row; None makes the grid about square.
    """
    columns = columns or math.ceil(math.sqrt(len(images)))
    rows = math.ceil(len(images) / columns)
    figure = Figure(layout="constrained")
    labels = shown_names(figure, labels)
    figure.set_size_inches(max(0.8, widest(labels, 7) + 0.1) * columns, 0.95 * rows)
    for place, image in enumerate(images):
        axes = figure.add_subplot(rows, columns, place + 1)
        axes.imshow(image[..., 0] if image.shape[-1] == 1 else image, cmap="gray", vmin=0, vmax=255)
        axes.set_title(labels[place], fontsize=7, pad=2)
        axes.set_axis_off()
    return figure


def save_grid(images: np.ndarray, path: Path, columns: int | None = None, replacing: Callable = replacing) -> None:
    """Write a grid of images as PNG, each pixel enlarged to a whole number of pixels.

    Args:
        images: uint8, shape (n, height, width, channels).
        path: The PNG file.
        columns: Images in a row; None makes the grid about square.
        replacing: How the file is written; see `save_figure`.
    """
    save_image(enlarged(image_grid(images, columns), images.shape[1]), path, replacing)


def enlarged(picture: np.ndarray, side: int, wanted: int = PICTURE_SIDE) -> np.ndarray:
    """Repeat pixels so that images of `side` pixels have about the `wanted` side.

    Args:
        picture: uint8, shape (height, width, channels): one image, or a grid of them.
        side: Pixels of an image in it.
        wanted: Pixels that it should have.
    """
    scale = max(1, wanted // side)
    return picture.repeat(scale, axis=0).repeat(scale, axis=1)


def save_image(image: np.ndarray, path: Path, replacing: Callable = replacing) -> None:
    """Write one image as PNG, pixel for pixel.

    Args:
        image: uint8, shape (height, width, channels), 1 or 3 channels.
        path: The PNG file.
        replacing: How the file is written; see `save_figure`.
    """
    with replacing(path) as temporary:
        to_pillow(image).save(temporary, "PNG")


def to_pillow(image: np.ndarray) -> Image.Image:
    """Return uint8 (height, width, channels), 1 or 3 channels, as a Pillow image."""
    return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
