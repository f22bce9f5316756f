"""Trained networks, applied to any number of images or latent points."""

from collections.abc import Callable, Iterator

import keras
import numpy as np

from keras_gen.data.pixels import to_range, to_uint8
from keras_gen.indices import rows_at
from keras_gen.models.conditioning import beside

BATCH = 64  # every call of a network has this many rows: another number would be traced anew


def decode(
    model: keras.Model, latents: np.ndarray, pixel_range: tuple[float, float], labels: np.ndarray | None = None
) -> np.ndarray:
    """Return a generator's or decoder's images at latent points.

    Args:
        model: From `build_generator` or `build_decoder`, trained.
        latents: float32, shape (n, latent_dim).
        pixel_range: Lowest and highest value of a pixel, as the model sees it.
        labels: For a conditional model, integers of shape (n,).

    Returns:
        uint8, shape (n, height, width, channels).
    """
    parts = []
    for inputs, count in _full_batches(latents, labels):
        parts.append(to_uint8(model.predict_on_batch(inputs)[:count], pixel_range))
    return np.concatenate(parts)


def encode(
    model: keras.Model, images: np.ndarray, pixel_range: tuple[float, float], labels: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return where images lie in the latent space.

    Args:
        model: From `build_encoder`, trained.
        images: uint8, shape (n, height, width, channels).
        pixel_range: Lowest and highest value of a pixel, as the model sees it.
        labels: For a conditional model, integers of shape (n,).

    Returns:
        z_mean and z_log_var, each float32 of shape (n, latent_dim).
    """
    parts = []
    for inputs, count in _full_batches(images, labels, lambda batch: to_range(batch, pixel_range)):
        z_mean, z_log_var, _ = model.predict_on_batch(inputs)
        parts.append((z_mean[:count], z_log_var[:count]))
    z_mean, z_log_var = zip(*parts, strict=True)
    return np.concatenate(z_mean), np.concatenate(z_log_var)


def _full_batches(
    rows: np.ndarray, labels: np.ndarray | None, prepare: Callable = lambda batch: batch
) -> Iterator[tuple[object, int]]:
    """Yield what a model takes for batches of BATCH rows, the last filled up with its last row, and how many count."""
    for start in range(0, len(rows), BATCH):
        indices = np.minimum(np.arange(start, start + BATCH), len(rows) - 1)
        yield beside(prepare(rows[indices]), rows_at(labels, indices)), min(BATCH, len(rows) - start)
