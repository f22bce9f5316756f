"""Whether a generator makes new images or gives back those that it was trained on."""

import hashlib
import math
from collections import Counter
from dataclasses import dataclass

import numpy as np
from sklearn.neighbors import NearestNeighbors

from keras_gen.evaluation.estimate import Estimate

NEIGHBOURS = 5
TAIL = 0.05  # of the held-out images, those that come closest to being copies
TWIN = 0.05  # of the distance to the fifth nearest image: nearer to the nearest is the same image
CERTAIN = 4  # standard errors
CHUNK_NUMBERS = 2**26  # of the training images that are in memory as floats at a time


@dataclass(frozen=True)
class Copies:
    """What was found when generated images were held against the training images.

    Attributes:
        indices: The nearest training image of each generated one; int64, shape (n,).
        distances: How far it is (Euclidean); float64, shape (n,).
        share: Of the generated images, how many are copies; 0 to 1.
        twins: How many held-out images are training images, too, and so tell nothing about what is normal.
        repeats: How many generated images are nearest to an image that the data has more than once, and are left out:
            to draw such an image is to draw what the data is like.
    """

    indices: np.ndarray
    distances: np.ndarray
    share: Estimate
    twins: int
    repeats: int = 0

    @property
    def found(self) -> bool:
        """Whether there are more than chance explains."""
        return self.share.value > CERTAIN * self.share.standard_error

    @property
    def verdict(self) -> str:
        """What that means, in a sentence."""
        share, error = self.share.value, self.share.standard_error
        if self.repeats == len(self.indices):
            return "Nothing can be told: every generated image is nearest to one that the data has more than once."
        if self.found:
            verdict = f"Memorising: about {share:.0%} (± {error:.0%}) of the generated images copy a training image."
        else:
            verdict = f"No copying found; less than about {CERTAIN * error:.0%} copies would not show."
        left_out = []
        if self.twins:
            count = "one held-out image" if self.twins == 1 else f"{self.twins:,} held-out images"
            left_out.append(f"{count} that the training images have, too")
        if self.repeats:
            count = "one generated image" if self.repeats == 1 else f"{self.repeats:,} generated images"
            left_out.append(f"{count} near to what the data has more than once")
        return f"{verdict} (Left out: {' and '.join(left_out)}.)" if left_out else verdict


def find_copies(
    generated: np.ndarray, held_out: np.ndarray, train: np.ndarray, repeated: np.ndarray | None = None
) -> Copies:
    """Look for training images among generated ones.

    A copy is much nearer to one training image than to the next ones: it is known by the ratio of the
    distances to the nearest and to the fifth nearest. Unlike the distance alone, that neither misses a noisy
    copy nor mistakes a blurred image, which is near to everything, for one. (Yoon et al.,
    "Diffusion probabilistic models generalize when they fail to memorize" (2023), divide by the second nearest, which
    duplicates among the training images make useless.)

    How small the ratio gets without copying is what held-out images tell, as in Meehan et al., "A
    non-parametric test to detect data-copying in generative models" (2020): 5% of them lie below a limit, and the
    generated images that lie there beyond 5% are copies. Held-out images that are training images, too, since the data
    set has them twice, are left out: of what copies look like they would make the normal case.

    Args:
        generated: Images or features, shape (n, ...).
        held_out: Real ones that were not trained on, shape (m, ...); as many as there are.
        train: The training images, or their features, shape (t, ...); all of them.
        repeated: Which training images the data has more than once, bool of shape (t,); see `repeated_images`.
    """
    indices, distances = nearest(generated, train, NEIGHBOURS)
    _, honest_distances = nearest(held_out, train, NEIGHBOURS)
    ratios = _ratios(honest_distances)
    honest = ratios[ratios > TWIN]
    # By this method a new honest image lies below with probability 5%; of fewer than 19, below the smallest.
    limit = np.quantile(honest, TAIL, method="weibull") if len(honest) else TWIN
    left = np.ones(len(indices), bool) if repeated is None else ~repeated[indices[:, 0]]
    below = max(float(np.mean(_ratios(distances[left]) <= limit)), TAIL) if left.any() else TAIL
    variance = below * (1 - below) / max(1, left.sum()) + TAIL * (1 - TAIL) / max(len(honest), 1)
    share = Estimate((below - TAIL) / (1 - TAIL), math.sqrt(variance) / (1 - TAIL))
    return Copies(indices[:, 0], distances[:, 0], share, len(ratios) - len(honest), int(np.sum(~left)))


def repeated_images(train: np.ndarray, held_out: np.ndarray) -> np.ndarray:
    """Return which training images there are more than once among all images, bool of shape (len(train),)."""
    digests = [hashlib.sha256(image.tobytes()).digest() for images in (train, held_out) for image in images]
    counts = Counter(digests)
    return np.array([counts[digest] > 1 for digest in digests[: len(train)]])


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


def _ratios(distances: np.ndarray) -> np.ndarray:
    tiny = np.finfo(np.float64).tiny  # a copy of an image that is there five times has the ratio 0
    return distances[:, 0] / np.maximum(distances[:, -1], tiny)


def _rows(array: np.ndarray) -> np.ndarray:
    return np.asarray(array, np.float32).reshape(len(array), -1)
