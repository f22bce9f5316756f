"""Reader of images from tables: CSV files as people find them, with commas, semicolons or tabs."""

import contextlib
import math
import warnings
from pathlib import Path

import numpy as np

from keras_gen.data.formats import reading
from keras_gen.errors import InputError

MAX_LINE = 2**22  # characters of the first line
INDEX_COLUMNS = ("", "id", "index", "unnamed: 0")  # neither pixels nor labels
LABEL_COLUMNS = ("label", "labels", "class", "target", "y", "emotion")
SPLIT_COLUMNS = ("usage", "split", "subset")  # FER2013 has Training, PublicTest and PrivateTest in `Usage`
PIXEL_COLUMNS = ("pixels", "pixel", "image")  # with all pixels of an image in one cell
DELIMITERS = ",;\t"


def read_csv(path: Path) -> dict[str, np.ndarray]:
    """Read rows of pixels with or without a label, with or without a header line: Kaggle's form of MNIST.

    All pixels of a row may be in one cell, with spaces between, as Kaggle has FER2013. Labels of text need a header.
    Cells are parted by commas, semicolons or tabs.

    Returns:
        `images` (n, pixels), and `labels` (n,) if there is a column of them; `train_images`, `test_images` and so on
        if a column tells the parts of the data set.

    Raises:
        InputError: A cell is missing or no number, or it cannot be told which column is the label.
    """
    with reading(path), path.open(encoding="utf-8-sig", errors="replace") as file:
        first = file.readline(MAX_LINE).replace('"', "")
    delimiter = max(DELIMITERS, key=first.count)
    names = [cell.strip().lower() for cell in first.split(delimiter)]
    column = next((names.index(name) for name in LABEL_COLUMNS if name in names), None)
    has_header = column is not None or not any(map(_is_number, names))
    if cells := [place for place, name in enumerate(names) if name in PIXEL_COLUMNS]:
        split = next((place for place, name in enumerate(names) if name in SPLIT_COLUMNS), None)
        return _rows_of_cells(path, cells[0], column, split, delimiter)
    try:
        table = _numbers(path, has_header, delimiter)
    except InputError:
        if column is None:
            raise
        labels = _numbers(path, True, delimiter, (str,), [column])[:, 0]
        if not all(labels) or any(map(_is_number, labels)):  # a damaged cell among numbers is no name
            raise
        others = [place for place, name in enumerate(names) if place != column and name not in INDEX_COLUMNS]
        return {"images": _numbers(path, True, delimiter, columns=others), "labels": labels}
    if has_header and (others := [place for place, name in enumerate(names) if name in INDEX_COLUMNS]):
        column = None if column is None else column - sum(place < column for place in others)
        table = np.delete(table, others, axis=1)
    if column is None and not _is_square(table.shape[1]):
        column = _label_column(table, path)
    if column is None:
        return {"images": table}
    return {"images": np.delete(table, column, axis=1), "labels": table[:, column]}


def _rows_of_cells(
    path: Path, pixels: int, label: int | None, split: int | None, delimiter: str
) -> dict[str, np.ndarray]:
    """Read a table in which a row has all its pixels in one cell, and in another perhaps its part of the data set."""
    images, labels, parts = [], [], []
    with reading(path), path.open(encoding="utf-8-sig", errors="replace") as file:
        next(file)
        for number, line in enumerate(file, start=1):
            row = line.rstrip("\n").replace('"', "").split(delimiter)
            if row == [""]:
                continue
            try:
                images.append(np.array(row[pixels].split(), np.uint8))
                labels.append("" if label is None else row[label])
                parts.append("train" if split is None else row[split].strip().lower())
            except (ValueError, OverflowError, IndexError):
                raise InputError(f"row {number} of {path} holds no pixels from 0 to 255, or too few cells") from None
            if not parts[-1]:
                raise InputError(f"row {number} of {path} does not say what part of the data it is; fill the cell")
            if len(images[-1]) != len(images[0]):
                raise InputError(
                    f"row {number} of {path} has {len(images[-1])} pixels, the first row {len(images[0])}; give all "
                    "images one size"
                )
    if not images:
        raise InputError(f"{path} has no rows; give pixels and one label a row")
    arrays = {"images": np.stack(images)}
    if label is not None:
        numbers = [text.strip().isdecimal() for text in labels]
        arrays["labels"] = np.array(labels, np.int64 if all(numbers) else str)
    train = np.array([part.startswith("train") for part in parts])
    if train.all() or not train.any():
        return arrays
    return {
        f"{part}_{name}": array[rows]
        for part, rows in (("train", train), ("test", ~train))
        for name, array in arrays.items()
    }


def _is_number(cell: str) -> bool:
    with contextlib.suppress(ValueError):
        return math.isfinite(float(cell))
    return False


def _numbers(
    path: Path,
    has_header: bool,
    delimiter: str,
    kinds: tuple[type, ...] = (np.uint8, np.float32),
    columns: list[int] | None = None,
) -> np.ndarray:
    """Read a table, or some columns of it, as bytes, which is fast, or as floats."""
    for dtype in kinds:
        with reading(path), warnings.catch_warnings(), path.open(encoding="utf-8-sig", errors="replace") as file:
            warnings.simplefilter("ignore", UserWarning)  # an empty table
            warnings.simplefilter("error", DeprecationWarning)  # a fraction cut to a whole number
            try:
                table = np.loadtxt(
                    file,
                    dtype,
                    delimiter=delimiter,
                    quotechar='"',
                    comments=None,
                    skiprows=int(has_header),
                    usecols=columns,
                    ndmin=2,
                )
                break
            except (ValueError, DeprecationWarning) as error:
                problem = str(error).partition(" at row")[0]
    else:
        raise InputError(f"{path} is no table of numbers ({problem:.80}); give pixels and one label a row")
    if not table.size:
        raise InputError(f"{path} has no rows; give pixels and one label a row")
    return table


def _is_square(count: int) -> bool:
    return math.isqrt(count) ** 2 == count


def _label_column(table: np.ndarray, path: Path) -> int:
    """Return the first or last column, whichever alone holds class numbers without gaps."""

    def holds_classes(column: int) -> bool:
        values = np.unique(table[:, column])
        return len(values) > 1 and values[0] in (0, 1) and np.array_equal(values, values[0] + np.arange(len(values)))

    found = [column for column in (0, -1) if _is_square(table.shape[1] - 1) and holds_classes(column)]
    if len(found) != 1:
        where = "could be the first or the last" if found else "is neither the first nor the last"
        raise InputError(
            f"{path} has {table.shape[1]} columns, and the label {where}; name it label in a header line, "
            "and give square images"
        )
    return found[0]
