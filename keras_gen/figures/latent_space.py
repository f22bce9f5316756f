"""The latent space: where images land in it, and what it decodes to."""

import matplotlib
import numpy as np
from matplotlib.colors import BoundaryNorm
from matplotlib.figure import Figure

from keras_gen.figures.grids import image_grid


def latent_scatter(
    points: np.ndarray,
    labels: np.ndarray | None,
    class_names: tuple[str, ...],
    axis_names: tuple[str, str] = ("z[0]", "z[1]"),
) -> Figure:
    """Draw encoded images as dots, coloured by label.

    Args:
        points: Shape (n, 2).
        labels: Integers, shape (n,), or None.
        class_names: The name of each label.
        axis_names: What the two axes are.
    """
    figure = Figure(figsize=(7.2, 6), layout="constrained")
    axes = figure.add_subplot()
    if labels is None:
        axes.scatter(points[:, 0], points[:, 1], s=4)
    else:
        shown = np.unique(labels)
        places = np.searchsorted(shown, labels)
        colours = matplotlib.colormaps["Paired"].resampled(max(2, len(shown)))
        norm = BoundaryNorm(np.arange(len(shown) + 1) - 0.5, colours.N) if len(shown) > 1 else None
        dots = axes.scatter(points[:, 0], points[:, 1], c=places, cmap=colours, norm=norm, s=4)
        if len(shown) > 1:
            bar = figure.colorbar(dots, ticks=np.arange(len(shown)))
            bar.set_ticklabels([class_names[label] for label in shown])
    axes.set(xlabel=axis_names[0], ylabel=axis_names[1], title=f"{len(points):,} held-out images, encoded")
    axes.set_aspect("equal", adjustable="datalim")
    return figure


def manifold(images: np.ndarray, quantiles: np.ndarray) -> Figure:
    """Draw the images decoded at a square of latent points.

    Args:
        images: uint8, shape (side * side, height, width, channels), in reading order.
        quantiles: The coordinates along each axis, rising, shape (side,).
    """
    side = len(quantiles)
    grid = image_grid(images, side)
    figure = Figure(figsize=(7.5, 7.5), layout="constrained")
    axes = figure.add_subplot()
    rows, columns = ((np.arange(side) + 0.5) * length / side for length in grid.shape[:2])
    axes.imshow(grid if grid.shape[-1] == 3 else grid[..., 0], cmap="gray", vmin=0, vmax=255)
    some = slice(None, None, 2)
    axes.set_xticks(columns[some], [f"{value:.1f}" for value in quantiles[some]])
    axes.set_yticks(rows[some], [f"{value:.1f}" for value in quantiles[::-1][some]])
    axes.set(xlabel="z[0]", ylabel="z[1]", title="decoded points, evenly spaced in the prior's probability")
    return figure
