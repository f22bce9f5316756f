import os
import sys

import numpy as np
import pytest
from PIL import Image

from keras_gen.data import ImageSet, load_dataset, validation_split
from keras_gen.errors import InputError


def test_embedded_digits_are_stratified_fixed_and_apart():
    train, held_out = load_dataset()
    assert train.images.shape == (4000, 28, 28, 1)
    assert held_out.images.shape == (1000, 28, 28, 1)
    assert np.bincount(train.labels).tolist() == [400] * 10
    assert np.bincount(held_out.labels).tolist() == [100] * 10
    assert train.pixel_fingerprint.startswith("a4de8aef91b3")
    assert held_out.pixel_fingerprint.startswith("fb8e189a3c37")
    assert not {image.tobytes() for image in train.images} & {image.tobytes() for image in held_out.images}


@pytest.mark.parametrize(
    ("name", "data_dir", "message"),
    [
        ("minst", None, "`dataset=minst` is not known, .* did you mean mnist\\?; choose one of mnist5k, mnist"),
        ("cifar10:car", None, "has no class 'car'; choose one of airplane, automobile"),
        ("cifar10:10", None, "has no class '10'"),
        ("cifar10:" + "9" * 5000, None, "has no class '9{40}'"),
        ("\n" * 300, None, r"`dataset=\\n\\n.{,60}` is not known"),
        ("x" * 5000 + "/a.npz", None, "^.{,201} does not exist"),
        ("mnist:3", None, "`dataset=mnist:3` is not known"),
        ("mnist:", None, "`dataset=mnist:` is not known"),
        ("cifar10:", None, "`dataset=cifar10:` is not known"),
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


def test_labels_of_any_size_are_names_for_small_numbers(npz_file):
    labels = np.array([10**9, 5, 10**9, 5])
    train, held_out = load_dataset(
        str(npz_file(images=np.arange(4 * 64, dtype=np.uint8).reshape(4, 8, 8), labels=labels))
    )
    assert train.class_names == ("5", "1000000000")
    for part in (train, held_out):
        firsts = part.images[:, 0, 0, 0] // 64
        assert [part.class_names[label] for label in part.labels] == [str(labels[first]) for first in firsts]


NOISE = np.random.default_rng(0).integers(0, 256, (60, 8, 8, 1), np.uint8)


def test_own_npz_that_cannot_be_used_names_the_array_and_the_file(npz_file):
    for arrays, message in (
        ({"images": NOISE[:1]}, "images has too few images"),
        ({"x_train": NOISE, "x_test": NOISE[:0]}, r"x_test in .*images\.npz has no images"),
        ({"images": NOISE, "labels": np.arange(3)}, r"labels in .*images\.npz has shape \(3,\)"),
        ({"images": NOISE, "labels": np.array([None] * 60)}, r"labels in .*images\.npz holds Python objects"),
    ):
        with pytest.raises(InputError, match=message):
            load_dataset(npz_file(**arrays))


@pytest.mark.parametrize("form", ["npz", "npy", "csv", "array", "ImageSet"])
def test_the_same_images_in_any_form_give_the_same_sets(tmp_path, form):
    """The array and the ImageSet are the user's: they stay as they are, and may be read-only."""
    own = NOISE.copy()
    own.flags.writeable = False
    np.savez(tmp_path / "few.npz", images=own)
    np.save(tmp_path / "few.npy", own)
    np.savetxt(tmp_path / "few.csv", own.reshape(60, 64), "%d", ",")
    data = {"array": own, "ImageSet": ImageSet(own)}.get(form, tmp_path / f"few.{form}")
    train, held_out = load_dataset(data, seed=3)
    assert (train.pixel_fingerprint[:8], held_out.pixel_fingerprint[:8]) == ("673a56f6", "e49e6787")  # as always
    np.testing.assert_array_equal(own, NOISE)
    if form in ("array", "ImageSet"):
        assert train.source is held_out.source is None
    else:
        again = dict(train.source)
        assert load_dataset(again.pop("dataset"), **again)[1].fingerprint == held_out.fingerprint


def test_the_source_names_paths_in_full_and_gives_the_same_set_again(tmp_path, monkeypatch):
    np.savez(tmp_path / "few.npz", images=NOISE)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    train, held_out = load_dataset("few.npz", "sub", 16, 5, channels=3, max_bad=9, binarize=True)
    assert train.source == held_out.source
    assert train.source == {
        "dataset": str(tmp_path / "few.npz"),
        "data_dir": str(tmp_path / "sub"),
        "image_size": 16,
        "channels": 3,
        "max_bad": 9,
        "binarize": True,
        "seed": 5,
    }
    assert load_dataset()[0].source["dataset"] == "mnist5k"


def test_sets_that_were_made_one_by_one_share_the_numbers_of_their_classes():
    words = np.array(["cat", "dog", "emu"])
    train = ImageSet.from_arrays(NOISE[:9], words[np.arange(9) % 3])
    held_out = ImageSet.from_arrays(NOISE[:4], ["dog", "emu", "fox", "dog"])  # no cat, so dog is 0 here
    train, held_out = (images.with_source({"dataset": "zoo"}) for images in (train, held_out))
    train, held_out = load_dataset(train, held_out=held_out)
    assert train.source == held_out.source == {"dataset": "zoo"}
    assert train.class_names == held_out.class_names == ("cat", "dog", "emu", "fox")
    assert (train.labels.tolist(), held_out.labels.tolist()) == ([0, 1, 2] * 3, [1, 2, 3, 1])
    plain = ImageSet(NOISE[:4], [0, 1, 2, 1])  # numbers without names are the training images'
    assert load_dataset(train, held_out=plain)[1].labels.tolist() == [0, 1, 2, 1]


def test_arrays_come_with_held_out_ones_or_without():
    train, held_out = load_dataset(NOISE / 255, held_out=NOISE[:5] / 255)
    assert (len(train), len(held_out)) == (60, 5)
    train, held_out = load_dataset(ImageSet(NOISE, np.zeros(60, int), ("a",), "mine"), image_size=16)
    assert [(len(part), part.name, part.image_shape) for part in (train, held_out)] == [
        (54, "mine", (16, 16, 1)),
        (6, "mine", (16, 16, 1)),
    ]
    assert [len(part) for part in load_dataset(ImageSet(NOISE), held_out=NOISE[:7])] == [60, 7]
    for data, other, message in (
        ((NOISE, NOISE), None, r"for labels, use keras_gen\.ImageSet\.from_arrays"),
        (None, None, "Received: NoneType"),
        (NOISE, "mnist", "Received: ndarray and str"),
        ("mnist5k", NOISE, "`held_out` goes with an array"),
        (ImageSet(NOISE), ImageSet(NOISE[:, :4]), "held-out images have shape"),
    ):
        with pytest.raises(InputError, match=message):
            load_dataset(data, held_out=other)


@pytest.mark.parametrize("data", ["mnist5k", NOISE])
@pytest.mark.parametrize(
    "wrong",
    [{"image_size": value} for value in (0, -1, 2000, "32x", "32x2000", 16.5)] + [{"channels": 2}, {"channels": 5}],
)
def test_a_size_or_channels_that_cannot_be_are_named(data, wrong):
    with pytest.raises(InputError, match=rf"`{next(iter(wrong))}` must be None.* Received: "):
        load_dataset(data, **wrong)


def test_of_very_many_images_5000_are_held_out():
    many = ImageSet(np.zeros((60_000, 1, 1, 1), np.uint8))
    assert [len(part) for part in validation_split(many, 0)] == [55_000, 5000]


@pytest.mark.parametrize("in_place", [False, True])
def test_validation_images_are_split_off_in_place_only_if_allowed(in_place):
    images, labels = NOISE.copy(), np.arange(60)
    whole = ImageSet(images, labels, (), "x")
    before = whole.fingerprint
    train, validation = validation_split(whole, 0, in_place)
    assert (train.pixel_fingerprint[:8], validation.pixel_fingerprint[:8]) == ("35808082", "0feb9666")  # as always
    for part in (train, validation):
        np.testing.assert_array_equal(part.images, NOISE[part.labels])
        assert np.shares_memory(part.images, images) == in_place
    assert (images == NOISE).all() != in_place
    assert (whole.fingerprint == before) != in_place
    np.testing.assert_array_equal(whole.images, NOISE[whole.labels])


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


def test_binarized_images_are_the_same_draws_in_every_run_white_by_their_grey_values():
    grey = load_dataset()
    sets = [load_dataset(seed=seed, binarize=True) for seed in (0, 1)]
    for part, images in enumerate(grey):
        first, second = (pair[part] for pair in sets)
        assert first.pixel_fingerprint == second.pixel_fingerprint
        assert np.unique(first.images).tolist() == [0, 255]
        assert (first.images[images.images == 0] == 0).all() and (first.images[images.images == 255] == 255).all()
        middle = (images.images > 100) & (images.images < 155)
        assert np.mean(first.images[middle] / 255) == pytest.approx(0.5, abs=0.02)
        assert first.source["binarize"] is True
    assert not np.array_equal(sets[0][0].images[:1000], sets[0][1].images)
