"""The latent points whose images are nearest to given ones, by gradient descent through a generator or decoder.

J.-Y. Zhu et al., "Generative Visual Manipulation on the Natural Image Manifold" (2016); A. Creswell and A. A. Bharath,
"Inverting the Generator of a Generative Adversarial Network" (2018).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from keras import ops
from sklearn.linear_model import Ridge
from tqdm import tqdm

from keras_gen.data.pixels import block_means
from keras_gen.errors import InputError
from keras_gen.indices import rows_at
from keras_gen.latent.descent import ROWS, Inverter
from keras_gen.run import Run
from keras_gen.run.arguments import check_count
from keras_gen.text import has_terminal
from keras_gen.transparency import premultiplied

STARTS, FIRST_STEPS, STEPS = 3, 30, 250
CANDIDATES = 2048  # latent points, whose images the starts are found by
RIDGE = 1e-3  # of the mean variance of a block of pixels
BLOCKS = 14
MAX_SEARCHED = 20  # classes that are all tried for an image whose class is not known
RARE = 3.0  # standard deviations that a number of a latent point may be from 0, where it has few


@dataclass(frozen=True)
class Projection:
    """Images, and the latent points whose images are nearest to them.

    Attributes:
        originals: The images, uint8 (n, height, width, channels).
        latents: The points, float32 (n, latent_dim).
        images: Theirs, uint8.
        errors: Mean squared difference of both, for pixels from 0 to 1, (n,).
        labels: Of a conditional run, the label that each was found with, (n,); else None.
    """

    originals: np.ndarray
    latents: np.ndarray
    images: np.ndarray
    errors: np.ndarray
    labels: np.ndarray | None


def project(
    run: Run,
    images: np.ndarray,
    labels: np.ndarray | None = None,
    refine: bool = False,
    starts: int = STARTS,
    steps: int = STEPS,
) -> Projection:
    """Return the latent points whose images are nearest to uint8 images of the run's shape; see `Run.project`."""
    starts, steps = check_count("starts", starts, 1, 64), check_count("steps", steps, 1, 10_000)
    if not run.encodes:
        if refine:
            raise InputError(
                f"{run.where} is a DCGAN's run, whose images are always found by gradient descent; leave `refine` out"
            )
        return inverted(run, images, labels, starts, steps)
    found = encoded(run, images, labels)
    return refined(run, found, steps) if refine else found


def encoded(run: Run, images: np.ndarray, labels: np.ndarray | None) -> Projection:
    """Find images by a VAE's encoder; without its label, an image is encoded with each that a conditional run knows."""
    if not run.conditional or labels is not None:
        return _projection(run, images, run.encode(images, labels), labels)
    found = [encoded(run, images, np.full(len(images), label)) for label in run.label_counts[0]]
    return _best(found)


def inverted(
    run: Run, images: np.ndarray, labels: np.ndarray | None = None, starts: int = STARTS, steps: int = STEPS
) -> Projection:
    """Find images by gradient descent from several starts each.

    All starts are followed for `FIRST_STEPS` steps, the best of each image for `steps` more. Without its label, an
    image of a conditional run has a start in every class, or in the nearest if there are more than MAX_SEARCHED.
    """
    points, start_labels = _starts(run, images, labels, starts)
    count = points.shape[1]
    inverter = Inverter(run.model(run.image_model), run.pixel_range, _atypical(run), min(ROWS, len(images) * count))
    with _bar(inverter, (len(images) * count, FIRST_STEPS), (len(images), steps)) as bar:
        originals = images.repeat(count, axis=0)
        tried_labels = None if start_labels is None else start_labels.ravel()
        tried = inverter.descend(points.reshape(-1, points.shape[-1]), originals, FIRST_STEPS, tried_labels, bar.update)
        first = _projection(run, originals, tried, tried_labels)
        nearest = first.errors.reshape(-1, count).argmin(axis=1) + count * np.arange(len(images))
        labels = rows_at(tried_labels, nearest)
        last = inverter.descend(first.latents[nearest], images, steps, labels, bar.update)
    return _projection(run, images, last, labels)


def refined(run: Run, start: Projection, steps: int = STEPS) -> Projection:
    """Go on from points that are near already; where that is no gain, they are kept."""
    images, labels = start.originals, start.labels
    inverter = Inverter(run.model(run.image_model), run.pixel_range, _atypical(run), min(ROWS, len(images)))
    with _bar(inverter, (len(images), steps)) as bar:
        points = inverter.descend(start.latents, images, steps, labels, bar.update)
    return _best([start, _projection(run, images, points, labels)])


def _projection(run: Run, originals: np.ndarray, latents: np.ndarray, labels: np.ndarray | None) -> Projection:
    images = run.decode(latents, labels)
    difference = premultiplied(images).astype(np.float32) - premultiplied(originals)
    errors = np.mean((difference / 255) ** 2, axis=(1, 2, 3))
    return Projection(originals, latents, images, errors, labels)


def _best(found: list[Projection]) -> Projection:
    """Return of each image the projection with the smallest error."""
    best = np.argmin([projection.errors for projection in found], axis=0), np.arange(len(found[0].errors))
    latents, images, errors = (
        np.stack([getattr(projection, name) for projection in found])[best] for name in ("latents", "images", "errors")
    )
    labels = None if found[0].labels is None else np.stack([projection.labels for projection in found])[best]
    return Projection(found[0].originals, latents, images, errors, labels)


def _starts(
    run: Run, images: np.ndarray, labels: np.ndarray | None, starts: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the latent points to start from, (n, starts, latent_dim), and for a conditional run their labels.

    The first is a linear estimate from generated images, the others are the points of the nearest of these.
    """
    candidates = run.draw(CANDIDATES)
    candidate_labels = np.resize(run.label_counts[0], CANDIDATES) if run.conditional else None
    generated = run.decode(candidates, candidate_labels)
    estimates = run.at_typical_length(_estimated(candidates, generated, images))[:, np.newaxis]
    distances = _distances(images, generated)
    if labels is not None:
        distances[labels[:, np.newaxis] != candidate_labels] = np.inf
    nearest = np.argsort(distances, axis=1)[:, :starts]
    points = np.concatenate([estimates, candidates[nearest[:, : starts - 1]]], axis=1)
    if not run.conditional:
        return points, None
    if labels is not None:
        return points, labels[:, np.newaxis].repeat(starts, axis=1)
    # Each candidate with its own label, the estimate with that of the nearest.
    point_labels = candidate_labels[np.concatenate([nearest[:, :1], nearest[:, : starts - 1]], axis=1)]
    classes = run.label_counts[0]
    if len(classes) <= MAX_SEARCHED:  # and with each other one
        points = np.concatenate([points, estimates.repeat(len(classes), axis=1)], axis=1)
        point_labels = np.concatenate([point_labels, np.tile(classes, (len(images), 1))], axis=1)
    return points, point_labels


def _estimated(points: np.ndarray, generated: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Return latent points of images by ridge regression from generated images to their points."""
    x = coarse_rows(generated)
    centre = x.mean(axis=0)
    strength = RIDGE * np.sum((x - centre) ** 2) / x.shape[1] + 1e-9
    model = Ridge(strength, fit_intercept=False).fit(x - centre, points)
    predicted = model.predict(coarse_rows(images) - centre)
    return predicted.reshape(len(images), -1).astype(np.float32)  # of one dimension there is a flat array


def _distances(images: np.ndarray, generated: np.ndarray) -> np.ndarray:
    """Return squared distances, (images, generated), but for a number that depends on the image alone."""
    generated, images = (
        premultiplied(array).reshape(len(array), -1).astype(np.float32) for array in (generated, images)
    )
    return np.sum(generated**2, axis=1) - 2 * images @ generated.T


def coarse_rows(images: np.ndarray) -> np.ndarray:
    """Return images as rows of the means of blocks of pixels, from 0 to 1: about BLOCKS blocks a side."""
    means = block_means(premultiplied(images), max(1, images.shape[1] // BLOCKS))
    return means.reshape(len(images), -1) / 255


def _atypical(run: Run) -> Callable:
    """Return how little latent points resemble those that the network was trained on."""
    if run.settings.latent_distribution == "uniform":
        return lambda points: ops.mean(ops.square(ops.relu(ops.abs(points) - 1)), axis=1)
    if run.typical_length is not None:  # the squares of the numbers of nearly all draws have a mean of about 1
        return lambda points: ops.square(ops.mean(ops.square(points), axis=1) - 1)
    return lambda points: ops.mean(ops.square(ops.relu(ops.abs(points) - RARE)), axis=1)


def _bar(inverter: Inverter, *stages: tuple[int, int]) -> tqdm:
    """Return a bar over the steps of stages, each given by its points and its steps."""
    total = sum(-(-points // inverter.rows) * steps for points, steps in stages)
    return tqdm(total=total, desc="projecting", unit="step", leave=False, disable=not has_terminal(), delay=1)
