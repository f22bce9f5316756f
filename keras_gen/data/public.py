"""Public data sets: found in the forms that people have them, checked by content, or downloaded."""

import math
import os
import re
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from keras_gen.data.arrays import Part, named_parts
from keras_gen.data.catalogue import CIFAR10, PUBLIC_DATASETS, PublicDataset
from keras_gen.data.cifar import read_cifar_archive, read_cifar_folder
from keras_gen.data.download import fetch
from keras_gen.data.formats import read_arrays, read_idx, reading
from keras_gen.data.image_set import ImageSet, fingerprint
from keras_gen.errors import InputError
from keras_gen.text import printable

IDX_FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
MAX_DEPTH, MAX_FILES = 3, 20_000  # of what is looked through below a folder
MAX_NAMED, LONGEST_PATH, LONGEST_PROBLEM = 3, 150, 400  # files in a message, and characters about them
RELATED = re.compile("mnist|fashion|cifar|idx|ubyte|t10k|train|batch", re.IGNORECASE)


@dataclass(frozen=True)
class _Copy:
    """One place where a data set may lie, and how its training and test part are read from there."""

    path: Path
    read: Callable[[], list[Part]]


def load_public(base: str, class_name: str, name: str, data_dir: Path | None) -> tuple[ImageSet, ImageSet]:
    """Load a public data set, or one of its classes.

    Args:
        base: Its key in `PUBLIC_DATASETS`.
        class_name: A class's name or number; empty for all.
        name: What to call the sets.
        data_dir: A folder to look in first.

    Raises:
        InputError: It is not to be had, or there is no such class.
    """
    dataset = PUBLIC_DATASETS[base]
    label = _class_label(dataset, class_name) if class_name else None
    sets = []
    for part in _find(dataset, label, data_dir):
        images, labels = part.images, part.labels
        if label is not None:
            images, labels = images[labels == label], labels[labels == label]
        sets.append(ImageSet(np.ascontiguousarray(images), labels, dataset.class_names, name))
    return tuple(sets)


def _class_label(dataset: PublicDataset, class_name: str) -> int:
    if class_name in dataset.class_names:
        return dataset.class_names.index(class_name)
    if class_name in (numbers := [str(number) for number in range(len(dataset.class_names))]):
        return numbers.index(class_name)
    raise InputError(
        f"{dataset.title} has no class {class_name[:40]!r}; choose one of {', '.join(dataset.class_names)}"
    )


def keras_cache() -> Path:
    """The folder in which Keras keeps data sets: `$KERAS_HOME/datasets` or `~/.keras/datasets`.

    Without a home folder it is one for temporary files.
    """
    try:
        return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "datasets"
    except RuntimeError:  # no HOME, and the system does not know the user
        return Path(tempfile.gettempdir(), "keras", "datasets")


def _find(dataset: PublicDataset, label: int | None, data_dir: Path | None) -> list[Part]:
    """Return the first copy with the known content, or download one."""
    cache = keras_cache()
    rejected, nearby = [], []
    folders = [cache] if data_dir is None else [data_dir, cache]
    for folder in folders:
        files = _files_below(folder)
        for found in _copies(dataset, label, files):
            try:
                with reading(found.path):
                    return _checked(dataset, found)
            except InputError as error:
                own = "; name that file as `dataset` to use it as your own" if found.path.suffix == ".csv" else ""
                rejected.append(f"{error}{own}")
        nearby += [printable(path, LONGEST_PATH) for path in files if RELATED.search(path.name)]
    remedy = f"{dataset.hint} and name that folder with `data_dir`"
    looked = f"looked in {' and '.join(printable(folder, LONGEST_PATH) for folder in folders)}"
    if nearby:
        more = f" and {len(nearby) - MAX_NAMED} more" if len(nearby) > MAX_NAMED else ""
        looked += f", found only {', '.join(nearby[:MAX_NAMED])}{more}"
    problem = printable("; ".join(rejected[:MAX_NAMED]), LONGEST_PROBLEM) or looked
    if rejected and (cache / dataset.downloads[0].path).exists():
        raise InputError(f"{problem}; move it away to download {dataset.title}, or {remedy}")
    try:
        for download in dataset.downloads:
            fetch(download.url, cache / download.path, download.sha256)
    except InputError as error:
        raise InputError(
            f"{dataset.title} was not found ({problem}) and could not be downloaded ({error}); {remedy}, "
            "or leave `dataset` out to use the embedded mnist5k"
        ) from None
    downloaded = next(_copies(dataset, label, [cache / download.path for download in dataset.downloads]))
    try:
        return _checked(dataset, downloaded)
    except InputError as error:
        raise InputError(f"the download is not {dataset.title}: {error}; {remedy}") from None


def _files_below(root: Path) -> list[Path]:
    """Return the files of a folder and its sub-folders, nearest first; a huge tree is not searched to its end."""
    level, files = [root], []
    for _ in range(MAX_DEPTH + 1):
        folders = []
        for folder in level:
            try:
                with os.scandir(folder) as entries:
                    for entry in sorted(entries, key=lambda entry: entry.name):
                        if entry.is_file():
                            files.append(folder / entry.name)
                        elif entry.is_dir():
                            folders.append(folder / entry.name)
            except OSError:  # it is not there, or may not be read
                continue
            if len(files) > MAX_FILES:
                return files
        level = folders
    return files


def _normal(name: str) -> str:
    """Return a file's name as all its variants have it: train-images.idx3-ubyte.gz is train-images-idx3-ubyte."""
    return re.sub(r"[ ._]+", "-", name.lower().removesuffix(".gz"))


def _copies(dataset: PublicDataset, label: int | None, files: list[Path]) -> Iterator[_Copy]:
    """Find by name what may be copies of a data set, those whose path names it first."""
    files = sorted(files, key=lambda path: ("fashion" in str(path).lower()) != ("Fashion" in dataset.title))
    named = defaultdict(list)
    for path in files:
        named[_normal(path.name)].append(path)
    archives = dataset.archives
    if label is not None and label == dataset.fingerprint_class:  # the class that is known has a file of its own, too
        archives += (f"cifar10_{dataset.class_names[label]}.npz",)
    for name in archives:
        for path in named[_normal(name)]:
            yield _Copy(path, partial(_read_archive, path))
    if dataset.has_idx_files:
        for group in _groups(named, IDX_FILES):
            yield _Copy(group[0][0], partial(_read_idx_files, group, dataset.fingerprints))
    for pair in dataset.csv_files:
        for group in _groups(named, pair):
            yield _Copy(group[0][0], partial(_read_csv_files, group))


def _groups(named: dict[str, list[Path]], names: tuple[str, ...]) -> list[list[list[Path]]]:
    """Return the files of these names that lie together, in one folder or each in one of its own name."""
    groups = defaultdict(lambda: [[] for _ in names])
    for place, name in enumerate(names):
        for path in named[_normal(name)]:
            folder = path.parent.parent if _normal(path.parent.name) == _normal(name) else path.parent
            groups[folder][place].append(path)
    return [group for group in groups.values() if group[0]]


def _read_archive(path: Path) -> list[Part]:
    if path.name == "data_batch_1":
        arrays, path = read_cifar_folder(path.parent), path.parent
    elif ".tar" in path.name:
        arrays = read_cifar_archive(path)
    else:
        arrays = read_arrays(path)
    parts, _ = named_parts(arrays, path)
    cifar, _, one_class = path.stem.partition("_")
    if cifar == "cifar10" and one_class in CIFAR10:  # a file of one class needs no labels
        label = CIFAR10.index(one_class)
        parts = [
            Part(part.images, np.full(len(part.images), label) if part.labels is None else part.labels)
            for part in parts
        ]
    return parts


def _read_idx_files(group: list[list[Path]], fingerprints: tuple[str, str]) -> list[Part]:
    parts, folder = [], group[0][0].parent
    for place, known in zip((0, 2), fingerprints, strict=True):
        images = _read_best(
            group[place], IDX_FILES[place], folder, lambda array, known=known: fingerprint(array) == known
        )
        labels = _read_best(
            group[place + 1], IDX_FILES[place + 1], folder, lambda array, images=images: len(array) == len(images)
        )
        parts.append(Part(images, labels))
    return parts


def _read_best(paths: list[Path], name: str, folder: Path, is_right: Callable[[np.ndarray], bool]) -> np.ndarray:
    """Return the first of several files whose content is right, else the first that can be read."""
    arrays, problems = [], [f"{folder / name} is missing; the IDX format has four files"]
    for path in paths:
        try:
            arrays.append(read_idx(path))
        except InputError as error:
            problems.insert(-1, str(error))
            continue
        if is_right(arrays[-1]):
            return arrays[-1]
    if not arrays:
        raise InputError(problems[0])
    return arrays[0]


def _read_csv_files(group: list[list[Path]]) -> list[Part]:
    if not all(group):
        raise InputError(f"{group[0][0]} has no file of test images beside it")
    parts = []
    for paths in group:
        arrays = read_arrays(paths[0])
        parts.append(Part(arrays["images"], arrays.get("labels")))
    return parts


def _checked(dataset: PublicDataset, found: _Copy) -> list[Part]:
    """Read a copy; raise InputError if it differs from the data set that it should be."""
    parts, classes = found.read(), len(dataset.class_names)
    if len(parts) < 2:
        raise InputError(f"{found.path} has no test images")
    checked = []
    for part, name in zip(parts, ("train", "test"), strict=True):
        images, labels = part.images, np.asarray(() if part.labels is None else part.labels).reshape(-1)
        if (
            len(labels) != len(images)
            or labels.dtype.kind not in "iuf"
            or not np.isin(labels, np.arange(classes)).all()
        ):
            raise InputError(
                f"{found.path} has a y_{name} that is not one class number from 0 to {classes - 1} an image"
            )
        if images.dtype != np.uint8:
            with np.errstate(invalid="ignore"):
                images = images.astype(np.uint8)
        if math.prod(images.shape[1:]) == 28 * 28:
            images = images.reshape(-1, 28, 28, 1)
        elif math.prod(images.shape[1:]) == 3 * 32 * 32 and images.shape[1:] != (32, 32, 3):
            images = images.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        checked.append(Part(images, labels.astype(np.int64)))
    prints = tuple(_known_print(dataset, part) for part in checked)
    if prints == dataset.fingerprints:
        return checked
    for other in PUBLIC_DATASETS.values():
        if other.fingerprints == prints:
            raise InputError(f"{found.path} holds {other.title}")
    raise InputError(f"{found.path} does not hold {dataset.title}'s images (their sha256 differs)")


def _known_print(dataset: PublicDataset, part: Part) -> str:
    images, known = part.images, part.labels == dataset.fingerprint_class
    return fingerprint(images[known] if dataset.fingerprint_class is not None and known.any() else images)
