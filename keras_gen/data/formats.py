"""Readers from a file to its named arrays. None of them runs code found in a file, or believes its header blindly."""

import contextlib
import gzip
import math
import struct
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np

from keras_gen.errors import InputError, WriteError

Arrays = Mapping[str, np.ndarray]
LARGE, MAX_PACKED = 2**30, 200  # bytes; no images above it are packed more tightly, but zip bombs are
MAX_IDX_BYTES = 2**28  # five times MNIST's
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
            from keras_gen.data.tables import read_csv

            return read_csv(path)
    if head.startswith(b"\x80"):
        raise InputError(f"{path} holds pickled Python objects, which may run code; save plain arrays with numpy.savez")
    if not head:
        raise InputError(f"{path} is empty; copy or download it again")
    raise InputError(
        f"{path} is no .zip, .tar, .npy, .npz, .h5 or .csv file; save arrays with numpy.savez, or name a folder of "
        "images"
    )


class Members(Mapping):
    """The arrays of a file by name, each read when it is asked for, so that the others may be anything."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._members: dict[str, object] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)


class NpzMembers(Members):
    """The arrays of an .npz."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
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
