import numpy as np

from keras_gen.data import ImageSet
from keras_gen.data.resizing import resize


def test_resizing_crops_the_centre_and_renews_the_fingerprint():
    images = np.zeros((2, 8, 16, 3), np.uint8)
    images[:, :, 4:12] = 200  # the centre square; the rest is cut off
    before = ImageSet(images, None, (), "wide")
    after = resize(before, 4)
    assert after.images.shape == (2, 4, 4, 3)
    assert (after.images == 200).all()
    assert after.fingerprint != before.fingerprint


def test_images_of_the_right_size_are_left_alone():
    before = ImageSet(np.zeros((1, 8, 8, 1), np.uint8), None, (), "right")
    assert resize(before, 8) is before
