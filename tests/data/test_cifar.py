import gzip
import os
import pickle
import struct
import tarfile

import numpy as np
import pytest

from keras_gen.data.cifar import MAX_BATCH_BYTES, read_cifar_archive, read_cifar_folder
from keras_gen.errors import InputError


def official_pickle(data, labels):
    """Return a batch as Python 2 wrote the official ones."""
    numbers = b"".join(b"K" + bytes([label]) for label in labels)
    return (
        b"\x80\x02}q\x01(U\x0bbatch_labelq\x02U\x08batch 1 q\x03U\x06labelsq\x04]q\x05(" + numbers + b"eU\x04dataq\x06"
        b"cnumpy.core.multiarray\n_reconstruct\nq\x07cnumpy\nndarray\nq\x08K\x00\x85U\x01b\x87Rq\t(K\x01M\x02\x00M\x00\x0c\x86"
        b"cnumpy\ndtype\nq\nU\x02u1K\x00K\x01\x87Rq\x0b(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
        b"T" + struct.pack("<I", len(data)) + data + b"tbU\tfilenames]q\x0cU\x05a.pngau."
    )


@pytest.fixture
def batches(tmp_path):
    """Write six batches of two images; image i of the data set is filled with the value i, its red channel with 200."""
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for number, name in enumerate([*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]):
        data = np.zeros((2, 3, 32, 32), np.uint8)
        data[:] = np.array([2 * number, 2 * number + 1]).reshape(2, 1, 1, 1)
        data[:, 0] = 200
        (folder / name).write_bytes(official_pickle(data.tobytes(), [number, 9]))
    (folder / "batches.meta").write_bytes(b"not needed")
    return folder


def packed(folder, mode="w:gz"):
    path = folder.parent / "cifar-10-python.tar.gz"
    with tarfile.open(path, mode) as archive:
        archive.add(folder, folder.name)
    return path


def test_batches_become_images_with_channels_last(batches):
    arrays = read_cifar_folder(batches)
    assert arrays["x_train"].shape == (10, 32, 32, 3)
    assert arrays["x_train"][7, 5, 5].tolist() == [200, 7, 7]
    assert arrays["y_train"].tolist() == [0, 9, 1, 9, 2, 9, 3, 9, 4, 9]
    assert arrays["x_test"][1, 0, 0].tolist() == [200, 11, 11]


@pytest.mark.parametrize("keys", [("data", "labels"), (b"labels", b"data")])
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_any_protocol_of_pickle_is_read(batches, protocol, keys):
    images = np.random.default_rng(0).integers(0, 256, (2, 3072), np.uint8)
    batch = {key: images if key in ("data", b"data") else [3, 9] for key in keys} | {"filenames": ["a.png", "b.png"]}
    (batches / "test_batch").write_bytes(pickle.dumps(batch, protocol))
    arrays = read_cifar_folder(batches)
    np.testing.assert_array_equal(arrays["x_test"].transpose(0, 3, 1, 2).reshape(2, 3072), images)
    assert arrays["y_test"].tolist() == [3, 9]


@pytest.mark.parametrize("mode", ["w:gz", "w"])  # browsers unpack the gzip and keep the name
def test_archive_reads_like_the_folder(batches, mode):
    from_archive, from_folder = read_cifar_archive(packed(batches, mode)), read_cifar_folder(batches)
    for key, array in from_folder.items():
        np.testing.assert_array_equal(from_archive[key], array)


def reduced(function, arguments, state=None):
    """Return an object that pickles as a call of a function, and perhaps a state to set on what it returns."""

    class Reduced:
        def __reduce__(self):
            return (function, arguments) if state is None else (function, arguments, state)

    return Reduced()


def rows(shape=(1, 3072), data=bytes(3072)):
    """Return what pickles as an array of this shape, whatever its data."""
    reconstruct, arguments, _ = np.zeros(1).__reduce__()
    return reduced(reconstruct, arguments, (1, shape, np.dtype("u1"), False, data))


def nested_key():
    """Return a pickle of a dictionary with a key so deep that hashing it overflows the stack."""
    return b"\x80\x02}(" + b")" + b"\x85" * 200_000 + b"K\x01u."


@pytest.mark.parametrize(
    "content",
    [
        pickle.dumps({b"data": reduced(eval, ("1",))}),
        pickle.dumps({b"data": reduced(np.ndarray, ((2**40,),)), b"labels": []}),
        pickle.dumps({b"data": rows(data=[1]), b"labels": [1]}),
        pickle.dumps({b"data": rows(), b"labels": [256]}),
        pickle.dumps({b"data": rows(), b"labels": [None]}, 2),
        pickle.dumps({b"data": rows(), b"labels": [3, 3]}, 2),
        pickle.dumps({b"data": np.zeros((1, 3072)), b"labels": [3]}, 5),
        pickle.dumps([1, 2]),
        nested_key(),
        b"\x80\x02Nr\xff\xff\xff\xff0.",  # a memo of 4 billion places
        b"\x80\x04\x96" + struct.pack("<Q", 2**45) + b".",  # a byte array of 35 TB
        b"\x80\x02c_codecs\nencode\nX" + struct.pack("<I", 2**20) + b"a" * 2**20 + b"q\x01X\x06\0\0\0latin1q\x02\x86R0"
        + b"c_codecs\nencode\nh\x01h\x02\x86R" * 100 + b".",
        b"",
    ],
    ids=range(13),
)  # fmt: skip
def test_a_hostile_batch_gives_one_line(batches, content):
    (batches / "data_batch_3").write_bytes(content)
    with pytest.raises(InputError, match=r"^data_batch_3 in .* is not a CIFAR-10 batch \([^\n]*\)$"):
        read_cifar_folder(batches)


def test_what_a_batch_calls_is_never_called(batches, tmp_path):
    batch = {b"data": rows((2**50, 3072)), b"labels": [7], b"more": reduced(os.mkdir, (str(tmp_path / "called"),))}
    (batches / "test_batch").write_bytes(pickle.dumps(batch))
    assert read_cifar_folder(batches)["y_test"].tolist() == [7]
    assert not (tmp_path / "called").exists()


def test_a_missing_or_huge_batch_is_named(batches):
    (batches / "test_batch").unlink()
    with pytest.raises(InputError, match="lacks test_batch"):
        read_cifar_folder(batches)
    with (batches / "test_batch").open("wb") as file:
        file.truncate(MAX_BATCH_BYTES + 1)
    with pytest.raises(InputError, match="test_batch is larger than"):
        read_cifar_folder(batches)


def test_flipped_bits_in_an_archive_give_one_line_or_nothing(batches):
    path = packed(batches)
    content = path.read_bytes()
    for place in np.random.default_rng(0).integers(0, len(content), 60):
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        try:
            read_cifar_archive(path)
        except InputError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.REGTYPE])
def test_an_archive_that_claims_gigabytes_is_not_unpacked(tmp_path, kind):
    header = tarfile.TarInfo("cifar-10-batches-py/data_batch_1")
    header.type, header.size = kind, 2**32
    path = tmp_path / "cifar-10-python.tar.gz"
    path.write_bytes(gzip.compress(header.tobuf() + bytes(10_000)))
    with pytest.raises(InputError, match="than CIFAR-10 holds"):
        read_cifar_archive(path)


def test_a_web_page_saved_as_the_archive_is_called_that(tmp_path):
    path = tmp_path / "cifar-10-python.tar.gz"
    path.write_bytes(b"\n<!DOCTYPE html><html></html>")
    with pytest.raises(InputError, match="is an HTML page"):
        read_cifar_archive(path)
