"""Images that a user names or gives: read as the networks see images, and found in the latent space."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from keras_gen.data import ImageSet, read_image
from keras_gen.data.arrays import Part, named_parts, prepare
from keras_gen.data.folder import image_files, read_files
from keras_gen.data.formats import read_arrays
from keras_gen.data.loading import ARRAY_SUFFIXES
from keras_gen.data.resizing import fit
from keras_gen.errors import InputError
from keras_gen.figures import Figure, image_table
from keras_gen.latent.inversion import STARTS, STEPS, Projection
from keras_gen.latent.view import MAX_IMAGES, View, image_labels, label_for, label_name
from keras_gen.run import Run
from keras_gen.run.arguments import as_images
from keras_gen.text import PATH_LENGTH, counted, printable, short_name, whole_number
from keras_gen.transparency import on_checkerboard

COLUMNS = 10  # of the picture
MAX_LISTED = 20  # images whose errors are printed

Image = int | str | Path  # a held-out image's number, or an image file


def named_image(run: Run, image: Image, name: str) -> np.ndarray:
    """Return a held-out image by its number, or an image file; uint8 (height, width, channels).

    The name is that of the argument, for the message, if there is no such image.
    """
    if isinstance(image, bool) or not isinstance(image, int | np.integer | str | Path):
        raise InputError(
            f"`{name}` must be the number of a held-out image, or an image file; received {type(image).__name__}"
        )
    number = int(image) if isinstance(image, int | np.integer) else whole_number(image)
    if number is None:
        pixels = read_image(image, run.image_shape)
        _refuse_flat(pixels[np.newaxis], [image])
        return pixels
    _, held_out = run.datasets()
    if not 0 <= number < len(held_out):
        raise InputError(f"there is no held-out image {image}; they are numbered from 0 to {len(held_out) - 1}")
    return held_out.images[number]


def given_images(run: Run, images: object) -> tuple[np.ndarray, list[str]]:
    """Return images as uint8 (n, height, width, channels) of the run's shape, and a name for each.

    Args:
        run: The run.
        images: An array, or one or several of: the number of a held-out image, an image file, a folder of image files,
            a file of an array such as .npy.
    """
    if isinstance(images, int | str | Path) and not isinstance(images, bool):
        images = [images]
    of_names = isinstance(images, Sequence) and not isinstance(images, str) and len(images)
    if not of_names or not all(isinstance(image, int | np.integer | str | Path) for image in images):
        pixels = as_images(images, run.image_shape)
        names = [f"image {number}" for number in range(len(pixels))]
        _refuse_flat(pixels, names)
        return pixels, names
    parts = [_read(run, image) for image in images]
    return np.concatenate([pixels for pixels, _ in parts]), [name for _, names in parts for name in names]


def codes_of(run: Run, images: np.ndarray, labels: object, remarks: list[str]) -> np.ndarray:
    """Return where images lie, by a VAE's encoder or by gradient descent through a generator.

    `remarks` is told how near the latter came.
    """
    if run.encodes:
        return run.encode(images, labels)
    found = run.project(images, labels)
    errors = f"{np.median(found.errors):.4f}, the median of {len(images):,}"
    if len(images) < 3:
        errors = " and ".join(f"{error:.4f}" for error in found.errors)
    remarks.append(f"Found by gradient descent, with a mean squared error of {errors} (pixels from 0 to 1)")
    return found.latents


def named_points(
    run: Run, images: dict[str, Image], label: int | str | None, remarks: list[str]
) -> tuple[np.ndarray, int | str | None]:
    """Return where images lie that arguments name, by the arguments' names, and the label to decode with.

    The label is the given one, or for a conditional run the first image's own; see `codes_of` for `remarks`.
    """
    pixels = np.stack([named_image(run, image, name) for name, image in images.items()])
    labels = image_labels(run, list(images.values()), label)
    return codes_of(run, pixels, labels, remarks), label_for(run, label, labels)


def project(
    run: Run,
    images: object,
    label: int | str | Sequence[int | str] | None = None,
    refine: bool = False,
    starts: int = STARTS,
    steps: int = STEPS,
) -> View:
    """Find images in the latent space; show the originals, the images found, and the differences.

    The array is of their latent points. The arguments are those of `Run.project`.
    """
    pixels, names = given_images(run, images)
    found = run.project(pixels, label, refine, starts, steps)
    count, shown = len(names), min(len(names), MAX_IMAGES)
    remarks = [f"Error   {_error_line(run, found, number, names)}" for number in range(min(count, MAX_LISTED))]
    if count > 1:
        middle, largest = np.median(found.errors), found.errors.max()
        remarks.append(f"Errors of {count:,} images: median {middle:.5f}, largest {largest:.5f}")
    remarks.append("Mean squared differences, for pixels from 0 to 1")
    if shown < count:
        remarks.append(f"The picture has the first {shown} of {count:,}")
    name = f"projection-{short_name(Path(names[0]).name)}" + (f"-and-{count - 1}-more" if count > 1 else "")
    name += ("-refined" if refine else "") + label_name(label)
    return View(run, name, _comparison(found, shown), found.latents, remarks=tuple(remarks), keeps_array=True)


def _comparison(found: Projection, shown: int) -> Figure:
    """Draw the first images, in rows of originals, of images found and of differences."""
    columns, cells = min(shown, COLUMNS), []
    originals, images = on_checkerboard(found.originals[:shown]), on_checkerboard(found.images[:shown])
    for start in range(0, shown, columns):
        part = slice(start, min(start + columns, shown))
        original, image = originals[part], images[part]
        difference = np.abs(original.astype(np.int16) - image).astype(np.uint8)
        blank = np.full((columns - len(original), *original.shape[1:]), 255, np.uint8)
        cells += [array for row in (original, image, difference) for array in (row, blank)]
    texts = [f"{error:.5f}" for error in found.errors] if shown <= COLUMNS else [""] * columns
    below = "mean squared difference (pixels from 0 to 1)" if shown <= COLUMNS else ""
    names = ["original", "found", "difference"] * -(-shown // columns)
    return image_table(np.concatenate(cells), texts, names, below=below)


def _error_line(run: Run, found: Projection, number: int, names: list[str]) -> str:
    label = "" if found.labels is None else f", with the label {run.label_names[found.labels[number]]}"
    return f"{found.errors[number]:.5f}  {printable(names[number], PATH_LENGTH)}{label}"


def _read(run: Run, image: Image) -> tuple[np.ndarray, list[str]]:
    """Return the images that one name stands for, and what to call each."""
    path = Path(str(image))
    if os.path.isdir(path):  # which of a name that is too long only says no
        files = image_files(path)
        pixels, names = read_files(files, run.image_shape), [str(file) for file in files]
    elif path.name.lower().endswith(ARRAY_SUFFIXES):
        pixels = _from_arrays(run, path)
        names = [f"{path}[{number}]" for number in range(len(pixels))]
    else:
        name = str(image) if whole_number(image) is None else f"held-out image {image}"
        return named_image(run, image, "images")[np.newaxis], [name]
    _refuse_flat(pixels, names)
    return pixels, names


def _from_arrays(run: Run, path: Path) -> np.ndarray:
    if not path.is_file():
        raise InputError(f"{printable(path, PATH_LENGTH)} does not exist; name images that are there")
    array = np.asarray(named_parts(read_arrays(path), path)[0][0].images)
    height, width, channels = run.image_shape
    without_channels = (height, width) if channels == 1 else run.image_shape
    if array.shape in (run.image_shape, without_channels) or array.shape[1:] == without_channels:
        array = array.reshape(-1, *run.image_shape)  # else it might be read in several ways
    ((pixels, _),), _ = prepare([Part(array)], where=f" in {printable(path, PATH_LENGTH)}")
    return fit(ImageSet(pixels), f"{height}x{width}", channels).images


def _refuse_flat(images: np.ndarray, names: Sequence[object]) -> None:
    flat = np.flatnonzero(np.ptp(images, axis=(1, 2)).max(axis=1) == 0)
    if len(flat):
        more = f" (and {counted(len(flat) - 1, 'other')})" if len(flat) > 1 else ""
        raise InputError(
            f"{printable(names[flat[0]], PATH_LENGTH)}{more} is of one flat colour, so there is nothing to find; "
            "give an image with something in it"
        )
