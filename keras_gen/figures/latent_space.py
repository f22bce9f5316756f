"""The latent space: where images land in it, and what it decodes to."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from matplotlib.patheffects import withStroke

from keras_gen.figures.colours import class_colours, class_marker
from keras_gen.figures.grids import image_grid

MOST_NAMED, FEWEST_NAMED = 20, 8  # classes whose names stand in the map, and dots that such a class has
PRIOR_SHARES = (0.5, 0.9, 0.99)  # of the prior, inside its contours


def latent_scatter(
    points: np.ndarray,
    labels: np.ndarray | None,
    class_names: tuple[str, ...],
    axis_names: tuple[str, str] = ("z[0]", "z[1]"),
    prior: np.ndarray | None = None,
    title: str | None = None,
) -> Figure:
    """Draw encoded images as dots, coloured by label, each class named where its middle is.

    Args:
        points: Shape (n, 2).
        labels: Integers, shape (n,), or None.
        class_names: The name of each label.
        axis_names: What the two axes are.
        prior: The centre of the standard normal prior, shape (2,): circles are
            drawn that hold PRIOR_SHARES of it. None where the axes bend it.
        title: None says how many images there are.
    """
    figure = Figure(figsize=(7.2, 6), layout="constrained")
    axes = figure.add_subplot()
    shown = [] if labels is None else np.unique(labels)
    size = float(np.clip(6000 / max(1, len(points)), 3, 14))
    colours = class_colours(len(class_names))
    for label in shown:
        some, name = points[labels == label], literal(class_names[label])
        axes.scatter(some[:, 0], some[:, 1], s=size, color=colours[label], marker=class_marker(label), label=name)
        if 1 < len(shown) <= MOST_NAMED and len(some) >= FEWEST_NAMED:
            place = np.median(some, axis=0)
            outline = [withStroke(linewidth=3, foreground="white")]
            axes.text(*place, name, weight="bold", ha="center", va="center", alpha=0.8, path_effects=outline, zorder=4)
    if labels is None:
        axes.scatter(points[:, 0], points[:, 1], s=size)
    if len(shown) > 1:
        figure.legend(loc="outside right upper", markerscale=float(np.sqrt(30 / size)), title="label")
    if prior is not None:
        _draw_prior(axes, prior)
    axes.set(xlabel=axis_names[0], ylabel=axis_names[1], title=title or f"{len(points):,} held-out images, encoded")
    if axis_names[1] == "label":
        axes.set_yticks(shown, [literal(class_names[label]) for label in shown])
    else:
        axes.set_aspect("equal", adjustable="datalim")
    return figure


def _draw_prior(axes: object, centre: np.ndarray) -> None:
    """Draw the circles that hold shares of N(0, I) in two dimensions: radius sqrt(-2 log(1 - share))."""
    for share in PRIOR_SHARES:
        radius = np.sqrt(-2 * np.log(1 - share))
        axes.add_patch(Circle(centre, radius, fill=False, color="gray", linestyle="--", linewidth=0.8, zorder=3))
        name = f"{share:.0%} of the prior"
        axes.text(
            centre[0],
            centre[1] - radius,
            name,
            fontsize=7,
            color="dimgray",
            ha="center",
            va="center",
            path_effects=[withStroke(linewidth=3, foreground="white")],
            zorder=3,
        )


def manifold(images: np.ndarray, quantiles: np.ndarray, axis_names: tuple[str, str] = ("z[0]", "z[1]")) -> Figure:
    """Draw the images decoded at a square of latent points.

    Args:
        images: uint8, shape (side * side, height, width, channels), in reading order.
        quantiles: The coordinates along each axis, rising, shape (side,).
        axis_names: What the two axes are.
    """
    names = [f"{value:.1f}" if number % 2 == 0 else "" for number, value in enumerate(quantiles)]
    figure = image_table(images, names, names[::-1], "decoded points, evenly spaced in the prior's probability")
    figure.axes[0].set(xlabel=axis_names[0], ylabel=axis_names[1])
    return figure


def literal(text: str) -> str:
    """Return a text as matplotlib shows it letter for letter.

    Dollar signs would begin a formula, and a legend leaves out names that begin with an underscore.
    """
    return (" " if text.startswith("_") else "") + text.replace("$", r"\$")


def image_table(images: np.ndarray, columns: list[str], rows: list[str], title: str = "") -> Figure:
    """Draw images in rows and columns that have names.

    Args:
        images: uint8, shape (len(rows) * len(columns), height, width, channels), in reading order.
        columns: What stands below each column; may be empty texts.
        rows: What stands beside each row.
        title: Above the table.
    """
    grid = image_grid(images, len(columns))
    width = 7.5 if len(columns) > 6 else 1.2 * len(columns)
    beside = 0.4 + 0.11 * max(len(name) for name in rows)
    figure = Figure(figsize=(width + beside, width * grid.shape[0] / grid.shape[1] + 0.8), layout="constrained")
    axes = figure.add_subplot()
    down, across = (
        (np.arange(count) + 0.5) * length / count
        for count, length in zip((len(rows), len(columns)), grid.shape, strict=False)
    )
    shown = grid if grid.shape[-1] == 3 else grid[..., 0]
    axes.imshow(shown, cmap="gray", vmin=0, vmax=255, interpolation="antialiased")
    axes.set_xticks(across, [literal(name) for name in columns])
    axes.set_yticks(down, [literal(name) for name in rows])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title(title)
    return figure
