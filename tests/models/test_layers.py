import keras
import numpy as np
import pytest

from keras_gen.models import Binarization, KLDivergence, StandardNormal, kl_divergence, sample_latent
from keras_gen.models.layers import SpectralNorm


def test_sample_latent_scales_by_the_standard_deviation_not_the_variance():
    z = sample_latent([np.float32([[1.0]]), np.float32([[np.log(9.0)]]), np.float32([[2.0]])])
    assert keras.ops.convert_to_numpy(z) == pytest.approx(1 + 3 * 2)


def test_noise_is_standard_normal_fresh_at_every_call_and_repeats_with_its_seed():
    layer, twin = StandardNormal(seed=3), StandardNormal(seed=3)
    shape = np.zeros((20_000, 2), np.float32)
    first, second = (keras.ops.convert_to_numpy(layer(shape)) for _ in range(2))
    assert np.abs(first.mean(axis=0)).max() < 0.03
    assert np.abs(first.std(axis=0) - 1).max() < 0.03
    assert abs(np.corrcoef(first[:, 0], first[:, 1])[0, 1]) < 0.03
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, keras.ops.convert_to_numpy(twin(shape)))


def test_binarization_draws_pixels_by_their_grey_value_in_training_of_a_share_of_the_images():
    images = np.full((400, 10, 10, 1), 0.25, np.float32)
    layer, twin = Binarization(seed=3), Binarization(seed=3)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(layer(images)), images)
    first, second = (keras.ops.convert_to_numpy(layer(images, training=True)) for _ in range(2))
    assert set(np.unique(first)) == {0.0, 1.0}
    assert first.mean() == pytest.approx(0.25, abs=0.01)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, keras.ops.convert_to_numpy(twin(images, training=True)))
    drawn = keras.ops.convert_to_numpy(Binarization(0.3, seed=4)(images, training=True)) != images
    np.testing.assert_array_equal(drawn.all(axis=(1, 2, 3)), drawn.any(axis=(1, 2, 3)))
    assert drawn.mean() == pytest.approx(0.3, abs=0.08)


def test_kl_divergence_agrees_with_numerical_integration():
    mean, log_var = 0.7, -0.9
    x = np.linspace(-12, 12, 200_001)
    log_q = -0.5 * (np.log(2 * np.pi) + log_var + (x - mean) ** 2 / np.exp(log_var))
    log_p = -0.5 * (np.log(2 * np.pi) + x**2)
    expected = np.trapezoid(np.exp(log_q) * (log_q - log_p), x)
    one = kl_divergence(np.float32([[mean]]), np.float32([[log_var]]))
    two = kl_divergence(np.float32([[mean, mean]]), np.float32([[log_var, log_var]]))
    assert float(one[0]) == pytest.approx(expected, rel=1e-5)
    assert float(two[0]) == pytest.approx(2 * expected, rel=1e-5)


def test_kl_layer_adds_beta_times_the_mean_and_counts_training_batches_only():
    layer = KLDivergence(beta=3.0)
    small, large = np.float32([[1.0], [1.0]]), np.float32([[2.0]] * 6)
    zeros = np.zeros_like
    z = layer([small, zeros(small), small], training=True)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(z), small)
    assert float(layer.losses[0]) == pytest.approx(3 * 0.5)
    layer([large, zeros(large), large], training=True)
    layer([large * 9, zeros(large), large], training=False)
    assert layer.means() == {"kl": pytest.approx((2 * 0.5 + 6 * 2.0) / 8)}
    layer.reset()
    assert layer.means() == {"kl": 0.0}


def test_layers_keep_their_settings_in_their_config():
    assert KLDivergence.from_config(KLDivergence(beta=2.5).get_config()).beta == 2.5
    again = Binarization.from_config(Binarization(0.4, seed=12).get_config())
    assert (again.share, again.seed) == (0.4, 12)
    assert StandardNormal.from_config(StandardNormal(seed=11).get_config()).seed == 11


@pytest.mark.parametrize("shape", [(5, 5, 8, 16), (5, 5, 1, 64), (40, 1)])
def test_spectral_norm_leaves_a_largest_singular_value_of_one(shape):
    kernel = np.random.default_rng(3).normal(0, 0.3, shape).astype(np.float32)
    divided = keras.ops.convert_to_numpy(SpectralNorm()(keras.ops.convert_to_tensor(kernel)))
    norm = np.linalg.svd(kernel.reshape(-1, shape[-1]), compute_uv=False)[0]
    np.testing.assert_allclose(divided * norm, kernel, rtol=0.05)
    assert np.isfinite(keras.ops.convert_to_numpy(SpectralNorm()(keras.ops.zeros(shape)))).all()
