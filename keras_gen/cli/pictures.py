"""The pictures of a run: asks the models for arrays, hands them to `figures`, keeps the files in the run folder."""

from pathlib import Path

import numpy as np

from keras_gen.cli import views
from keras_gen.data import ImageSet
from keras_gen.figures import Figure, loss_curves, save_figure, save_grid, score_curves
from keras_gen.latent import draw_latents
from keras_gen.models.inference import decode, encode
from keras_gen.places import spread_places
from keras_gen.seeds import random_stream
from keras_gen.training import RunFolder, TrainingRun
from keras_gen.training.settings import Settings
from keras_gen.training.trained_run import IMAGE_MODEL, TrainedRun

GRID_IMAGES = 64
FILMED = 500  # held-out images whose places are kept after each epoch


class Pictures:
    """Draws a run while it trains and when it ends.

    Args:
        settings: The run's settings.
    """

    def __init__(self, settings: Settings) -> None:
        random = random_stream(settings.seed, "grid")
        self._grid_latents = draw_latents(random, GRID_IMAGES, settings.latent_dim, settings.latent_distribution)

    def before_training(self, train: ImageSet, folder: RunFolder) -> Path:
        """Draw some training images as the networks will see them, and return the picture's path."""
        some = spread_places(len(train), GRID_IMAGES)
        path = folder.figures / "data.png"
        save_grid(train.images[some], path)
        return path

    def after_epoch(self, run: TrainingRun) -> None:
        """Write the epoch's grid: what the same latent points become."""
        save_grid(images_at(run, self._grid_latents), run.folder.epoch_image(run.epoch))
        if run.kind == "vae" and run.settings.latent_dim == 2:  # for the film
            some = spread_places(len(run.held_out), FILMED)
            z_mean, _ = encode(run.models["encoder"], run.held_out.images[some], run.pixel_range)
            labels = run.held_out.labels
            run.folder.write_codes(run.epoch, z_mean, None if labels is None else labels[some])

    def at_end(self, run: TrainingRun) -> list[Path]:
        """Draw the figures of the whole run.

        Returns:
            The pictures worth opening, best first.
        """
        if not run.history:
            return []
        drawn = [run.folder.epoch_image(run.epoch)]
        if run.kind == "vae":
            drawn = self._latent_pictures(run) + drawn
        drawn.append(_save(loss_curves(run.history, run.settings.loss_unit), run.folder.figures / "losses.png"))
        if run.metrics:
            drawn.append(_save(score_curves(run.metrics), run.folder.figures / "scores.png"))
        return drawn

    def _latent_pictures(self, run: TrainingRun) -> list[Path]:
        trained = TrainedRun(run.folder.path, run.models, (run.train, run.held_out))
        drawn = [views.scatter(trained)]
        if trained.settings.latent_dim == 2:
            drawn.append(views.manifold(trained))
        elif trained.settings.latent_dim > 2:
            drawn.append(views.traverse(trained))
        drawn.append(views.reconstruct(trained))
        return [path for view in drawn for path in view.write(run.folder.figures / f"{view.name}.png")]


def images_at(run: TrainingRun, latents: np.ndarray) -> np.ndarray:
    """Return a run's images at latent points, as uint8 (n, height, width, channels)."""
    return decode(run.models[IMAGE_MODEL[run.kind]], latents, run.pixel_range)


def _save(figure: Figure, path: Path) -> Path:
    save_figure(figure, path)
    return path
