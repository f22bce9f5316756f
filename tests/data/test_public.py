import dataclasses
import gzip
import http.server
import threading

import numpy as np
import pytest

from keras_gen.data import load_dataset
from keras_gen.data.catalogue import PUBLIC_DATASETS, Download
from keras_gen.data.image_set import fingerprint
from keras_gen.errors import InputError
from tests.data.test_formats import PAGE, idx_bytes


@pytest.fixture
def tiny_mnists(tmp_path, monkeypatch):
    """Stand-ins for MNIST and Fashion-MNIST with known content, an empty Keras cache, and no host to reach."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    contents = {}
    for value, name in enumerate(("mnist", "fashion_mnist"), start=1):
        arrays = {
            "x_train": np.full((6, 28, 28), value, np.uint8),
            "y_train": np.arange(6, dtype=np.uint8),
            "x_test": np.full((4, 28, 28), value + 10, np.uint8),
            "y_test": np.arange(4, dtype=np.uint8),
        }
        contents[name] = arrays
        known = dataclasses.replace(
            PUBLIC_DATASETS[name],
            fingerprints=(fingerprint(arrays["x_train"]), fingerprint(arrays["x_test"])),
            downloads=(Download("http://127.0.0.1:9/none.npz", "0" * 64, f"{name}.npz"),),
        )
        monkeypatch.setitem(PUBLIC_DATASETS, name, known)
    return contents


IDX = {"x_train": "train-images-idx3-ubyte", "y_train": "train-labels-idx1-ubyte"}
IDX |= {"x_test": "t10k-images-idx3-ubyte", "y_test": "t10k-labels-idx1-ubyte"}


def write_idx(folder, arrays, pattern="{name}.gz"):
    """Write four IDX files; they are gzipped if the pattern of their path says so."""
    for key, name in IDX.items():
        path = folder / pattern.format(name=name, dots=name.replace("-idx", ".idx"))
        path.parent.mkdir(parents=True, exist_ok=True)
        content = idx_bytes(arrays[key])
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def write_csv(folder, arrays, names, header):
    for part, name in zip(("train", "test"), names, strict=True):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = np.column_stack([arrays[f"y_{part}"], arrays[f"x_{part}"].reshape(-1, 784)])
        columns = ",".join(["label", *(f"pixel{place}" for place in range(784))])
        np.savetxt(path, rows, "%d", ",", header=columns if header else "", comments="")


@pytest.mark.parametrize(
    "pattern",
    [
        "{name}",
        "{name}.gz",
        "{dots}",
        "{dots}.gz",
        "{name}/{name}",
        "{dots}/{dots}",
        "MNIST/raw/{name}",
        "mnist/{name}.gz",
    ],
)
def test_idx_files_are_found_in_all_the_ways_people_have_them(tiny_mnists, tmp_path, pattern):
    write_idx(tmp_path / "data", tiny_mnists["mnist"], pattern)
    write_idx(tmp_path / "data" / "FashionMNIST" / "raw", tiny_mnists["fashion_mnist"], "{name}")
    train, held_out = load_dataset("mnist", tmp_path / "data")
    assert (train.images.min(), held_out.images.max(), held_out.labels.tolist()) == (1, 11, [0, 1, 2, 3])
    assert load_dataset("fashion_mnist", tmp_path / "data")[0].images.max() == 2


@pytest.mark.parametrize(
    ("names", "header"),
    [
        (("mnist_train.csv", "mnist_test.csv"), False),
        (("archive/mnist_train.csv/mnist_train.csv", "archive/mnist_test.csv/mnist_test.csv"), True),
        (("train.csv", "test.csv"), True),
    ],
)
def test_kaggles_rows_are_the_same_images(tiny_mnists, tmp_path, names, header):
    write_csv(tmp_path, tiny_mnists["mnist"], names, header)
    train, held_out = load_dataset("mnist", tmp_path)
    assert (train.images.shape, train.labels.tolist()) == ((6, 28, 28, 1), list(range(6)))
    assert held_out.labels.tolist() == [0, 1, 2, 3]


def test_a_damaged_file_does_not_hide_a_good_one_beside_it(tiny_mnists, tmp_path):
    write_idx(tmp_path, tiny_mnists["mnist"])
    write_idx(tmp_path, tiny_mnists["mnist"] | {"x_train": np.zeros((6, 28, 28), np.uint8)}, "{name}")
    (tmp_path / IDX["x_test"]).write_bytes(b"cut")
    (tmp_path / "mnist.npz").write_bytes(b"PK and no more")
    write_csv(tmp_path, tiny_mnists["fashion_mnist"], ("mnist_train.csv", "mnist_test.csv"), True)
    assert (load_dataset("mnist", tmp_path)[0].images == 1).all()


def test_labels_that_fit_no_images_do_not_hide_the_right_ones(tiny_mnists, tmp_path):
    write_idx(tmp_path, tiny_mnists["mnist"])
    (tmp_path / IDX["y_train"]).write_bytes(idx_bytes(np.zeros(2, np.uint8)))
    assert load_dataset("mnist", tmp_path)[0].labels.tolist() == list(range(6))


@pytest.mark.parametrize("shape", [(784,), (1, 28, 28), (28, 28, 1)])
def test_an_archive_may_have_its_images_in_another_shape(tiny_mnists, tmp_path, shape):
    arrays = {key: array.reshape(-1, *shape) if key[0] == "x" else array for key, array in tiny_mnists["mnist"].items()}
    np.savez(tmp_path / "mnist.npz", **arrays)
    assert [part.image_shape for part in load_dataset("mnist", tmp_path)] == [(28, 28, 1)] * 2


@pytest.mark.parametrize("channels_last", [False, True])
def test_cifar_may_have_its_channels_first(tmp_path, monkeypatch, channels_last):
    x, y = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8), np.ones(5, int)
    known = dataclasses.replace(PUBLIC_DATASETS["cifar10"], fingerprints=(fingerprint(x),) * 2)
    monkeypatch.setitem(PUBLIC_DATASETS, "cifar10", known)
    stored = x if channels_last else x.transpose(0, 3, 1, 2)
    np.savez(tmp_path / "cifar10.npz", x_train=stored, y_train=y, x_test=stored, y_test=y)
    np.testing.assert_array_equal(load_dataset("cifar10", tmp_path)[1].images, x)


def refusal(name, folder):
    with pytest.raises(InputError) as caught:
        load_dataset(name, folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_is_wrong_with_the_nearest_files_is_said(tiny_mnists, tmp_path):
    write_idx(tmp_path, tiny_mnists["mnist"], "{name}")
    (tmp_path / IDX["y_test"]).rename(tmp_path / "labels")
    assert f"{tmp_path / IDX['y_test']} is missing; the IDX format has four files" in refusal("mnist", tmp_path)
    (tmp_path / IDX["y_test"]).write_bytes(PAGE)
    assert f"{IDX['y_test']} is an HTML page" in refusal("mnist", tmp_path)
    assert "data_batch" not in refusal("mnist", tmp_path)
    for name in ("batch1.zip", "cifar-10-binary.tar.gz", "data_batch_1.bin", "data_batch_2.bin"):
        (tmp_path / "archive" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "archive" / name).write_bytes(b"")
    line = refusal("cifar10:cat", tmp_path)
    assert f"found only {tmp_path / IDX['x_test']}" in line
    assert "and 5 more)" in line


def test_files_of_the_same_name_are_told_apart_by_content(tiny_mnists, tmp_path):
    write_idx(tmp_path / "clothes", tiny_mnists["fashion_mnist"])
    train, held_out = load_dataset("fashion_mnist", tmp_path / "clothes")
    assert (train.images == 2).all()
    assert (held_out.images == 12).all()
    assert train.class_names[9] == "ankle boot"
    with pytest.raises(InputError, match="holds Fashion-MNIST"):
        load_dataset("mnist", tmp_path / "clothes")


def test_data_dir_comes_before_the_cache_and_the_cache_before_a_download(tiny_mnists, tmp_path):
    np.savez(tmp_path / "mnist.npz", **tiny_mnists["mnist"])
    assert load_dataset("mnist", tmp_path)[0].images.shape == (6, 28, 28, 1)
    with pytest.raises(InputError, match="could not be downloaded"):
        load_dataset("mnist")
    cache = tmp_path / "keras" / "datasets"
    cache.mkdir(parents=True, exist_ok=True)
    np.savez(cache / "mnist.npz", **tiny_mnists["mnist"])
    assert load_dataset("mnist")[0].name == "mnist"


def test_a_file_with_other_content_is_named_and_left_alone(tiny_mnists, tmp_path):
    cached = tmp_path / "keras" / "datasets" / "mnist.npz"
    cached.parent.mkdir(parents=True)
    np.savez(cached, **tiny_mnists["mnist"] | {"x_train": np.zeros((6, 28, 28), np.uint8)})
    before = cached.read_bytes()
    with pytest.raises(InputError, match=r"mnist\.npz does not hold MNIST's images .* move it away"):
        load_dataset("mnist")
    assert cached.read_bytes() == before


def test_the_offline_error_says_what_to_do(tiny_mnists, tmp_path):
    with pytest.raises(InputError, match=r"MNIST was not found .* `data_dir`, or leave `dataset` out"):
        load_dataset("mnist")
    assert not list((tmp_path / "keras").rglob("*.npz"))


@pytest.fixture
def web_host(tmp_path):
    """Serve tmp_path/www on loopback; returns the folder and its address."""
    folder = tmp_path / "www"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=folder)

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_download_is_checked_and_kept_in_the_cache(tiny_mnists, tmp_path, web_host, monkeypatch):
    folder, address = web_host
    np.savez(folder / "mnist.npz", **tiny_mnists["mnist"])
    right = fingerprint(np.frombuffer((folder / "mnist.npz").read_bytes(), np.uint8))
    for sha256 in ("0" * 64, right):
        known = PUBLIC_DATASETS["mnist"]
        download = Download(f"{address}/mnist.npz", sha256, "mnist.npz")
        monkeypatch.setitem(PUBLIC_DATASETS, "mnist", dataclasses.replace(known, downloads=(download,)))
        if sha256 == right:
            assert load_dataset("mnist")[0].images.shape == (6, 28, 28, 1)
            assert (tmp_path / "keras" / "datasets" / "mnist.npz").exists()
        else:
            with pytest.raises(InputError, match="does not match the known hash"):
                load_dataset("mnist")
            assert not (tmp_path / "keras" / "datasets" / "mnist.npz").exists()


def test_cifar_class_by_name_or_number_from_a_file_of_its_own(tmp_path, monkeypatch):
    train, test = np.full((3, 32, 32, 3), 7, np.uint8), np.full((2, 32, 32, 3), 8, np.uint8)
    known = dataclasses.replace(PUBLIC_DATASETS["cifar10"], fingerprints=(fingerprint(train), fingerprint(test)))
    monkeypatch.setitem(PUBLIC_DATASETS, "cifar10", known)
    np.savez(tmp_path / "cifar10_automobile.npz", x_train=train, x_test=test)
    for name in ("cifar10:automobile", "cifar10:1"):
        cars, _ = load_dataset(name, tmp_path)
        assert cars.images.shape == (3, 32, 32, 3)
        assert cars.labels.tolist() == [1, 1, 1]


def test_a_file_of_another_class_is_not_called_a_wrong_one(tmp_path):
    """Only the cars' content is known: another class's file can be named as an .npz of one's own."""
    np.savez(tmp_path / "cifar10_cat.npz", x_train=np.zeros((3, 32, 32, 3), np.uint8))
    with pytest.raises(InputError, match=r"CIFAR-10 was not found \(looked in "):
        load_dataset("cifar10:cat", tmp_path)


@pytest.mark.parametrize("labels", [np.eye(10)[[1, 2, 1, 3]], np.array([1, 2]), np.array([1, 2, 1, 10])])
def test_public_images_with_labels_that_do_not_fit_are_named(tmp_path, labels):
    images = np.zeros((4, 32, 32, 3), np.uint8)
    np.savez(tmp_path / "cifar10.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    line = r"cifar10\.npz has a y_train that is not one class number from 0 to 9 an image"
    with pytest.raises(InputError, match=line):
        load_dataset("cifar10", tmp_path)


def test_cifar_class_is_picked_from_the_whole(tmp_path, monkeypatch):
    x, y = np.zeros((20, 32, 32, 3), np.uint8), np.arange(20) % 10
    x[:] = y.reshape(-1, 1, 1, 1)
    known = dataclasses.replace(PUBLIC_DATASETS["cifar10"], fingerprints=(fingerprint(x[y == 1]),) * 2)
    monkeypatch.setitem(PUBLIC_DATASETS, "cifar10", known)
    np.savez(tmp_path / "cifar10.npz", x_train=x, y_train=y.reshape(-1, 1), x_test=x, y_test=y.reshape(-1, 1))
    frogs, _ = load_dataset("cifar10:frog", tmp_path)
    assert (frogs.images == 6).all()
    assert len(frogs) == 2
    assert len(load_dataset("cifar10", tmp_path)[0]) == 20
