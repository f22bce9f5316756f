import keras
import numpy as np
import pytest
from scipy.stats import norm

from keras_gen.models.likelihoods import GAUSSIAN_STDDEV, LIKELIHOODS, observed
from keras_gen.models.vae import reconstruction_loss

LOGITS = [-30.0, -3.0, -0.3, -0.051, -0.049, -1e-4, 0.0, 1e-4, 0.049, 0.051, 0.7, 9.0, 30.0]


def log_likelihood(name, images, logits):
    tensors = (keras.ops.convert_to_tensor(values, "float32") for values in (images, logits))
    return keras.ops.convert_to_numpy(LIKELIHOODS[name](*tensors)).astype(np.float64)


def log_density(name, pixels, logits):
    """The log-density of single pixels, shape (n,)."""
    return log_likelihood(name, *(np.reshape(values, (-1, 1, 1, 1)) for values in (pixels, logits)))


@pytest.mark.parametrize("logit", LOGITS)
def test_the_continuous_bernoulli_integrates_to_1_over_the_greys(logit):
    greys = np.linspace(0, 1, 20_001)
    density = np.exp(log_density("continuous_bernoulli", greys, np.full(greys.shape, logit)))
    assert np.trapezoid(density, greys) == pytest.approx(1, abs=2e-5)


def test_its_constant_is_exact_near_one_half():
    logits = np.linspace(-0.2, 0.2, 1001)
    logits = logits[logits != 0]
    exact = np.log(logits / np.expm1(logits))  # of a black pixel
    np.testing.assert_allclose(log_density("continuous_bernoulli", np.zeros(1000), logits), exact, atol=5e-7)


def test_the_gaussian_is_about_the_decoder_s_picture():
    pixels, logits = np.array([0.0, 0.3, 1.0]), np.array([-1.0, 0.5, 4.0])
    expected = norm.logpdf(pixels, 1 / (1 + np.exp(-logits)), GAUSSIAN_STDDEV)
    np.testing.assert_allclose(log_density("gaussian", pixels, logits), expected, rtol=1e-4)


def test_the_bernoulli_is_minus_the_loss_that_vaes_are_trained_with():
    images, logits = np.random.default_rng(0).random((2, 3, 4, 4, 2), np.float32)
    loss = reconstruction_loss(*(keras.ops.convert_to_tensor(values) for values in (images, logits)))
    np.testing.assert_array_equal(log_likelihood("bernoulli", images, logits), -keras.ops.convert_to_numpy(loss))
    black_or_white = np.exp(log_density("bernoulli", [0, 1], [0.7, 0.7]))
    assert black_or_white.sum() == pytest.approx(1)


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_pixels_are_summed_one_image_goes_with_many_logits_and_nothing_overflows(name):
    random = np.random.default_rng(0)
    image = random.random((1, 3, 4, 2)).astype(np.float32)
    logits = random.normal(0, 2, (5, 3, 4, 2)).astype(np.float32)
    together = log_likelihood(name, image, logits)
    pixels = [log_density(name, np.ravel(image), np.ravel(each)).sum() for each in logits]
    np.testing.assert_allclose(together, pixels, rtol=1e-4)
    assert np.isfinite(log_density(name, [1.0, 0.0], [-1e4, 1e4])).all()


def test_only_binarized_images_are_drawn_white_as_often_as_they_are_bright():
    images = np.full((2000, 2, 2, 1), 51, np.uint8)
    images[:, 0, 0], images[:, 0, 1] = 0, 255
    drawn = observed(images, "binarized", np.random.default_rng(0))
    assert drawn.dtype == np.uint8
    assert set(np.unique(drawn)) == {0, 255}
    np.testing.assert_allclose(drawn.mean(axis=0)[..., 0], [[0, 255], [51, 51]], atol=5)
    np.testing.assert_array_equal(observed(images, "binarized", np.random.default_rng(0)), drawn)
    assert observed(images, "bernoulli", np.random.default_rng(0)) is images
