import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from threadpoolctl import threadpool_limits

from keras_gen.evaluation import find_copies, nearest, repeated_images

COUNT = 500


@pytest.fixture
def halves(digits):
    """The training digits and two halves of the held-out ones: the first to compare with, the second to pose."""
    train, held_out = digits
    return train.images, held_out.images[:COUNT], held_out.images[COUNT:]


@pytest.mark.parametrize("stddev", [0, 5, 20, 40])
def test_a_generator_that_replays_training_images_is_flagged(halves, noisy, stddev):
    train, held_out, _ = halves
    copied = np.random.default_rng(1).permutation(len(train))[:COUNT]
    found = find_copies(noisy(train[copied], stddev), held_out, train)
    assert found.found
    assert found.share.value > 0.8
    assert "Memorising: about" in found.verdict
    assert np.mean(found.indices == copied) > 0.95
    assert (found.distances == 0).all() == (stddev == 0)


def test_held_out_images_are_not_flagged_nor_when_they_are_blurred_or_noisy(halves, noisy):
    """Blurred images lie nearer to the training images than sharp ones do, which is not copying."""
    train, held_out, posing = halves
    blurred = gaussian_filter(posing, (0, 1, 1, 0))
    assert np.median(nearest(blurred, train)[1]) < np.median(nearest(posing, train)[1])
    for images in (posing, blurred, noisy(posing, 40)):
        found = find_copies(images, held_out, train)
        assert not found.found
        assert found.verdict.startswith("No copying found; less than about")


def test_the_share_of_copies_is_estimated(halves, noisy):
    train, held_out, posing = halves
    mixed = np.concatenate([noisy(train[:150], 10), posing[150:]])
    share = find_copies(mixed, held_out, train).share
    assert abs(share.value - 0.3) < 3 * share.standard_error
    assert share.standard_error < 0.03


def test_copies_are_found_in_features_too(halves, noisy, digit_features):
    train, held_out, posing = (digit_features(images) for images in halves)
    copies = digit_features(noisy(halves[0][:COUNT], 5))
    assert find_copies(copies, held_out, train).found
    assert not find_copies(posing, held_out, train).found


def honest_draws(draws, generated, held_out):
    """Images that are no copies, and held-out ones of the same distribution, over and over."""
    random = np.random.default_rng(0)
    train = random.random((500, 3))
    with threadpool_limits(1):  # on a busy machine threads wait longer for each other than these take
        return [find_copies(random.random((generated, 3)), random.random((held_out, 3)), train) for _ in range(draws)]


def test_the_standard_error_covers_both_samples():
    draws = honest_draws(150, 400, 100)
    shares = np.array([draw.share.value for draw in draws])
    errors = np.array([draw.share.standard_error for draw in draws])
    # A share is cut off at 0, so half of its distribution is seen.
    assert np.sqrt(2 * np.mean(shares**2)) == pytest.approx(np.sqrt(np.mean(errors**2)), rel=0.3)
    assert not any(draw.found for draw in draws)


def test_few_held_out_images_do_not_make_copies_likelier():
    """The smallest of 20 honest ratios is below its 5% quantile in 64% of draws, and a share is seen in the others."""
    assert np.mean([draw.share.value > 0 for draw in honest_draws(100, 400, 20)]) == pytest.approx(0.36, abs=0.15)


@pytest.mark.parametrize(("times", "stddev"), [(2, 5), (4, 0)])
def test_copies_of_images_that_are_there_several_times_are_found(halves, noisy, times, stddev):
    train, held_out, _ = halves
    more = [noisy(train[:COUNT], stddev, seed) for seed in range(times)]
    found = find_copies(noisy(train[:COUNT], stddev, seed=9), held_out, np.concatenate([train, *more]))
    assert found.share.value > 0.9


@pytest.mark.parametrize("twins", [1, 60, COUNT])
def test_held_out_images_that_are_training_images_too_are_not_taken_for_normal(halves, noisy, twins):
    train, held_out, posing = halves
    held_out = np.concatenate([train[1000 : 1000 + twins], held_out[twins:]])
    found = find_copies(noisy(train[:COUNT], 3), held_out, train)
    assert found.twins == twins
    assert found.share.value > 0.9 or twins == COUNT  # all of them twins: only the nearest copies are known for some
    count = "one held-out image" if twins == 1 else f"{twins} held-out images"
    assert f"(Left out: {count} that the training images have, too.)" in found.verdict
    honest = find_copies(posing, held_out, train)
    assert not honest.found
    assert honest.twins == twins


def test_the_nearest_points_do_not_depend_on_how_many_are_in_memory_at_a_time(monkeypatch):
    random = np.random.default_rng(0)
    points, queries = random.integers(0, 256, (2, 50, 4, 3, 1)).astype(np.uint8)
    indices, distances = nearest(queries, points, k=3)
    all_distances = np.linalg.norm(queries[:, None].astype(float) - points[None], axis=(2, 3))[..., 0]
    np.testing.assert_allclose(distances, np.sort(all_distances, axis=1)[:, :3], rtol=1e-5)
    np.testing.assert_allclose(np.take_along_axis(all_distances, indices, axis=1), distances, rtol=1e-5)
    monkeypatch.setattr("keras_gen.evaluation.memorising.CHUNK_NUMBERS", 12 * 7)
    for whole, parts in zip((indices, distances), nearest(queries, points, k=3), strict=True):
        np.testing.assert_allclose(parts, whole, rtol=1e-5)


def test_data_with_repeated_images_is_not_called_memorised():
    random = np.random.default_rng(0)
    shapes = random.integers(0, 255, (12, 6, 6, 1), np.uint8)
    images = shapes[random.integers(0, 12, 600)]
    train, held_out, generated = images[:400], images[400:500], images[500:]
    found = find_copies(generated, held_out, train, repeated_images(train, held_out))
    assert not found.found
    assert "more than once" in found.verdict
    # Only some are repeated: copies of the others are found all the same.
    unique = random.integers(0, 255, (300, 6, 6, 1), np.uint8)
    train = np.concatenate([unique[:200], shapes[:4].repeat(10, axis=0)])
    generated, held_out = np.concatenate([unique[:60], shapes[:4]]), unique[200:]
    found = find_copies(generated, held_out, train, repeated_images(train, held_out))
    assert found.found
    assert found.repeats == 4
