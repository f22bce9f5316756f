"""The pictures of the three minimal GANs: tiny images, signals, verdicts over an input plane."""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes

from keras_gen.figures.style import Figure, own_style


@own_style()
def tiny_images(images: np.ndarray, columns: int, titles: Sequence[str] = (), heading: str = "") -> Figure:
    """Draw images of a few pixels, (n, height, width), 0 black to 1 white, in reading order."""
    rows = -(-len(images) // columns)
    figure = Figure(figsize=(1.3 * columns, (1.5 if titles else 1.25) * rows + 0.5), layout="constrained")
    figure.suptitle(heading)
    for number, image in enumerate(images):
        axes = figure.add_subplot(rows, columns, number + 1)
        show_tiny_image(axes, image)
        if titles:
            axes.set_title(titles[number], fontsize=9)
    return figure


def show_tiny_image(axes: Axes, image: np.ndarray) -> None:
    """Draw one image, shape (height, width), 0 black to 1 white."""
    axes.imshow(image, cmap="gray", vmin=0, vmax=1)
    axes.set(xticks=[], yticks=[])


@own_style()
def side_by_side(left: np.ndarray, right: np.ndarray, columns: int, names: tuple[str, str]) -> Figure:
    """Draw two sets of tiny images, shape (n, height, width), beside each other."""
    rows = -(-max(len(left), len(right)) // columns)
    figure = Figure(figsize=(2.6 * columns, 0.75 * rows + 0.6), layout="constrained")
    for part, images, name in zip(figure.subfigures(1, 2), (left, right), names, strict=True):
        part.suptitle(name)
        for number, image in enumerate(images):
            show_tiny_image(part.add_subplot(rows, columns, number + 1), image)
    return figure


@own_style()
def two_losses(discriminator: Sequence[float], generator: Sequence[float]) -> Figure:
    """Draw both losses over the epochs."""
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    for number, (name, values) in enumerate((("discriminator", discriminator), ("generator", generator)), start=1):
        axes = figure.add_subplot(1, 2, number)
        axes.plot(np.arange(len(values)), values, color=f"C{number - 1}", linewidth=0.8)
        axes.set(title=f"{name} loss", xlabel="epoch", ylabel="nats")
        axes.grid(alpha=0.3)
    return figure


@own_style()
def function_and_derivative(function: Callable, derivative: Callable, name: str) -> Figure:
    """Draw a function of one number and its derivative from -6 to 6."""
    x = np.linspace(-6, 6, 400)
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(x, function(x), label=name)
    axes.plot(x, derivative(x), label="its derivative", linestyle="--")
    axes.set(xlabel="x", title=f"{name} and its derivative")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def signals(axes: Axes, values: np.ndarray, title: str) -> None:
    """Draw signals, shape (n, samples), as lines over each other."""
    axes.plot(values.T, color="C0", alpha=0.35, linewidth=0.8)
    axes.set(title=title, xlabel="sample", ylim=(-1.05, 1.05))
    axes.grid(alpha=0.3)


@own_style()
def signal_pair(real: np.ndarray, generated: np.ndarray) -> Figure:
    """Draw real and generated signals beside each other."""
    figure = Figure(figsize=(10, 3.6), layout="constrained")
    signals(figure.add_subplot(1, 2, 1), real, f"{len(real)} real signals")
    signals(figure.add_subplot(1, 2, 2), generated, f"{len(generated)} generated signals")
    return figure


def verdicts(
    axes: Axes,
    probability: np.ndarray,
    extent: tuple[float, float, float, float],
    real: np.ndarray,
    generated: np.ndarray,
    names: tuple[str, str],
) -> None:
    """Draw a discriminator's verdict over a plane, with real and generated examples, (n, 2), in it.

    The verdict is the probability of being real, shape (height, width), the first row at the bottom; the extent is
    left, right, bottom and top of the plane.
    """
    axes.imshow(probability, extent=extent, origin="lower", cmap="PuOr", vmin=0, vmax=1, aspect="auto")
    axes.plot(*real.T, "o", color="black", markersize=4, label="real")
    axes.plot(*generated.T, "x", color="crimson", markersize=5, label="generated")
    axes.set(
        xlim=extent[:2], ylim=extent[2:], xlabel=names[0], ylabel=names[1], title="verdict: violet real, orange not"
    )
    axes.legend(loc="upper right", fontsize=7)


def animation_frame() -> Figure:
    """Return an empty figure for one moment of a training."""
    figure = Figure(figsize=(11, 3.4))  # a fixed layout: a constrained one would take most of the drawing time
    figure.subplots_adjust(left=0.05, right=0.98, bottom=0.16, top=0.88, wspace=0.25)
    return figure


def losses_so_far(figure: Figure, position: tuple[int, int, int], history: np.ndarray, epoch: int) -> None:
    """Draw both losses, shape (epochs, 2), up to an epoch, in the panel at a position (rows, columns, number)."""
    axes = figure.add_subplot(*position)
    for number, name in enumerate(("discriminator", "generator")):
        axes.plot(history[: epoch + 1, number], label=name, linewidth=0.8)
    low, high = history.min(), history.max()
    axes.set(xlim=(0, len(history)), ylim=(low - 0.05, high + 0.05), xlabel="epoch", title=f"losses, epoch {epoch}")
    axes.legend(loc="upper right", fontsize=7)
