"""Views that need an encoder: where images lie in the latent space, what it decodes to, and reconstructions."""

from collections.abc import Sequence

import numpy as np

from keras_gen import figures, latent
from keras_gen.data.image_set import label_names
from keras_gen.errors import InputError
from keras_gen.indices import evenly_spaced_indices, rows_at
from keras_gen.latent.own_images import named_image
from keras_gen.latent.view import (
    MAX_IMAGES,
    View,
    image_labels,
    joined,
    label_for,
    label_name,
    not_default,
    strip_pixels,
)
from keras_gen.run import VAERun
from keras_gen.run.arguments import check_count, check_numbers, check_one_of

MAX_TSNE = 2000  # images; t-SNE takes minutes for more
RECONSTRUCTED = 10


def scatter(run: VAERun, projection: str = "pca", count: int | None = None) -> View:
    """Show where held-out images lie, coloured by label.

    Args:
        run: A VAE's.
        projection: `pca` or `tsne`, for more than two dimensions.
        count: Images to show; None shows all, or MAX_TSNE.
    """
    check_one_of("projection", projection, ("pca", "tsne"))
    count = count if count is None else check_count("count", count, 1)
    _, held_out = run.datasets()
    latent_dim = run.settings.latent_dim
    if projection == "tsne":
        if latent_dim <= 2 or len(held_out) < 4:
            raise InputError('`projection="tsne"` is for more than two latent dimensions, and four images or more')
        count = min(count or MAX_TSNE, MAX_TSNE)
    indices = evenly_spaced_indices(len(held_out), count or len(held_out))
    labels = rows_at(held_out.labels, indices)
    codes = run.encode(held_out.images[indices], run.labels_of(held_out, indices))
    points, prior, names = codes, np.zeros(2), ("z[0]", "z[1]")
    if latent_dim == 1:
        points = np.column_stack([codes, np.zeros(len(codes)) if labels is None else labels])
        prior, names = None, ("z[0]", "" if labels is None else "label")
    elif latent_dim > 2 and len(codes) < 4:
        points = codes[:, :2]  # too few to have axes of their own
    elif projection == "tsne":
        if np.ptp(codes, axis=0).max() < 1e-6:
            raise InputError("all codes are the same, so there is nothing to lay out; the run has learned nothing")
        points, prior, names = latent.tsne(codes, run.settings.training.seed), None, ("t-SNE 1", "t-SNE 2")
    elif latent_dim > 2:
        axes = latent.principal_axes(codes)
        points, prior, names = axes.coordinates(codes), axes.coordinates(np.zeros(codes.shape[1])), axes.names
    shown = f"{len(indices):,} of {len(held_out):,}" if len(indices) < len(held_out) else f"{len(indices):,}"
    title = f"{shown} held-out images, encoded"
    class_names = label_names(held_out.labels, held_out.class_names)
    figure = figures.latent_scatter(points, labels, class_names, names, prior, title)
    name = "latent_space" + not_default(projection=(projection, "pca"), count=(len(indices), len(held_out)))
    return View(run, name, figure, codes)


def manifold(run: VAERun, side: int = 15, dimensions: Sequence[int] = (0, 1), label: int | str | None = None) -> View:
    """Show images decoded from a grid of latent points (normal quantiles) in two dimensions; the others are 0.

    Args:
        run: A VAE's.
        side: Points along each axis.
        dimensions: The two that vary, across and up.
        label: Of the images of a conditional run; None is the first.
    """
    side, latent_dim = check_count("side", side, 2, 100), run.settings.latent_dim
    if latent_dim < 2:
        raise InputError("a manifold needs two latent dimensions and this run has one; use the view traverse")
    dimensions = check_dimensions(dimensions, latent_dim)
    latents = latent.manifold_latents(side, latent_dim, dimensions)
    images = run.decode(latents, label_for(run, label))
    names = tuple(f"z[{number}]" for number in dimensions)
    figure = figures.manifold(images, latents[:side, dimensions[0]], names)
    default = (side, dimensions) == (15, (0, 1))
    name = "manifold" if default else f"manifold-{joined(dimensions)}-{side}x{side}"
    return View(run, name + label_name(label), figure, images)


def check_dimensions(dimensions: Sequence[int], latent_dim: int) -> tuple[int, int]:
    """Return the two dimensions of a plane, or raise InputError."""
    wanted = f"two below {latent_dim}, such as 0,1"
    numbers = check_numbers("dimensions", dimensions, wanted, (2, 2), latent_dim - 1)
    if numbers[0] == numbers[1]:
        raise InputError(f"`dimensions` must be {wanted}; received {numbers[0]} twice")
    return numbers


def reconstruct(run: VAERun, images: Sequence[int] | None = None) -> View:
    """Show held-out images, each above its reconstruction from its mean code.

    Args:
        run: A VAE's.
        images: Their numbers; None takes RECONSTRUCTED, evenly spaced.
    """
    name = "reconstructions"
    if images is None:
        images = evenly_spaced_indices(len(run.datasets()[1]), RECONSTRUCTED)
    else:
        images = check_numbers("images", images, f"1 to {MAX_IMAGES} numbers of held-out images", (1, MAX_IMAGES))
        name += f"-{joined(images)}"
    originals = np.stack([named_image(run, number, "images") for number in images])
    labels = image_labels(run, images, None)
    rebuilt = run.decode(run.encode(originals, labels), labels)
    columns = min(len(originals), RECONSTRUCTED)
    rows = []
    for start in range(0, len(originals), columns):
        for part in (originals[start : start + columns], rebuilt[start : start + columns]):
            row = np.full((columns, *run.image_shape), 255, np.uint8)
            row[: len(part)] = part
            rows.append(row)
    return View(run, name, strip_pixels(np.concatenate(rows), columns), rebuilt)
