"""A task that images teach without labels: to tell how an image was spoiled, or that it was not."""

from collections.abc import Callable

import numpy as np

Way = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def ways_to_spoil(height: int, width: int) -> list[Way]:
    """Return what may be done to an image; the first leaves it as it is.

    The others turn it, cut it into 2 x 2 or 4 x 4 parts that change their places, or give it random phases. Whoever
    tells them apart has to know which way up things are, how their parts belong together, and what
    distinguishes them from a texture. After S. Gidaris et al., "Unsupervised representation learning by
    predicting image rotations" (2018), and M. Noroozi, P. Favaro, "Unsupervised learning of visual representations
    by solving jigsaw puzzles" (2016).

    Args:
        height: Of the images, in pixels.
        width: Likewise; only a square image can be turned by a quarter and keep its shape.

    Returns:
        Functions of an image, uint8 (height, width, channels), and a random generator, to another such image.
    """

    def turned(quarters: int) -> Way:
        return lambda image, _: np.rot90(image, quarters)

    def puzzled(parts: int) -> Way:
        return lambda image, random: shuffle_parts(image, parts, random)

    turns = (0, 1, 2, 3) if height == width else (0, 2)
    return [*map(turned, turns), *map(puzzled, (2, 4)), randomize_phases]


def shuffle_parts(image: np.ndarray, parts: int, random: np.random.Generator) -> np.ndarray:
    """Cut an image into `parts` x `parts` equal ones and shuffle them; pixels that are left over keep their place.

    An image of fewer pixels is cut into these.
    """
    parts = min(parts, *image.shape[:2])
    height, width = image.shape[0] // parts, image.shape[1] // parts
    corners = [(row * height, column * width) for row in range(parts) for column in range(parts)]
    shuffled = image.copy()
    for (row, column), place in zip(corners, random.permutation(len(corners)), strict=True):
        y, x = corners[place]
        shuffled[row : row + height, column : column + width] = image[y : y + height, x : x + width]
    return shuffled


def randomize_phases(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return a texture with an image's mean colour and spectrum, the same shift of phases in every channel."""
    noise = np.fft.rfft2(random.standard_normal(image.shape[:2]))
    phases = noise / np.abs(noise)
    phases[0, 0] = 1  # else the mean colour might be turned into its negative
    spectrum = np.fft.rfft2(image, axes=(0, 1)) * phases[..., None]
    texture = np.fft.irfft2(spectrum, s=image.shape[:2], axes=(0, 1))
    return np.clip(np.rint(texture), 0, 255).astype(np.uint8)
