"""Bring images to a size that the networks can reach."""

from dataclasses import replace

import numpy as np
from PIL import Image

from keras_gen.data.image_set import ImageSet, fingerprint


def resize(image_set: ImageSet, size: int) -> ImageSet:
    """Return the images at `size` x `size` pixels, centre-cropped to a square and resampled (Lanczos)."""
    height, width, channels = image_set.image_shape
    if (height, width) == (size, size):
        return image_set
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    squares = image_set.images[:, top : top + side, left : left + side]
    pictures = (Image.fromarray(square[..., 0] if channels == 1 else square) for square in squares)
    resized = [np.asarray(picture.resize((size, size), Image.Resampling.LANCZOS)) for picture in pictures]
    images = np.stack(resized).reshape(-1, size, size, channels)
    return replace(image_set, images=images, fingerprint=fingerprint(images))
