"""Views that move through the latent space: from one point to another, along a concept, along each dimension."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from keras_gen import figures, latent
from keras_gen.errors import InputError
from keras_gen.figures.grids import labelled_grid
from keras_gen.latent.groups import concept_groups
from keras_gen.latent.own_images import Image, codes_of, named_image, named_points
from keras_gen.latent.view import (
    MAX_IMAGES,
    MOVING_SIDE,
    STEPS_BETWEEN,
    View,
    joined,
    label_for,
    label_name,
    moving,
    not_default,
    strip_pixels,
)
from keras_gen.run import Run
from keras_gen.run.arguments import check_count, check_numbers
from keras_gen.text import printable, short_name
from keras_gen.transparency import premultiplied

REACH = 2.33  # standard deviations on each side: 98 % of a normal distribution
NUMBERED = 64  # images to pick a concept's from
MAX_STRENGTH = 100


def interpolate(
    run: Run,
    start: Image | None = None,
    end: Image | None = None,
    seeds: Sequence[int] | None = None,
    steps: int = 9,
    method: str | None = None,
    label: int | str | None = None,
    to_label: int | str | None = None,
) -> View:
    """Walk from one image to another, as a strip and a film.

    Args:
        run: The run.
        start: A held-out image by its number, or an image file; None takes the first.
        end: Likewise; None takes the first of another label.
        seeds: Two seeds of generated images instead; a DCGAN's default is 0 and 1.
        steps: Images in the strip.
        method: `linear` or `spherical`; None is what suits the run.
        label: Of all images on the way, for a conditional run; None is the first image's, or the first label.
        to_label: Instead, the label at the end, to walk from one class to another: at one latent point, that of `start`
            or of one seed (0), if no second one is given.
    """
    steps = check_count("steps", steps, 2, 100)
    if to_label is not None:
        run.network_labels(to_label, 1)  # raises for a run that knows no labels
        end = start if end is None else end
        seeds = (0,) if seeds is None and start is None else seeds
    if (start is None) != (end is None):
        raise InputError("`start` and `end` belong together; give both")
    if seeds is not None and start is not None:
        raise InputError("`seeds` walks between generated images, `start` and `end` between given ones; choose one way")
    if seeds is None and start is None:
        start, end, seeds = (*_two_unlike(run), None) if run.encodes else (None, None, (0, 1))
    remarks: list[str] = []
    if seeds is None:
        points, shown = named_points(run, {"start": start, "end": end}, label, remarks)
        name = f"interpolation-{short_name(str(start))}-{short_name(str(end))}"
    else:
        least = 2 if to_label is None else 1
        seeds = check_numbers("seeds", seeds, "two for a walk, such as 0,1", (least, 2))
        points, name = run.draw_seeds(seeds)[[0, -1]], f"interpolation-seeds-{joined(seeds)}"
        shown = label_for(run, label)
    frames = STEPS_BETWEEN * (steps - 1) + 1
    images = run.interpolate(*points, steps=frames, method=method, label=shown, to_label=to_label)
    strip = images[::STEPS_BETWEEN]
    name += ("" if method in (None, run.method) else f"-{method}") + label_name(label)
    name += "" if to_label is None else f"-to{label_name(to_label)}"
    name += not_default(steps=(steps, 9))
    return View(run, name, strip_pixels(strip, steps), strip, moving(images), tuple(remarks))


def concept(
    run: Run,
    start: Sequence[int | str | Path] | int | str | Path | None = None,
    end: Sequence[int | str | Path] | int | str | Path | None = None,
    plus: Sequence[int] | None = None,
    minus: Sequence[int] | None = None,
    apply: Image | None = None,
    seed: int | None = None,
    strength: tuple[float, float] = (0.0, 1.0),
    steps: int = 9,
    label: int | str | None = None,
) -> View:
    """Add a concept, or a sum of them, to an image or to the mean of what lacks it.

    Args:
        run: The run.
        start: A label or a folder of images without the concept, or several for a sum of concepts; None takes the first
            label, and numbered images to pick seeds from for a DCGAN. Its labels are a classifier's.
        end: Likewise with the concept; None takes the second label.
        plus: Instead, seeds of generated images that have the concept.
        minus: And seeds of images that lack it.
        apply: What to add it to: a held-out image by its number, or an image file; None is the mean of what lacks it.
        seed: Instead, the seed of a generated image.
        strength: How much is added, from and to.
        steps: Images in the strip.
        label: Of all images, for a conditional run; None is the first.
    """
    steps = check_count("steps", steps, 2, 100)
    shown = label_for(run, label)
    _check_concept(run, start, end, plus, minus, apply, seed, strength)
    if not run.encodes and plus is None and start is None:
        return numbered(run, shown)
    remarks: list[str] = []
    if plus is not None:
        groups, name = [(run.draw_seeds(minus), run.draw_seeds(plus))], f"{joined(plus)}-minus-{joined(minus)}"
    else:
        groups, name = concept_groups(run, start, end, shown, remarks)
    vector = np.sum([latent.concept_vector(without, having) for without, having in groups], axis=0)
    if not vector.any():
        raise InputError(
            ". ".join(["the images without the concept and those with it are the same; name others", *remarks])
        )
    origin = np.mean(groups[0][0], axis=0)
    if apply is not None:
        image = named_image(run, apply, "apply")[np.newaxis]
        origin, name = codes_of(run, image, shown, remarks)[0], f"{name}-on-{short_name(str(apply))}"
    elif seed is not None:
        origin, name = run.draw(1, seed)[0], f"{name}-on-seed-{seed}"
    amounts = np.linspace(*strength, STEPS_BETWEEN * (steps - 1) + 1)
    images = run.decode(run.at_typical_length(latent.apply_concept(origin[np.newaxis], vector, amounts)), shown)
    strip = images[::STEPS_BETWEEN]
    columns = [f"{amount:.3g}" for amount in amounts[::STEPS_BETWEEN]]
    figure = figures.image_table(strip, columns, [""], below="how much of the concept is added")
    low, high = (f"{amount:g}" for amount in strength)
    name = f"concept-{name}" + not_default(strength=(f"{low}_{high}", "0_1"), steps=(steps, 9))
    return View(run, name + label_name(label), figure, strip, moving(images), tuple(remarks))


def _check_concept(
    run: Run, start: object, end: object, plus: object, minus: object, apply: object, seed: object, strength: tuple
) -> None:
    """Raise InputError for arguments that do not go together."""
    if (plus is None) != (minus is None):
        raise InputError(
            "`plus` and `minus` belong together: seeds whose images have the concept, and some that lack it"
        )
    if (start is None) != (end is None):
        raise InputError("`start` and `end` belong together; give both, once for each concept")
    if plus is not None and start is not None:
        raise InputError("`plus` and `minus` take seeds, `start` and `end` labels or folders; choose one way")
    if apply is not None and seed is not None:
        raise InputError("`apply` is a given image and `seed` a generated one; choose one")
    for name, seeds in (("plus", plus), ("minus", minus)):
        if seeds is not None:
            check_numbers(name, seeds, f"1 to {MAX_IMAGES} seeds", (1, MAX_IMAGES))
    amounts = strength if isinstance(strength, list | tuple | np.ndarray) else ()
    numbers = all(isinstance(amount, int | float | np.number) and abs(amount) <= MAX_STRENGTH for amount in amounts)
    if len(amounts) != 2 or not numbers:
        raise InputError(
            f"`strength` must be two numbers within {MAX_STRENGTH} of 0; received {printable(repr(strength))}"
        )
    if run.encodes or start is not None:
        return
    for name, image in (("seed", seed), ("apply", apply)):
        if plus is None and image is not None:
            raise InputError(f"`{name}` adds a concept to an image; say which concept with `plus` and `minus`")


def numbered(run: Run, label: int | str | None = None, count: int = NUMBERED) -> View:
    """Show generated images, each with its seed, to pick a concept's from."""
    images = run.decode(run.draw_seeds(range(count)), label)
    remark = (
        "A concept is made of images that you pick: look at the picture, and name seeds of images that have it and of "
        "images that lack it, such as `plus=3,17,21` `minus=4,9`"
    )
    return View(run, "numbered", labelled_grid(images, [str(seed) for seed in range(count)]), images, remarks=(remark,))


def traverse(
    run: Run,
    start: Image | None = None,
    seed: int | None = None,
    steps: int = 9,
    rows: int = 20,
    label: int | str | None = None,
) -> View:
    """Sweep each latent dimension over its range, a row each, those that carry information first.

    Args:
        run: The run.
        start: Where the others stay: a held-out image by its number, or an image file; None is the mean of all codes.
        seed: Instead, a generated image; 0 for a DCGAN unless it is given.
        steps: Images in a row.
        rows: Dimensions to show, at most.
        label: Of all images, for a conditional run; None is the start's own, or the first.
    """
    steps, rows = check_count("steps", steps, 2, 100), check_count("rows", rows, 1, 1000)
    if start is not None and seed is not None:
        raise InputError("`start` is a given image and `seed` a generated one; choose one")
    point, name, shown, remarks = None, "traversal", label_for(run, label), []
    if start is not None:
        (point,), shown = named_points(run, {"start": start}, label, remarks)
        name = f"traversal-of-{short_name(str(start))}"
    elif seed is not None or not run.encodes:
        point, name = run.draw(1, seed or 0)[0], f"traversal-of-seed-{seed or 0}"
    uniform = run.settings.latent_distribution == "uniform"
    reach = 1.0 if uniform else REACH  # all of uniform(-1, 1), or so many standard deviations
    if run.encodes:
        _, held_out = run.datasets()
        codes = run.encode_distribution(held_out.images, run.labels_of(held_out))
        (centre, deviation), information, unit = (
            latent.centre_and_deviation(*codes),
            latent.kl_per_dimension(*codes),
            "nats",
        )
        point = centre if point is None else point
    else:  # a generator has no KL: what a dimension changes is what it carries
        centre, deviation = np.zeros_like(point), np.ones_like(point)
        information, unit = _changes(run, point, reach, shown), "levels"
    order = np.argsort(-information, kind="stable")
    dead = sorted(int(number) for number in order[information[order] < latent.DEAD]) if run.encodes else []
    first = order[:rows]
    share = np.linspace(-1, 1, STEPS_BETWEEN * (steps - 1) + 1)
    points = [
        latent.traverse(point, [dimension], centre[dimension] + reach * deviation[dimension] * share)
        for dimension in first
    ]
    images = run.decode(np.concatenate(points), shown).reshape(len(first), len(share), *run.image_shape)
    strip = images[:, ::STEPS_BETWEEN].reshape(-1, *run.image_shape)
    texts = ["dead" if dimension in dead else f"{information[dimension]:.3g} {unit}" for dimension in first]
    texts = [f"z[{dimension}]  {text}" for dimension, text in zip(first, texts, strict=True)]
    columns = [f"{reach * value:+.1f}{'' if uniform else ' sd'}" for value in np.linspace(-1, 1, steps)]
    left_out = f", the {len(first)} that carry most of {len(order)}" if len(first) < len(order) else ""
    figure = figures.image_table(strip, columns, texts, f"each latent dimension, swept over its range{left_out}")
    frames = [strip_pixels(images[:, index], None, MOVING_SIDE // 2) for index in range(len(share))]
    remark = "A row's number: how much its pictures differ, of 255 levels a pixel"
    if run.encodes:
        names = ", ".join(f"z[{number}]" for number in dead)
        remark = f"Dead dimensions (below {latent.DEAD:g} {unit}): {names or 'none'}"
    name += not_default(steps=(steps, 9), rows=(rows, 20)) + label_name(label)
    return View(run, name, figure, strip, frames, (*remarks, remark))


def _two_unlike(run: Run) -> tuple[int, int]:
    """Return the first held-out image, and the first of another label or, without labels, the last."""
    _, held_out = run.datasets()
    others = [] if held_out.labels is None else np.flatnonzero(held_out.labels != held_out.labels[0])
    return 0, int(others[0]) if len(others) else len(held_out) - 1


def _changes(run: Run, point: np.ndarray, reach: float, label: int | str | None) -> np.ndarray:
    """Return how much each dimension changes a generated image, as the root mean square over its pixels."""
    ends = latent.traverse(point, list(range(len(point))), np.array([-reach, reach]))
    images = premultiplied(run.decode(ends, label))
    low, high = images.reshape(len(point), 2, -1).astype(np.float64).swapaxes(0, 1)
    return np.sqrt(np.mean((high - low) ** 2, axis=1))
