"""A look through a collection of images before one trains on it: a map, copies, and what is unlike all others."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from keras_gen.cores import usable_cores
from keras_gen.data import ImageSet, load_dataset
from keras_gen.data.archives import Archive
from keras_gen.data.decoding import Unusable, read_header
from keras_gen.data.duplicates import near_copies, near_groups
from keras_gen.data.finding import Folder
from keras_gen.data.folder import folder_contents
from keras_gen.data.loading import checked_size, image_tree, is_path
from keras_gen.errors import InputError
from keras_gen.indices import evenly_spaced_indices
from keras_gen.run import Run, load_run
from keras_gen.run.arguments import as_path, check_count
from keras_gen.text import counted, printable
from keras_gen.transparency import on_white

MIN_IMAGES, MAX_IMAGES = 4, 10_000
LAYOUT, CELLS, ORIENTATIONS = 6, 4, 9  # squares a side that colours are averaged over, and gradients; their directions
COMPONENTS = 30
PERPLEXITY, STEPS, ANGLE = 12, 400, 0.8  # of t-SNE: rougher than usual, and four times as fast
NEIGHBOURS = 5
UNUSUAL = 24
ALL_SKIPPED = 10**6  # images that cannot be used are shown, not refused
CHUNK = 500


@dataclass(frozen=True)
class Collection:
    """Images, and what is known of them; `keras_gen.collection` makes it.

    Attributes:
        title: What to call it.
        images: Those that were looked at: uint8, with labels where there are some.
        names: A name for each.
        total: Images that are there.
        positions: Where each is on a map on which alike images are near each other, float32 (n, 2), from 0 to 1.
        groups: Copies and near-copies: the indices of each group, rising.
        copies: For each exact copy of an earlier image, the earlier one's index.
        unusual: Indices of the images that are most unlike all others, the most unlike first.
        skipped: Why each file that cannot be used was left out.
        passed: What else was passed over.
        sizes: Width and height of each file, int (n, 2); None for images that are no files.
    """

    title: str
    images: ImageSet
    names: list[str]
    total: int
    positions: np.ndarray
    groups: list[list[int]]
    copies: dict[int, int]
    unusual: np.ndarray
    skipped: dict[str, str]
    passed: str
    sizes: np.ndarray | None

    @property
    def near_copies(self) -> int:
        """How many images are nearly an earlier one, beside the exact copies."""
        return near_copies(self.groups, self.copies)

    def page(self, out: str | Path | None = None) -> Path:
        """Write the collection as one HTML page, and return its path; see `pages.collection.write_collection`."""
        from keras_gen.pages.collection import write_collection

        return write_collection(self, out)


def collection(
    data: object,
    *,
    dataset: str | Path | None = None,
    data_dir: str | Path | None = None,
    image_size: int | str | tuple[int, int] | None = None,
    channels: int | None = None,
    count: int = 5000,
    seed: int = 0,
    say: Callable[[str], None] = print,
) -> Collection:
    """Look through images: which are copies, which are unlike the others, and which are alike.

    Args:
        data: A data set's name, a path, an array or an ImageSet, as `load_dataset` takes it; or a run, or its folder.
        dataset: Where a run's images are now; None is where they were.
        data_dir: Folder to look in first for the files of a data set, or of a run's.
        image_size: As for `load_dataset`.
        channels: Likewise.
        count: Images to look at, at most; of more, evenly spaced ones.
        seed: Of the map.
        say: Takes lines of text about what was found.

    Returns:
        The collection; `page()` writes a page to look through.

    Raises:
        InputError: The images cannot be loaded, or are fewer than four.

    Example:
        >>> keras_gen.collection("photos/").page()
    """
    image_size = checked_size(image_size, channels)
    count, seed = check_count("count", count, MIN_IMAGES, MAX_IMAGES), check_count("seed", seed, 0)
    found = _found(data, dataset, data_dir, image_size, channels, say, count)
    groups, copies = near_groups(found.images.images)
    features = image_features(found.images.images)
    distances, _ = NearestNeighbors(n_neighbors=min(NEIGHBOURS, len(features) - 1)).fit(features).kneighbors()
    unusual = np.argsort(-distances.mean(axis=1), kind="stable")[:UNUSUAL]
    positions = _map(features, seed)
    return Collection(**found._asdict(), positions=positions, groups=groups, copies=copies, unusual=unusual)


class _Found(NamedTuple):
    """Images before a look at them, as `Collection` has them."""

    title: str
    images: ImageSet
    names: list[str]
    total: int
    skipped: dict[str, str]
    passed: str
    sizes: np.ndarray | None


def _found(
    data: object,
    dataset: str | Path | None,
    data_dir: str | Path | None,
    image_size: int | str | None,
    channels: int | None,
    say: Callable[[str], None],
    count: int,
) -> _Found:
    """Load images of a data set or a run, at most `count`."""
    if isinstance(data, str | Path) and (as_path("data", data) / "run.json").exists():
        data = load_run(data)
    if isinstance(data, Run):
        if image_size is not None or channels is not None:
            raise InputError("a run's images are as it was trained on them; leave `image_size` and `channels` out")
        source = data.record.get("source") or {}
        moved = (dataset, data_dir) != (None, None)
        if moved:
            data.use_datasets(dataset, data_dir)
        path = Path(source.get("dataset") or "")
        as_in_files = not moved and path.name and not source.get("binarize")
        tree = image_tree(path) if as_in_files else None
        if tree is None:
            return _Found(data.title, *_chosen(data.datasets(), count), {}, "", None)
        image_size, channels = source.get("image_size"), source.get("channels")
    elif dataset is not None:
        raise InputError("`dataset` says where a run's images are now; leave it out, or name a run")
    else:
        tree = image_tree(Path(data)) if isinstance(data, str | Path) and is_path(data) else None
    if tree is None:
        sets = load_dataset(data, data_dir, image_size, channels=channels, say=say)
        return _Found(sets[0].name, *_chosen(sets, count), {}, "", None)
    with tree:
        found = folder_contents(tree, image_size, channels, ALL_SKIPPED, say)
        images, files, total = _chosen(found.sets, count, found.files)
        sizes = _file_sizes(tree, files)
        return _Found(images.name, images, files, total, found.skipped, found.passed, sizes)


def _file_sizes(tree: Folder | Archive, files: list[str]) -> np.ndarray:
    """Return width and height of images in a folder or an archive, int (n, 2); 0 of one that is gone."""

    def size(file: str) -> tuple[int, int]:
        try:
            return read_header(tree.file(Path(file)))[:2]
        except (Unusable, KeyError):
            return 0, 0

    with ThreadPoolExecutor(usable_cores()) as pool:
        return np.array(list(pool.map(size, files)))


def _chosen(sets: Sequence[ImageSet], count: int, names: list[str] | None = None) -> tuple[ImageSet, list[str], int]:
    """Return at most `count` images of training and held-out ones as one set, a name for each, and how many there are.

    Raises:
        InputError: There are fewer than four.
    """
    if names is None:
        parts = zip(("training", "held-out"), sets, strict=False)
        names = [f"{part} image {number}" for part, images in parts for number in range(len(images))]
    total = len(names)
    if total < MIN_IMAGES:
        title = printable(sets[0].name)
        raise InputError(f"{title} has {counted(total, 'image')}; {MIN_IMAGES} are the least to look through")
    indices = evenly_spaced_indices(total, count)
    first = len(sets[0])
    chosen = [sets[0][indices[indices < first]], *(images[indices[indices >= first] - first] for images in sets[1:])]
    labels = None if sets[0].labels is None else np.concatenate([images.labels for images in chosen])
    pixels = np.concatenate([images.images for images in chosen])
    whole = ImageSet(pixels, labels, sets[0].class_names, sets[0].name)
    return whole, [names[index] for index in indices], total


def _map(features: np.ndarray, seed: int) -> np.ndarray:
    """Return positions for features (n, d), float32 (n, 2) from 0 to 1, alike ones near each other (t-SNE)."""
    perplexity = min(PERPLEXITY, (len(features) - 1) / 3)
    search = TSNE(2, perplexity=perplexity, init="pca", max_iter=STEPS, angle=ANGLE, random_state=seed)
    with threadpool_limits(1, "openmp"):  # its threads wait for each other in a loop: on busy cores, for minutes
        positions = search.fit_transform(features)
    return (positions - positions.min(axis=0)) / max(np.ptp(positions, axis=0).max(), 1e-9)


def image_features(images: np.ndarray) -> np.ndarray:
    """Return cheap features of uint8 images (n, height, width, channels), float32 (n, up to 30).

    Colours averaged over squares, and how strong gradients of each direction are in each part: N. Dalal and B. Triggs,
    "Histograms of oriented gradients for human detection" (2005). Both weigh the same.
    """
    parts = [_features(images[start : start + CHUNK]) for start in range(0, len(images), CHUNK)]
    blocks = [np.concatenate(block) for block in zip(*parts, strict=True)]
    for block in blocks:
        block -= block.mean(axis=0)
        block /= max(np.sqrt((block**2).sum(axis=1).mean()), 1e-9)
    features = np.concatenate(blocks, axis=1)
    return PCA(min(COMPONENTS, *features.shape), random_state=0).fit_transform(features).astype(np.float32)


def _features(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the colours of a few images, and their gradients, each (n, d)."""
    pixels = on_white(images).astype(np.float32)
    colours = _averaged(pixels, LAYOUT).reshape(len(images), -1)
    grey = pixels.mean(axis=-1)
    down, across = np.gradient(grey, axis=(1, 2))
    strength = np.hypot(down, across)
    direction = np.minimum((np.arctan2(down, across) % np.pi) / np.pi * ORIENTATIONS, ORIENTATIONS - 1).astype(int)
    by_direction = np.stack([np.where(direction == number, strength, 0) for number in range(ORIENTATIONS)], axis=-1)
    gradients = np.sqrt(_averaged(by_direction, CELLS)).reshape(len(images), -1)
    return colours, gradients


def _averaged(values: np.ndarray, squares: int) -> np.ndarray:
    """Return arrays (n, height, width, k) averaged over squares x squares parts, or less where they are smaller."""
    for axis in (1, 2):
        edges = np.unique(np.arange(squares) * values.shape[axis] // squares)
        sizes = np.diff([*edges, values.shape[axis]])
        values = np.add.reduceat(values, edges, axis=axis) / np.expand_dims(sizes, [a for a in range(4) if a != axis])
    return values.astype(np.float32)
