"""Whether a generator makes new images or gives back those that it was trained on."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.stats import hypergeom
from sklearn.neighbors import NearestNeighbors

from keras_gen.data.duplicates import exact_copies

NEIGHBOURS = 5
LEVEL = 1e-4  # of false alarms
TAIL = 0.05  # of all distances, the smallest, in which copies are looked for
FIRST, STEP = 16, 1.1  # the number of smallest distances that are counted first, and by what it grows from there
AT_LEAST = 24  # are counted, up to a quarter of all, though they be more than the tail: 16 prove little
Search = Callable[[np.ndarray, np.ndarray, int], tuple[np.ndarray, np.ndarray]]  # as `nearest`
CHUNK_NUMBERS = 2**26  # of the training images that are in memory as floats at a time


@dataclass(frozen=True)
class Copies:
    """What was found when generated images were held against the training images.

    Attributes:
        indices: The nearest training image of each generated one; int64, shape (n,).
        distances: How far it is (Euclidean); float64, shape (n,).
        ratios: That distance over the one to the fifth nearest; small for a copy; float64, shape (n,).
        p_value: How probable it is that so many of the smallest distances are those of copies, if there are none.
        excess: Generated images that are nearer to a training image than held-out ones are, above what is expected.
        visible: The least copies of different images that would be found.
    """

    indices: np.ndarray
    distances: np.ndarray
    ratios: np.ndarray
    p_value: float
    excess: int
    visible: int | None

    def nearest_pairs(self) -> np.ndarray:
        """Return the generated images, those first that come nearest to a copy, each of another training image."""
        order = np.argsort(self.ratios, kind="stable")
        first = np.sort(np.unique(self.indices[order], return_index=True)[1])
        return order[np.concatenate([first, np.setdiff1d(np.arange(len(order)), first)])]

    @property
    def found(self) -> bool:
        """Whether there are more than chance explains."""
        return self.p_value < LEVEL

    @property
    def verdict(self) -> str:
        """What that means, in a sentence."""
        count, p = f"{len(self.indices):,}", f"p = {self.p_value:.2g}"
        if self.found:
            return f"Memorising: about {max(1, self.excess):,} of {count} generated images copy a training image ({p})."
        if self.visible is None:
            return "Nothing can be told: there are too few images."
        return f"No copying found ({p}); fewer than {self.visible:,} copies among {count} images would not show."


def find_copies(
    generated: np.ndarray,
    held_out: np.ndarray,
    train: np.ndarray,
    reference: np.ndarray | None = None,
    mirrored: tuple[np.ndarray, np.ndarray] | None = None,
    seed: int = 0,
    search: Search | None = None,
) -> Copies:
    """Look for training images among generated ones, with a known rate of false alarms.

    Two urns. In each, distances are sorted, and among the smallest ones those of one side are counted. If nothing is
    copied, the sides are drawn like balls from an urn, and the hypergeometric distribution says how probable so large
    a count is (`urn_p_value`).

    The first holds as many training images as held-out ones, each with its distance to the nearest generated image.
    Whatever a generator makes, blurred, noisy or always the same, is as near to the ones as to the others unless it
    has seen them. (Counted from the generated images, a training image that is near to many of them would count many
    times, and the probability would not be exact.) But it sees only the copies of those training images.

    The second looks at all training images. A copy is much nearer to one of them than to the next ones: it is known by
    the ratio of the distances to the nearest and to the fifth nearest, which neither misses a noisy copy nor mistakes
    a blurred image, near to everything, for one. What is normal is measured on as many held-out images: Meehan et al.,
    "A non-parametric test to detect data-copying in generative models" (2020). Of images with the same nearest
    training image the one with the smallest ratio counts.

    Both sets should be `distinct`: an image that both have cannot tell copying from chance.

    Args:
        generated: Images or features, shape (n, ...).
        held_out: Real ones that were not trained on, shape (m, ...).
        train: The training images, or their features, shape (t, ...); all of them.
        reference: Indices of training images for the first urn, in random order; None draws them.
        mirrored: `generated` and `held_out` of mirrored images, if training mirrors: a mirrored copy is one.
        seed: Draws the images that take part where one side has more.
        search: What finds the nearest, instead of `nearest`: for arrays of other things than images.
    """
    search = search or nearest
    random = np.random.default_rng(seed)
    views = [generated] if mirrored is None else [generated, mirrored[0]]
    indices, distances = _nearest_of_views(search, views, train)
    ratios = _ratios(distances)
    reference = random.permutation(len(train)) if reference is None else reference
    count = min(len(reference), len(held_out))
    held_out_drawn = random.permutation(len(held_out))[:count]
    to_generated = [
        np.min([search(real, view, 1)[1][:, 0] for view in views], axis=0)
        for real in (train[np.sort(reference[:count])], held_out[held_out_drawn])
    ]
    p_values = [urn_p_value(*to_generated)]
    count = min(len(generated), len(held_out))
    drawn, honest = random.permutation(len(generated))[:count], random.permutation(len(held_out))[:count]
    other = [held_out] if mirrored is None else [held_out, mirrored[1]]
    honest_indices, honest_distances = _nearest_of_views(search, [view[honest] for view in other], train)
    sides = _one_for_each(
        np.concatenate([indices[drawn, 0], honest_indices[:, 0]]),
        np.concatenate([ratios[drawn], _ratios(honest_distances)]),
        count,
    )
    p_values.append(urn_p_value(*sides))
    limit = np.quantile(sides[1], TAIL) if len(sides[1]) else 0
    excess = np.sum(sides[0] <= limit) - TAIL * len(sides[0])
    visible = least_visible(*map(len, sides), tests=len(p_values))
    return Copies(
        indices[:, 0],
        distances[:, 0],
        ratios,
        min(1.0, len(p_values) * min(p_values)),
        max(0, round(float(excess) * len(generated) / max(count, 1))),
        None if visible is None else -(-visible * len(generated) // max(count, 1)),
    )


def urn_p_value(side: np.ndarray, other: np.ndarray) -> float:
    """Return how probable it is that so many of the smallest numbers are of one side, if the sides are drawn by lot.

    The m smallest of all are counted, for several m up to 5% of all. For each, the count is hypergeometric. The
    smallest of these probabilities is then put into its own distribution, exactly: what is returned is the
    probability that it would be so small at any m.

    Args:
        side: Numbers, shape (n,).
        other: Numbers, shape (m,); of equal numbers those of `other` come first.
    """
    total = len(side) + len(other)
    order = np.lexsort((np.repeat([1, 0], [len(side), len(other)]), np.concatenate([side, other])))
    counts = np.cumsum(order < len(side))
    sizes = _sizes(total)
    if not sizes:
        return 1.0
    smallest = min(hypergeom.sf(counts[m - 1] - 1, total, len(side), m) for m in sizes)
    return _crossing(total, len(side), sizes, smallest)


def least_visible(side: int, other: int, tests: int = 1) -> int | None:
    """Return the least number of smallest values on one side that is below `LEVEL`, or None if none is."""
    total = side + other
    sizes = _sizes(total)
    p_values = ((m, _crossing(total, side, sizes, hypergeom.sf(m - 1, total, side, m))) for m in sizes)
    return next((m for m, p in p_values if tests * p < LEVEL), None)


def _sizes(total: int) -> list[int]:
    """Return the numbers of smallest distances that are counted, rising."""
    sizes, largest = [], max(int(TAIL * total), min(AT_LEAST, total // 4))
    size = min(FIRST, largest)
    while 0 < size <= largest:
        sizes.append(size)
        size = max(size + 1, int(size * STEP))
    return sizes


def _crossing(total: int, side: int, sizes: list[int], level: float) -> float:
    """Return the probability that the count at any of the sizes has a hypergeometric tail of at most `level`."""
    open_paths, crossed = np.ones(1), 0.0  # probability of each count, of the draws that have not crossed
    for m in range(1, sizes[-1] + 1):
        counts = np.arange(m)
        up = open_paths * np.clip((side - counts) / (total - m + 1), 0, 1)
        open_paths = np.append(open_paths - up, 0) + np.insert(up, 0, 0)
        if m in sizes:
            beyond = hypergeom.sf(np.arange(m + 1) - 1, total, side, m) <= level * (1 + 1e-9)
            crossed += open_paths[beyond].sum()
            open_paths[beyond] = 0
    return float(min(1.0, crossed))


def distinct(train: np.ndarray, held_out: np.ndarray) -> tuple[np.ndarray, np.ndarray, dict[str, int]]:
    """Find the images that are in one set alone, each once.

    Args:
        train: uint8, shape (n, height, width, channels).
        held_out: Likewise, shape (m, ...).

    Returns:
        Indices of the training and of the held-out images that stay, rising, and how many were dropped: images of
        either set that it has more than once (`train`, `held_out`), and different images that both have (`both`).
    """
    count = len(train)
    originals, copies = exact_copies([train, held_out])
    both = {first for index, first in copies.items() if first < count <= index}
    of_train, of_held_out = originals[originals < count], originals[originals >= count] - count
    dropped = {
        "train": count - len(of_train),
        "held_out": len(held_out) - len(of_held_out) - len(both),
        "both": len(both),
    }
    return np.setdiff1d(of_train, list(both)), of_held_out, dropped


def nearest(queries: np.ndarray, points: np.ndarray, k: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Find the k nearest points of each query.

    Args:
        queries: Images or features, shape (n, ...).
        points: Of the same kind, shape (m, ...), m >= k; may be mapped from a file.
        k: How many.

    Returns:
        Their indices, int64, and Euclidean distances, float64, each of shape (n, k), nearest first.
    """
    queries = _rows(queries)
    chunk = max(k, CHUNK_NUMBERS // queries.shape[1])
    indices, distances = np.empty((len(queries), 0), np.int64), np.empty((len(queries), 0))
    for start in range(0, len(points), chunk):
        part = _rows(points[start : start + chunk])
        search = NearestNeighbors(n_neighbors=min(k, len(part)), algorithm="brute").fit(part)
        near, index = search.kneighbors(queries)
        indices, distances = np.hstack([indices, start + index]), np.hstack([distances, near])
        order = np.argsort(distances, axis=1, kind="stable")[:, :k]
        indices, distances = (np.take_along_axis(array, order, axis=1) for array in (indices, distances))
    return indices, distances


def _nearest_of_views(search: Search, views: list[np.ndarray], points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest points of each query in the view, as it is or mirrored, that is nearer to one."""
    found = [search(view, points, min(NEIGHBOURS, len(points))) for view in views]
    indices, distances = (np.stack(arrays) for arrays in zip(*found, strict=True))
    best, rows = np.argmin(distances[:, :, 0], axis=0), np.arange(indices.shape[1])
    return indices[best, rows], distances[best, rows]


def _one_for_each(indices: np.ndarray, ratios: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Keep the smallest ratio for each training image; return those of the first `count` rows, and of the others."""
    order = np.argsort(ratios, kind="stable")
    best = order[np.unique(indices[order], return_index=True)[1]]
    return ratios[best[best < count]], ratios[best[best >= count]]


def _ratios(distances: np.ndarray) -> np.ndarray:
    tiny = np.finfo(np.float64).tiny  # a copy of an image that is there five times has the ratio 0
    return distances[:, 0] / np.maximum(distances[:, -1], tiny)


def _rows(array: np.ndarray) -> np.ndarray:
    return np.asarray(array, np.float32).reshape(len(array), -1)
