"""Small neural networks as drawings: circles, lines, weights."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from keras_gen.figures.style import Figure, own_style

POSITIVE, NEGATIVE = "tab:blue", "tab:orange"
WIDEST_LINE = 6.0


def draw_network(
    axes: Axes,
    layers: Sequence[Sequence[str]],
    weights: Sequence[np.ndarray | None],
    weight_names: Sequence[Sequence[str]] = (),
) -> None:
    """Draw layers of named nodes, from left to right, and the weights between them.

    A line is as wide as its weight is large, blue for positive weights and orange for negative ones; the weight stands
    beside it, behind its name if it has one. Weights have the shape (nodes, next nodes); None hands each node on to the
    node beside it.
    """
    centres = [
        [(column, (len(names) - 1) / 2 - row) for row in range(len(names))] for column, names in enumerate(layers)
    ]
    largest = max((np.abs(matrix).max() for matrix in weights if matrix is not None), default=0) or 1.0
    for column, matrix in enumerate(weights):
        starts, ends = centres[column], centres[column + 1]
        if matrix is None:
            for start, end in zip(starts, ends, strict=True):
                axes.plot(*zip(start, end, strict=True), color="gray", linewidth=1, linestyle=":", zorder=1)
            continue
        names = iter(weight_names[column] if weight_names else ())
        share = 0.35 if len(starts) <= len(ends) else 0.65  # texts keep apart where lines do
        for (start, end), weight in np.ndenumerate(matrix):
            (x1, y1), (x2, y2) = starts[start], ends[end]
            width = max(0.3, WIDEST_LINE * abs(weight) / largest)
            axes.plot([x1, x2], [y1, y2], color=POSITIVE if weight >= 0 else NEGATIVE, linewidth=width, zorder=1)
            place = (x1 + share * (x2 - x1), y1 + share * (y2 - y1))
            box = {"facecolor": "white", "edgecolor": "none", "pad": 0.5, "alpha": 0.8}
            axes.text(*place, f"{next(names, '')} {weight:.2f}".strip(), fontsize=8, ha="center", va="center", bbox=box)
    circle = {"boxstyle": "circle,pad=0.5", "facecolor": "white", "edgecolor": "black"}
    for names, spots in zip(layers, centres, strict=True):
        for name, place in zip(names, spots, strict=True):
            axes.text(*place, name, ha="center", va="center", fontsize=9, zorder=3, bbox=circle)
    tallest = max(len(names) for names in layers)
    axes.set_xlim(-0.4, len(layers) - 0.6)
    axes.set_ylim(-tallest / 2 - 0.2, tallest / 2 + 0.2)
    axes.axis("off")


@own_style()
def trend_network(
    generator_weights: np.ndarray,
    discriminator_weights: np.ndarray,
    generator_bias: np.ndarray,
    discriminator_bias: np.ndarray,
) -> Figure:
    """Draw the networks of the trend GAN, with the names that its article gives them."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    axes = figure.add_subplot()
    weights = [generator_weights[np.newaxis], None, discriminator_weights[:, np.newaxis]]
    names = [("λ12", "λ13", "λ14"), (), ("λ58", "λ68", "λ78")]
    draw_network(axes, [["L, 1"], ["O2", "O3", "O4"], ["I5", "I6", "I7"], ["D, 8"]], weights, names)
    biases = f"generator's shared bias b {generator_bias[0]:.2f}, discriminator's bias c {discriminator_bias[0]:.2f}"
    axes.set_title(biases)
    return figure


@own_style()
def faces_network(
    generator_weights: np.ndarray,
    generator_biases: np.ndarray,
    discriminator_weights: np.ndarray,
    discriminator_bias: float,
) -> Figure:
    """Draw the networks of the slanted-faces GAN."""
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    axes = figure.add_subplot()
    pixels = ["top\nleft", "top\nright", "bottom\nleft", "bottom\nright"]
    weights = [generator_weights[np.newaxis], discriminator_weights[:, np.newaxis]]
    draw_network(axes, [["z"], pixels, ["D"]], weights)
    biases = ", ".join(f"{bias:.2f}" for bias in generator_biases)
    axes.set_title(f"generator's biases {biases}; discriminator's bias {discriminator_bias:.2f}", fontsize=10)
    return figure
