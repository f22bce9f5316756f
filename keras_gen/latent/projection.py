"""Latent spaces of many dimensions, seen in two."""

from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE


@dataclass(frozen=True)
class Axes:
    """Directions through the latent space: `origin + coordinates @ directions`."""

    origin: np.ndarray  # (latent_dim,)
    directions: np.ndarray  # one a row, (k, latent_dim)
    names: tuple[str, ...]  # of the directions

    def first(self, count: int) -> "Axes":
        """Return the first directions alone."""
        return Axes(self.origin, self.directions[:count], self.names[:count])

    def coordinates(self, codes: np.ndarray) -> np.ndarray:
        """Return where codes lie, float64 (n, k); the directions must be orthonormal."""
        return (np.asarray(codes, np.float64) - self.origin) @ self.directions.T

    def points(self, coordinates: np.ndarray) -> np.ndarray:
        """Return the latent points at coordinates of shape (n, k), float32 (n, latent_dim)."""
        return (self.origin + np.asarray(coordinates, np.float64) @ self.directions).astype(np.float32)


def latent_axes(latent_dim: int, dimensions: tuple[int, ...]) -> Axes:
    """Return chosen dimensions of the latent space as axes; the others are 0."""
    names = tuple(f"z[{dimension}]" for dimension in dimensions)
    return Axes(np.zeros(latent_dim), np.eye(latent_dim)[list(dimensions)], names)


def axes_through(points: np.ndarray) -> Axes:
    """Return axes of the plane through three points, (3, latent_dim), that are not on one line.

    They cross in the middle of the points; the first leads from point 0 towards point 1.
    """
    points = np.asarray(points, np.float64)
    first = points[1] - points[0]
    first /= np.linalg.norm(first)
    second = points[2] - points[0]
    second -= (second @ first) * first
    second /= np.linalg.norm(second)
    return Axes(points.mean(axis=0), np.stack([first, second]), ("axis 1", "axis 2"))


def principal_axes(codes: np.ndarray, count: int = 2) -> Axes:
    """Return the axes along which codes, (n, latent_dim), vary most (principal component analysis)."""
    found = PCA(count, svd_solver="full").fit(np.asarray(codes, np.float64))
    names = tuple(f"principal axis {number}" for number in range(1, count + 1))
    return Axes(found.mean_, found.components_, names)


def tsne(codes: np.ndarray, seed: int = 0) -> np.ndarray:
    """Place codes, (n, latent_dim), in a plane so that neighbours stay neighbours; n is at least 4.

    Distances between groups mean little: L. van der Maaten and G. Hinton, "Visualizing Data using t-SNE" (2008).
    """
    perplexity = min(30, (len(codes) - 1) / 3)
    return TSNE(2, perplexity=perplexity, init="pca", random_state=seed).fit_transform(codes)
