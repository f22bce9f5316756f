"""The six pickled batches of CIFAR-10, read without letting a pickle do anything.

Source of the format: A. Krizhevsky, "The CIFAR-10 dataset" (python version).
"""

import gzip
import io
import pickle
import struct
import tarfile
from pathlib import Path
from typing import BinaryIO

import numpy as np

from keras_gen.data.formats import read_bytes, reading, refuse_web_page
from keras_gen.errors import InputError

MAX_BATCH_BYTES = 2**26  # twice a batch
MAX_ARCHIVE_BYTES = 2**30
OPCODES = (  # of those that pickle writes for dictionaries, lists, numbers, bytes, text and arrays
    *(pickle.PROTO, pickle.FRAME, pickle.STOP, pickle.MARK, pickle.NONE, pickle.NEWTRUE, pickle.NEWFALSE),
    *(pickle.EMPTY_DICT, pickle.SETITEM, pickle.SETITEMS, pickle.EMPTY_LIST, pickle.APPEND, pickle.APPENDS),
    *(pickle.EMPTY_TUPLE, pickle.TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3),
    *(pickle.BININT, pickle.BININT1, pickle.BININT2, pickle.LONG1, pickle.BINSTRING, pickle.SHORT_BINSTRING),
    *(pickle.BINBYTES, pickle.SHORT_BINBYTES, pickle.BINUNICODE, pickle.SHORT_BINUNICODE),
    *(pickle.PUT, pickle.BINPUT, pickle.LONG_BINPUT, pickle.MEMOIZE, pickle.GET, pickle.BINGET, pickle.LONG_BINGET),
    *(pickle.GLOBAL, pickle.STACK_GLOBAL, pickle.REDUCE, pickle.BUILD, pickle.BYTEARRAY8),
    *(pickle.DICT, pickle.LIST, pickle.INT, pickle.LONG, pickle.STRING, pickle.UNICODE),
)


class _StandIn:
    """What a pickle gets in place of NumPy's functions and types: it only keeps the arguments."""

    __slots__ = ("arguments", "state")

    def __init__(self, *arguments: object) -> None:
        self.arguments, self.state = arguments, None

    def __setstate__(self, state: object) -> None:
        self.state = state


class _Pairs:
    """A dictionary that hashes no key but text: hashing what a pickle nests deeply can crash the interpreter."""

    __slots__ = ("values",)

    def __init__(self) -> None:
        self.values = {}

    def __setitem__(self, key: object, value: object) -> None:
        if isinstance(key, bytes | str):
            self.values[key.encode() if isinstance(key, str) else key] = value


class _BatchUnpickler(pickle._Unpickler):  # the one in Python: that in C fills memory for a large memo index
    STAND_INS = {
        ("numpy.core.multiarray", "_reconstruct"): _StandIn,
        ("numpy._core.multiarray", "_reconstruct"): _StandIn,
        ("numpy.core.numeric", "_frombuffer"): _StandIn,
        ("numpy._core.numeric", "_frombuffer"): _StandIn,
        ("numpy", "ndarray"): _StandIn,
        ("numpy", "dtype"): _StandIn,
    }
    encoded = 0

    def encode(self, text: str, encoding: str) -> bytes:
        """Stand in for `codecs.encode`, by which Python 3 writes bytes in an old protocol."""
        self.encoded += len(text)
        if self.encoded > MAX_BATCH_BYTES:
            raise pickle.UnpicklingError("it unpacks to more than a batch")
        return str.encode(text, "latin-1")

    def find_class(self, module: str, name: str) -> object:
        if (module, name) == ("_codecs", "encode"):
            return self.encode
        if (module, name) not in self.STAND_INS:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return self.STAND_INS[module, name]

    def load_empty_dictionary(self) -> None:
        self.append(_Pairs())

    def load_dictionary(self) -> None:
        items, pairs = self.pop_mark(), _Pairs()
        for key, value in zip(items[::2], items[1::2], strict=True):
            pairs[key] = value
        self.append(pairs)

    def load_bytes(self) -> None:
        (size,) = struct.unpack("<Q", self.read(8))
        self.append(self.read(min(size, MAX_BATCH_BYTES)))

    dispatch = {ord(code): pickle._Unpickler.dispatch[ord(code)] for code in OPCODES}
    dispatch[pickle.EMPTY_DICT[0]] = load_empty_dictionary
    dispatch[pickle.DICT[0]] = load_dictionary
    dispatch[pickle.BYTEARRAY8[0]] = load_bytes


def _images(array: object) -> np.ndarray:
    """Rebuild an array of uint8 rows from what a pickle says of it."""
    if array.state is None:  # protocol 5
        data, dtype, shape, order = array.arguments
        is_fortran = order == "F"
    else:
        _, shape, dtype, is_fortran, data = array.state
    if dtype.arguments[0] not in ("u1", b"u1", "|u1", b"|u1") or not isinstance(data, bytes):
        raise ValueError("its data are not of uint8")
    rows, width = shape
    if (width, rows * width) != (3072, len(data)):
        raise ValueError("its data are not rows of 3072 bytes")
    return np.frombuffer(data, np.uint8).reshape(shape, order="F" if is_fortran else "C").reshape(-1, 3, 32, 32)


def _arrays(batches: dict[str, bytes], source: Path) -> dict[str, np.ndarray]:
    def read(name: str) -> tuple[np.ndarray, np.ndarray]:
        if name not in batches:
            raise InputError(f"{source} lacks {name}; CIFAR-10 has data_batch_1 to 5 and test_batch")
        try:
            content = _BatchUnpickler(io.BytesIO(batches[name]), encoding="bytes").load().values
            images, labels = _images(content[b"data"]), content[b"labels"]
            if not all(type(label) is int and 0 <= label < 256 for label in labels):
                raise ValueError("its labels are no class numbers")
            if len(labels) != len(images):
                raise ValueError("it has other numbers of labels and of images")
            return images, np.array(labels, np.int64)
        except Exception as error:  # a damaged pickle can raise nearly anything
            raise InputError(f"{name} in {source} is not a CIFAR-10 batch ({error!s:.100})") from None

    train = [read(f"data_batch_{number}") for number in range(1, 6)]
    test_images, test_labels = read("test_batch")
    return {
        "x_train": np.concatenate([images for images, _ in train]).transpose(0, 2, 3, 1),
        "y_train": np.concatenate([labels for _, labels in train]),
        "x_test": test_images.transpose(0, 2, 3, 1),
        "y_test": test_labels,
    }


def read_cifar_folder(path: Path) -> dict[str, np.ndarray]:
    """Read the six batches of a `cifar-10-batches-py` folder."""
    files = [file for file in path.iterdir() if "_batch" in file.name and file.is_file()]
    return _arrays({file.name: read_bytes(file, MAX_BATCH_BYTES) for file in files}, path)


class _BoundedFile:
    """A file for `tarfile` that refuses what no CIFAR-10 archive asks for: to read a header of gigabytes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.seek, self.tell = file, file.seek, file.tell

    def read(self, size: int) -> bytes:
        if not 0 <= size <= MAX_BATCH_BYTES:
            raise tarfile.ReadError("it asks for more than CIFAR-10 holds")
        return self._file.read(size)


def read_cifar_archive(path: Path) -> dict[str, np.ndarray]:
    """Read the six batches inside `cifar-10-python.tar.gz` without unpacking it to disk."""
    batches = {}
    with reading(path), path.open("rb") as file:
        refuse_web_page(path, head := file.read(512))
        file.seek(0)
        unpacked = gzip.GzipFile(fileobj=file) if head.startswith(b"\x1f\x8b") else file
        with unpacked, tarfile.open(fileobj=_BoundedFile(unpacked), mode="r:") as archive:
            for member in archive:
                if member.offset_data + member.size > MAX_ARCHIVE_BYTES:
                    raise tarfile.ReadError("it unpacks to more than CIFAR-10 holds")
                if member.isreg() and "_batch" in member.name and member.size <= MAX_BATCH_BYTES:
                    batches[Path(member.name).name] = archive.extractfile(member).read()
    return _arrays(batches, path)
