"""Readers from a file to its named arrays. None of them runs code found in a file, or believes its header blindly."""

import contextlib
import gzip
import math
import struct
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np

from keras_gen.errors import InputError, WriteError

Arrays = Mapping[str, np.ndarray]
LARGE, MAX_PACKED = 2**30, 200  # bytes; no images above it are packed more tightly, but zip bombs are
MAX_IDX_BYTES = 2**28  # five times MNIST's
MAX_LINE = 2**22  # characters of a table's first line
INDEX_COLUMNS = ("", "id", "index", "unnamed: 0")  # of a table, neither pixels nor labels
LABEL_COLUMNS = ("label", "labels", "class", "target", "y", "emotion")
PIXEL_COLUMNS = ("pixels", "pixel", "image")  # of a table with all pixels of an image in one cell
DELIMITERS = ",;\t"  # of a table's cells
HDF5 = b"\x89HDF\r\n\x1a\n"
PLAIN = "biufcSU"  # kinds of dtypes
HEAD = 512  # bytes that tell what a file is
CUT_SHORT = "is cut short or damaged: its header and its length do not agree"


@contextlib.contextmanager
def reading(what: object) -> Iterator[None]:
    """Turn whatever a damaged file makes a reader raise into one line."""
    try:
        yield
    except (InputError, WriteError):
        raise
    except MemoryError:
        raise InputError(f"{what} does not fit into memory; use fewer or smaller images") from None
    except Exception as error:
        text = " ".join((getattr(error, "strerror", None) or str(error) or type(error).__name__).split())
        raise InputError(f"{what} cannot be read ({text:.120}); it may be cut short or damaged") from None


@contextlib.contextmanager
def unzipped(path: Path) -> Iterator[BinaryIO]:
    """Open a file, gzipped or plain whatever its name says, to read from; refuse a web page saved in its place."""
    with reading(path), path.open("rb") as raw:
        is_zipped = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        with gzip.open(raw) if is_zipped else raw as file:
            _refuse_web_page(path, file.read(HEAD))
            file.seek(0)
            yield file


def _refuse_web_page(path: Path, head: bytes) -> None:
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
        raise InputError(f"{path} is an HTML page, saved in place of the file; download the file itself again")


def read_arrays(path: Path) -> Arrays:
    """Read an .npz, .npy, .h5 or .csv into named arrays; of an .npz or .h5, each is read when it is asked for.

    Raises:
        InputError: It is none of these, is damaged, or holds Python objects.
    """
    with reading(path):
        with path.open("rb") as file:
            head = file.read(HEAD)
            _refuse_web_page(path, head)
            if head.startswith(b"\x93NUMPY"):
                file.seek(0)
                return {"images": _read_npy(file, path.stat().st_size, path)}
        if head.startswith(b"PK"):
            return NpzMembers(path)
        if head.startswith(HDF5):
            from keras_gen.data.hdf5 import Hdf5Members

            return Hdf5Members(path)
        if path.suffix.lower() == ".csv":
            return read_csv(path)
    if head.startswith(b"\x80"):
        raise InputError(f"{path} holds pickled Python objects, which may run code; save plain arrays with numpy.savez")
    if not head:
        raise InputError(f"{path} is empty; copy or download it again")
    raise InputError(
        f"{path} is no .zip, .tar, .npy, .npz, .h5 or .csv file; save arrays with numpy.savez, or name a folder of "
        "images"
    )


class NpzMembers(Mapping):
    """The arrays of an .npz, read one at a time, so that the others may be anything."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with zipfile.ZipFile(path) as archive:
            members = {info.filename: info for info in archive.infolist()}
        self._members = {name.removesuffix(".npy"): info for name, info in members.items() if name.endswith(".npy")}
        if members and not self._members:
            inside = f"{next(iter(members))!r:.60}"
            raise InputError(f"{path} is a zip without arrays (it has {inside}); if it holds images, call it .zip")

    def __getitem__(self, key: str) -> np.ndarray:
        info, what = self._members[key], f"{key} in {self.path}"
        if info.file_size > max(LARGE, MAX_PACKED * info.compress_size):
            raise InputError(bomb(what, info.file_size))
        with reading(what), zipfile.ZipFile(self.path) as archive, archive.open(info) as file:
            return _read_npy(file, info.file_size, what)

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)


def bomb(what: str, size: int) -> str:
    """Return what is said of a file that would unpack to far more than any images do."""
    return f"{what} unpacks to {size:,} bytes of almost nothing; it looks like a zip bomb"


def _read_npy(file: BinaryIO, size: int, what: object) -> np.ndarray:
    """Read one array whose header agrees with the size of its file."""
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise InputError(f"{what} is of version {version[0]}.{version[1]} of the .npy format; save plain numbers")
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran_order, dtype = read_header(file)
    if dtype.hasobject:
        raise InputError(f"{what} holds Python objects, which may run code; save plain numbers with numpy.savez")
    if dtype.kind not in PLAIN or not dtype.itemsize:
        raise InputError(f"{what} has dtype {dtype!s:.60}; save plain numbers with numpy.savez")
    length = math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or length != size - file.tell():
        raise InputError(f"{what} {CUT_SHORT}")
    data = np.empty(length, np.uint8)
    view, filled = memoryview(data), 0
    while count := file.readinto(view[filled : filled + 2**20]):
        filled += count
    if filled != length or file.read(1):
        raise InputError(f"{what} is cut short")
    return data.view(dtype).reshape(shape, order="F" if fortran_order else "C")


def read_idx(path: Path) -> np.ndarray:
    """Read an IDX file of bytes, gzipped or plain: the format of the MNIST files, to uint8 of the header's shape.

    Source of the format: Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database".

    Raises:
        InputError: The file is damaged or is not IDX of unsigned bytes.
    """
    with unzipped(path) as file:
        head = file.read(4)
        if len(head) < 4 or head[:3] != b"\0\0\x08" or not 1 <= head[3] <= 4:
            raise InputError(f"{path} is not an IDX file of unsigned bytes")
        sizes = file.read(4 * head[3])
        shape = struct.unpack(f">{head[3]}I", sizes) if len(sizes) == 4 * head[3] else (MAX_IDX_BYTES,)
        length = math.prod(shape)
        data = file.read(length + 1) if length < MAX_IDX_BYTES else b""
        if len(data) != length:
            raise InputError(f"{path} {CUT_SHORT}")
        return np.frombuffer(bytearray(data), np.uint8).reshape(shape)  # of our own: it may be rearranged


def read_csv(path: Path) -> dict[str, np.ndarray]:
    """Read rows of pixels with or without a label, with or without a header line: Kaggle's form of MNIST.

    All pixels of a row may be in one cell, with spaces between, as Kaggle has FER2013. Labels of text need a header.
    Cells are parted by commas, semicolons or tabs.

    Returns:
        `images` (n, pixels), and `labels` (n,) if there is a column of them.

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
        return _rows_of_cells(path, cells[0], column, delimiter)
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


def _rows_of_cells(path: Path, pixels: int, label: int | None, delimiter: str) -> dict[str, np.ndarray]:
    """Read a table in which a row has all its pixels in one cell."""
    images, labels = [], []
    with reading(path), path.open(encoding="utf-8-sig", errors="replace") as file:
        next(file)
        for number, line in enumerate(file, start=1):
            row = line.rstrip("\n").replace('"', "").split(delimiter)
            if row == [""]:
                continue
            try:
                images.append(np.array(row[pixels].split(), np.uint8))
                labels.append("" if label is None else row[label])
            except (ValueError, OverflowError, IndexError):
                raise InputError(f"row {number} of {path} holds no pixels from 0 to 255, or too few cells") from None
            if len(images[-1]) != len(images[0]):
                raise InputError(
                    f"row {number} of {path} has {len(images[-1])} pixels, the first row {len(images[0])}; give all "
                    "images one size"
                )
    if not images:
        raise InputError(f"{path} has no rows; give pixels and one label a row")
    if label is None:
        return {"images": np.stack(images)}
    numbers = [text.strip().isdecimal() for text in labels]
    return {"images": np.stack(images), "labels": np.array(labels, np.int64 if all(numbers) else str)}


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
