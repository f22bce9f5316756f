"""The pictures in a run's folder, drawn while it trains and when it ends."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from keras_gen.figures import loss_curves, save_grid, score_curves
from keras_gen.figures.style import save_figure
from keras_gen.latent import draw_latents
from keras_gen.places import spread_places
from keras_gen.seeds import random_stream

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from keras_gen.runs.run import Run

GRID_IMAGES = 64
MAX_CODES = 500  # held-out images whose codes are kept after each epoch, for the film


def draw_data(run: Run) -> Path:
    """Draw some training images as the networks see them, and return the picture's path."""
    train, _ = run.datasets()
    path = run.folder.figures / "data.png"
    with run.folder.replacing(path) as temporary:
        save_grid(train.images[spread_places(len(train), GRID_IMAGES)], temporary)
    return path


def draw_epoch(run: Run) -> None:
    """Draw the grid of the last epoch, and keep where held-out images lie in a latent plane."""
    settings = run.settings
    random = random_stream(settings.training.seed, "grid")
    latents = draw_latents(random, GRID_IMAGES, settings.latent_dim, settings.latent_distribution)
    with run.folder.replacing(run.folder.epoch_image(run.epoch)) as temporary:
        save_grid(run.decode(latents), temporary)
    if run.kind == "vae" and settings.latent_dim == 2:
        _, held_out = run.datasets()
        indices = spread_places(len(held_out), MAX_CODES)
        labels = held_out.labels
        run.folder.write_codes(
            run.epoch, run.encode(held_out.images[indices]), None if labels is None else labels[indices]
        )


def draw_figures(run: Run) -> list[Path]:
    """Draw the figures of the whole run.

    Returns:
        The pictures worth opening, best first.
    """
    if not run.history:
        return []
    drawn = [*_latent_pictures(run), run.folder.epoch_image(run.epoch)]
    drawn.append(_save(run, loss_curves(run.history, run.settings.loss_unit), "losses"))
    if run.metrics:
        drawn.append(_save(run, score_curves(run.metrics), "scores"))
    return drawn


def are_missing(run: Run) -> bool:
    return False


def _latent_pictures(run: Run) -> list[Path]:
    return []


def _save(run: Run, figure: Figure, name: str) -> Path:
    path = run.folder.figures / f"{name}.png"
    with run.folder.replacing(path) as temporary:
        save_figure(figure, temporary)
    return path
