"""Labels in the forms that people have them: numbers, text, one-hot rows."""

from collections.abc import Sequence
from numbers import Real

import numpy as np

from keras_gen.errors import InputError
from keras_gen.text import printable, whole_number


def number_labels(
    parts: list[tuple[object, int, str]], class_names: Sequence[str]
) -> tuple[list[np.ndarray | None], tuple[str, ...]]:
    """Return labels from 0 up, numbered alike in all parts, and the name of each class.

    A part is its labels (or None), the number of images, and what the labels are called. Class names are, for whole
    numbers or one-hot rows, the names, and for text the order.

    Raises:
        InputError: They are not one label for each image.
    """
    columns = [None if labels is None else _one_each(labels, count, what) for labels, count, what in parts]
    present = [column for column in columns if column is not None]
    if not present:
        return columns, ()
    if len({column.dtype.kind for column in present}) > 1:
        raise InputError(f"{' and '.join(what for _, _, what in parts)} mix text and numbers; give both one type")
    values, names = np.unique(np.concatenate(present)), tuple(map(str, class_names))
    if not names:
        names = tuple(map(str, values))
    elif values.dtype.kind == "U":
        values = np.array(names)
    else:
        values = np.arange(len(names))
    for column, (_, _, what) in zip(columns, parts, strict=True):
        if column is not None and not np.isin(column, values).all():
            stranger = column[~np.isin(column, values)][0]
            raise InputError(f"{what} holds {str(stranger)[:40]!r}, which is none of the {len(names)} class names")
    order = np.argsort(values, kind="stable")
    numbered = [None if column is None else order[np.searchsorted(values, column, sorter=order)] for column in columns]
    return numbered, names


def _one_each(labels: object, count: int, what: str) -> np.ndarray:
    """Return labels as int64 or text of shape (n,)."""
    labels = np.asarray(labels)
    wanted = f"give {count:,} whole numbers or texts, one for each image, or one-hot rows"
    if labels.dtype.kind == "O" and any(all(isinstance(label, kind) for label in labels.flat) for kind in (str, Real)):
        labels = np.array(labels.tolist())  # of a table's column
    if labels.dtype.kind == "S":
        labels = np.char.decode(labels, "utf-8", "replace")
    if labels.ndim == 2 and len(labels) == count and labels.shape[1] > 1 and labels.dtype.kind in "biuf":
        if not (((labels == 0) | (labels == 1)).all() and (labels.sum(axis=1) == 1).all()):
            raise InputError(f"{what} has shape {labels.shape}, but its rows are not one-hot; {wanted}")
        labels = labels.argmax(axis=1)
    if labels.size != count or max(labels.shape, default=0) != count:
        raise InputError(f"{what} has shape {labels.shape}; {wanted}")
    labels = labels.reshape(-1)
    if labels.dtype.kind == "U":
        return labels
    if labels.dtype.kind not in "biuf" or not np.array_equal(labels, np.rint(labels)):
        raise InputError(f"{what} has {labels.dtype} values that are no whole numbers; {wanted}")
    if not -(2**63) <= float(labels.min()) <= float(labels.max()) < 2**63:
        raise InputError(f"{what} holds numbers too large for labels; {wanted}")
    return labels.astype(np.int64)


def label_of(label: object, class_names: tuple[str, ...], remarks: list[str]) -> int | None:
    """Return the number of the label that a name, or a number as int or text, means, or None.

    A name wins over a number, and a label over a folder: a label that is called 1 need not be label number 1.
    `remarks` is given what else might have been meant.
    """
    if isinstance(label, int):
        return label if 0 <= label < len(class_names) else None
    text = str(label)
    number = whole_number(text)
    if number is not None and number >= len(class_names):
        number = None
    if text not in class_names:
        return number
    place = class_names.index(text)
    if number is not None and number != place:
        remark = (
            f"{text} is taken for the label of that name (number {place}), not for number {text}, which is called "
            f"{printable(class_names[number])}"
        )
        remarks += [remark] * (remark not in remarks)
    return place
