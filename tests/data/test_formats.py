import gzip
import pickle
import tarfile

import numpy as np
import pytest

from keras_gen.data.formats import read_cifar_archive, read_cifar_folder, read_idx, read_npz
from keras_gen.errors import InputError


def idx_bytes(array):
    header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    return header + array.tobytes()


IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)


def test_idx_reads_plain_and_gzipped_files_alike(tmp_path):
    (tmp_path / "plain").write_bytes(idx_bytes(IMAGES))
    (tmp_path / "zipped.gz").write_bytes(gzip.compress(idx_bytes(IMAGES)))
    np.testing.assert_array_equal(read_idx(tmp_path / "plain"), IMAGES)
    np.testing.assert_array_equal(read_idx(tmp_path / "zipped.gz"), IMAGES)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not an IDX file"),
        (b"GIF89a and so on", "not an IDX file"),
        (idx_bytes(IMAGES)[:-1], "cut short"),
        (idx_bytes(IMAGES)[:9], "cut short"),
    ],
)
def test_idx_refuses_damaged_files(tmp_path, content, message):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_idx(tmp_path / "file")


def test_idx_gives_an_array_that_may_be_rearranged(tmp_path):
    path = tmp_path / "images"
    path.write_bytes(idx_bytes(IMAGES))
    images = read_idx(path)
    images[[0, 1]] = images[[1, 0]]
    assert not np.array_equal(images, read_idx(path))


def test_idx_refuses_a_gzip_with_a_wrong_byte(tmp_path):
    path = tmp_path / "images.gz"
    content = gzip.compress(idx_bytes(np.random.default_rng(0).integers(0, 9, (20, 8, 8), np.uint8)))
    for place in range(10, len(content), 10):
        damaged = bytearray(content)
        damaged[place] ^= 0xFF
        path.write_bytes(damaged)
        with pytest.raises(InputError):
            read_idx(path)


def test_idx_refuses_a_truncated_gzip(tmp_path):
    (tmp_path / "file.gz").write_bytes(gzip.compress(idx_bytes(IMAGES))[:-6])
    with pytest.raises(InputError, match="cut short"):
        read_idx(tmp_path / "file.gz")


def test_npz_refuses_objects_without_running_them(npz_file):
    path = npz_file(images=np.array([print], dtype=object))
    with pytest.raises(InputError, match="holds Python objects"):
        read_npz(path)


def test_npz_refuses_a_truncated_file(npz_file):
    path = npz_file(images=IMAGES)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(InputError, match=r"cannot be read as \.npz"):
        read_npz(path)


def test_npz_refuses_a_bare_array_and_text(tmp_path):
    np.save(tmp_path / "bare.npy", IMAGES)
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(InputError, match=r"not an \.npz"):
        read_npz(tmp_path / "bare.npy")
    with pytest.raises(InputError, match=r"no \.npz"):
        read_npz(tmp_path / "text.npz")


def cifar_batches(folder):
    """Write six batches of two images; image i of the data set is filled with the value i, its red channel with 200."""
    folder.mkdir()
    for number, name in enumerate([*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]):
        data = np.zeros((2, 3, 32, 32), np.uint8)
        data[:] = np.array([2 * number, 2 * number + 1]).reshape(2, 1, 1, 1)
        data[:, 0] = 200
        batch = {b"data": data.reshape(2, -1), b"labels": [number, 9]}
        (folder / name).write_bytes(pickle.dumps(batch, protocol=2))
    (folder / "batches.meta").write_bytes(b"not needed")
    return folder


def test_cifar_batches_become_images_with_channels_last(tmp_path):
    arrays = read_cifar_folder(cifar_batches(tmp_path / "cifar-10-batches-py"))
    assert arrays["x_train"].shape == (10, 32, 32, 3)
    assert arrays["x_train"][7, 5, 5].tolist() == [200, 7, 7]
    assert arrays["y_train"].tolist() == [0, 9, 1, 9, 2, 9, 3, 9, 4, 9]
    assert arrays["x_test"][1, 0, 0].tolist() == [200, 11, 11]


def test_cifar_archive_reads_like_the_folder(tmp_path):
    folder = cifar_batches(tmp_path / "cifar-10-batches-py")
    with tarfile.open(tmp_path / "cifar-10-python.tar.gz", "w:gz") as archive:
        archive.add(folder, folder.name)
    from_archive, from_folder = read_cifar_archive(tmp_path / "cifar-10-python.tar.gz"), read_cifar_folder(folder)
    for key, array in from_folder.items():
        np.testing.assert_array_equal(from_archive[key], array)


class Attack:
    def __reduce__(self):
        return (eval, ("__import__('pathlib').Path('/tmp/keras_gen_attack').touch()",))


def test_cifar_batch_that_carries_code_is_refused(tmp_path):
    folder = cifar_batches(tmp_path / "batches")
    (folder / "data_batch_3").write_bytes(pickle.dumps({b"data": Attack()}))
    with pytest.raises(InputError, match=r"data_batch_3 .* names builtins\.eval"):
        read_cifar_folder(folder)


def test_cifar_folder_with_a_missing_batch_says_which(tmp_path):
    folder = cifar_batches(tmp_path / "batches")
    (folder / "test_batch").unlink()
    with pytest.raises(InputError, match="lacks 'test_batch'"):
        read_cifar_folder(folder)
