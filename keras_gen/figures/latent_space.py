"""The latent space: where images land in it, and what it decodes to."""

import numpy as np
from matplotlib.collections import PathCollection
from matplotlib.patches import Circle
from matplotlib.patheffects import withStroke

from keras_gen.figures.colours import class_colours, class_marker
from keras_gen.figures.grids import image_grid
from keras_gen.figures.names import shown_names, widest, wrapped
from keras_gen.figures.style import Figure, own_style

MOST_NAMED, FEWEST_NAMED = 20, 8  # classes whose names stand in the map, and dots that such a class has
LONGEST_IN_MAP = 16  # letters; longer names would hide each other, and stand in the legend alone
MOST_LISTED, LEGEND_ROWS = 120, 35  # classes in the legend, and its rows once its letters are small
PRIOR_SHARES = (0.5, 0.9, 0.99)  # of the prior, inside its contours


@own_style()
def latent_scatter(
    points: np.ndarray,
    labels: np.ndarray | None,
    class_names: tuple[str, ...],
    axis_names: tuple[str, str] = ("z[0]", "z[1]"),
    prior: np.ndarray | None = None,
    title: str | None = None,
) -> Figure:
    """Draw encoded images, shape (n, 2), as dots, coloured by label, each class named where its middle is.

    Around the centre of the standard normal prior, shape (2,), circles are drawn that hold PRIOR_SHARES of it; it is
    None where the axes bend it. The title None says how many images there are.
    """
    figure = Figure(figsize=(7.2, 6), layout="constrained")
    axes = figure.add_subplot()
    shown = [] if labels is None else np.unique(labels)
    texts = shown_names(figure, [class_names[label] for label in shown], shown)
    size = float(np.clip(6000 / max(1, len(points)), 3, 14))
    colours = class_colours(len(class_names))
    by_label = axis_names[1] == "label"  # then the axis names the classes
    named = 1 < len(shown) <= MOST_NAMED and not by_label
    dots = []
    for label, name in zip(shown, texts, strict=True):
        class_points = points[labels == label]
        dots.append(axes.scatter(*class_points.T, s=size, color=colours[label], marker=class_marker(label), label=name))
        if named and len(name) <= LONGEST_IN_MAP and len(class_points) >= FEWEST_NAMED:
            outline = {"path_effects": [withStroke(linewidth=3, foreground="white")], "zorder": 4}
            middle = np.median(class_points, axis=0)
            axes.text(*middle, name, weight="bold", ha="center", va="center", alpha=0.8, **outline)
    if labels is None:
        axes.scatter(*points.T, s=size)
    if prior is not None:
        _draw_prior(axes, prior)
    axes.set(xlabel=axis_names[0], ylabel=axis_names[1], title=title or f"{len(points):,} held-out images, encoded")
    if by_label:
        figure.set_figheight(max(6, 0.25 * len(shown)))
        axes.set_yticks(shown, texts)
    else:
        axes.set_aspect("equal", adjustable="datalim")
    if len(shown) > 1 and not by_label:
        _draw_legend(figure, dots, float(np.sqrt(30 / size)))
    return figure


def _draw_legend(figure: Figure, dots: list[PathCollection], scale: float) -> None:
    """List the classes beside the map: in small letters and columns if they are many, the largest if there is no room.

    The figure becomes as much wider as the legend needs; a dot is `scale` times as large there.
    """
    title = "label"
    if len(dots) > MOST_LISTED:
        title = f"label ({MOST_LISTED} largest of {len(dots):,})"
        order = sorted(range(len(dots)), key=lambda number: -len(dots[number].get_offsets()))
        dots = [dots[number] for number in sorted(order[:MOST_LISTED])]
    few = len(dots) <= 20
    columns, letters = (1, 10) if few else (-(-len(dots) // LEGEND_ROWS), 7)
    width = columns * (widest((part.get_label() for part in dots), letters) + 0.5)
    figure.set_figwidth(6 + max(1.2, width))
    spacing = {} if few else {"labelspacing": 0.3, "columnspacing": 1, "handletextpad": 0.2}
    figure.legend(
        handles=dots,
        loc="outside right upper",
        ncols=columns,
        fontsize=letters,
        markerscale=scale,
        title=title,
        **spacing,
    )


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


@own_style()
def manifold(images: np.ndarray, quantiles: np.ndarray, axis_names: tuple[str, str] = ("z[0]", "z[1]")) -> Figure:
    """Draw the images, uint8 (side * side, height, width, channels), decoded at a square of latent points.

    The quantiles are the coordinates along each axis, rising.
    """
    names = [f"{value:.1f}" if number % 2 == 0 else "" for number, value in enumerate(quantiles)]
    figure = image_table(images, names, names[::-1], "images decoded from a grid of latent points (normal quantiles)")
    figure.axes[0].set(xlabel=axis_names[0], ylabel=axis_names[1])
    return figure


@own_style()
def image_table(images: np.ndarray, columns: list[str], rows: list[str], title: str = "", below: str = "") -> Figure:
    """Draw images, uint8 (rows * columns, height, width, channels), in reading order, with a title and a line below.

    Names, which may be empty, stand below the columns and beside the rows.
    """
    grid = image_grid(images, len(columns))
    figure = Figure(layout="constrained")
    columns, rows = shown_names(figure, columns), shown_names(figure, rows)
    width = max(7.5 if len(columns) > 6 else 1.2 * len(columns), 0.2 * len(columns))  # a name is 0.2 inches high
    upright = widest(columns) > 0.9 * width / len(columns)
    height = width * grid.shape[0] / grid.shape[1] + (widest(columns) if upright else 0) + (0.8 if title else 0.5)
    title, below = wrapped(title, width, 12), wrapped(below, width)
    height += 0.2 * (title + below).count("\n")
    figure.set_size_inches(width + 0.4 + 1.1 * widest(rows), height)
    axes = figure.add_subplot()
    down, across = (
        (np.arange(count) + 0.5) * length / count
        for count, length in zip((len(rows), len(columns)), grid.shape, strict=False)
    )
    shown = grid if grid.shape[-1] == 3 else grid[..., 0]
    axes.imshow(shown, cmap="gray", vmin=0, vmax=255, interpolation="antialiased")
    axes.set_xticks(across, columns, rotation="vertical" if upright else "horizontal")
    axes.set_yticks(down, rows)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_anchor("SW")  # the layout measures the names' room from the axes as they are before they keep the aspect
    axes.set_title(title)
    axes.set_xlabel(below)
    return figure
