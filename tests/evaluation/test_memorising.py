import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.stats import hypergeom
from threadpoolctl import threadpool_limits

from keras_gen.benchmarks.copies import Distances
from keras_gen.evaluation import distinct, find_copies, nearest
from keras_gen.evaluation.memorising import LEVEL, Copies, least_visible, urn_p_value

COUNT = 500


@pytest.fixture
def halves(digits):
    """The training digits and two halves of the held-out ones: the first to compare with, the second to pose."""
    train, held_out = digits
    return train.images, held_out.images[:COUNT], held_out.images[COUNT:]


def with_copies(train, posing, count):
    """Images that are no copies but for the first, and the indices of those copied."""
    copied = np.random.default_rng(1).permutation(len(train))[:count]
    return np.concatenate([train[copied], posing[count:]]), copied


@pytest.mark.parametrize("form", ["exact", "noisy", "mirrored"])
def test_a_few_copies_among_many_images_are_found(halves, noisy, form):
    train, held_out, posing = halves
    generated, copied = with_copies(train, posing, 20)
    if form == "noisy":
        generated[:20] = noisy(generated[:20], 10)
    if form == "mirrored":
        generated[:20] = generated[:20, :, ::-1]
        assert not find_copies(generated, held_out, train).found
    pair = (generated[:, :, ::-1], held_out[:, :, ::-1]) if form == "mirrored" else None
    found = find_copies(generated, held_out, train, mirrored=pair)
    assert found.found
    np.testing.assert_array_equal(found.indices[:20], copied)
    assert found.nearest_pairs()[:15].max() < 20  # these are shown
    assert (found.distances[:20] == 0).all() == (form != "noisy")
    assert 10 <= found.excess <= 40
    assert f"Memorising: about {found.excess} of 500 generated images copy a training image" in found.verdict


def test_the_number_of_copies_is_of_all_generated_images_not_of_those_compared():
    train, held_out = np.split(np.random.default_rng(0).normal(size=(600, 8)), [500])
    assert find_copies(train[:400], held_out, train).excess == 0.95 * 400  # a twentieth would be as near by chance


def test_the_nearest_pairs_are_of_different_training_images_first():
    found = Copies(np.array([5, 5, 7, 5, 2]), np.ones(5), np.array([0.1, 0.2, 0.4, 0.3, 0.5]), 1.0, 0, None)
    assert found.nearest_pairs().tolist() == [0, 2, 4, 1, 3]


def test_held_out_images_are_not_accused_nor_when_they_are_blurred_or_noisy_or_all_the_same(halves, noisy):
    """Blurred images lie nearer to the training images than sharp ones do, which is not copying."""
    train, held_out, posing = halves
    blurred = gaussian_filter(posing, (0, 1, 1, 0))
    assert np.median(nearest(blurred, train)[1]) < np.median(nearest(posing, train)[1])
    for images in (posing, blurred, noisy(posing, 40), np.repeat(posing[:1], COUNT, axis=0)):
        found = find_copies(images, held_out, train)
        assert found.p_value > 0.001
        assert found.verdict.startswith("No copying found (p = ")
        assert "fewer than 1" in found.verdict


def test_the_first_urn_finds_what_the_second_takes_for_normal(halves, noisy):
    """Where held-out images are as near to training images as copies are, sides still differ."""
    train, *_ = halves
    twins, generated = noisy(train[:COUNT], 3), noisy(train[1000 : 1000 + COUNT], 3, seed=1)
    assert find_copies(generated, twins, train, reference=np.arange(1000, 1000 + COUNT)).found
    assert not find_copies(generated, twins, train, reference=np.arange(2000, 2000 + COUNT)).found


def test_one_training_image_made_many_times_is_a_collapse_and_counts_once(halves):
    train, held_out, posing = halves
    collapsed = np.concatenate([np.repeat(train[:1], 100, axis=0), posing[100:]])
    assert not find_copies(collapsed, held_out, train).found


@pytest.mark.parametrize("times", [2, 5])
def test_copies_of_images_that_are_there_several_times_are_found(halves, noisy, times):
    train, held_out, posing = halves
    generated, copied = with_copies(train, posing, 50)
    more = np.concatenate([train, *(noisy(train[copied], 3, seed) for seed in range(times - 1))])
    assert find_copies(generated, held_out, more).found


def test_no_honest_set_is_accused_and_p_values_are_what_they_say():
    """Collapsed sets too: 400 generated images around three points."""
    random = np.random.default_rng(0)
    p_values = []
    with threadpool_limits(1):  # on a busy machine threads wait longer for each other than these take
        for number in range(60):
            train, held_out = random.random((600, 4)), random.random((200, 4))
            generated = random.random((200, 4))
            if number % 2:
                generated = random.random((3, 4))[random.integers(0, 3, 200)] + 0.01 * random.random((200, 4))
            p_values.append(find_copies(generated, held_out, train).p_value)
    assert min(p_values) > LEVEL
    assert np.mean(np.array(p_values) < 0.2) < 0.35


def test_the_p_value_of_an_urn_is_exact():
    random = np.random.default_rng(0)
    p_values = np.array([urn_p_value(random.random(500), random.random(400)) for _ in range(100)])  # of ten sizes
    for level in (0.05, 0.2):
        assert np.mean(p_values <= level) < level + 3 * np.sqrt(level * (1 - level) / 100)
    assert np.mean(p_values <= 0.2) > 0.1  # and not far below
    # One size alone, 12 balls of 48: the p-value is the hypergeometric tail itself.
    side = np.concatenate([np.zeros(10), np.ones(14)])
    other = np.concatenate([np.full(2, 0.5), np.ones(22)])
    assert urn_p_value(side, other) == pytest.approx(hypergeom.sf(9, 48, 24, 12))
    assert urn_p_value(np.zeros(20), np.zeros(20)) == pytest.approx(1)  # of equal numbers none is called smaller


def test_what_is_said_to_be_visible_is_seen_and_one_less_is_not():
    random = np.random.default_rng(0)
    least = least_visible(1000, 1000, tests=2)
    honest = 1 + random.random(1000)
    p_values = [
        2 * urn_p_value(np.concatenate([np.zeros(count), 3 + random.random(1000 - count)]), honest)
        for count in (least, least - 1)
    ]
    assert p_values[0] < LEVEL < p_values[1]
    assert least <= 20
    assert least_visible(8, 8) is None


def test_too_few_images_to_tell_are_said_to_be_too_few():
    random = np.random.default_rng(0)
    found = find_copies(random.random((8, 3)), random.random((8, 3)), random.random((20, 3)))
    assert found.verdict == "Nothing can be told: there are too few images."


def test_images_that_are_there_twice_are_dropped_and_counted():
    images = np.random.default_rng(0).integers(0, 255, (10, 4, 4, 1), np.uint8)
    train, held_out = images[[0, 1, 1, 2, 3, 3, 3]], images[[4, 2, 5, 5]]
    stay, honest, dropped = distinct(train, held_out)
    assert (stay.tolist(), honest.tolist()) == ([0, 1, 4], [0, 2])
    assert dropped == {"train": 3, "held_out": 1, "both": 1}


def test_the_table_of_distances_finds_what_the_images_do(digits):
    """What the benchmark measures is the search that evaluate makes."""
    images = digits[0].images[:300]
    distances = Distances(images)
    drawn = np.random.default_rng(3).permutation(300)[:300]
    trained, held_out, generated = np.split(drawn, [100, 200])
    generated = generated.copy()
    generated[:30] = trained[:30] + 2 * 300
    made = images[generated % 300]
    made[:30] = made[:30, :, ::-1]
    pair = distances.mirrored(generated), distances.mirrored(held_out)
    pixels = made[:, :, ::-1], images[held_out][:, :, ::-1]
    by_table = find_copies(generated, held_out, trained, mirrored=pair, search=distances.nearest)
    by_pixels = find_copies(made, images[held_out], images[trained], mirrored=pixels)
    np.testing.assert_array_equal(by_table.indices, by_pixels.indices)
    np.testing.assert_allclose(by_table.distances, by_pixels.distances, atol=2)
    assert by_table.p_value == pytest.approx(by_pixels.p_value)
    distances.train_on(trained)
    again = find_copies(generated, held_out, trained, mirrored=pair, search=distances.nearest)
    np.testing.assert_array_equal(again.ratios, by_table.ratios)
    assert distances.p_value(100, "mirrored", 0.3, 0) < LEVEL < distances.p_value(100, "none", 0, 0)


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
