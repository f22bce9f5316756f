"""Groups of images that a concept is made of: a label's, or a folder's."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from keras_gen.data import ImageSet, read_images
from keras_gen.data.image_set import label_names
from keras_gen.data.labels import label_of
from keras_gen.errors import InputError
from keras_gen.indices import evenly_spaced_indices
from keras_gen.latent.inversion import coarse_rows
from keras_gen.latent.own_images import codes_of
from keras_gen.run import Run
from keras_gen.text import listed, printable, short_name

MAX_IMAGES = 2000  # of a label, whose codes are averaged
CLASS_IMAGES = 4000  # of all labels together

Group = int | str | Path  # a label's name or number, or a folder


def concept_groups(
    run: Run,
    start: Sequence[Group] | Group | None,
    end: Sequence[Group] | Group | None,
    shown: int | str | None,
    remarks: list[str],
) -> tuple[list[tuple[np.ndarray, np.ndarray]], str]:
    """Return the codes without and with each concept, and a name for files.

    The concepts lead from labels or folders to as many others; None is the first two labels. A conditional run encodes
    the images of folders with the label `shown`. `remarks` is given what the user should know of how a name was
    understood.
    """
    train, held_out = run.datasets()
    if start is None:
        present = np.unique(train.labels) if train.labels is not None else ()
        if len(present) < 2:
            raise InputError(f"{train.name} has fewer than two labels; name folders of images with `start` and `end`")
        start, end = (int(label) for label in present[:2])
    starts, ends = _as_groups("start", start), _as_groups("end", end)
    if len(starts) != len(ends) or not starts:
        raise InputError("`start` and `end` belong together; give both, once for each concept")
    if run.conditional and not run.encodes:
        raise InputError(
            f"{run.where} was told the labels, so its latent points do not carry them; choose one with `label`, or "
            "give `plus` and `minus`"
        )
    classified = None if run.encodes or not train.has_classes else class_points(run, train, held_out, remarks)
    codes = [
        tuple(_codes(run, train, group, classified, shown, remarks) for group in pair)
        for pair in zip(starts, ends, strict=True)
    ]
    pairs = (f"{short_name(str(first))}-to-{short_name(str(last))}" for first, last in zip(starts, ends, strict=True))
    return codes, "-and-".join(pairs)


def _as_groups(name: str, value: object) -> list[Group]:
    groups = [value] if isinstance(value, int | np.integer | str | Path) else value
    kinds = int | np.integer | str | Path
    if not isinstance(groups, Sequence) or not all(isinstance(group, kinds) for group in groups):
        raise InputError(f"`{name}` must be a label, a folder, or a list of these; received {type(value).__name__}")
    return [int(group) if isinstance(group, np.integer) else group for group in groups]


def _codes(
    run: Run,
    train: ImageSet,
    group: Group,
    classified: tuple[np.ndarray, np.ndarray] | None,
    shown: int | str | None,
    remarks: list[str],
) -> np.ndarray:
    names = label_names(train.labels, train.class_names)
    label = label_of(group, names, remarks)
    if label is None and Path(str(group)).is_dir():
        return codes_of(run, read_images(group, run.image_shape), shown, remarks)
    if train.labels is None:
        raise InputError(f"{printable(group)} is no folder, and {train.name} has no labels; name folders of images")
    known = listed(names)
    if label is None:
        raise InputError(f"{printable(group)} is neither a label nor a folder; the labels are {known}")
    if classified is not None:
        points, labels = classified
        if not (labels == label).any():
            raise InputError(
                f"none of {len(labels):,} generated images is taken for {printable(group)}; name another label"
            )
        return points[labels == label]
    indices = np.flatnonzero(train.labels == label)[:MAX_IMAGES]
    if not len(indices):
        raise InputError(f"no training image has the label {printable(group)}; the labels are {known}")
    return run.encode(train.images[indices], run.labels_of(train, indices))


def class_points(run: Run, train: ImageSet, held_out: ImageSet, remarks: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return latent points, (n, latent_dim), and the label of the image at each, (n,).

    They are codes of training images or, of a run that cannot encode images, draws, whose images are classified;
    `remarks` is told by what, and how often that is right.
    """
    indices = evenly_spaced_indices(len(train), CLASS_IMAGES)
    images, labels = train.images[indices], train.labels[indices]
    if run.encodes:
        return run.encode(images), labels
    classifier = linear_classifier(coarse_rows(images), labels, iterations=200)
    points = run.draw(CLASS_IMAGES)
    accuracy = classifier.score(coarse_rows(held_out.images), held_out.labels)
    remarks.append(
        f"Classes of {CLASS_IMAGES:,} generated images by logistic regression on pixels, which is right for "
        f"{accuracy:.0%} of held-out images"
    )
    return points, classifier.predict(coarse_rows(run.decode(points)))


def linear_classifier(rows: np.ndarray, labels: np.ndarray, iterations: int) -> LogisticRegression:
    """Return a classifier that has learned labels from rows of numbers; it need not have come to rest."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # of rows that tell classes apart without error
        return LogisticRegression(max_iter=iterations).fit(rows, labels)
