"""Latent points: drawn at random, or laid out to cover the prior."""

import numpy as np
from scipy.stats import norm


def draw_latents(random: np.random.Generator, count: int, latent_dim: int, distribution: str = "normal") -> np.ndarray:
    """Draw latent points, float32 (count, latent_dim), from N(0, 1) (`normal`) or from uniform(-1, 1) (`uniform`)."""
    if distribution == "uniform":
        return random.uniform(-1, 1, (count, latent_dim)).astype(np.float32)
    return random.standard_normal((count, latent_dim), np.float32)


def at_typical_length(points: np.ndarray) -> np.ndarray:
    """Return points, (n, latent_dim), moved to or from the origin until they are as long as draws of N(0, I) are.

    In many dimensions nearly all draws have the length sqrt(latent_dim), and a generator knows no others; the mean of a
    few draws is much shorter.
    """
    return points * (np.sqrt(points.shape[-1]) / np.linalg.norm(points, axis=-1, keepdims=True)).astype(np.float32)


def manifold_latents(side: int = 15, latent_dim: int = 2, dimensions: tuple[int, int] = (0, 1)) -> np.ndarray:
    """Lay out a square of latent points that covers the prior N(0, I) evenly in probability.

    The coordinates are the normal quantiles of `side` evenly spaced probabilities, from 1/(side+1) to side/(side+1):
    each cell holds the same share of the prior. Two dimensions vary, across and up; the others are 0.

    Returns:
        float32, shape (side * side, latent_dim), in reading order: the first row has the highest value of the second
        dimension, as a plot's y axis has.
    """
    quantiles = norm.ppf(np.arange(1, side + 1) / (side + 1))
    across, up = np.meshgrid(quantiles, quantiles[::-1])
    points = np.zeros((side * side, latent_dim), np.float32)
    points[:, dimensions[0]], points[:, dimensions[1]] = across.ravel(), up.ravel()
    return points
