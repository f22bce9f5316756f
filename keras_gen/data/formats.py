"""Readers from a file to its named arrays. None of them runs code found in a file, or believes its header blindly."""

import contextlib
import gzip
import itertools
import math
import struct
import zipfile
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np

from keras_gen.errors import InputError

Arrays = Mapping[str, np.ndarray]
LARGE, MAX_PACKED = 2**30, 200  # bytes; no images above it are packed more tightly, but zip bombs are
MAX_IDX_BYTES = 2**28  # five times MNIST's
MAX_LINE, ROWS_AT_A_TIME = 2**22, 128  # characters: half a gigabyte at most
INDEX_COLUMNS = ("", "id", "index", "unnamed: 0")  # of a table, neither pixels nor labels
LABEL_COLUMNS = ("label", "labels", "class", "target", "y")
HEAD = 512  # bytes that tell what a file is


@contextlib.contextmanager
def reading(what: object) -> Iterator[None]:
    """Turn whatever a damaged file makes a reader raise into one line."""
    try:
        yield
    except InputError:
        raise
    except MemoryError:
        raise InputError(f"{what} does not fit into memory; use fewer or smaller images") from None
    except Exception as error:
        text = " ".join((getattr(error, "strerror", None) or str(error) or type(error).__name__).split())
        raise InputError(f"{what} cannot be read ({text:.120}); it may be cut short or damaged") from None


def read_arrays(path: Path) -> Arrays:
    """Read an .npz, .npy or .csv into named arrays; of an .npz, each is read when it is asked for.

    Raises:
        InputError: It is none of these, is damaged, or holds Python objects.
    """
    with reading(path):
        with path.open("rb") as file:
            head = file.read(HEAD)
            refuse_web_page(path, head)
            if head.startswith(b"\x93NUMPY"):
                file.seek(0)
                return {"images": _read_npy(file, path.stat().st_size, path)}
        if head.startswith(b"PK"):
            return NpzMembers(path)
        if path.suffix.lower() == ".csv":
            return read_csv(path)
    if head.startswith(b"\x80"):
        raise InputError(f"{path} holds pickled Python objects, which may run code; save plain arrays with numpy.savez")
    raise InputError(f"{path} is no .npz, .npy or .csv file; save arrays with numpy.savez, or name a folder of images")


def refuse_web_page(path: Path, head: bytes) -> None:
    """Raise InputError if a file's first bytes are HTML: what a browser or curl saves instead of a file."""
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
        raise InputError(f"{path} is an HTML page, saved in place of the file; download the file itself again")


class NpzMembers(Mapping):
    """The arrays of an .npz, read one at a time, so that the others may be anything."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with zipfile.ZipFile(path) as archive:
            members = {info.filename: info for info in archive.infolist()}
        self._members = {name.removesuffix(".npy"): info for name, info in members.items() if name.endswith(".npy")}
        if members and not self._members:
            inside = f"{next(iter(members))!r:.60}"
            raise InputError(f"{path} is a zip without arrays (it has {inside}); unpack it and name the folder")

    def __getitem__(self, key: str) -> np.ndarray:
        info, what = self._members[key], f"{key} in {self.path}"
        if info.file_size > max(LARGE, MAX_PACKED * info.compress_size):
            raise InputError(f"{what} unpacks to {info.file_size:,} bytes of almost nothing; it looks like a zip bomb")
        with reading(what), zipfile.ZipFile(self.path) as archive, archive.open(info) as file:
            return _read_npy(file, info.file_size, what)

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)


def _read_npy(file: BinaryIO, size: int, what: object) -> np.ndarray:
    """Read one array whose header agrees with the size of its file."""
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise InputError(f"{what} is of version {version[0]}.{version[1]} of the .npy format; save plain numbers")
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran_order, dtype = read_header(file)
    if dtype.hasobject:
        raise InputError(f"{what} holds Python objects, which may run code; save plain numbers with numpy.savez")
    if dtype.kind not in "biufcSU" or not dtype.itemsize:
        raise InputError(f"{what} has dtype {dtype!s:.60}; save plain numbers with numpy.savez")
    length = math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or length != size - file.tell():
        raise InputError(f"{what} is cut short or damaged: its header and its length do not agree")
    data = np.empty(length, np.uint8)
    if _fill(file, data) != length or file.read(1):
        raise InputError(f"{what} is cut short")
    array = data.view(dtype)
    return array.reshape(shape[::-1]).T if fortran_order else array.reshape(shape)


def _fill(file: BinaryIO, data: np.ndarray) -> int:
    view, filled = memoryview(data), 0
    while count := file.readinto(view[filled : filled + 2**24]):
        filled += count
    return filled


def read_idx(path: Path) -> np.ndarray:
    """Read an IDX file of bytes, gzipped or plain (whatever its name says): the format of the MNIST files.

    Source of the format: Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database".

    Returns:
        uint8, of the shape the file's header gives.

    Raises:
        InputError: The file is damaged or is not IDX of unsigned bytes.
    """
    with reading(path), path.open("rb") as raw:
        refuse_web_page(path, raw.read(HEAD))
        raw.seek(0)
        zipped = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        with gzip.open(raw) if zipped else raw as file:
            head = file.read(4)
            if len(head) == 4 and head[:3] == b"\0\0\x08" and 1 <= head[3] <= 4:
                sizes = file.read(4 * head[3])
                shape = struct.unpack(f">{head[3]}I", sizes) if len(sizes) == 4 * head[3] else (MAX_IDX_BYTES,)
                length = math.prod(shape)
                data = file.read(length + 1) if length < MAX_IDX_BYTES else b""
                if len(data) != length:
                    raise InputError(f"{path} is cut short or damaged: its header and its length do not agree")
                return np.frombuffer(bytearray(data), np.uint8).reshape(shape)  # of our own: it may be rearranged
            refuse_web_page(path, head + file.read(HEAD))
    raise InputError(f"{path} is not an IDX file of unsigned bytes")


def read_csv(path: Path) -> dict[str, np.ndarray]:
    """Read rows of pixels with or without a label, with or without a header line: Kaggle's form of MNIST.

    Returns:
        `images` (n, pixels), and `labels` (n,) if there is a column of them.

    Raises:
        InputError: A cell is missing or no number, or it cannot be told which column is the label.
    """
    with reading(path), path.open(encoding="utf-8-sig", errors="replace") as file:
        names = [cell.strip().lower() for cell in _cells(file.readline(MAX_LINE))]
        column = next((names.index(name) for name in LABEL_COLUMNS if name in names), None)
        has_header = column is not None or not any(_is_number(cell) for cell in names)
        if not has_header:
            file.seek(0)
        rows = []
        pieces = filter(str.strip, iter(partial(file.readline, MAX_LINE), ""))
        while lines := list(itertools.islice(pieces, ROWS_AT_A_TIME)):
            if any(line.count(",") != len(names) - 1 for line in lines):
                raise InputError(f"{path} has rows of other than the {len(names)} cells of its first line")
            values = _numbers(lines, path)
            rows.append(values.reshape(len(lines), len(names)))
    if not rows:
        raise InputError(f"{path} has no rows; give pixels and one label a row")
    table = np.concatenate(rows)
    if has_header and (others := [place for place, name in enumerate(names) if name in INDEX_COLUMNS]):
        column = None if column is None else column - sum(place < column for place in others)
        table = np.delete(table, others, axis=1)
    if column is None and not _is_square(table.shape[1]):
        column = _label_column(table, path)
    if column is None:
        return {"images": table}
    return {"images": np.delete(table, column, axis=1), "labels": table[:, column]}


def _cells(line: str) -> list[str]:
    return line.strip().replace('"', "").split(",")


def _is_number(cell: str) -> bool:
    with contextlib.suppress(ValueError):
        return math.isfinite(float(cell))
    return False


def _numbers(lines: list[str], path: Path) -> np.ndarray:
    text = ",".join(line.strip() for line in lines).replace('"', "")
    small = _small_numbers(f"{text},".encode())
    if small is not None:
        return small
    try:
        return np.array(text.split(","), np.float32)
    except ValueError as error:
        raise InputError(
            f"{path} has a cell that is no number ({error!s:.80}); give pixels and one label a row"
        ) from None


def _small_numbers(text: bytes) -> np.ndarray | None:
    """Read whole numbers from 0 to 255, each followed by a comma, many times faster than NumPy's readers do."""
    codes = np.frombuffer(text, np.uint8)
    ends = np.flatnonzero(codes == ord(","))
    lengths = np.diff(ends, prepend=-1) - 1
    digits = codes - ord("0")  # what is no digit wraps around
    if lengths.min() < 1 or lengths.max() > 3 or np.count_nonzero(digits > 9) != len(ends):
        return None
    places = [np.where(lengths > place, digits[ends - place - 1].astype(np.int16), 0) for place in range(3)]
    values = places[0] + 10 * places[1] + 100 * places[2]
    return values.astype(np.uint8) if values.max() <= 255 else None


def _is_square(count: int) -> bool:
    return math.isqrt(count) ** 2 == count


def _label_column(table: np.ndarray, path: Path) -> int:
    """Return the first or last column, whichever alone holds class numbers without gaps."""
    found = [column for column in (0, -1) if _is_square(table.shape[1] - 1) and _holds_classes(table[:, column])]
    if len(found) != 1:
        where = "could be the first or the last" if found else "is neither the first nor the last"
        raise InputError(
            f"{path} has {table.shape[1]} columns, and the label {where}; name it label in a header line, "
            "and give square images"
        )
    return found[0]


def _holds_classes(column: np.ndarray) -> bool:
    values = np.unique(column)
    return len(values) > 1 and values[0] in (0, 1) and np.array_equal(values, values[0] + np.arange(len(values)))


def read_bytes(path: Path, limit: int) -> bytes:
    """Return a small file's content, or raise InputError if it is larger than it should be."""
    with reading(path), path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise InputError(f"{path} is larger than {limit:,} bytes, which it should not be")
    return data
