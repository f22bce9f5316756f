"""Whether a generator makes new images or gives back those that it was trained on."""

import math
from dataclasses import dataclass

import numpy as np
from sklearn.neighbors import NearestNeighbors

from keras_gen.evaluation.estimate import Estimate

NEIGHBOURS = 5
TAIL = 0.05  # of the held-out images, those that come closest to being copies
CERTAIN = 4  # standard errors
CHUNK_NUMBERS = 2**26  # of the training images that are in memory as floats at a time


@dataclass(frozen=True)
class Copies:
    """What was found when generated images were held against the training images.

    Attributes:
        indices: The nearest training image of each generated one; int64, shape (n,).
        distances: How far it is (Euclidean); float64, shape (n,).
        share: Of the generated images, how many are copies; 0 to 1.
    """

    indices: np.ndarray
    distances: np.ndarray
    share: Estimate

    @property
    def found(self) -> bool:
        """Whether there are more than chance explains."""
        return self.share.value > CERTAIN * self.share.standard_error

    @property
    def verdict(self) -> str:
        """What that means, in a sentence."""
        share, error = self.share.value, self.share.standard_error
        if self.found:
            return f"Memorising: about {share:.0%} (± {error:.0%}) of the generated images copy a training image."
        return f"No copying found; less than about {CERTAIN * error:.0%} copies would not show."


def find_copies(generated: np.ndarray, held_out: np.ndarray, train: np.ndarray) -> Copies:
    """Look for training images among generated ones.

    A copy is much nearer to one training image than to the next ones: it is known by the ratio of the
    distances to the nearest and to the fifth nearest. Unlike the distance alone, that neither misses a noisy
    copy nor mistakes a blurred image, which is near to everything, for one. (Yoon et al.,
    "Diffusion probabilistic models generalize when they fail to memorize" (2023), divide by the second nearest, which
    duplicates among the training images make useless.)

    How small the ratio gets without copying is what held-out images tell, as in Meehan et al., "A
    non-parametric test to detect data-copying in generative models" (2020): 5% of them lie below a limit, and the
    generated images that lie there beyond 5% are copies.

    Args:
        generated: Images or features, shape (n, ...).
        held_out: Real ones that were not trained on, shape (m, ...); as many as there are.
        train: The training images, or their features, shape (t, ...); all of them.
    """
    indices, distances = nearest(generated, train, NEIGHBOURS)
    _, honest_distances = nearest(held_out, train, NEIGHBOURS)
    # By this method a new honest image lies below with probability 5%, however few they are.
    limit = np.quantile(_ratios(honest_distances), TAIL, method="weibull")
    below = max(float(np.mean(_ratios(distances) <= limit)), TAIL)
    variance = below * (1 - below) / len(distances) + TAIL * (1 - TAIL) / len(honest_distances)
    share = Estimate((below - TAIL) / (1 - TAIL), math.sqrt(variance) / (1 - TAIL))
    return Copies(indices[:, 0], distances[:, 0], share)


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
