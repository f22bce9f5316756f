"""How far apart two sets of images are, by their features: arrays in, numbers out."""

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import pairwise_distances_chunked
from sklearn.neighbors import NearestNeighbors

from keras_gen.evaluation.estimate import Estimate

ROWS = 1000  # of a kernel matrix that are in memory at a time


def fid(real: np.ndarray, generated: np.ndarray) -> float:
    """Return the Fréchet distance between two sets of features, each taken as a Gaussian.

    |m_r - m_g|^2 + tr(C_r + C_g - 2 (C_r C_g)^(1/2)): Heusel et al., "GANs trained by
    a two time-scale update rule converge to a local Nash equilibrium" (2017), equation 6. It is biased
    upwards, the more the fewer images there are: compare only equal numbers.

    Args:
        real: Shape (n, d), at least two rows.
        generated: Shape (m, d), likewise.

    Returns:
        0 or more, in squared units of the features.
    """
    real, generated = np.asarray(real, np.float64), np.asarray(generated, np.float64)
    means = np.mean(real, axis=0) - np.mean(generated, axis=0)
    root_real, root_generated = _covariance_root(real), _covariance_root(generated)
    # With C = R^T R the trace of (C_r C_g)^(1/2) is the sum of the singular values of R_r R_g^T: no matrix
    # root that comes out complex, and no d x d matrix where there are fewer images than features.
    shared = np.linalg.norm(root_real @ root_generated.T, "nuc")
    return max(0.0, float(means @ means + np.sum(root_real**2) + np.sum(root_generated**2) - 2 * shared))


def kid(real: np.ndarray, generated: np.ndarray) -> Estimate:
    """Return the kernel distance between two sets of features, without bias, and its standard error.

    The squared maximum mean discrepancy for the kernel (x.y / d + 1)^3: Bińkowski et al.,
    "Demystifying MMD GANs" (2018), section 4. Estimated from all pairs at once, not from random
    subsets, by the U-statistic of Gretton et al., "A kernel two-sample test" (2012), lemma 6: the mean of h_ij =
    k(r_i, r_j) + k(g_i, g_j) - k(r_i, g_j) - k(r_j, g_i) over i != j.

    The error comes from splitting h_ij = mean + a_i + a_j + e_ij (Hoeffding, 1948): the variance of the mean is
    4 var(a) / n + 2 var(e) / (n (n - 1)), each estimated without bias, and the first never below 0. The second
    term is what Sutherland and Deka, "Unbiased estimators for the variance of MMD estimators" (2019), found
    neglected; it is all there is when both sets have the same distribution.

    Args:
        real: Shape (n, d), at least four rows, in an order that means nothing.
        generated: Of the same shape, likewise.

    Returns:
        The distance, which is negative about half the times when there is none.

    Raises:
        ValueError: The numbers of rows differ.
    """
    if len(real) != len(generated) or len(real) < 4:
        raise ValueError(f"kid takes equal numbers of rows, at least 4. Received: {len(real)} and {len(generated)}")
    real, generated = np.asarray(real, np.float64), np.asarray(generated, np.float64)
    n = len(real)
    row_means, squares = np.empty(n), 0.0
    for start in range(0, n, ROWS):
        part = slice(start, start + ROWS)
        h = _kernel(real[part], real) + _kernel(generated[part], generated)
        h -= _kernel(real[part], generated) + _kernel(generated[part], real)
        h[np.arange(len(h)), start + np.arange(len(h))] = 0
        row_means[part] = np.sum(h, axis=1) / (n - 1)
        squares += np.sum(h**2) / 2  # each pair is seen twice
    mean = np.mean(row_means)
    a = (row_means - mean) * (n - 1) / (n - 2)
    pairs = n * (n - 1) / 2
    pair_variance = (squares - pairs * mean**2 - (n - 2) * np.sum(a**2)) / (pairs - n)
    row_variance = max(0.0, np.sum(a**2) / (n - 1) - pair_variance / (n - 2))
    return Estimate(float(mean), float(np.sqrt(4 * row_variance / n + pair_variance / pairs)))


@dataclass(frozen=True)
class PRDC:
    """Whether generated images look real (precision, density) and cover what is real (recall, coverage).

    Attributes:
        precision: Share of the generated within reach of a real one; 0 to 1.
        recall: Share of the real within reach of a generated one; 0 to 1.
        density: In how many real neighbourhoods a generated one lies, over k; 0 or more, 1 is ideal.
        coverage: Share of the real that have a generated one within their reach; 0 to 1.
    """

    precision: float
    recall: float
    density: float
    coverage: float


def prdc(real: np.ndarray, generated: np.ndarray, k: int = 5) -> PRDC:
    """Return precision, recall, density and coverage.

    The reach of a point is the distance to its k-th nearest neighbour in its own set. Precision and recall:
    Kynkäänniemi et al., "Improved precision and recall metric for assessing generative models"
    (2019). Density and coverage: Naeem et al., "Reliable fidelity and diversity metrics for generative models"
    (2020); they suffer less from single outliers.

    Args:
        real: Features, shape (n, d), more than k rows.
        generated: Features, shape (m, d), more than k rows; take as many as there are real ones.
        k: Which neighbour sets the reach.
    """
    real, generated = np.asarray(real, np.float64), np.asarray(generated, np.float64)
    reach_real, reach_generated = _reach(real, k), _reach(generated, k)
    neighbourhoods = np.zeros(len(generated))  # the real ones that each generated point lies in
    recalled, covered = [], []
    for distances in pairwise_distances_chunked(real, generated):
        rows = slice(len(covered), len(covered) + len(distances))
        within = distances < reach_real[rows, np.newaxis]
        neighbourhoods += np.sum(within, axis=0)
        covered.extend(np.any(within, axis=1))
        recalled.extend(np.any(distances < reach_generated, axis=1))
    return PRDC(
        precision=float(np.mean(neighbourhoods > 0)),
        recall=float(np.mean(recalled)),
        density=float(np.mean(neighbourhoods) / k),
        coverage=float(np.mean(covered)),
    )


def _covariance_root(features: np.ndarray) -> np.ndarray:
    """Return R with R^T R = the covariance of the features' rows."""
    return np.linalg.qr(features - np.mean(features, axis=0), mode="r") / np.sqrt(len(features) - 1)


def _kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    base = x @ y.T / x.shape[1] + 1
    return base * base * base  # several times faster than NumPy's power


def _reach(points: np.ndarray, k: int) -> np.ndarray:
    distances, _ = NearestNeighbors(n_neighbors=k).fit(points).kneighbors()  # without arguments: no point is its own
    return distances[:, -1]
