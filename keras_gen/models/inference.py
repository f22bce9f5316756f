"""Trained networks, applied to any number of images or latent points."""

from collections.abc import Iterator

import keras
import numpy as np

from keras_gen.data.pixels import to_range, to_uint8

BATCH = 64  # every call of a network has this many rows: another number would be traced anew


def decode(model: keras.Model, latents: np.ndarray, pixel_range: tuple[float, float]) -> np.ndarray:
    """Return a generator's or decoder's images at latent points.

    Args:
        model: From `build_generator` or `build_decoder`, trained.
        latents: float32, shape (n, latent_dim).
        pixel_range: Lowest and highest value of a pixel, as the model sees it.

    Returns:
        uint8, shape (n, height, width, channels).
    """
    return np.concatenate(
        [to_uint8(model.predict_on_batch(batch)[:count], pixel_range) for batch, count in _full_batches(latents)]
    )


def encode(model: keras.Model, images: np.ndarray, pixel_range: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Return where images lie in the latent space.

    Args:
        model: From `build_encoder`, trained.
        images: uint8, shape (n, height, width, channels).
        pixel_range: Lowest and highest value of a pixel, as the model sees it.

    Returns:
        z_mean and z_log_var, each float32 of shape (n, latent_dim).
    """
    parts = []
    for batch, count in _full_batches(images):
        z_mean, z_log_var, _ = model.predict_on_batch(to_range(batch, pixel_range))
        parts.append((z_mean[:count], z_log_var[:count]))
    z_mean, z_log_var = zip(*parts, strict=True)
    return np.concatenate(z_mean), np.concatenate(z_log_var)


def _full_batches(rows: np.ndarray) -> Iterator[tuple[np.ndarray, int]]:
    """Yield batches of BATCH rows, the last one filled up with its last row, and how many are real."""
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        missing = BATCH - len(batch)
        yield (np.concatenate([batch, batch[-1:].repeat(missing, axis=0)]) if missing else batch), len(batch)
