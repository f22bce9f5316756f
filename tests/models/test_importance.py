import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import logsumexp
from scipy.stats import bernoulli, norm

from keras_gen.models import build_decoder, build_encoder, build_importance_weighted_vae, build_vae_terms
from tests.conftest import values_of

IMAGES = np.random.default_rng(0).integers(0, 2, (4, 4, 4, 1)).astype(np.float32)
LATENT_DIM = 3


@pytest.fixture
def networks():
    """A small encoder and decoder in double precision, for differences are to be small."""
    before, policy = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    options = {"latent_dim": LATENT_DIM, "intermediate_dim": 6, "activation": "tanh"}
    yield build_encoder((4, 4, 1), seed=1, **options), build_decoder((4, 4, 1), **options)
    keras.config.set_floatx(before)
    keras.config.set_dtype_policy(policy)


def log_weights(encoder, decoder, epsilon):
    """log p(x|z) p(z) / q(z|x) of each image and sample, by SciPy."""
    z_mean, z_log_var, _ = values_of(encoder(IMAGES))
    deviation = np.exp(z_log_var / 2)
    columns = []
    for noise in np.moveaxis(epsilon, 1, 0):
        z = z_mean + deviation * noise
        pixels = bernoulli.logpmf(IMAGES, values_of([decoder(z)])[0]).sum(axis=(1, 2, 3))
        columns.append(pixels + (norm.logpdf(z) - norm.logpdf(z, z_mean, deviation)).sum(axis=1))
    return np.stack(columns, axis=1)


@pytest.mark.parametrize("samples", [2, 5])
def test_the_loss_is_minus_the_log_of_the_mean_weight(networks, samples):
    epsilon = np.random.default_rng(1).normal(size=(4, samples, LATENT_DIM))
    weights = log_weights(*networks, epsilon)
    terms = build_vae_terms(*networks, samples=samples).predict_on_batch([IMAGES, epsilon.reshape(4, -1)])
    reconstruction, kl, loss = terms
    np.testing.assert_allclose(loss, np.log(samples) - logsumexp(weights, axis=1), rtol=1e-6)
    assert (loss < -weights.mean(axis=1)).all()  # tighter than the mean of as many bounds of one sample
    single = [build_vae_terms(*networks).predict_on_batch([IMAGES, noise]) for noise in np.moveaxis(epsilon, 1, 0)]
    np.testing.assert_allclose(reconstruction, np.mean([terms[0] for terms in single], axis=0), rtol=1e-6)
    np.testing.assert_allclose(kl, single[0][1], rtol=1e-6)


def test_with_one_sample_it_is_on_average_the_vae_s_loss(networks):
    count = 5000
    model = build_importance_weighted_vae(*networks, samples=1)
    loss, kl, reconstruction = model.predict_on_batch(np.repeat(IMAGES[:1], count, axis=0))
    difference = loss - reconstruction - kl
    assert abs(difference.mean()) < 4 * difference.std() / np.sqrt(count)
    assert difference.std() > 0


@pytest.mark.parametrize(("samples", "beta"), [(1, 1.0), pytest.param(4, 1.0, marks=pytest.mark.slow), (4, 0.5)])
def test_the_gradient_that_trains_is_that_of_finite_differences(networks, samples, beta):
    vae = build_importance_weighted_vae(*networks, samples, beta=beta)
    noise = networks[0].get_layer("epsilon").seed_generator.state
    start = values_of([noise])[0]

    def loss():
        noise.assign(start)
        vae(IMAGES, training=True)
        return sum(vae.losses)

    weights = vae.trainable_weights
    with tf.GradientTape() as tape:
        value = loss()
    gradients = values_of(tape.gradient(value, [weight.value for weight in weights]))
    assert len(weights) == 10
    for weight, gradient in zip(weights, gradients, strict=True):
        index = np.unravel_index(np.abs(gradient).argmax(), gradient.shape)
        before, step = values_of([weight])[0], 1e-5
        ends = []
        for sign in (1, -1):
            moved = before.copy()
            moved[index] += sign * step
            weight.assign(moved)
            ends.append(float(loss()))
        weight.assign(before)
        assert gradient[index] == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-5), weight.path


def test_the_means_are_of_the_images_since_the_last_reset(networks):
    vae = build_importance_weighted_vae(*networks, samples=2)
    layer = vae.get_layer("kl")
    for _ in range(2):
        layer.reset()
        _, kl, reconstruction = values_of(vae(IMAGES, training=True))
        assert layer.means() == pytest.approx({"kl": kl.mean(), "reconstruction": reconstruction.mean()}, rel=1e-5)
