"""Readers for the files that image data sets come in. None of them runs code found in a file."""

import gzip
import io
import pickle
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

import numpy as np

from keras_gen.errors import InputError

Arrays = dict[str, np.ndarray]


def read_npz(path: Path) -> Arrays:
    """Read every array of an .npz file, refusing object arrays (they would unpickle code).

    Raises:
        InputError: The file is damaged, is no .npz, or holds an object array.
    """
    try:
        with path.open("rb") as file:
            content = np.load(file, allow_pickle=False)
            if isinstance(content, np.ndarray):
                raise InputError(f"{path} is a single array, not an .npz file; save named arrays with numpy.savez")
            return {key: content[key] for key in content.files}
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise InputError(f"{path} cannot be read as .npz ({error}); it may be cut short") from None
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        if "pickle" in str(error) or "Object arrays" in str(error):
            raise InputError(
                f"{path} holds Python objects or is no .npz file; save plain number arrays with numpy.savez"
            ) from None
        raise InputError(f"{path} cannot be read as .npz ({error})") from None


def read_idx(path: Path) -> np.ndarray:
    """Read an IDX file of bytes, gzipped or plain: the format of the MNIST files.

    Source of the format: Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database".

    Returns:
        uint8, of the shape the file's header gives.

    Raises:
        InputError: The file is damaged or is not IDX of unsigned bytes.
    """
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be read ({error}); it may be cut short") from None
    if len(data) < 4 or data[:3] != b"\x00\x00\x08":
        raise InputError(f"{path} is not an IDX file of unsigned bytes")
    header_end = 4 + 4 * data[3]
    shape = struct.unpack(f">{data[3]}I", data[4:header_end]) if len(data) >= header_end else ()
    values = np.frombuffer(data, np.uint8, offset=min(header_end, len(data)))
    if not shape or values.size != int(np.prod(shape)):
        raise InputError(f"{path} is cut short or damaged: its header and its length do not agree")
    return values.reshape(shape).copy()  # of our own: images are rearranged in place


class _ArraysOnly(pickle.Unpickler):
    """Unpickles dictionaries of NumPy arrays and refuses every other name, so no code can run."""

    ALLOWED = {
        ("numpy.core.multiarray", "_reconstruct"),
        ("numpy._core.multiarray", "_reconstruct"),
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        ("_codecs", "encode"),
    }

    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in self.ALLOWED:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        if name == "_reconstruct":
            return np._core.multiarray._reconstruct
        return super().find_class(module, name)


def _cifar_arrays(batches: dict[str, bytes], source: Path) -> Arrays:
    def read(name: str) -> tuple[np.ndarray, np.ndarray]:
        try:
            content = _ArraysOnly(io.BytesIO(batches[name]), encoding="bytes").load()
            return content[b"data"].reshape(-1, 3, 32, 32), np.array(content[b"labels"])
        except KeyError as error:
            raise InputError(f"{source} lacks {error}; CIFAR-10 has data_batch_1 to 5 and test_batch") from None
        except Exception as error:  # a damaged pickle can raise nearly anything
            raise InputError(f"{name} in {source} is not a CIFAR-10 batch ({error})") from None

    train = [read(f"data_batch_{number}") for number in range(1, 6)]
    test_images, test_labels = read("test_batch")
    return {
        "x_train": np.concatenate([images for images, _ in train]).transpose(0, 2, 3, 1),
        "y_train": np.concatenate([labels for _, labels in train]),
        "x_test": test_images.transpose(0, 2, 3, 1),
        "y_test": test_labels,
    }


def read_cifar_folder(path: Path) -> Arrays:
    """Read the six batches of a `cifar-10-batches-py` folder.

    Source of the format: A. Krizhevsky, "The CIFAR-10 dataset" (python version).
    """
    return _cifar_arrays({file.name: file.read_bytes() for file in path.iterdir() if "batch" in file.name}, path)


def read_cifar_archive(path: Path) -> Arrays:
    """Read the six batches inside `cifar-10-python.tar.gz` without unpacking it to disk."""
    try:
        with tarfile.open(path) as archive:
            members = [member for member in archive if member.isfile() and "_batch" in member.name]
            return _cifar_arrays({Path(m.name).name: archive.extractfile(m).read() for m in members}, path)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise InputError(f"{path} cannot be read ({error}); it may be cut short") from None
