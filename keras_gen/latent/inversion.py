"""The latent points whose images are nearest to given ones, by gradient descent through a generator or decoder.

J.-Y. Zhu et al., "Generative Visual Manipulation on the Natural Image Manifold" (2016); A. Creswell and A. A. Bharath,
"Inverting the Generator of a Generative Adversarial Network" (2018).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from keras import ops
from tqdm import tqdm

from keras_gen.errors import InputError
from keras_gen.indices import rows_at
from keras_gen.latent.descent import ROWS, Inverter
from keras_gen.run import Run
from keras_gen.run.arguments import check_count
from keras_gen.text import has_terminal

STARTS, FIRST_STEPS, STEPS = 4, 100, 300
CANDIDATES, MIN_CANDIDATES = 1024, 128  # latent points, from which the starts are chosen; of each class
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
    """Find images by gradient descent from several starts each: the nearest of many generated images.

    All starts are followed for `FIRST_STEPS` steps, the best of each image for `steps` more. Without its label, an
    image of a conditional run has starts in every class, or the nearest if there are more than MAX_SEARCHED.
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
    errors = np.mean(((images.astype(np.float32) - originals) / 255) ** 2, axis=(1, 2, 3))
    return Projection(originals, latents, images, errors, labels)


def _best(found: list[Projection]) -> Projection:
    """Return of each image the projection with the smallest error."""
    places = np.argmin([projection.errors for projection in found], axis=0), np.arange(len(found[0].errors))
    latents, images, errors = (
        np.stack([getattr(projection, name) for projection in found])[places]
        for name in ("latents", "images", "errors")
    )
    labels = None if found[0].labels is None else np.stack([projection.labels for projection in found])[places]
    return Projection(found[0].originals, latents, images, errors, labels)


def _starts(
    run: Run, images: np.ndarray, labels: np.ndarray | None, starts: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the latent points to start from, (n, starts, latent_dim), and for a conditional run their labels."""
    if not run.conditional:
        return _nearest(run, images, np.zeros(CANDIDATES, np.int64), starts)[0], None
    if labels is not None:
        present = np.unique(labels)
        points = np.empty((len(images), starts, run.settings.latent_dim), np.float32)
        for label in present:
            rows, count = labels == label, max(MIN_CANDIDATES, CANDIDATES // len(present))
            points[rows], _ = _nearest(run, images[rows], np.full(count, label), starts)
        return points, labels[:, np.newaxis].repeat(starts, axis=1)
    classes = run.label_counts[0]
    if len(classes) > MAX_SEARCHED:
        return _nearest(run, images, np.resize(classes, max(CANDIDATES, len(classes))), starts)
    each, count = -(-starts // len(classes)), max(MIN_CANDIDATES, CANDIDATES // len(classes))
    found = [_nearest(run, images, np.full(count, label), each) for label in classes]
    return tuple(np.concatenate(part, axis=1) for part in zip(*found, strict=True))


def _nearest(run: Run, images: np.ndarray, labels: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return of each image the latent points of the nearest of generated images of these labels, and the labels."""
    points = run.draw(len(labels))
    generated = run.decode(points, labels if run.conditional else None)
    generated, images = (array.reshape(len(array), -1).astype(np.float32) for array in (generated, images))
    distances = np.sum(generated**2, axis=1) - 2 * images @ generated.T  # squared, but for a number of each image
    nearest = np.argsort(distances, axis=1)[:, :count]
    return points[nearest], labels[nearest]


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
