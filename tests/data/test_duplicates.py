"""Copies are found whatever was done to them, and honest images that look alike are not accused."""

import io

import numpy as np
import pytest
from PIL import Image

from keras_gen.data import duplicates, load_dataset
from keras_gen.data.duplicates import count_repeats, near_groups

BORDER = 2  # of 32 pixels, which a crop cuts off


def photos(count, seed=0, size=32):
    """Smooth random pictures, uint8 (count, size, size, 3): no two are alike."""
    coarse = np.random.default_rng(seed).integers(0, 256, (count, 5, 5, 3)).astype(np.uint8)
    return np.stack([np.asarray(Image.fromarray(one).resize((size, size), Image.Resampling.BICUBIC)) for one in coarse])


def recompressed(image):
    buffer = io.BytesIO()
    Image.fromarray(image.squeeze()).save(buffer, "JPEG", quality=40)
    return np.asarray(Image.open(buffer)).reshape(image.shape)


def cropped(image):
    picture = Image.fromarray(image).crop((BORDER, 0, 32, 32 - BORDER))
    return np.asarray(picture.resize((32, 32), Image.Resampling.LANCZOS))


CHANGES = {
    "exact": lambda image: image,
    "mirrored": lambda image: image[:, ::-1],
    "recompressed": recompressed,
    "mirrored and recompressed": lambda image: recompressed(np.ascontiguousarray(image[:, ::-1])),
}


@pytest.mark.parametrize("change", CHANGES)
def test_copies_are_counted_in_a_moment_and_grouped_thoroughly(change):
    images = photos(300)
    copies = np.stack([CHANGES[change](image) for image in images[:20]])
    found = count_repeats(np.concatenate([images, copies]), images[:0])
    assert (found.exact, found.near) == ((20, 0) if change == "exact" else (0, 20))
    assert (found.shared, found.looked_at) == (0, 320)
    groups, exact = near_groups(np.concatenate([images, copies]))
    assert sorted(groups) == [[number, 300 + number] for number in range(20)]
    assert len(exact) == (20 if change == "exact" else 0)


def test_slight_crops_are_grouped():
    images = photos(300)
    groups, _ = near_groups(np.concatenate([images, np.stack([cropped(image) for image in images[:20]])]))
    assert sum([number, 300 + number] in groups for number in range(20)) >= 18
    assert len(groups) <= 20


def test_held_out_images_that_are_training_images_are_counted(monkeypatch):
    images = photos(100)
    held_out = np.concatenate([images[:3], photos(20, seed=1), images[5:6, :, ::-1]])
    found = count_repeats(images, held_out)
    assert (found.exact, found.near, found.shared) == (3, 1, 4)
    held_out[4] = held_out[3]  # twice, but in the held-out part alone
    assert count_repeats(images, held_out).shared == 4
    monkeypatch.setattr(duplicates, "MAX_IMAGES", 62)
    assert count_repeats(images, held_out).looked_at == 62


def test_groups_of_many_copies_are_one_group():
    images = photos(60)
    copies = np.stack([recompressed(images[7])] * 3 + [images[7, :, ::-1]] + [images[7]])
    groups, exact = near_groups(np.concatenate([images, copies]))
    assert groups == [[7, 60, 61, 62, 63, 64]]
    assert exact == {61: 60, 62: 60, 64: 7}
    found = count_repeats(np.concatenate([images, copies]), images[:0])
    assert (found.exact, found.near) == (3, 2)


def test_honest_digits_are_not_accused():
    train, held_out = load_dataset("mnist5k", say=lambda _: None)
    assert count_repeats(train.images, held_out.images).near == 0
    assert near_groups(train.images[::2]) == ([], {})


@pytest.mark.parametrize(
    "images", [np.zeros((5, 8, 8, 1), np.uint8), photos(2), photos(3, size=8), photos(30, size=13)]
)
def test_few_flat_and_odd_images_are_no_trouble(images):
    exact = len(images) - len(np.unique(images, axis=0))
    assert count_repeats(images, images[:0]).exact == exact
    assert len(near_groups(images)[1]) == exact
