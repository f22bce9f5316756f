import dataclasses
import gzip
import http.server
import os
import sys
import threading

import numpy as np
import pytest
from PIL import Image

from keras_gen.data import load_dataset, loading
from keras_gen.data.catalogue import PUBLIC_DATASETS, Download
from keras_gen.data.image_set import fingerprint
from keras_gen.errors import InputError
from tests.data.test_formats import idx_bytes


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


def write_idx(folder, arrays):
    folder.mkdir(parents=True, exist_ok=True)
    names = {"x_train": "train-images-idx3", "y_train": "train-labels-idx1"}
    names |= {"x_test": "t10k-images-idx3", "y_test": "t10k-labels-idx1"}
    for key, name in names.items():
        (folder / f"{name}-ubyte.gz").write_bytes(gzip.compress(idx_bytes(arrays[key])))


def test_embedded_digits_are_stratified_fixed_and_apart():
    train, held_out = load_dataset()
    assert train.images.shape == (4000, 28, 28, 1)
    assert held_out.images.shape == (1000, 28, 28, 1)
    assert np.bincount(train.labels).tolist() == [400] * 10
    assert np.bincount(held_out.labels).tolist() == [100] * 10
    assert train.fingerprint.startswith("a4de8aef91b3")
    assert held_out.fingerprint.startswith("fb8e189a3c37")
    assert not {image.tobytes() for image in train.images} & {image.tobytes() for image in held_out.images}


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
    with pytest.raises(InputError, match=r"MNIST was not found .* --data-dir, or leave --dataset out"):
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


@pytest.mark.parametrize(
    ("name", "data_dir", "message"),
    [
        ("minst", None, "--dataset minst is not known; choose one of mnist5k, mnist"),
        ("cifar10:car", None, "has no class 'car'; choose one of airplane, automobile"),
        ("cifar10:10", None, "has no class '10'"),
        ("mnist:3", None, "--dataset mnist:3 is not known"),
        ("mnist:", None, "--dataset mnist: is not known"),
        ("cifar10:", None, "--dataset cifar10: is not known"),
        ("mnist5k", "/does/not/exist", "is not a folder"),
        ("missing.npz", None, r"missing\.npz does not exist"),
    ],
)
def test_unknown_names_are_answered_with_the_known_ones(name, data_dir, message):
    with pytest.raises(InputError, match=message):
        load_dataset(name, data_dir)


def test_own_npz_with_labels_and_test_images(npz_file):
    path = npz_file(
        x_train=np.ones((5, 8, 8), np.uint8),
        y_train=np.array([0, 1, 2, 1, 0]),
        x_test=np.zeros((2, 8, 8), np.uint8),
        y_test=np.array([3, 0]),
    )
    train, held_out = load_dataset(str(path))
    assert train.images.shape == (5, 8, 8, 1)
    assert [train.class_names[label] for label in held_out.labels] == ["3", "0"]
    assert [train.class_names[label] for label in train.labels] == ["0", "1", "2", "1", "0"]
    assert train.name == "images"


def test_own_npz_without_test_images_holds_a_tenth_out_by_the_seed(npz_file):
    images = np.arange(50, dtype=np.uint8).reshape(-1, 1, 1, 1) * np.ones((1, 8, 8, 3), np.uint8)
    path = npz_file(images=images)
    train, held_out = load_dataset(str(path), seed=1)
    assert (len(train), len(held_out)) == (45, 5)
    assert sorted([*train.images[:, 0, 0, 0], *held_out.images[:, 0, 0, 0]]) == list(range(50))
    assert load_dataset(str(path), seed=1)[1].fingerprint == held_out.fingerprint
    assert load_dataset(str(path), seed=2)[1].fingerprint != held_out.fingerprint


def test_labels_of_any_size_are_names_for_small_numbers(npz_file):
    labels = np.array([10**9, 5, 10**9, 5])
    train, held_out = load_dataset(
        str(npz_file(images=np.arange(4 * 64, dtype=np.uint8).reshape(4, 8, 8), labels=labels))
    )
    assert train.class_names == ("5", "1000000000")
    for part in (train, held_out):
        firsts = part.images[:, 0, 0, 0] // 64
        assert [part.class_names[label] for label in part.labels] == [str(labels[first]) for first in firsts]


def test_own_npz_of_floats_from_0_to_1_becomes_bytes(npz_file):
    path = npz_file(images=np.linspace(0, 1, 256 * 64, dtype=np.float32).reshape(256, 8, 8))
    train, held_out = load_dataset(str(path))
    everything = np.concatenate([train.images, held_out.images])
    assert (everything.min(), everything.max()) == (0, 255)
    assert everything.dtype == np.uint8


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"pictures": np.zeros((4, 8, 8), np.uint8)}, "no array named images or x_train; it has pictures"),
        ({"images": np.zeros((4, 64), np.uint8)}, r"has shape \(4, 64\)"),
        ({"images": np.zeros((4, 0, 8), np.uint8)}, r"has shape \(4, 0, 8, 1\)"),
        ({"images": np.zeros((4, 3, 8, 8), np.uint8)}, r"has shape \(4, 3, 8, 8\)"),
        ({"images": np.zeros((4, 8, 8), np.complex64)}, "has dtype complex64"),
        ({"images": np.full((4, 8, 8), np.nan)}, "not finite"),
        ({"images": np.full((4, 8, 8), 3.5)}, "runs from 3.5 to 3.5"),
        ({"images": np.full((4, 8, 8), -1)}, "runs from -1 to -1"),
        ({"images": np.zeros((4, 8, 8), np.uint8), "labels": np.arange(3)}, "labels in .* should be 4 whole numbers"),
        ({"images": np.zeros((4, 8, 8), np.uint8), "labels": np.full(4, 0.5)}, "should be 4 whole numbers"),
        (
            {"images": np.zeros((4, 8, 8), np.uint8), "labels": np.full(4, 2**63, np.uint64)},
            "should be 4 whole numbers",
        ),
        ({"images": np.zeros((1, 8, 8), np.uint8)}, "leaves no training images"),
        (
            {"x_train": np.zeros((4, 8, 8), np.uint8), "x_test": np.zeros((2, 4, 4), np.uint8)},
            "give both one shape",
        ),
    ],
)
def test_own_npz_that_cannot_be_used_says_why(npz_file, arrays, message):
    with pytest.raises(InputError, match=message):
        load_dataset(str(npz_file(**arrays)))


@pytest.mark.skipif(sys.platform != "linux", reason="NOT TESTED: only Linux has file names that are no text")
def test_names_that_are_no_text_become_text(tmp_path, monkeypatch):
    """Folders from before UTF-8 may have them; figures and pages cannot hold them."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    folder = tmp_path / os.fsdecode(b"f\xeates")
    for number, name in enumerate((b"caf\xe9", b"tea")):
        (folder / os.fsdecode(name)).mkdir(parents=True)
        for image in range(3):
            pixels = np.full((16, 16), 90 * number + image, np.uint8)
            Image.fromarray(pixels).save(folder / os.fsdecode(name) / f"{image}.png")
    train, _ = load_dataset(str(folder), say=lambda _: None)
    assert train.class_names == ("caf\ufffd", "tea")
    assert train.name == "f\ufffdtes"


def test_keras_cache_follows_keras_home(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert loading.keras_cache() == tmp_path / "datasets"
