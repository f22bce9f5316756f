"""Public data sets: found in the forms that people have them, checked by content, or downloaded."""

import itertools
import math
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pooch
import requests

from keras_gen.data.arrays import Part, named_parts
from keras_gen.data.cache import keras_home
from keras_gen.data.catalogue import CIFAR10, PUBLIC_DATASETS, Download, PublicDataset
from keras_gen.data.cifar import read_cifar_archive, read_cifar_folder
from keras_gen.data.formats import read_arrays, read_idx, reading
from keras_gen.data.image_set import ImageSet, fingerprint
from keras_gen.errors import InputError
from keras_gen.text import printable

IDX_FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
MAX_DEPTH, MAX_FILES = 3, 20_000  # of what is looked through below a folder
MAX_NAMED, LONGEST_PATH, LONGEST_PROBLEM = 3, 150, 400  # files in a message, and characters about them
RELATED = re.compile("mnist|fashion|cifar|idx|ubyte|t10k|train|batch", re.IGNORECASE)
TIMEOUT = (5, 30)  # seconds to connect and to read


Copy = tuple[Path, Callable[[], list[Part]]]  # where a data set may lie, and what reads its parts from there


def load_public(name: str, data_dir: Path | None) -> tuple[ImageSet, ImageSet]:
    """Load a public data set by its key in `PUBLIC_DATASETS`, or one of its classes, such as `cifar10:car` or `:1`.

    Raises:
        InputError: It is not to be had, or there is no such class.
    """
    base, _, class_name = name.partition(":")
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
    for label, name in enumerate(dataset.class_names):
        if class_name in (name, str(label)):
            return label
    raise InputError(
        f"{dataset.title} has no class {class_name[:40]!r}; choose one of {', '.join(dataset.class_names)}"
    )


def _find(dataset: PublicDataset, label: int | None, data_dir: Path | None) -> list[Part]:
    """Return the first copy with the known content, or download one."""
    cache = keras_home() / "datasets"
    rejected, nearby = [], []
    folders = [cache] if data_dir is None else [data_dir, cache]
    for folder in folders:
        files = _files_below(folder)
        for path, read in _copies(dataset, label, files):
            try:
                return _checked(dataset, path, read)
            except InputError as error:
                own = "; name that file as `dataset` to use it as your own" if path.suffix == ".csv" else ""
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
            _fetch(download, cache / download.path)
    except InputError as error:
        raise InputError(
            f"{dataset.title} was not found ({problem}) and could not be downloaded ({error}); {remedy}, "
            "or leave `dataset` out to use the embedded mnist5k"
        ) from None
    path, read = next(_copies(dataset, label, [cache / download.path for download in dataset.downloads]))
    try:
        return _checked(dataset, path, read)
    except InputError as error:
        raise InputError(f"the download is not {dataset.title}: {error}; {remedy}") from None


def _fetch(download: Download, path: Path) -> None:
    """Download a file unless something is there; it is moved into place only when its sha256 agrees."""
    if path.exists():
        return
    known_hash = f"sha256:{download.sha256}" if download.sha256 else None
    downloader = pooch.HTTPDownloader(progressbar=True, timeout=TIMEOUT)
    pooch.get_logger().setLevel("ERROR")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        pooch.retrieve(download.url, known_hash, fname=path.name, path=path.parent, downloader=downloader)
    except requests.RequestException as error:
        raise InputError(f"{download.url} cannot be reached: {type(error).__name__}") from None
    except ValueError as error:  # how pooch says that the sum differs
        raise InputError(f"{download.url}: {str(error).splitlines()[0]}") from None
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error}") from None


def _files_below(root: Path) -> list[Path]:
    """Return the files of a folder and its sub-folders, nearest first; a huge tree is not searched to its end."""
    levels = (sorted(root.glob("*/" * depth + "*")) for depth in range(MAX_DEPTH + 1))
    return list(itertools.islice(filter(os.path.isfile, itertools.chain.from_iterable(levels)), MAX_FILES))


def _normal(name: str) -> str:
    """Return a file's name as all its variants have it: train-images.idx3-ubyte.gz is train-images-idx3-ubyte."""
    return re.sub(r"[ ._]+", "-", name.lower().removesuffix(".gz"))


def _copies(dataset: PublicDataset, label: int | None, files: list[Path]) -> Iterator[Copy]:
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
            yield path, partial(_read_archive, path)
    if dataset.has_idx_files:
        for group in _groups(named, IDX_FILES):
            yield group[0][0], partial(_read_idx_files, group, dataset.fingerprints)
    for pair in dataset.csv_files:
        for group in _groups(named, pair):
            yield group[0][0], partial(_read_csv_files, group)


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
        parts = [Part(part.images, np.full(len(part.images), label)) if part.labels is None else part for part in parts]
    return parts


def _read_idx_files(group: list[list[Path]], fingerprints: tuple[str, str]) -> list[Part]:
    files, folder = dict(zip(IDX_FILES, group, strict=True)), group[0][0].parent

    def read_best(name: str, is_right: Callable[[np.ndarray], bool]) -> np.ndarray:
        """Return the first of several files whose content is right, else the first that can be read."""
        arrays, problems = [], []
        for path in files[name]:
            try:
                arrays.append(read_idx(path))
            except InputError as error:
                problems.append(str(error))
        if not arrays:
            raise InputError([*problems, f"{folder / name} is missing; the IDX format has four files"][0])
        return next(filter(is_right, arrays), arrays[0])

    parts = []
    for names, known in zip((IDX_FILES[:2], IDX_FILES[2:]), fingerprints, strict=True):
        images = read_best(names[0], lambda array, known=known: fingerprint(array) == known)
        labels = read_best(names[1], lambda array, images=images: len(array) == len(images))
        parts.append(Part(images, labels))
    return parts


def _read_csv_files(group: list[list[Path]]) -> list[Part]:
    if not all(group):
        raise InputError(f"{group[0][0]} has no file of test images beside it")
    tables = [read_arrays(paths[0]) for paths in group]
    return [Part(arrays["images"], arrays.get("labels")) for arrays in tables]


def _checked(dataset: PublicDataset, path: Path, read: Callable[[], list[Part]]) -> list[Part]:
    """Read a copy; raise InputError if it differs from the data set that it should be."""
    with reading(path):
        parts = read()
        if len(parts) < 2:
            raise InputError(f"{path} has no test images")
        train, test = parts
        parts = [_checked_part(dataset, path, train, "train"), _checked_part(dataset, path, test, "test")]
        prints = tuple(_known_print(dataset, part) for part in parts)
    if prints == dataset.fingerprints:
        return parts
    for other in PUBLIC_DATASETS.values():
        if other.fingerprints == prints:
            raise InputError(f"{path} holds {other.title}")
    raise InputError(f"{path} does not hold {dataset.title}'s images (their sha256 differs)")


def _checked_part(dataset: PublicDataset, path: Path, part: Part, name: str) -> Part:
    """Return uint8 images with channels last and int64 labels."""
    images, classes = part.images, len(dataset.class_names)
    labels = np.asarray(() if part.labels is None else part.labels).reshape(-1)
    if len(labels) != len(images) or labels.dtype.kind not in "iuf" or not np.isin(labels, np.arange(classes)).all():
        raise InputError(f"{path} has a y_{name} that is not one class number from 0 to {classes - 1} an image")
    if images.dtype != np.uint8:
        with np.errstate(invalid="ignore"):
            images = images.astype(np.uint8)
    if math.prod(images.shape[1:]) == 28 * 28:
        images = images.reshape(-1, 28, 28, 1)
    elif math.prod(images.shape[1:]) == 3 * 32 * 32 and images.shape[1:] != (32, 32, 3):
        images = images.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return Part(images, labels.astype(np.int64))


def _known_print(dataset: PublicDataset, part: Part) -> str:
    images, known = part.images, part.labels == dataset.fingerprint_class
    return fingerprint(images[known] if dataset.fingerprint_class is not None and known.any() else images)
