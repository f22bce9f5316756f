"""What each latent dimension carries, and what changes along it."""

import numpy as np

DEAD = 0.01  # nats: a dimension with less tells nothing about the image


def kl_per_dimension(z_mean: np.ndarray, z_log_var: np.ndarray) -> np.ndarray:
    """Return the KL term of each dimension, in nats: at most so much does it tell about the images.

    The mean over images of KL(N(z_mean, exp(z_log_var)) || N(0, 1)) in each dimension: Kingma and Welling (2013),
    appendix B, before the sum. Both arguments have the shape (n, latent_dim).
    """
    z_mean, z_log_var = np.asarray(z_mean, np.float64), np.asarray(z_log_var, np.float64)
    return np.mean(0.5 * (z_mean**2 + np.exp(z_log_var) - 1 - z_log_var), axis=0)


def traverse(code: np.ndarray, dimensions: list[int], values: np.ndarray) -> np.ndarray:
    """Set one dimension of a code, (latent_dim,), at a time to each of some values.

    Returns:
        float32, shape (len(dimensions) * len(values), latent_dim), dimension by dimension.
    """
    points = np.tile(np.asarray(code, np.float32), (len(dimensions), len(values), 1))
    for row, dimension in enumerate(dimensions):
        points[row, :, dimension] = values
    return points.reshape(-1, len(code))


def centre_and_deviation(z_mean: np.ndarray, z_log_var: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return centre and standard deviation of each dimension over all images and all samples of their codes.

    A dead dimension has those of the prior, 0 and 1.
    """
    z_mean, z_log_var = np.asarray(z_mean, np.float64), np.asarray(z_log_var, np.float64)
    variance = np.var(z_mean, axis=0) + np.mean(np.exp(z_log_var), axis=0)  # the law of total variance
    return np.mean(z_mean, axis=0), np.sqrt(variance)
