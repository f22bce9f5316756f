"""The pictures in a run's folder, drawn while it trains and when it ends."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from keras_gen.errors import InputError
from keras_gen.figures import Figure, image_table, save_figure, save_grid, score_curves
from keras_gen.indices import evenly_spaced_indices, rows_at
from keras_gen.latent import draw_latents
from keras_gen.run.folder import RunFolder
from keras_gen.run.run import Run
from keras_gen.seeds import random_stream
from keras_gen.text import listed, printable

FILE_NAMES = {  # of views, without ending
    "scatter": "latent_space",
    "manifold": "manifold",
    "reconstruct": "reconstructions",
    "traverse": "traversal",
}
GRID_IMAGES = 64
GRID_ROWS, GRID_COLUMNS = 20, 10  # of a conditional run: classes, and latent points of each
MAX_CODES = 500  # held-out images whose codes are kept after each epoch, for the film


def draw_data(run: Run) -> Path:
    """Draw some training images as the networks see them, and return the picture's path."""
    train, _ = run.datasets()
    path = run.folder.figures / "data.png"
    save_grid(train.images[evenly_spaced_indices(len(train), GRID_IMAGES)], path, replacing=run.folder.replacing)
    return path


def draw_epoch(run: Run) -> None:
    """Draw the grid of the last epoch, and keep where held-out images lie in a latent plane."""
    settings = run.settings
    random = random_stream(settings.training.seed, "grid")
    latents = draw_latents(random, GRID_IMAGES, settings.latent_dim, settings.latent_distribution)
    path = run.folder.epoch_image(run.epoch)
    if run.conditional:  # a class a row, a latent point a column
        classes = grid_classes(run)
        images = run.decode(np.tile(latents[:GRID_COLUMNS], (len(classes), 1)), classes.repeat(GRID_COLUMNS))
        save_figure(class_table(run, images), path, run.folder.replacing)
    else:
        save_grid(run.decode(latents), path, replacing=run.folder.replacing)
    if run.encodes and settings.latent_dim == 2:
        _, held_out = run.datasets()
        indices = evenly_spaced_indices(len(held_out), MAX_CODES)
        labels = held_out.labels
        run.folder.write_codes(
            run.epoch,
            run.encode(held_out.images[indices], run.labels_of(held_out, indices)),
            rows_at(labels, indices),
        )


def grid_classes(run: Run) -> np.ndarray:
    """Return the labels that the grids of a conditional run's epochs show, a row each."""
    classes = run.label_counts[0]
    return classes[evenly_spaced_indices(len(classes), GRID_ROWS)]


def class_table(run: Run, images: np.ndarray) -> Figure:
    """Draw images of `grid_classes`, a class a row."""
    names = [run.label_names[label] for label in grid_classes(run)]
    return image_table(images, [""] * GRID_COLUMNS, names)


def class_row(run: Run, label: int | str) -> tuple[float, float]:
    """Return where a class's row begins and ends in the grid of an epoch, as shares of its height from the top."""
    if not run.conditional:
        raise InputError(
            f"{run.where} is not conditional, so its grids have no row of a class; leave `label` out, or train a run "
            "with `conditional`"
        )
    (number,), classes = run.labels(label), grid_classes(run).tolist()
    if number not in classes:
        shown = listed(run.label_names[one] for one in classes)
        raise InputError(f"the grids have no row of {printable(label)}; name one of {shown}")
    blank = np.zeros((len(classes) * GRID_COLUMNS, *run.image_shape), np.uint8)
    figure = class_table(run, blank)
    figure.draw_without_rendering()  # the layout is known then
    box = figure.axes[0].get_position()
    top, height = 1 - box.y1, box.height / len(classes)
    return top + classes.index(number) * height, top + (classes.index(number) + 1) * height


def draw_figures(run: Run) -> list[Path]:
    """Draw the figures of the whole run, and the last epoch's grid again if it is missing or damaged.

    Returns the pictures worth opening, best first.
    """
    if not run.history:
        return []
    drawn = [path for name in run.final_views for path in run.view(name).save()]
    grid = run.folder.epoch_image(run.epoch)
    if not _is_whole(run.folder, grid) and not run.step:  # the networks are still those of the epoch
        draw_epoch(run)
    drawn += [grid] if grid.is_file() else []
    drawn.append(_save(run, run.plot_history(), "losses"))
    if run.metrics:
        drawn.append(_save(run, score_curves(run.metrics), "scores"))
    return drawn


def are_missing(run: Run) -> bool:
    """Return whether a figure that `draw_figures` makes, or the report, is missing or damaged."""
    names = [FILE_NAMES[view] for view in run.final_views] + ["losses"] + (["scores"] if run.metrics else [])
    paths = [run.folder.figures / f"{name}.png" for name in names] + [run.folder.epoch_image(run.epoch)]
    return not (run.folder.path / "report.html").is_file() or not all(_is_whole(run.folder, path) for path in paths)


def epochs_with(run: Run, path_of: Callable[[int], Path], say: Callable[[str], None]) -> list[int]:
    """Return the epochs that have a file of the folder's `path_of`; if others lack theirs, one line names them."""
    epochs = run.folder.epochs_with(path_of)
    say_missing([path_of(row["epoch"]) for row in run.history if epochs and row["epoch"] not in epochs], say)
    return epochs


def say_missing(paths: list[Path], say: Callable[[str], None]) -> None:
    """Name files that are missing, in one line."""
    if paths:
        more = f" and {len(paths) - 1:,} more" if len(paths) > 1 else ""
        say(f"Left out: {paths[0]}{more}, missing")


def read_picture(folder: RunFolder, path: Path) -> bytes:
    """Return the bytes of a picture of a run's folder, which has been decoded to see that it is whole."""
    try:
        png = folder.checked(path).read_bytes()
        with Image.open(io.BytesIO(png)) as picture:
            picture.load()
    except InputError:
        raise
    except Exception as error:  # Pillow raises nearly anything on a damaged file
        raise InputError(f"{path} cannot be read ({error})") from None
    return png


def _is_whole(folder: RunFolder, path: Path) -> bool:
    try:
        read_picture(folder, path)
    except InputError:
        return False
    return True


def _save(run: Run, figure: Figure, name: str) -> Path:
    path = run.folder.figures / f"{name}.png"
    save_figure(figure, path, run.folder.replacing)
    return path
