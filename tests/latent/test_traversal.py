import numpy as np
import pytest

from keras_gen.latent import centre_and_deviation, kl_per_dimension, traverse


def test_the_kl_of_a_dimension_by_hand_and_by_the_layer_s_formula():
    z_mean, z_log_var = np.array([[1.0, 0.0], [-1.0, 0.0]]), np.array([[0.0, 0.0], [np.log(4.0), 0.0]])
    # KL(N(1, 1)) = 1/2; KL(N(-1, 4)) = (1 + 4 - 1 - log 4) / 2
    assert kl_per_dimension(z_mean, z_log_var)[0] == pytest.approx((0.5 + (4 - np.log(4)) / 2) / 2)
    assert kl_per_dimension(z_mean, z_log_var)[1] == 0


def test_the_dimensions_add_up_to_the_kl_that_training_reports():
    import keras

    from keras_gen.models import kl_divergence

    random = np.random.default_rng(0)
    z_mean, z_log_var = random.normal(size=(2, 20, 5)).astype(np.float32)
    whole = keras.ops.convert_to_numpy(kl_divergence(z_mean, z_log_var)).mean()
    assert kl_per_dimension(z_mean, z_log_var).sum() == pytest.approx(whole, rel=1e-5)


def test_a_traversal_changes_one_dimension_at_a_time():
    points = traverse(np.array([1.0, 2.0, 3.0]), [2, 0], np.array([-1.0, 1.0]))
    np.testing.assert_allclose(points, [[1, 2, -1], [1, 2, 1], [-1, 2, 3], [1, 2, 3]])


def test_the_spread_is_that_of_samples_of_the_codes():
    random = np.random.default_rng(0)
    z_mean = random.normal((0, 3), (2, 0.1), (4000, 2))
    z_log_var = np.log(random.uniform(0.01, 4, z_mean.shape))
    samples = z_mean + np.exp(z_log_var / 2) * random.normal(size=z_mean.shape)
    centre, deviation = centre_and_deviation(z_mean, z_log_var)
    np.testing.assert_allclose(centre, samples.mean(axis=0), atol=0.1)
    np.testing.assert_allclose(deviation, samples.std(axis=0), rtol=0.05)
