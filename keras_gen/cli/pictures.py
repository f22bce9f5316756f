"""The pictures of a run: asks the models for arrays, hands them to `figures`, keeps the files in the run folder."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from sklearn.decomposition import PCA

from keras_gen.data import ImageSet
from keras_gen.figures import latent_scatter, loss_curves, manifold, save_grid
from keras_gen.latent import draw_latents, manifold_latents
from keras_gen.models.applying import decode, encode
from keras_gen.seeds import random_stream
from keras_gen.training import RunFolder, TrainingRun
from keras_gen.training.settings import Settings
from keras_gen.training.trained_run import IMAGE_MODEL

GRID_IMAGES = 64
MANIFOLD_SIDE = 15
RECONSTRUCTED = 10


class Pictures:
    """Draws a run while it trains and when it ends.

    Args:
        settings: The run's settings.
    """

    def __init__(self, settings: Settings) -> None:
        distribution = getattr(settings, "latent_distribution", "normal")  # a VAE's prior is normal
        random = random_stream(settings.seed, "grid")
        self._grid_latents = draw_latents(random, GRID_IMAGES, settings.latent_dim, distribution)

    def before_training(self, train: ImageSet, folder: RunFolder) -> Path:
        """Draw some training images as the networks will see them, and return the picture's path."""
        some = np.linspace(0, len(train) - 1, min(len(train), GRID_IMAGES), dtype=int)
        path = folder.figures / "data.png"
        save_grid(train.images[some], path)
        return path

    def after_epoch(self, run: TrainingRun) -> None:
        """Write the epoch's grid: what the same latent points become."""
        save_grid(images_at(run, self._grid_latents), run.folder.epoch_image(run.epoch))

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
        return [*drawn, _save(loss_curves(run.history), run.folder.figures / "losses.png")]

    def _latent_pictures(self, run: TrainingRun) -> list[Path]:
        figures, held_out = run.folder.figures, run.held_out
        z_mean, _ = encode(run.models["encoder"], held_out.images, run.pixel_range)
        points, axes = z_mean, ("z[0]", "z[1]")
        if len(z_mean) < 3:  # too few to have axes
            points = np.zeros((len(z_mean), 2))
        elif z_mean.shape[1] > 2:
            points, axes = PCA(2).fit_transform(z_mean), ("first principal axis", "second principal axis")
        elif z_mean.shape[1] == 1:
            labels = np.zeros(len(z_mean)) if held_out.labels is None else held_out.labels
            points, axes = np.column_stack([z_mean, labels]), ("z[0]", "label")
        drawn = [
            _save(latent_scatter(points, held_out.labels, held_out.class_names, axes), figures / "latent_space.png")
        ]
        if z_mean.shape[1] == 2:
            latents = manifold_latents(MANIFOLD_SIDE)
            quantiles = latents[:MANIFOLD_SIDE, 0]
            drawn.append(_save(manifold(images_at(run, latents), quantiles), figures / "manifold.png"))
        some = np.linspace(0, len(held_out) - 1, min(RECONSTRUCTED, len(held_out)), dtype=int)
        originals = held_out.images[some]
        path = figures / "reconstructions.png"
        save_grid(np.concatenate([originals, images_at(run, z_mean[some])]), path, columns=len(some))
        return [*drawn, path]


def images_at(run: TrainingRun, latents: np.ndarray) -> np.ndarray:
    """Return a run's images at latent points, as uint8 (n, height, width, channels)."""
    return decode(run.models[IMAGE_MODEL[run.kind]], latents, run.pixel_range)


def _save(figure: Figure, path: Path) -> Path:
    figure.savefig(path, dpi=120)
    return path
