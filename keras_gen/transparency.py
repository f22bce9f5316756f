"""Images with transparency: uint8 (..., 4) of red, green, blue and alpha, as PNG files have them.

Networks see premultiplied colours, each multiplied by its alpha: what is invisible then has no colour to be learned.
"""

import numpy as np

CELLS = 8  # of a checkerboard along an image's shorter side
LIGHT, DARK = 255, 204  # its levels


def has_alpha(images: np.ndarray) -> bool:
    """Tell whether images have a channel of alpha."""
    return images.shape[-1] == 4


def premultiplied(images: np.ndarray) -> np.ndarray:
    """Return uint8 images with colours multiplied by alpha; others than RGBA as they are."""
    if not has_alpha(images):
        return images
    colours = np.rint(images[..., :3].astype(np.float32) * images[..., 3:] / np.float32(255)).astype(np.uint8)
    return np.concatenate([colours, images[..., 3:]], axis=-1)


def straight(images: np.ndarray) -> np.ndarray:
    """Return images of premultiplied colours, floats from 0 to 255, with their own colours; nothing invisible has any.

    Others than RGBA are returned as they are.
    """
    if not has_alpha(images):
        return images
    alpha = np.clip(images[..., 3:], 0, 255)
    seen = np.rint(alpha) > 0
    colours = np.where(seen, images[..., :3] * 255 / np.where(seen, alpha, 1), 0)
    return np.concatenate([colours, alpha], axis=-1)


def without_hidden_colours(images: np.ndarray) -> np.ndarray:
    """Return images in which what is invisible is black, so that equal-looking images are equal."""
    hidden = images[..., 3] == 0 if has_alpha(images) else np.False_
    if not hidden.any() or not images[hidden].any():
        return images
    return np.where(hidden[..., np.newaxis], np.uint8(0), images)


def on_white(images: np.ndarray) -> np.ndarray:
    """Return uint8 images without alpha, on white; others than RGBA as they are."""
    return images if not has_alpha(images) else _on(images, np.uint8(255))


def on_checkerboard(images: np.ndarray) -> np.ndarray:
    """Return uint8 images, (..., height, width, channels), without alpha, on a checkerboard; others as they are."""
    if not has_alpha(images):
        return images
    height, width = images.shape[-3:-1]
    cell = max(1, min(height, width) // CELLS)
    odd = (np.arange(height)[:, np.newaxis] // cell + np.arange(width) // cell) % 2
    return _on(images, np.where(odd, DARK, LIGHT).astype(np.uint8)[..., np.newaxis])


def _on(images: np.ndarray, background: np.ndarray) -> np.ndarray:
    alpha = images[..., 3:].astype(np.float32) / np.float32(255)
    return np.rint(images[..., :3] * alpha + background * (1 - alpha)).astype(np.uint8)
