"""The six pickled batches of CIFAR-10. A pickle may run code: these are searched for their arrays, never executed.

Source of the format: A. Krizhevsky, "The CIFAR-10 dataset" (python version).
"""

import pickletools
import tarfile
from pathlib import Path
from typing import BinaryIO

import numpy as np

from keras_gen.data.formats import reading, unzipped
from keras_gen.errors import InputError

MAX_BATCH_BYTES = 2**26  # twice a batch
MAX_ARCHIVE_BYTES = 2**30
PIXELS = 3 * 32 * 32
INTEGERS = {"INT", "LONG", "LONG1", "BININT", "BININT1", "BININT2"}


def _read_batch(content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Return a batch's images and labels: its longest string of bytes, and the numbers that follow `labels`."""
    data, labels, in_labels = b"", [], False
    for opcode, argument, _ in pickletools.genops(content):
        if isinstance(argument, str | bytes | bytearray):
            text = argument.encode("latin-1", "replace") if isinstance(argument, str) else bytes(argument)
            if text != b"latin1":  # stands beside each text of an old protocol that Python 3 wrote
                in_labels = text == b"labels"
            data = max(data, text, key=len)
        elif in_labels and opcode.name in INTEGERS:
            labels.append(argument)
    if not data or len(data) != PIXELS * len(labels):
        raise ValueError("it has no image of 3072 bytes for each label")
    if min(labels) < 0 or max(labels) > 255:
        raise ValueError("its labels are no class numbers")
    return np.frombuffer(data, np.uint8).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), np.array(labels, np.int64)


def _arrays(batches: dict[str, bytes], source: Path) -> dict[str, np.ndarray]:
    parts = []
    for name in [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]:
        if name not in batches:
            raise InputError(f"{source} lacks {name}; CIFAR-10 has data_batch_1 to 5 and test_batch")
        try:
            parts.append(_read_batch(batches[name]))
        except Exception as error:  # a damaged pickle can raise nearly anything
            raise InputError(f"{name} in {source} is not a CIFAR-10 batch ({error!s:.100})") from None
    *train, (x_test, y_test) = parts
    x_train, y_train = (np.concatenate(arrays) for arrays in zip(*train, strict=True))
    return {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}


def read_cifar_folder(path: Path) -> dict[str, np.ndarray]:
    """Read the six batches of a `cifar-10-batches-py` folder."""
    batches = {}
    for file in path.glob("*_batch*"):
        if file.is_file() and file.stat().st_size > MAX_BATCH_BYTES:
            raise InputError(f"{file} is larger than {MAX_BATCH_BYTES:,} bytes, which it should not be")
        if file.is_file():
            with reading(file):
                batches[file.name] = file.read_bytes()
    return _arrays(batches, path)


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
    with unzipped(path) as file, tarfile.open(fileobj=_BoundedFile(file), mode="r:") as archive:
        for member in archive:
            if member.offset_data + member.size > MAX_ARCHIVE_BYTES:
                raise tarfile.ReadError("it unpacks to more than CIFAR-10 holds")
            if member.isreg() and "_batch" in member.name and member.size <= MAX_BATCH_BYTES:
                batches[Path(member.name).name] = archive.extractfile(member).read()
    return _arrays(batches, path)
