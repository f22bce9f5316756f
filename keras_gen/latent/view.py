"""What the views of a latent space share: the picture they give, how its files are named, images that a user names."""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_gen import files
from keras_gen.errors import InputError
from keras_gen.figures import Figure, image_grid, save_figure
from keras_gen.figures.animation import save_gif, there_and_back
from keras_gen.figures.grids import enlarged, save_image, to_pillow
from keras_gen.run import Run
from keras_gen.run.arguments import as_path
from keras_gen.text import short_name, whole_number
from keras_gen.transparency import on_checkerboard

STEPS_BETWEEN = 4  # frames of a film from one image of a strip to the next
MOVING_SIDE = 128  # pixels of an image in a film, about
MAX_IMAGES = 200  # that are named, for a picture of images beside each other


@dataclass
class View:
    """A picture of a latent space; a notebook shows it."""

    run: Run
    name: str  # of its files, without ending
    picture: Figure | np.ndarray  # or uint8 pixels (height, width, channels)
    array: np.ndarray  # what is in it: images, uint8 (n, height, width, channels), or codes, float32 (n, latent_dim)
    frames: list[np.ndarray] | None = None  # uint8 pictures that move
    remarks: tuple[str, ...] = ()
    keeps_array: bool = False  # `save` writes it, too

    def save(self, path: str | Path | None = None) -> list[Path]:
        """Write the picture as PNG, by default into the run's figures, beside it a GIF or an array if there is one."""
        path = as_path("path", path, ".png") if path is not None else self.run.figure_path(self.name)
        replacing = self.run.folder.replacing if self.run.folder else files.replacing
        (save_figure if isinstance(self.picture, Figure) else save_image)(self.picture, path, replacing=replacing)
        written = [path]
        if self.frames is not None:
            written.append(path.with_suffix(".gif"))
            save_gif(there_and_back(self.frames), written[-1], frame_ms=60, last_ms=60)
        if self.keeps_array:
            written.append(path.with_suffix(".npy"))
            files.save_array(written[-1], self.array, replacing)
        return written

    def _repr_png_(self) -> bytes:
        if isinstance(self.picture, Figure):
            return self.picture._repr_png_()
        png = io.BytesIO()
        to_pillow(self.picture).save(png, "PNG")
        return png.getvalue()


def label_for(run: Run, label: int | str | None, own: object = None) -> int | str | None:
    """Return the label that a view is decoded with: the given one, or for a conditional run that of the first image.

    `own` are the labels of the images, from `image_labels`; without images it is the first label.
    """
    if label is not None or not run.conditional:
        return label
    return int((run.label_counts[0] if own is None else own)[0])


def image_labels(run: Run, images: Sequence[int | str | Path], label: int | str | None) -> object:
    """Return the label with which each of some named images is encoded: the given one, or its own; None takes none."""
    if label is not None or not run.conditional:
        return label
    numbers = [whole_number(image) for image in images]
    if None in numbers:
        raise InputError("an image file has no label, which a conditional run needs to encode it; give `label`")
    return run.datasets()[1].labels[numbers]


def strip_pixels(images: np.ndarray, columns: int | None, side: int = 64) -> np.ndarray:
    """Return images side by side, each enlarged to about `side` pixels."""
    return enlarged(image_grid(images, columns), images.shape[1], side)


def label_name(label: int | str | None) -> str:
    """Return what a chosen label adds to a file's name."""
    return "" if label is None else f"-label-{short_name(str(label))}"


def moving(images: np.ndarray) -> list[np.ndarray]:
    """Return images as the frames of a film."""
    return [enlarged(image, image.shape[0], MOVING_SIDE) for image in on_checkerboard(images)]


def joined(numbers: Iterable[int]) -> str:
    """Return numbers for a file's name."""
    return short_name("-".join(map(str, numbers)))


def not_default(**options: tuple[object, object]) -> str:
    """Return the options that are not at their default, for a file's name, so that no view takes another's place.

    Each is given as its value and its default.
    """
    return "".join(f"-{name}-{value}" for name, (value, default) in options.items() if value != default)
