import numpy as np
import pytest

from keras_gen.data import ImageSet, inspection
from keras_gen.data.inspection import inspect
from keras_gen.errors import InputError


def image_set(images):
    return ImageSet(np.asarray(images, np.uint8), None, (), "photos")


def noise(count):
    return np.random.default_rng(0).integers(0, 256, (count, 8, 8, 1))


def test_enough_different_images_need_no_advice():
    assert inspect(image_set(noise(1000))) == []


def test_few_images_are_remarked_on_with_what_helps():
    (line,) = inspect(image_set(noise(999)), "--augment")
    assert line == (
        "999 training images are few (below 1,000): expect them to be memorised; use --augment or more images"
    )
    assert inspect(image_set(noise(10)))[0].endswith("use more images")


def test_a_set_of_mostly_one_picture_is_noticed_also_with_a_little_noise():
    images = noise(1000)
    images[:600] = np.clip(images[0] + np.random.default_rng(1).integers(-3, 4, (600, 8, 8, 1)), 0, 255)
    (line,) = inspect(image_set(images))
    assert line.startswith("60% of the images are nearly the same picture")


def test_the_images_that_are_looked_at_are_evenly_spaced(monkeypatch):
    monkeypatch.setattr(inspection, "LOOKED_AT", 50)
    images = noise(1000)
    images[:300] = images[0]
    assert inspect(image_set(images)) == []


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.full((20, 8, 8, 3), 7), "all images of photos are of one flat colour"),
        (np.tile(noise(1), (20, 1, 1, 1)), "all images of photos are the same picture"),
    ],
)
def test_images_without_any_difference_are_refused(images, message):
    with pytest.raises(InputError, match=message):
        inspect(image_set(images))


def test_nearly_black_images_are_refused_and_some_of_them_remarked_on():
    images = noise(1000)
    with pytest.raises(InputError, match=r"all images of photos are nearly black \(0 to 9 of 255\)"):
        inspect(image_set(images % 10))
    images[:200] %= 10
    assert inspect(image_set(images))[0].startswith("20% of the images are nearly black")
