"""Between the pixels of files, uint8 from 0 to 255, and those of networks, floats in a range."""

import numpy as np

from keras_gen.transparency import premultiplied, straight


def to_range(images: np.ndarray, pixel_range: tuple[float, float]) -> np.ndarray:
    """Scale uint8 pixels to float32 in `pixel_range`, its lowest and highest value; RGBA is premultiplied."""
    low, high = pixel_range
    scaled = np.multiply(premultiplied(images), np.float32((high - low) / 255), dtype=np.float32)
    return scaled + np.float32(low) if low else scaled


def block_means(images: np.ndarray, side: int) -> np.ndarray:
    """Return the means of blocks of pixels, (n, rows, columns, channels); pixels that fill no block are left out."""
    count, height, width, channels = images.shape
    rows, columns = height // side, width // side
    whole = images[:, : rows * side, : columns * side]
    return whole.reshape(count, rows, side, columns, side, channels).mean(axis=(2, 4))


def binarized(images: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return uint8 images whose pixels are drawn black or white, with the grey value as the probability of white.

    Salakhutdinov and Murray, "On the quantitative analysis of deep belief networks" (2008).
    """
    white = 255 * random.random(images.shape, np.float32) < images
    return np.where(white, np.uint8(255), np.uint8(0))


def to_uint8(images: np.ndarray, pixel_range: tuple[float, float]) -> np.ndarray:
    """Scale floats in `pixel_range` to uint8 pixels, rounding to the nearest and clipping; RGBA was premultiplied."""
    low, high = pixel_range
    levels = straight((np.asarray(images, np.float32) - low) * (255 / (high - low)))
    return as_levels(levels)


def as_levels(pixels: np.ndarray) -> np.ndarray:
    """Return numbers as uint8 pixels, rounded to the nearest level."""
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
