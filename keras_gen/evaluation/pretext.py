"""A task that images teach without labels: to tell how an image was spoiled, or that it was not."""

from collections.abc import Callable

import numpy as np
from scipy.ndimage import gaussian_filter

from keras_gen.data.pixels import as_levels

Way = Callable[[np.ndarray, np.random.Generator], np.ndarray]
SURFACE = 5  # ways, the first ones, that leave what an image shows as it is: its class can still be told


def ways_to_spoil(height: int, width: int) -> list[Way]:
    """Return what may be done to an image; the first leaves it as it is.

    The next four change its surface: noise, blur, a part erased, colours shifted, each weakly or strongly. The
    others turn it, cut it into 2 x 2 or 4 x 4 parts that change their places, or give it random phases. Whoever
    tells all of them apart has to know which way up things are, how their parts belong together, what
    distinguishes them from a texture, and how clean their pixels are. After S. Gidaris et al., "Unsupervised
    representation learning by predicting image rotations" (2018), and M. Noroozi, P. Favaro, "Unsupervised learning of
    visual representations by solving jigsaw puzzles" (2016).

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

    turns = (1, 2, 3) if height == width else (2,)
    surface = [lambda image, _: image, add_noise, blur, erase, shift_colours]
    return [*surface, *map(turned, turns), *map(puzzled, (2, 4)), randomize_phases]


def add_noise(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Add Gaussian noise with a standard deviation of 5 to 60 grey levels."""
    return as_levels(image + _strength(random, 5, 60) * random.standard_normal(image.shape, np.float32))


def blur(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Blur by a Gaussian of 1/64 to 1/12 of the shorter side, at least of 0.4 pixels."""
    side = min(image.shape[:2])
    sigma = max(0.4, _strength(random, side / 64, side / 12))
    return as_levels(gaussian_filter(image.astype(np.float32), (sigma, sigma, 0)))


def erase(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Cover a rectangle, each side an eighth to a half of the image's, with one grey at any place."""
    sides = [max(1, round(_strength(random, side / 8, side / 2))) for side in image.shape[:2]]
    y, x = (random.integers(0, side - length + 1) for side, length in zip(image.shape[:2], sides, strict=True))
    erased = image.copy()
    erased[y : y + sides[0], x : x + sides[1]] = random.integers(0, 256)
    return erased


def shift_colours(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Shift each channel by itself, change the contrast, or take colour away; grey images become lighter or darker."""
    channels, pixels = image.shape[-1], image.astype(np.float32)
    kind = random.integers(3 if channels > 1 else 2)
    if kind == 2:
        grey = pixels.mean(axis=-1, keepdims=True)
        return as_levels(grey + random.uniform(0, 0.7) * (pixels - grey))
    if kind == 1:
        mean = pixels.mean()
        return as_levels(mean + random.uniform(0.2, 0.8) * (pixels - mean))
    return as_levels(pixels + _strength(random, 10, 80) * random.choice([-1, 1], channels))


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
    return as_levels(np.fft.irfft2(spectrum, s=image.shape[:2], axes=(0, 1)))


def _strength(random: np.random.Generator, low: float, high: float) -> float:
    """Draw from weak to strong, evenly on a logarithmic scale."""
    return low * (high / low) ** random.random()
