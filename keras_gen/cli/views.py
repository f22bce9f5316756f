"""The views of a run's latent space: asks a run for arrays and `figures` for pictures of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_gen import figures, latent
from keras_gen.cli.command import short_name
from keras_gen.data import ImageSet, read_image, read_images
from keras_gen.errors import InputError
from keras_gen.figures.animation import save_gif, there_and_back
from keras_gen.figures.grids import enlarged, labelled_grid, save_image
from keras_gen.places import spread_places
from keras_gen.training import TrainedRun

TSNE_MOST = 2000  # images; t-SNE takes minutes for more
CONCEPT_MOST = 2000  # images of a label whose codes are averaged
BETWEEN = 4  # frames of a film from one image of a strip to the next
MOVING_SIDE = 128  # pixels of an image in a film, about
REACH = 2.33  # standard deviations on each side: 98 % of a normal distribution
RECONSTRUCTED = 10
PICKED_FROM = 64  # numbered images to pick a concept from


@dataclass
class View:
    """What a view gives.

    Attributes:
        name: Of its files, without ending.
        picture: A figure, or uint8 pixels (height, width, channels).
        array: What --npy keeps: images, or codes.
        frames: uint8 pictures that move, or nothing.
        says: Lines for the user.
    """

    name: str
    picture: figures.Figure | np.ndarray
    array: np.ndarray
    frames: list[np.ndarray] | None = None
    says: tuple[str, ...] = ()

    def write(self, path: Path) -> list[Path]:
        """Write the picture, and beside it a GIF if something moves; return the files."""
        if isinstance(self.picture, figures.Figure):
            figures.save_figure(self.picture, path)
        else:
            save_image(self.picture, path)
        if self.frames is None:
            return [path]
        film = path.with_suffix(".gif")
        save_gif(there_and_back(self.frames), film, frame_ms=60, last_ms=60)
        return [path, film]


def scatter(run: TrainedRun, projection: str = "pca", count: int | None = None) -> View:
    """Show where held-out images lie, coloured by label.

    Args:
        run: A VAE's.
        projection: `pca` or `tsne`, for more than two dimensions.
        count: Images to show; None shows all, or TSNE_MOST.

    Raises:
        InputError: t-SNE has nothing to lay out.
    """
    _, held_out = run.datasets()
    beyond_two = run.settings.latent_dim > 2
    if projection == "tsne":
        if not beyond_two or len(held_out) < 4:
            raise InputError("--projection tsne is for more than two latent dimensions, and four images or more")
        count = min(count or TSNE_MOST, TSNE_MOST)
    some = spread_places(len(held_out), count or len(held_out))
    labels = None if held_out.labels is None else held_out.labels[some]
    codes = run.encode(held_out.images[some])
    points, prior, names = codes, np.zeros(2), ("z[0]", "z[1]")
    if run.settings.latent_dim == 1:
        points = np.column_stack([codes, np.zeros(len(codes)) if labels is None else labels])
        prior, names = None, ("z[0]", "" if labels is None else "label")
    elif beyond_two and len(codes) < 4:
        points, names = codes[:, :2], ("z[0]", "z[1]")  # too few to have axes of their own
    elif projection == "tsne":
        if np.ptp(codes, axis=0).max() < 1e-6:
            raise InputError("all codes are the same, so there is nothing to lay out; the run has learned nothing")
        points, prior, names = latent.tsne(codes, run.settings.seed), None, ("t-SNE 1", "t-SNE 2")
    elif beyond_two:
        axes = latent.principal_axes(codes)
        points, prior, names = axes.coordinates(codes), axes.coordinates(np.zeros(codes.shape[1])), axes.names
    which = f"{len(some):,} of {len(held_out):,}" if len(some) < len(held_out) else f"{len(some):,}"
    title = f"{which} held-out images, encoded"
    figure = figures.latent_scatter(points, labels, held_out.class_names, names, prior, title)
    name = "latent_space" + _unlike(projection=(projection, "pca"), count=(len(some), len(held_out)))
    return View(name, figure, codes)


def manifold(run: TrainedRun, side: int = 15, dimensions: tuple[int, int] = (0, 1)) -> View:
    """Show a square of decoded points that covers the prior in two dimensions; the others are 0.

    Args:
        run: A VAE's.
        side: Points along each axis.
        dimensions: The two that vary, across and up.

    Raises:
        InputError: The run has no such dimensions.
    """
    if run.settings.latent_dim < 2:
        raise InputError("a manifold needs two latent dimensions and this run has one; use traverse")
    if max(dimensions) >= run.settings.latent_dim:
        raise InputError(f"--dimensions must be below {run.settings.latent_dim}; received {_listed(dimensions)}")
    latents = latent.manifold_latents(side, run.settings.latent_dim, dimensions)
    images = run.decode(latents)
    figure = figures.manifold(images, latents[:side, dimensions[0]], tuple(f"z[{number}]" for number in dimensions))
    default = (side, dimensions) == (15, (0, 1))
    return View("manifold" if default else f"manifold-{_joined(dimensions)}-{side}x{side}", figure, images)


def reconstruct(run: TrainedRun, indices: list[int] | None = None) -> View:
    """Show held-out images, each above its reconstruction from its mean code.

    Args:
        run: A VAE's.
        indices: Of the images; None takes RECONSTRUCTED, evenly spread.
    """
    _, held_out = run.datasets()
    name = "reconstructions"
    if indices is None:
        indices = spread_places(len(held_out), RECONSTRUCTED)
    else:
        name = f"reconstructions-{_joined(indices)}"
    originals = np.stack([_held_out_image(held_out, index) for index in indices])
    rebuilt = run.decode(run.encode(originals))
    rows = []
    for start in range(0, len(originals), RECONSTRUCTED):
        for images in (originals, rebuilt):
            row = np.full((min(len(originals), RECONSTRUCTED), *run.image_shape), 255, np.uint8)
            row[: len(images[start : start + RECONSTRUCTED])] = images[start : start + RECONSTRUCTED]
            rows.append(row)
    return View(name, _pixels(np.concatenate(rows), len(rows[0])), rebuilt)


def interpolate(
    run: TrainedRun,
    ends: tuple[str, str] | None = None,
    seeds: list[int] | None = None,
    steps: int = 9,
    method: str | None = None,
) -> View:
    """Walk from one image to another, as a strip and a film.

    Args:
        run: The run.
        ends: Two held-out images by number, or image files; None takes `seeds`, or two unlike images.
        seeds: Two seeds of generated images.
        steps: Images in the strip.
        method: `linear` or `spherical`; None is what suits the run.
    """
    if ends is None and seeds is None:
        ends, seeds = (_two_unlike(run), None) if run.kind == "vae" else (None, [0, 1])
    if seeds is not None:
        if len(seeds) != 2:
            raise InputError(f"--seeds must be two for a walk, such as 0,1; received {_listed(seeds)}")
        start, end = run.draw_seeds(seeds)
    else:
        start, end = run.encode(np.stack([_image(run, text) for text in ends]))
    method = method or run.method
    images = run.decode(latent.interpolate(start, end, BETWEEN * (steps - 1) + 1, method))
    whence = f"seeds-{_joined(seeds)}" if seeds is not None else "-".join(short_name(text) for text in ends)
    strip = images[::BETWEEN]
    name = f"interpolation-{whence}" + ("" if method == run.method else f"-{method}")
    return View(f"{name}{_unlike(steps=(steps, 9))}", _pixels(strip, steps), strip, _moving(images))


def concept(
    run: TrainedRun,
    pairs: list[tuple[str, str]] | None = None,
    picked: tuple[list[int], list[int]] | None = None,
    image: str | None = None,
    seed: int | None = None,
    strengths: tuple[float, float] = (0.0, 1.0),
    steps: int = 9,
) -> View:
    """Add a concept, or a sum of them, to an image or to the mean of what lacks it.

    Args:
        run: The run.
        pairs: For each concept the label, or the folder of images, without it and the one with it.
        picked: Instead, the seeds of images that have it, and of those that lack it.
        image: A held-out image's index, or a file, to apply it to.
        seed: Instead, the seed of a generated image.
        strengths: The lowest and the highest.
        steps: Images in the strip.
    """
    if picked is not None:
        plus, minus = (run.draw_seeds(seeds) for seeds in picked)
        groups, name = [(minus, plus)], f"{_joined(picked[0])}-minus-{_joined(picked[1])}"
    else:
        groups = [(_codes(run, without), _codes(run, having)) for without, having in pairs]
        name = "-and-".join(f"{short_name(without)}-to-{short_name(having)}" for without, having in pairs)
    vector = np.sum([latent.concept_vector(without, having) for without, having in groups], axis=0)
    start = np.mean(groups[0][0], axis=0)
    if image is not None:
        start, name = run.encode(_image(run, image)[np.newaxis])[0], f"{name}-on-{short_name(image)}"
    elif seed is not None:
        start, name = run.draw(1, seed)[0], f"{name}-on-seed-{seed}"
    amounts = np.linspace(*strengths, BETWEEN * (steps - 1) + 1)
    images = run.decode(run.at_typical_length(latent.apply_concept(start[np.newaxis], vector, amounts)))
    strip = images[::BETWEEN]
    figure = figures.image_table(strip, [f"{amount:.2g}" for amount in amounts[::BETWEEN]], [""])
    figure.axes[0].set_xlabel("how much of the concept is added")
    low, high = (f"{strength:g}" for strength in strengths)
    name += _unlike(strength=(f"{low}_{high}", "0_1"), steps=(steps, 9))
    return View(f"concept-{name}", figure, strip, _moving(images))


def numbered(run: TrainedRun, count: int = PICKED_FROM) -> View:
    """Show generated images, each with its seed, to pick a concept's from.

    Args:
        run: The run.
        count: Seeds, from 0.
    """
    images = run.decode(run.draw_seeds(range(count)))
    line = (
        "A concept is made of images that you pick: look at the picture, and name the seeds of some that have it and "
        "of some that lack it, such as --plus 3,17,21 --minus 4,9"
    )
    return View("numbered", labelled_grid(images, [str(seed) for seed in range(count)]), images, says=(line,))


def traverse(
    run: TrainedRun, image: str | None = None, seed: int | None = None, steps: int = 9, rows: int = 20
) -> View:
    """Sweep each latent dimension over its range, a row each, those that carry information first.

    Args:
        run: The run.
        image: Where the others stay: a held-out image by number, or an image file; None is the middle of all codes.
        seed: Instead, a generated image; 0 for a DCGAN unless it is given.
        steps: Images in a row.
        rows: Dimensions to show, at most.
    """
    start, name = None, "traversal"
    uniform = run.settings.latent_distribution == "uniform"
    reach = 1.0 if uniform else REACH  # all of uniform(-1, 1), or so many standard deviations
    if image is not None:
        start, name = run.encode(_image(run, image)[np.newaxis])[0], f"traversal-of-{short_name(image)}"
    elif seed is not None or run.kind == "dcgan":
        start, name = run.draw(1, seed or 0)[0], f"traversal-of-seed-{seed or 0}"
    if run.kind == "vae":
        _, held_out = run.datasets()
        codes = run.encode_distribution(held_out.images)
        (centre, deviation), carries, unit = latent.spread(*codes), latent.kl_per_dimension(*codes), "nats"
        start = centre if start is None else start
    else:  # a generator has no KL: what a dimension changes is what it carries
        centre, deviation, carries, unit = (
            np.zeros_like(start),
            np.ones_like(start),
            _changes(run, start, reach),
            "levels",
        )
    order = np.argsort(-carries, kind="stable")
    dead = np.sort(order[carries[order] < latent.DEAD]) if run.kind == "vae" else []
    shown = order[:rows]
    share = np.linspace(-1, 1, BETWEEN * (steps - 1) + 1)
    points = [
        latent.traverse(start, [dimension], centre[dimension] + reach * deviation[dimension] * share)
        for dimension in shown
    ]
    images = run.decode(np.concatenate(points)).reshape(len(shown), len(share), *run.image_shape)
    strip = images[:, ::BETWEEN].reshape(-1, *run.image_shape)
    texts = ["dead" if dimension in dead else f"{carries[dimension]:.3g} {unit}" for dimension in shown]
    texts = [f"z[{dimension}]  {text}" for dimension, text in zip(shown, texts, strict=True)]
    scale = "" if uniform else " sd"
    columns = [f"{reach * value:+.1f}{scale}" for value in np.linspace(-1, 1, steps)]
    left_out = f", the {len(shown)} that carry most of {len(order)}" if len(shown) < len(order) else ""
    figure = figures.image_table(strip, columns, texts, f"each latent dimension, swept over its range{left_out}")
    frames = [_pixels(images[:, place], None, MOVING_SIDE // 2) for place in range(len(share))]
    line = f"Dead dimensions (below {latent.DEAD:g} {unit}): " + (
        ", ".join(f"z[{number}]" for number in dead) or "none"
    )
    says = (line,) if run.kind == "vae" else ("A row's number: how much its pictures differ, of 255 levels a pixel",)
    return View(f"{name}{_unlike(steps=(steps, 9), rows=(rows, 20))}", figure, strip, frames, says)


def _two_unlike(run: TrainedRun) -> tuple[str, str]:
    """Return the first held-out image, and the first of another label or, without labels, the last."""
    _, held_out = run.datasets()
    others = [] if held_out.labels is None else np.flatnonzero(held_out.labels != held_out.labels[0])
    return "0", str(others[0] if len(others) else len(held_out) - 1)


def _changes(run: TrainedRun, start: np.ndarray, reach: float) -> np.ndarray:
    """Return how much each dimension changes a generated image, as the root mean square over its pixels."""
    ends = latent.traverse(start, list(range(len(start))), np.array([-reach, reach]))
    low, high = run.decode(ends).reshape(len(start), 2, -1).astype(np.float64).swapaxes(0, 1)
    return np.sqrt(np.mean((high - low) ** 2, axis=1))


def _codes(run: TrainedRun, group: str) -> np.ndarray:
    """Return the codes of a label's training images, or of a folder of images; what is a label is no folder."""
    train, _ = run.datasets()
    names = list(train.class_names)
    named = group in names or (group.isdecimal() and int(group) < len(names))
    if not named and Path(group).is_dir():
        return run.encode(read_images(group, run.image_shape))
    if train.labels is None:
        raise InputError(f"{group} is no folder, and {train.name} has no labels; name folders of images")
    if not named:
        raise InputError(f"{group} is neither a label nor a folder; the labels are {', '.join(names)}")
    label = names.index(group) if group in names else int(group)
    some = np.flatnonzero(train.labels == label)[:CONCEPT_MOST]
    if not len(some):
        raise InputError(f"no training image has the label {group}; the labels are {', '.join(names)}")
    return run.encode(train.images[some])


def _image(run: TrainedRun, text: str) -> np.ndarray:
    """Return a held-out image by its index, or an image file."""
    if text.isdecimal():
        return _held_out_image(run.datasets()[1], int(text))
    return read_image(text, run.image_shape)


def _held_out_image(held_out: ImageSet, index: int) -> np.ndarray:
    if index >= len(held_out):
        raise InputError(f"there is no held-out image {index}; they are numbered from 0 to {len(held_out) - 1}")
    return held_out.images[index]


def _pixels(images: np.ndarray, columns: int | None, side: int = 64) -> np.ndarray:
    return enlarged(figures.image_grid(images, columns), images.shape[1], side)


def _moving(images: np.ndarray) -> list[np.ndarray]:
    return [enlarged(image, image.shape[0], MOVING_SIDE) for image in images]


def _listed(numbers: list[int] | tuple[int, ...]) -> str:
    return ",".join(map(str, numbers))


def _joined(numbers: list[int] | tuple[int, ...]) -> str:
    return short_name("-".join(map(str, numbers)))


def _unlike(**options: tuple[object, object]) -> str:
    """Return the options that are not at their default, for a file's name, so that no view takes another's place.

    Args:
        **options: Value and default, by name.
    """
    return "".join(f"-{name}-{value}" for name, (value, default) in options.items() if value != default)
