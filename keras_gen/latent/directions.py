"""Directions of a latent space: what a generator's first layer amplifies, active dimensions, and classes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import keras
import numpy as np

from keras_gen.errors import InputError
from keras_gen.figures import Figure, image_table
from keras_gen.latent.concepts import concept_vector
from keras_gen.latent.groups import class_points
from keras_gen.latent.own_images import Image, named_points
from keras_gen.latent.traversal import DEAD, centre_and_deviation, kl_per_dimension
from keras_gen.latent.view import View, joined, label_for, label_name, not_default
from keras_gen.run import Run
from keras_gen.run.arguments import check_count, check_numbers
from keras_gen.text import short_name

COUNT = 8
REACH = 3.0  # standard deviations to each side
MAX_CLASSES, MIN_OF_CLASS = 10, 10  # that have a direction; images that one is made of
MAX_SEEDS = 10
WANTED = f"1 to {MAX_SEEDS} whole numbers, such as 0,1,2"


@dataclass(frozen=True)
class Directions:
    """Directions of a latent space.

    Attributes:
        vectors: float32 (n, latent_dim), of length 1 each.
        names: Of each, such as `direction 1`, `z[3]` or `towards 7`.
        centres: Where latent points are along each, on average, (n,).
        deviations: Their standard deviation along each, (n,).
        remarks: What the user should know of them.
    """

    vectors: np.ndarray
    names: tuple[str, ...]
    centres: np.ndarray
    deviations: np.ndarray
    remarks: tuple[str, ...] = ()

    def through(self, point: np.ndarray, number: int, amounts: np.ndarray) -> np.ndarray:
        """Return points, float32 (n, latent_dim), on the line through one along a direction.

        The amounts are where they are on it, in standard deviations from the centre.
        """
        vector = self.vectors[number]
        values = self.centres[number] + self.deviations[number] * np.asarray(amounts, np.float32)
        return (point + (values - point @ vector)[:, np.newaxis] * vector).astype(np.float32)


def find_directions(run: Run, count: int = COUNT) -> Directions:
    """Return directions of a run's latent space; see `Run.directions`."""
    count = check_count("count", count, 1, 1000)
    if run.encodes:
        return _with_classes(run, _active_dimensions(run, count))
    # Along any direction of length 1, independent numbers vary as each of them does.
    deviation = 1 / np.sqrt(3) if run.settings.latent_distribution == "uniform" else 1.0
    vectors = sefa_directions(run.model("generator"), count)
    names = tuple(f"direction {number}" for number in range(1, len(vectors) + 1))
    found = Directions(vectors, names, np.zeros(len(vectors)), np.full(len(vectors), deviation))
    return _with_classes(run, found)


def sefa_directions(generator: keras.Model, count: int = 8) -> np.ndarray:
    """Return the directions that a generator's first Dense layer amplifies most, largest first.

    They are the eigenvectors of W W^T, where W, (latent_dim, units), is the layer's kernel: Y. Shen and B. Zhou,
    "Closed-Form Factorization of Latent Semantics in GANs" (2021). For latent points drawn from N(0, I) they are also
    the principal components of the layer's output, as in E. Härkönen et al., "GANSpace" (2020). The largest number of
    each is positive, so that the sign does not depend on the linear algebra library.

    Args:
        generator: From `build_generator` or `build_decoder`; of a conditional one the rows of the labels are left out.
        count: How many; there are at most latent_dim.

    Returns:
        float32 of shape (count, latent_dim), of length 1 each and orthogonal to each other.
    """
    kernel = next(layer for layer in generator.layers if isinstance(layer, keras.layers.Dense)).kernel
    weights = keras.ops.convert_to_numpy(kernel).astype(np.float64)[: generator.inputs[0].shape[-1]]
    _, vectors = np.linalg.eigh(weights @ weights.T)  # rising
    directions = vectors.T[::-1][:count]
    largest = np.abs(directions).argmax(axis=1)
    signs = np.sign(directions[np.arange(len(directions)), largest])
    return (directions * signs[:, np.newaxis]).astype(np.float32)


def _active_dimensions(run: Run, count: int) -> Directions:
    """Return a VAE's dimensions that carry information, those with the largest KL first."""
    _, held_out = run.datasets()
    codes = run.encode_distribution(held_out.images, run.labels_of(held_out))
    kl, (centres, deviations) = kl_per_dimension(*codes), centre_and_deviation(*codes)
    order = np.argsort(-kl, kind="stable")
    active, dead = order[kl[order] >= DEAD], np.sort(order[kl[order] < DEAD])
    names = ", ".join(f"z[{number}]" for number in dead)
    remark = f"Dead dimensions (KL below {DEAD:g} nats): {names or 'none'}"
    shown = active[:count] if len(active) else order[:1]  # one row, in which nothing changes
    names = tuple(f"z[{number}]  {kl[number]:.2f} nats" for number in shown)
    vectors = np.eye(len(kl), dtype=np.float32)[shown]
    return Directions(vectors, names, centres[shown], deviations[shown], (remark,))


def _with_classes(run: Run, found: Directions) -> Directions:
    """Return directions and, of labelled images, for each class the one from the mean of all others towards its own.

    A conditional run has none: its latent points do not carry the class.
    """
    if run.conditional:
        return found
    try:
        train, held_out = run.datasets()
    except InputError as error:
        return replace(found, remarks=(*found.remarks, f"Directions towards classes are left out: {error}"))
    if not train.has_classes or held_out.labels is None:
        return found
    remarks = list(found.remarks)
    points, labels = class_points(run, train, held_out, remarks)
    present, counts = np.unique(labels, return_counts=True)
    present, counts = present[counts >= MIN_OF_CLASS], counts[counts >= MIN_OF_CLASS]
    if len(present) < 2:
        return found
    chosen = np.sort(present[np.argsort(-counts, kind="stable")][:MAX_CLASSES])
    vectors = np.stack([concept_vector(points[labels != label], points[labels == label]) for label in chosen])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    along = points @ vectors.T
    return Directions(
        np.concatenate([found.vectors, vectors]),
        (*found.names, *(f"towards {run.label_names[label]}" for label in chosen)),
        np.concatenate([found.centres, along.mean(axis=0)]),
        np.concatenate([found.deviations, along.std(axis=0)]),
        tuple(remarks),
    )


def directions(
    run: Run,
    count: int = COUNT,
    seeds: Sequence[int] | None = None,
    at: Image | None = None,
    steps: int = 5,
    label: int | str | None = None,
) -> View:
    """Sweep latent points along each direction, a row each, from -3 to 3 standard deviations.

    Args:
        run: The run.
        count: Directions to show, at most; those of classes are added.
        seeds: Of the generated images that are changed; None takes three.
        at: Instead, a held-out image by its number, or an image file.
        steps: Images of each on a row.
        label: Of all images, for a conditional run; None is the image's own, or the first.
    """
    steps, remarks = check_count("steps", steps, 2, 100), []
    if at is not None and seeds is not None:
        raise InputError("`at` is a given image and `seeds` are generated ones; choose one")
    if at is not None:
        points, shown = named_points(run, {"at": at}, label, remarks)
        name = f"directions-of-{short_name(str(at))}"
    else:
        shown = label_for(run, label)
        points = run.draw_seeds(check_numbers("seeds", (0, 1, 2) if seeds is None else seeds, WANTED, (1, MAX_SEEDS)))
        name = "directions" if seeds is None else f"directions-of-seeds-{joined(seeds)}"
    found = find_directions(run, count)
    amounts = np.linspace(-REACH, REACH, steps)
    rows = range(len(found.names))
    latents = np.concatenate([found.through(point, row, amounts) for row in rows for point in points])
    images = run.decode(latents, shown)
    name += not_default(count=(count, COUNT), steps=(steps, 5)) + label_name(label)
    figure = _strips(images.reshape(len(rows), len(points), steps, *run.image_shape), amounts, found.names)
    return View(run, name, figure, images, remarks=(*remarks, *found.remarks))


def _strips(images: np.ndarray, amounts: np.ndarray, names: Sequence[str]) -> Figure:
    """Draw images, (directions, points, steps, height, width, channels), with a gap between points."""
    gap = np.full_like(images[:, :, :1], 255)
    columns = [*(f"{amount:+.1f}" for amount in amounts), ""] * images.shape[1]
    rows = np.concatenate([images, gap], axis=2).reshape(len(names), -1, *images.shape[3:])[:, :-1]
    title = "latent points along each direction, in standard deviations"
    return image_table(rows.reshape(-1, *images.shape[3:]), columns[:-1], list(names), title)
