"""Groups of images that a concept is made of: a label's training images, or a folder."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from keras_gen.data import ImageSet, read_images
from keras_gen.data.image_set import label_names
from keras_gen.data.labels import label_of
from keras_gen.errors import InputError
from keras_gen.run import VAERun
from keras_gen.text import listed, printable, short_name

MAX_IMAGES = 2000  # of a label, whose codes are averaged

Group = int | str | Path  # a label's name or number, or a folder


def concept_groups(
    run: VAERun, start: Sequence[Group] | Group | None, end: Sequence[Group] | Group | None, remarks: list[str]
) -> tuple[list[tuple[np.ndarray, np.ndarray]], str]:
    """Return the codes without and with each concept, and a name for files.

    The concepts lead from labels or folders to as many others; None is the first two labels. `remarks` is given what
    the user should know of how a name was understood.
    """
    train, _ = run.datasets()
    if start is None:
        present = np.unique(train.labels) if train.labels is not None else ()
        if len(present) < 2:
            raise InputError(f"{train.name} has fewer than two labels; name folders of images with `start` and `end`")
        start, end = (int(label) for label in present[:2])
    starts, ends = _as_groups("start", start), _as_groups("end", end)
    if len(starts) != len(ends) or not starts:
        raise InputError("`start` and `end` belong together; give both, once for each concept")
    codes = [tuple(_codes(run, train, group, remarks) for group in pair) for pair in zip(starts, ends, strict=True)]
    pairs = (f"{short_name(str(first))}-to-{short_name(str(last))}" for first, last in zip(starts, ends, strict=True))
    return codes, "-and-".join(pairs)


def _as_groups(name: str, value: object) -> list[Group]:
    groups = [value] if isinstance(value, int | np.integer | str | Path) else value
    kinds = int | np.integer | str | Path
    if not isinstance(groups, Sequence) or not all(isinstance(group, kinds) for group in groups):
        raise InputError(f"`{name}` must be a label, a folder, or a list of these; received {type(value).__name__}")
    return [int(group) if isinstance(group, np.integer) else group for group in groups]


def _codes(run: VAERun, train: ImageSet, group: Group, remarks: list[str]) -> np.ndarray:
    names = label_names(train.labels, train.class_names)
    label = label_of(group, names, remarks)
    if label is None and Path(str(group)).is_dir():
        return run.encode(read_images(group, run.image_shape))
    if train.labels is None:
        raise InputError(f"{printable(group)} is no folder, and {train.name} has no labels; name folders of images")
    known = listed(names)
    if label is None:
        raise InputError(f"{printable(group)} is neither a label nor a folder; the labels are {known}")
    indices = np.flatnonzero(train.labels == label)[:MAX_IMAGES]
    if not len(indices):
        raise InputError(f"no training image has the label {printable(group)}; the labels are {known}")
    return run.encode(train.images[indices], run.labels_of(train, indices))
