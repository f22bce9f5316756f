"""Losses and scores over the epochs."""

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from keras_gen.figures.style import Figure, own_style

HELD_OUT = "held_out_"
ERROR = "_standard_error"
FLOOR = "_floor"


@own_style()
def loss_curves(history: list[dict[str, float]], unit: str = "nats") -> Figure:
    """Draw each loss in a panel of its own: training solid, held-out dashed.

    A row of the history is an epoch's: `epoch`, and losses; a loss and its twin `held_out_...` share a panel.
    """
    terms = [name for name in history[0] if name != "epoch" and not name.startswith(HELD_OUT)]
    epochs = [row["epoch"] for row in history]
    figure = Figure(figsize=(4.2 * len(terms), 3.4), layout="constrained")
    for number, term in enumerate(terms, start=1):
        axes = figure.add_subplot(1, len(terms), number)
        marker = "o" if len(epochs) == 1 else None
        axes.plot(epochs, [row[term] for row in history], color="C0", marker=marker, label="training")
        if HELD_OUT + term in history[0]:
            values = [row[HELD_OUT + term] for row in history]
            axes.plot(epochs, values, color="C1", linestyle="--", marker=marker, label="held-out")
        _name_axes(axes, term)
        axes.legend()
    figure.axes[0].set_ylabel(unit)
    return figure


@own_style()
def score_curves(rows: list[dict[str, float]]) -> Figure:
    """Draw each score in a panel of its own, with a band of two standard errors where they are known.

    A row is an epoch's: `epoch`, and scores; to a score belong its `..._standard_error` and its `..._floor`, the
    score of real images, a dotted line.
    """
    columns = {name: value for row in rows for name, value in row.items()}  # each with its last value
    names = [name for name in columns if name != "epoch" and not name.endswith((ERROR, FLOOR))]
    figure = Figure(figsize=(3.6 * min(3, len(names)), 3.0 * -(-len(names) // 3)), layout="constrained")
    for number, name in enumerate(names, start=1):
        axes = figure.add_subplot(-(-len(names) // 3), min(3, len(names)), number)
        measured = [row for row in rows if name in row]  # some are not measured in each epoch
        epochs = [row["epoch"] for row in measured]
        axes.plot(epochs, [row[name] for row in measured], marker="o", markersize=3)
        if name + FLOOR in columns:
            axes.axhline(columns[name + FLOOR], color="0.4", linestyle=":", label="real images")
            axes.legend()
        if name + ERROR in columns:
            low, high = ([row[name] + side * row[name + ERROR] for row in measured] for side in (-2, 2))
            axes.fill_between(epochs, low, high, alpha=0.25)
        _name_axes(axes, name)
    return figure


def _name_axes(axes: Axes, name: str) -> None:
    axes.set(title=name.replace("_", " "), xlabel="epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
