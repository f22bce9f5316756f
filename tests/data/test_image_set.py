import copy
import hashlib
from dataclasses import replace

import numpy as np
import pytest

from keras_gen.data import ImageSet
from keras_gen.errors import InputError

IMAGES = np.arange(4 * 4 * 4 * 3, dtype=np.uint8).reshape(4, 4, 4, 3)


@pytest.fixture
def whole():
    return ImageSet(IMAGES, [0, 1, 2, 1], ("a", "b", "c"), "x").with_source({"dataset": "x"})


def test_the_pixel_fingerprint_is_the_sha256_of_the_bytes(whole):
    assert whole.pixel_fingerprint == hashlib.sha256(IMAGES.tobytes()).hexdigest()


def test_the_fingerprint_covers_pixels_shape_labels_and_class_names(whole):
    others = [
        replace(whole, images=IMAGES[::-1]),
        replace(whole, images=IMAGES.reshape(4, 2, 8, 3)),
        replace(whole, labels=[0, 1, 2, 0]),
        replace(whole, labels=None),
        replace(whole, class_names=("a", "b", "d")),
        whole[:3],
    ]
    prints = [whole.fingerprint, *(other.fingerprint for other in others)]
    assert len(set(prints)) == len(prints)
    same = [
        replace(whole, name="y"),
        replace(whole, labels=np.array([0, 1, 2, 1], np.uint8)),
        whole[:],
        copy.copy(whole),
    ]
    assert {other.fingerprint for other in same} == {whole.fingerprint}
    as_always = ["b48f2285057a", "613e35a2c942"]  # earlier runs have recorded them
    assert [images.fingerprint[:12] for images in (whole, ImageSet(IMAGES))] == as_always
    with pytest.raises(TypeError):
        ImageSet(IMAGES, fingerprint=whole.fingerprint)


@pytest.mark.parametrize("array", ["images", "labels"])
def test_a_change_in_place_changes_the_fingerprint(array):
    image_set = ImageSet(IMAGES.copy(), [0, 1, 2, 1], ("a", "b", "c"), "x")
    before = image_set.fingerprint
    getattr(image_set, array)[0] = 2
    assert image_set.fingerprint != before


@pytest.mark.parametrize(
    ("index", "places"),
    [
        (slice(1, 3), [1, 2]),
        (slice(None, None, -1), [3, 2, 1, 0]),
        (np.array([3, 0]), [3, 0]),
        ([True, False, False, True], [0, 3]),
        (-1, [3]),
    ],
)
def test_a_part_keeps_labels_and_names_but_not_the_source(whole, index, places):
    part = whole[index]
    np.testing.assert_array_equal(part.images, IMAGES[places])
    assert part.labels.tolist() == [[0, 1, 2, 1][place] for place in places]
    assert (len(part), part.class_names, part.name) == (len(places), whole.class_names, "x")
    assert (whole.source, part.source, replace(whole).source) == ({"dataset": "x"}, None, None)


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((2, 4, 4), np.uint8), None, r"images must be uint8 of shape .*ImageSet.from_arrays converts"),
        (np.zeros((2, 4, 4, 1), np.float32), None, "Received: float32"),
        ([[1]], None, r"Received: list of shape \(1, 1\)"),
        (IMAGES, np.zeros(3, int), "4 images need as many labels"),
        (IMAGES, np.zeros((4, 1), int), "4 images need as many labels, in one row"),
        (IMAGES, [0, 1, 2, 3], "from 0 to 2, one of 3 class names. Received: 0 to 3"),
        (IMAGES, [0, 1, -1, 2], "Received: -1 to 2"),
        (IMAGES, [0.0, 1.0, 0.5, 1.0], "Received: float64"),
        (IMAGES, ["a", "b", "a", "b"], "Received: <U1"),
    ],
)
def test_the_constructor_is_strict(images, labels, message):
    with pytest.raises(InputError, match=message):
        ImageSet(images, labels, ("a", "b", "c"), "x")


def test_without_class_names_any_number_from_0_up_to_a_million_is_a_label():
    assert ImageSet(IMAGES, np.array([0, 5, 900, 5], np.uint16)).labels.dtype == np.int64
    with pytest.raises(InputError, match=r"from 0 to 999999; ImageSet.from_arrays numbers others"):
        ImageSet(IMAGES, [0, 10**6, 0, 0])  # each number up to it would be a class
