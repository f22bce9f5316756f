"""How far apart two sets of images are, by their features: arrays in, numbers out."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import betabinom
from sklearn.metrics import pairwise_distances_chunked
from sklearn.neighbors import NearestNeighbors

from keras_gen.errors import InputError
from keras_gen.evaluation.estimate import Estimate
from keras_gen.seeds import random_stream

ROWS = 1000  # of a kernel matrix that are in memory at a time
PERMUTATIONS = 999


def random_indices(length: int, count: int, seed: int) -> np.ndarray:
    """Return indices drawn at random: data sets may come sorted by class, and distances take images in any order."""
    return random_stream(seed, "evaluate").permutation(length)[:count]


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
    real, generated = _checked(real, generated)
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
        InputError: The numbers of rows differ, or those of features.
    """
    return kid_with_values(real, generated)[0]


def kid_with_values(real: np.ndarray, generated: np.ndarray) -> tuple[Estimate, np.ndarray]:
    """Return `kid`, and a value for each pair of rows, float64 (n,), whose mean it is.

    The mean difference of two runs' values on the same real images, and its standard error as that of a mean, compare
    the runs: what both owe to the real images cancels.
    """
    real, generated = _checked(real, generated)
    if len(real) != len(generated) or len(real) < 4:
        raise InputError(f"kid takes equal numbers of rows, at least 4; received {len(real)} and {len(generated)}")
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
    estimate = Estimate(float(mean), float(np.sqrt(4 * row_variance / n + pair_variance / pairs)))
    return estimate, 2 * row_means - mean


def kid_permutation_p(real: np.ndarray, generated: np.ndarray, seed: int = 0) -> float:
    """Return how probable a KID as large as this is if both sets have the same distribution.

    The share of `PERMUTATIONS` random exchanges between the sets that give one as large: Gretton et al. (2012),
    section 2.3. For few images, where the standard error says little about the tails.

    Args:
        real: Shape (n, d); all 2 n rows are compared with each other at once.
        generated: Likewise.
        seed: Of the exchanges.
    """
    rows = np.concatenate([real, generated]).astype(np.float64)
    kernel, n = _kernel(rows, rows), len(real)
    random = np.random.default_rng(seed)
    signs = np.repeat([1.0, -1.0], n)
    signs = np.stack([signs, *(random.permutation(signs) for _ in range(PERMUTATIONS))])
    # With equal numbers the distance rises with the sum over pairs of one set minus that over mixed pairs. What an
    # image has with itself is the same in all exchanges.
    sums = np.einsum("ij,ij->i", signs @ kernel, signs)
    return float(np.mean(sums >= sums[0] - 1e-9 * np.abs(sums[0])))


@dataclass(frozen=True)
class PRDC:
    """Whether generated images look real (precision, density) and cover what is real (recall, coverage).

    Attributes:
        precision: Share of the generated within reach of a real one; 0 to 1.
        recall: Share of the real within reach of a generated one; 0 to 1.
        density: In how many real neighbourhoods a generated one lies, over k; 0 or more, 1 is ideal.
        coverage: Share of the real that have a generated one within their reach; 0 to 1.
        clipped_density: Share of good images that would give the generated images' density, when no image counts for
            more than one and no reach is longer than the median; 0 to 1.
        clipped_coverage: Share of good images that would cover the real images as well; 0 to 1.
    """

    precision: float
    recall: float
    density: float
    coverage: float
    clipped_density: float
    clipped_coverage: float


def prdc(real: np.ndarray, generated: np.ndarray, k: int = 5) -> PRDC:
    """Return precision, recall, density and coverage.

    The reach of a point is the distance to its k-th nearest neighbour in its own set; what lies at this distance is
    within reach. Precision and recall: Kynkäänniemi et al., "Improved precision and recall metric for assessing
    generative models" (2019). Density and coverage: Naeem et al., "Reliable fidelity and diversity metrics for
    generative models" (2020); they suffer less from single outliers. Clipped: Salvy et al., "Enhanced generative model
    evaluation with Clipped Density and Coverage" (2025); each is a share of good images.

    Args:
        real: Features, shape (n, d), more than k rows.
        generated: Features, shape (m, d), more than k rows; take as many as there are real ones.
        k: Which neighbour sets the reach.
    """
    real, generated = _checked(real, generated)
    centre = np.mean(real, axis=0)
    real, generated = real - centre, generated - centre
    rounding = 1e-7 * np.sqrt(np.mean(np.sum(real**2, axis=1)))  # of distances that are computed in two ways
    near, indices = NearestNeighbors(n_neighbors=k).fit(real).kneighbors()  # without arguments: no point is its own
    reach = near[:, -1] + rounding
    short = np.minimum(reach, np.median(reach))
    reach_generated = NearestNeighbors(n_neighbors=k).fit(generated).kneighbors()[0][:, -1] + rounding
    neighbourhoods, short_neighbourhoods = np.zeros(len(generated)), np.zeros(len(generated))
    recalled, visitors = [], []
    for distances in pairwise_distances_chunked(real, generated):
        rows = slice(len(visitors), len(visitors) + len(distances))
        within = distances <= reach[rows, np.newaxis]
        neighbourhoods += np.sum(within, axis=0)
        short_neighbourhoods += np.sum(distances <= short[rows, np.newaxis], axis=0)
        visitors.extend(np.sum(within, axis=1))
        recalled.extend(np.any(distances <= reach_generated, axis=1))
    visitors = np.array(visitors)
    # How often a real image lies in a neighbourhood, which no generated one should be asked to exceed.
    own = np.bincount(indices[near <= short[:, np.newaxis]], minlength=len(real))
    density = np.mean(np.minimum(short_neighbourhoods / k, 1)) / np.mean(np.minimum(own / k, 1))
    return PRDC(
        precision=float(np.mean(neighbourhoods > 0)),
        recall=float(np.mean(recalled)),
        density=float(np.mean(neighbourhoods) / k),
        coverage=float(np.mean(visitors > 0)),
        clipped_density=float(min(1, density)),
        clipped_coverage=_good_share(np.mean(np.minimum(visitors / k, 1)), len(real), len(generated), k),
    )


def _good_share(coverage: float, real: int, generated: int, k: int) -> float:
    """Return the share of good generated images that would give a clipped coverage; the others lie nowhere near.

    A real image's neighbourhood holds a share of its distribution that is Beta(k, real - k), so that of m good images
    a beta-binomial number lies in it.
    """
    good = np.arange(generated + 1)
    below = sum((k - j) * betabinom.pmf(j, good, k, real - k) for j in range(k))
    return float(np.interp(coverage, 1 - below / k, good / generated))


def _checked(real: np.ndarray, generated: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both sets of features in float64, or raise InputError if they are not of one network."""
    real, generated = np.asarray(real, np.float64), np.asarray(generated, np.float64)
    if real.ndim != 2 or generated.ndim != 2 or real.shape[1] != generated.shape[1]:
        raise InputError(f"features have shapes {real.shape} and {generated.shape}; take both from one network")
    return real, generated


def _covariance_root(features: np.ndarray) -> np.ndarray:
    """Return R with R^T R = the covariance of the features' rows."""
    return np.linalg.qr(features - np.mean(features, axis=0), mode="r") / np.sqrt(len(features) - 1)


def _kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    base = x @ y.T / x.shape[1] + 1
    return base * base * base  # several times faster than NumPy's power
