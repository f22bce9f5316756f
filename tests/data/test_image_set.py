import hashlib

import numpy as np
import pytest

from keras_gen.data import ImageSet


def test_the_fingerprint_is_the_sha256_of_the_bytes():
    images = np.arange(48, dtype=np.uint8).reshape(1, 4, 4, 3)
    assert ImageSet(images, None, (), "x").fingerprint == hashlib.sha256(images.tobytes()).hexdigest()


@pytest.mark.parametrize("images", [np.zeros((2, 4, 4), np.uint8), np.zeros((2, 4, 4, 1), np.float32)])
def test_other_shapes_and_types_are_refused(images):
    with pytest.raises(ValueError, match="images must be uint8 of shape"):
        ImageSet(images, None, (), "x")


def test_labels_must_be_as_many_as_images():
    with pytest.raises(ValueError, match="2 images need as many labels"):
        ImageSet(np.zeros((2, 4, 4, 1), np.uint8), np.zeros(3, int), ("a",), "x")
