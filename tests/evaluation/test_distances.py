import numpy as np
import pytest
import sklearn

from keras_gen.errors import InputError
from keras_gen.evaluation import Estimate, fid, kid, kid_permutation_p, prdc
from keras_gen.evaluation.distances import kid_with_values

RANDOM = np.random.default_rng


def gaussian(count, mean=0.0, scale=1.0, dimensions=8, seed=0):
    return mean + scale * RANDOM(seed).normal(size=(count, dimensions))


def test_fid_of_a_set_with_itself_is_0_also_with_fewer_images_than_features():
    for features in (gaussian(500), gaussian(20, dimensions=50, scale=10)):
        assert fid(features, features) == pytest.approx(0, abs=1e-4)
        assert fid(features, features[::-1] + 1) == pytest.approx(features.shape[1], rel=1e-4)


def test_fid_of_gaussians_is_its_closed_form():
    turn, _ = np.linalg.qr(RANDOM(0).normal(size=(4, 4)))
    spread, other = np.array([3.0, 1.0, 0.5, 0.1]), np.array([1.0, 1.0, 2.0, 0.0])
    draws = RANDOM(1).normal(size=(2000, 4))
    draws = (draws - draws.mean(axis=0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(draws, rowvar=False))).T
    along_same_axes = fid(draws * spread @ turn + 1, draws * other @ turn)
    assert along_same_axes == pytest.approx(4 + np.sum((spread - other) ** 2), rel=1e-6)
    # Covariances that do not commute: tr((A B)^(1/2)) of 2 x 2 matrices is sqrt(tr(A B) + 2 sqrt(det(A B))).
    flat = draws[:, :2] @ np.linalg.inv(np.linalg.cholesky(np.cov(draws[:, :2], rowvar=False))).T
    a, b = np.array([[2.0, 0.5], [0.5, 1.0]]), np.array([[1.0, -0.7], [-0.7, 3.0]])
    sets = (flat @ np.linalg.cholesky(matrix).T for matrix in (a, b))
    expected = np.trace(a + b) - 2 * np.sqrt(np.trace(a @ b) + 2 * np.sqrt(np.linalg.det(a @ b)))
    assert fid(*sets) == pytest.approx(expected, rel=1e-6)


def test_kid_is_the_mean_over_pairs_whatever_is_in_memory_at_a_time(monkeypatch):
    real, generated = gaussian(30, seed=1), gaussian(30, 0.5, seed=2)

    def k(x, y):
        return (x @ y / 8 + 1) ** 3

    pairs = [(i, j) for i in range(30) for j in range(30) if i != j]
    h = [
        k(real[i], real[j]) + k(generated[i], generated[j]) - k(real[i], generated[j]) - k(real[j], generated[i])
        for i, j in pairs
    ]
    whole = kid(real, generated)
    assert whole.value == pytest.approx(np.mean(h))
    monkeypatch.setattr("keras_gen.evaluation.distances.ROWS", 7)
    assert kid(real, generated).value == pytest.approx(whole.value)
    assert kid(real, generated).standard_error == pytest.approx(whole.standard_error)


def squared_discrepancy(shift, d):
    """The exact distance of N(0, I) and N(shift, I): sum_j binomial(3, j) |difference of the j-th moments|^2 / d^j."""
    square = d * shift**2  # of the mean's length
    third = square**3 + 6 * square**2 + (3 * d + 6) * square
    return 3 * square / d + 3 * square**2 / d**2 + third / d**3


@pytest.mark.parametrize("shift", [0.0, 0.1, 0.4])
def test_kid_has_no_bias_and_its_standard_error_is_its_spread(shift):
    estimates = [kid(gaussian(80, seed=2 * i), gaussian(80, shift, seed=2 * i + 1)) for i in range(300)]
    values = np.array([estimate.value for estimate in estimates])
    errors = np.array([estimate.standard_error for estimate in estimates])
    exact = squared_discrepancy(shift, 8)
    assert abs(values.mean() - exact) < 3 * values.std() / np.sqrt(300)
    assert np.sqrt(np.mean(errors**2)) == pytest.approx(values.std(), rel=0.2)
    assert np.mean(np.abs(values - exact) > 3 * errors) < 0.02


@pytest.mark.parametrize("score", [fid, kid, prdc])
def test_features_of_another_size_are_refused(score):
    with pytest.raises(InputError, match=r"features have shapes \(9, 8\) and \(9, 5\); take both from one network"):
        score(gaussian(9), gaussian(9, dimensions=5))


def test_kid_refuses_unequal_sets():
    with pytest.raises(InputError, match="equal numbers of rows"):
        kid(gaussian(10), gaussian(11))


def test_two_runs_are_compared_on_the_same_real_images():
    """The values' mean is the distance, and the error of a difference that of many repeats."""
    differences, errors = [], []
    for seed in range(0, 400, 4):
        real, one, other = (gaussian(60, mean, seed=seed + i) for i, mean in enumerate((0, 0.5, 0.6)))
        (first, a), (second, b) = (kid_with_values(real, generated) for generated in (one, other))
        assert np.mean(a) == pytest.approx(first.value)
        found = Estimate.of_mean(a - b)
        assert found.value == pytest.approx(first.value - second.value)
        differences.append(found.value)
        errors.append(found.standard_error)
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(np.std(differences), rel=0.2)


def test_the_p_value_of_few_images_is_even_for_one_distribution_and_small_for_two():
    same = [kid_permutation_p(gaussian(40, seed=2 * i), gaussian(40, seed=2 * i + 1)) for i in range(60)]
    assert 0.01 < np.mean(np.array(same) <= 0.1) < 0.2
    assert 0.35 < np.mean(np.array(same) <= 0.5) < 0.65
    assert kid_permutation_p(gaussian(40, seed=1), gaussian(40, 0.7, seed=2)) == 0.001


def test_prdc_counts_what_lies_at_the_reach_itself():
    """Duplicates have the reach 0."""
    twins = np.repeat(gaussian(10), 6, axis=0)
    score = prdc(twins, twins)
    assert (score.precision, score.recall, score.coverage, score.clipped_density) == (1, 1, 1, 1)
    assert score.density == pytest.approx(6 / 5)


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_clipped_scores_are_the_share_of_good_images_also_beside_outliers(share):
    real, generated = gaussian(800, dimensions=16, seed=1), gaussian(800, dimensions=16, seed=2)
    real[:8] += 1000 * gaussian(8, dimensions=16, seed=3)  # their neighbourhoods hold everything
    generated[round(share * 800) :] += 30
    score = prdc(real, generated)
    assert score.clipped_density == pytest.approx(share, abs=0.06)
    assert score.clipped_coverage == pytest.approx(share, abs=0.06)
    assert score.precision > share + 0.15  # the outliers' doing


def test_prdc_on_a_line():
    """Each reach is worked out by hand, with k = 1."""
    real = np.array([[0.0], [1.0], [3.0], [10.0]])  # reaches 1, 1, 2 and 7
    generated = np.array([[0.5], [2.5], [4.5], [30.0]])  # reaches 2, 2, 2 and 25.5
    score = prdc(real, generated, k=1)
    assert score.precision == 3 / 4  # 30 is out of reach of all
    assert score.recall == 4 / 4  # 10 only by the reach of 30
    assert score.density == (2 + 1 + 2) / 4  # 0.5 in two, 2.5 in one, 4.5 in two
    assert score.coverage == 4 / 4


def test_prdc_of_one_distribution_of_a_lost_half_and_of_noise():
    real, same = gaussian(400, seed=1), gaussian(400, seed=2)
    one = prdc(real, same)
    assert min(one.precision, one.recall, one.coverage) > 0.9
    assert one.density == pytest.approx(1, abs=0.1)
    two_modes = np.concatenate([real[:200], real[200:] + 50])
    half = prdc(two_modes, same)
    assert (half.precision, half.recall) == (pytest.approx(one.precision, abs=0.05), pytest.approx(0.5, abs=0.05))
    assert half.coverage == pytest.approx(0.5, abs=0.05)
    noise = prdc(real, gaussian(400, scale=5, seed=3))
    assert noise.precision < 0.1
    assert noise.density < 0.1
    assert noise.recall > 0.9  # one far outlier reaches everything: why coverage is there
    assert noise.coverage < 0.2


def test_prdc_does_not_depend_on_how_much_is_in_memory_at_a_time():
    real, generated = gaussian(300, seed=1), gaussian(300, 0.5, seed=2)
    with sklearn.config_context(working_memory=0.05):
        parts = prdc(real, generated)
    assert parts == prdc(real, generated)
