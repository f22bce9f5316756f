"""Whether the scores see what is wrong with images: real ones, spoiled in a dozen ways at three strengths."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter, shift

from keras_gen.benchmarks.markdown import markdown_table
from keras_gen.data import load_dataset
from keras_gen.data.pixels import as_levels
from keras_gen.evaluation.distances import kid, random_indices
from keras_gen.evaluation.scores import features_for

DATASETS = ("cifar10:automobile", "mnist5k")
COUNT = 1000  # images on each side, at most
Spoil = Callable[[np.ndarray, float, np.random.Generator], np.ndarray]


def _noise(images: np.ndarray, stddev: float, random: np.random.Generator) -> np.ndarray:
    return as_levels(images + stddev * random.standard_normal(images.shape, np.float32))


def _specks(images: np.ndarray, share: float, random: np.random.Generator) -> np.ndarray:
    speck = random.random((*images.shape[:3], 1)) < share
    return np.where(speck, 255 * random.integers(0, 2, speck.shape), images).astype(np.uint8)


def _blur(images: np.ndarray, sigma: float, _: np.random.Generator) -> np.ndarray:
    return as_levels(gaussian_filter(images.astype(np.float32), (0, sigma, sigma, 0)))


def _square(images: np.ndarray, side: float, random: np.random.Generator) -> np.ndarray:
    covered, side = images.copy(), int(side)
    for image in covered:
        y, x = (random.integers(0, length - side + 1) for length in image.shape[:2])
        image[y : y + side, x : x + side] = 128
    return covered


def _blocks(images: np.ndarray, side: float, _: np.random.Generator) -> np.ndarray:
    def resized(image: np.ndarray) -> np.ndarray:
        picture = Image.fromarray(image.squeeze())
        small = picture.resize((round(picture.width / side), round(picture.height / side)), Image.Resampling.BOX)
        return np.asarray(small.resize(picture.size, Image.Resampling.NEAREST)).reshape(image.shape)

    return np.stack([resized(image) for image in images])


def _jpeg(images: np.ndarray, quality: float, _: np.random.Generator) -> np.ndarray:
    def compressed(image: np.ndarray) -> np.ndarray:
        file = io.BytesIO()
        Image.fromarray(image.squeeze()).save(file, "JPEG", quality=int(quality))
        return np.asarray(Image.open(file)).reshape(image.shape)

    return np.stack([compressed(image) for image in images])


def _greyer(images: np.ndarray, share: float, _: np.random.Generator) -> np.ndarray:
    grey = images.mean(axis=-1, keepdims=True)
    return as_levels(grey + (1 - share) * (images - grey))


def _recoloured(images: np.ndarray, levels: float, _: np.random.Generator) -> np.ndarray:
    return as_levels(images + levels * np.array([1.0, 0.0, -1.0]))


def _lighter(images: np.ndarray, levels: float, _: np.random.Generator) -> np.ndarray:
    return as_levels(images.astype(np.float32) + levels)


def _paler(images: np.ndarray, share: float, _: np.random.Generator) -> np.ndarray:
    mean = images.mean(axis=(1, 2, 3), keepdims=True)
    return as_levels(mean + (1 - share) * (images - mean))


def _slanted(images: np.ndarray, slope: float, _: np.random.Generator) -> np.ndarray:
    """Shift each row by whole pixels, so that nothing is blurred by it."""
    height, width = images.shape[1:3]
    shifts = np.rint(slope * (np.arange(height) - (height - 1) / 2)).astype(int)
    columns = np.clip(np.arange(width) - shifts[:, np.newaxis], 0, width - 1)
    return images[:, np.arange(height)[:, np.newaxis], columns]


def _moved(images: np.ndarray, pixels: float, _: np.random.Generator) -> np.ndarray:
    return shift(images, (0, pixels, 0, 0), order=0, mode="nearest")


def _halves(images: np.ndarray, share: float, _: np.random.Generator) -> np.ndarray:
    """Give some images the right half of another one."""
    mixed, count, middle = images.copy(), round(share * len(images)), images.shape[2] // 2
    mixed[:count, :, middle:] = np.roll(images, 1, axis=0)[:count, :, middle:]
    return mixed


CORRUPTIONS: dict[str, tuple[Spoil, tuple[float, float, float]]] = {
    "noise, standard deviation in levels": (_noise, (15, 30, 60)),
    "white and black specks, share": (_specks, (0.01, 0.04, 0.16)),
    "blur, sigma in pixels": (_blur, (0.5, 1, 2)),
    "grey square, side in pixels": (_square, (8, 12, 16)),
    "blocks, side in pixels": (_blocks, (2, 3, 4)),
    "JPEG, quality": (_jpeg, (60, 25, 8)),
    "greyer, share of the colour": (_greyer, (0.33, 0.67, 1)),
    "colour shift, levels": (_recoloured, (15, 30, 60)),
    "lighter, levels": (_lighter, (15, 30, 60)),
    "less contrast, share": (_paler, (0.2, 0.4, 0.6)),
    "slanted, pixels a row": (_slanted, (0.2, 0.4, 0.8)),
    "moved, pixels": (_moved, (1, 2, 4)),
    "halves of two images, share": (_halves, (0.25, 0.5, 1)),
}
OF_COLOUR = (_greyer, _recoloured)


def corruption_rows(
    images: np.ndarray, real: np.ndarray, features_of: Callable[[np.ndarray], np.ndarray]
) -> list[dict[str, str]]:
    """Return the KID of each corruption of `images` against `real` at three strengths, as rows of a table.

    Args:
        images: Real images to spoil, uint8 (n, height, width, channels).
        real: Other real images, as many.
        features_of: From images to features.
    """

    def cell(spoiled: np.ndarray) -> str:
        found = kid(real_features, features_of(spoiled))
        return f"{found.value:.4f} ± {found.standard_error:.4f}"

    real_features = features_of(real)
    rows = [{"": "as they are (the floor)", "weak": cell(images), "middle": "", "strong": ""}]
    for title, (spoil, strengths) in CORRUPTIONS.items():
        if images.shape[-1] == 1 and spoil in OF_COLOUR:
            continue
        cells = [cell(spoil(images, strength, np.random.default_rng(0))) for strength in strengths]
        titles = ("", "weak", "middle", "strong")
        name = f"{title}: {', '.join(f'{strength:g}' for strength in strengths)}"
        rows.append(dict(zip(titles, [name, *cells], strict=True)))
    return rows


def corruption_tables(data_dir: Path | None = None, say: Callable[[str], None] = print) -> None:
    """Print a table of corruptions for each of `DATASETS`, as Markdown."""
    for name in DATASETS:
        train, held_out = load_dataset(name, data_dir, say=say)
        features_of = features_for("own", train, say)
        count = min(COUNT, len(held_out), len(features_of.unseen))
        images = train.images[features_of.unseen[:count]]
        real = held_out.images[random_indices(len(held_out), count, 0)]
        print(f"\n## KID of corrupted images of {name}, {count:,} against {count:,} held-out ones\n")
        print("\n".join(markdown_table(corruption_rows(images, real, features_of))), flush=True)
