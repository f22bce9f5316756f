import numpy as np
import pytest

from keras_gen.evaluation.pretext import (
    SURFACE,
    add_noise,
    blur,
    erase,
    randomize_phases,
    shift_colours,
    shuffle_parts,
    ways_to_spoil,
)


def photo(height, width, seed=0):
    """Return a smooth image between 64 and 192: a texture of it is not cut off at black and white."""
    rows, columns = np.mgrid[:height, :width] / max(height, width)
    start = np.random.default_rng(seed).random(3)
    waves = [np.sin(2 * np.pi * (rows + shift)) * np.cos(2 * np.pi * (2 * columns - shift)) for shift in start]
    return np.rint(128 + 16 * np.stack(waves, axis=-1)).astype(np.uint8)


@pytest.mark.parametrize(("shape", "count"), [((12, 12), 11), ((12, 20), 9), ((3, 5), 9)])
def test_every_way_gives_another_image_of_the_same_kind_and_the_first_the_same(shape, count):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3)).astype(np.uint8)
    spoiled = [way(image, np.random.default_rng(2)) for way in ways_to_spoil(*shape)]
    assert len(spoiled) == count
    assert all(each.dtype == np.uint8 and each.shape == image.shape for each in spoiled)
    np.testing.assert_array_equal(spoiled[0], image)
    np.testing.assert_array_equal(spoiled[SURFACE + (1 if shape[0] == shape[1] else 0)], image[::-1, ::-1])
    assert len({each.tobytes() for each in spoiled}) == count


def test_parts_change_places_and_stay_whole():
    image = np.arange(9 * 11).reshape(9, 11, 1).astype(np.uint8)
    shuffled = shuffle_parts(image, 2, np.random.default_rng(0))
    cut = [(rows, columns) for rows in (slice(0, 4), slice(4, 8)) for columns in (slice(0, 5), slice(5, 10))]
    assert sorted(shuffled[part].tobytes() for part in cut) == sorted(image[part].tobytes() for part in cut)
    assert not np.array_equal(shuffled, image)
    np.testing.assert_array_equal(shuffled[8:], image[8:])
    np.testing.assert_array_equal(shuffled[:, 10:], image[:, 10:])


@pytest.mark.parametrize("shape", [(16, 16), (15, 18)])
def test_a_texture_keeps_mean_colour_and_spectrum_and_loses_the_image(shape):
    image = photo(*shape)
    texture = randomize_phases(image, np.random.default_rng(0))
    before, after = (np.abs(np.fft.fft2(each, axes=(0, 1))) for each in (image, texture))
    np.testing.assert_allclose(after[0, 0], before[0, 0], rtol=0.005)
    np.testing.assert_allclose(after, before, atol=0.04 * before[1:].max())  # rounding to whole grey levels
    assert np.abs(texture.astype(int) - image).mean() > 5
    # One shift for all channels, so that colours that went together still do.
    turn = [np.angle(np.fft.fft2(each, axes=(0, 1))[1, 2]) for each in (image, texture)]
    shifts = np.exp(1j * (turn[1] - turn[0]))
    np.testing.assert_allclose(shifts, shifts[0], atol=0.1)


def test_each_change_of_the_surface_changes_that_and_by_what_it_says():
    image, draws = photo(32, 32), [np.random.default_rng(seed) for seed in range(30)]
    noise = [np.std(add_noise(image, random).astype(int) - image) for random in draws]
    assert 4 < min(noise) < 9 < 35 < max(noise) < 62
    roughness = [np.abs(np.diff(blur(image, random).astype(int), axis=0)).mean() for random in draws]
    assert min(roughness) < 0.8 * max(roughness) < np.abs(np.diff(image.astype(int), axis=0)).mean()
    for random in draws:
        changed = np.any(erase(image, random) != image, axis=-1)
        rows, columns = (np.flatnonzero(changed.any(axis=axis)) for axis in (1, 0))
        assert max(np.ptp(rows), np.ptp(columns)) < 16
        assert len(np.unique(erase(image, random)[changed])) <= 3 * 32
    colours = [shift_colours(image, random) for random in draws]
    saturation = [np.ptp(each, axis=-1).mean() / np.ptp(image, axis=-1).mean() for each in colours]
    assert min(saturation) < 0.5 and max(saturation) > 2  # taken away, and channels shifted apart
    grey = image[:, :, :1]
    assert all(np.abs(shift_colours(grey, random).astype(int) - grey).mean() > 0.5 for random in draws)
