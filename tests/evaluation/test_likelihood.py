import math
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import layers
from scipy.stats import multivariate_normal

from keras_gen import resolve_settings
from keras_gen.evaluation import Estimate, active_units, elbo_terms, importance_sampling, importance_weighted_bound
from keras_gen.evaluation.likelihood import ENOUGH_SAMPLES, bits_per_dimension
from keras_gen.models import build_decoder, build_encoder
from keras_gen.models.losses import LIKELIHOODS, observed
from keras_gen.seeds import random_stream
from keras_gen.training.vae import VAETrainer

COUNT, SHAPE, PIXELS, LATENT = 300, (4, 4, 1), 16, 2
NOISE = 0.1
TOO_WIDE = 4.0  # how many times the encoder's variance is the posterior's
GAP = LATENT / 2 * (TOO_WIDE - 1 - math.log(TOO_WIDE))  # KL(encoder || posterior): what the ELBO misses


@pytest.fixture
def linear(monkeypatch):
    """A VAE whose log-likelihood is known: Tipping and Bishop, "Probabilistic principal component analysis" (1999).

    x = W z + 1/2 + noise. The columns of W are orthogonal, so that the posterior's
    covariance is diagonal, as an encoder's is.
    """
    random = np.random.default_rng(0)
    weights = np.linalg.qr(random.normal(size=(PIXELS, LATENT)))[0] * [0.5, 0.25]
    pixels = 0.5 + random.normal(size=(COUNT, LATENT)) @ weights.T + NOISE * random.normal(size=(COUNT, PIXELS))
    images = np.clip(np.rint(255 * pixels), 0, 255).astype(np.uint8)
    exact = multivariate_normal(np.full(PIXELS, 0.5), weights @ weights.T + NOISE**2 * np.eye(PIXELS))

    precision = np.diag(weights.T @ weights) / NOISE**2 + 1  # of the posterior
    to_mean = weights / NOISE**2 / precision
    x, z = keras.Input(SHAPE), keras.Input((LATENT,))
    z_mean, z_log_var = layers.Dense(LATENT), layers.Dense(LATENT)
    flat = layers.Flatten()(x)
    encoder = keras.Model(x, [z_mean(flat), z_log_var(flat), z_mean(flat)])
    to_pixels = layers.Dense(PIXELS)
    decoder = keras.Model(z, layers.Reshape(SHAPE, name="logits")(to_pixels(z)))
    z_mean.set_weights([to_mean, -0.5 * to_mean.sum(axis=0)])
    z_log_var.set_weights([np.zeros((PIXELS, LATENT)), np.log(TOO_WIDE / precision)])
    to_pixels.set_weights([weights.T, np.full(PIXELS, 0.5)])

    def log_density(images, means):
        squares = keras.ops.sum(keras.ops.square((images - means) / NOISE), axis=(1, 2, 3))
        return -0.5 * squares - PIXELS * math.log(NOISE * math.sqrt(2 * math.pi))

    monkeypatch.setitem(LIKELIHOODS, "linear", log_density)
    return SimpleNamespace(
        models=(encoder, decoder), images=images.reshape(COUNT, *SHAPE), log_likelihood=exact.logpdf(images / 255)
    )


def within_error(values, expected):
    """Whether the mean of values is as expected, within three standard errors."""
    mean = Estimate.of_mean(values)
    return abs(mean.value - expected) < 3 * mean.standard_error


def test_the_importance_weighted_bound_tightens_to_the_exact_log_likelihood(linear):
    missing = {
        k: linear.log_likelihood - importance_weighted_bound(*linear.models, linear.images, "linear", k)
        for k in (1, 4, 2000)
    }
    assert within_error(missing[1], GAP)
    some = Estimate.of_mean(missing[4])
    assert 3 * some.standard_error < some.value < GAP / 5  # tighter, and still below
    assert within_error(missing[2000], 0)
    assert np.abs(missing[2000]).max() < 0.15  # nor is any single image far off


def test_the_elbo_misses_the_encoder_s_divergence_from_the_posterior(linear):
    reconstruction, kl = elbo_terms(*linear.models, linear.images, "linear", samples=50)
    assert within_error(linear.log_likelihood + reconstruction + kl, GAP)


def test_more_samples_make_the_elbo_surer(linear):
    def spread(samples):
        terms = [elbo_terms(*linear.models, linear.images, "linear", samples, seed)[0] for seed in (1, 2)]
        return np.std(terms[0] - terms[1])

    assert spread(16) == pytest.approx(spread(1) / 4, rel=0.2)


def test_the_bound_does_not_depend_on_how_its_samples_are_batched(linear, monkeypatch):
    arguments = (*linear.models, linear.images[:20], "linear", 50)
    whole = importance_weighted_bound(*arguments)
    monkeypatch.setattr("keras_gen.evaluation.likelihood.BATCH_PIXELS", 7 * PIXELS)
    np.testing.assert_allclose(importance_weighted_bound(*arguments), whole, rtol=1e-5)


def test_seeds_repeat_the_bound_and_progress_sees_every_image(linear):
    seen = []

    def progress(numbers):
        seen.extend(numbers)
        return numbers

    arguments = (*linear.models, linear.images[:20], "linear", 5)
    first = importance_weighted_bound(*arguments, seed=1, progress=progress)
    assert seen == list(range(20))
    np.testing.assert_array_equal(importance_weighted_bound(*arguments, seed=1), first)
    assert not np.array_equal(importance_weighted_bound(*arguments, seed=2), first)


def test_with_one_sample_the_elbo_is_the_held_out_loss_of_training(image_sets):
    images = image_sets()[0].images
    trainer = VAETrainer((8, 8, 1), resolve_settings("vae", intermediate_dim=8, seed=5))
    reconstruction, kl = elbo_terms(trainer.models["encoder"], trainer.models["decoder"], images, samples=1, seed=5)
    losses = trainer.held_out_losses(images)
    assert reconstruction.mean() == pytest.approx(losses["held_out_reconstruction"], rel=1e-5)
    assert kl.mean() == pytest.approx(losses["held_out_kl"], rel=1e-5)


def test_binarized_images_are_what_the_encoder_sees_and_the_likelihood_is_of(image_sets):
    images = image_sets()[0].images
    models = build_encoder((8, 8, 1), seed=1), build_decoder((8, 8, 1))
    black_and_white = observed(images, "binarized", random_stream(4, "held_out"))
    expected = elbo_terms(*models, black_and_white, "bernoulli", samples=200)
    measured = elbo_terms(*models, images, "binarized", samples=200, seed=4)
    np.testing.assert_array_equal(measured[1], expected[1])
    np.testing.assert_allclose(measured[0], expected[0], rtol=0.01)


def test_dimensions_whose_means_hardly_vary_are_not_active():
    spread = np.sqrt([1.0, 0.012, 0.008, 0.0])
    z_mean = 5 + np.random.default_rng(0).normal(size=(5000, 4)) * spread
    np.testing.assert_array_equal(active_units(z_mean.astype(np.float32)), [True, True, False, False])


def test_an_image_with_too_few_effective_samples_gets_more_all_of_them_new(linear):
    first = importance_sampling(*linear.models, linear.images[:60], "linear", 22, grow=False)
    grown = importance_sampling(*linear.models, linear.images[:60], "linear", 22)
    few = first.effective < ENOUGH_SAMPLES
    assert 0 < few.sum() < 60  # the encoder is four times too wide
    np.testing.assert_array_equal(grown.bounds[~few], first.bounds[~few])
    assert set(grown.samples[~few]) == {22}
    assert grown.samples[few].min() == 88
    assert np.mean(grown.effective[few] >= ENOUGH_SAMPLES) > 0.9
    missing = [np.abs(linear.log_likelihood[:60][few] - sampled.bounds[few]).mean() for sampled in (first, grown)]
    assert missing[1] < missing[0]


def test_the_effective_sample_size_is_that_of_the_weights(linear):
    """Of weights exp(a chi-square variable) whose moments are known: (E w)^2 / E w^2 of K."""
    sampled = importance_sampling(*linear.models, linear.images[:30], "linear", 3000, grow=False)
    share = (np.sqrt(2 * TOO_WIDE - 1) / TOO_WIDE) ** LATENT  # of two dimensions, by Gaussian integrals
    assert np.mean(sampled.effective) / 3000 == pytest.approx(share, rel=0.05)


def test_bits_of_a_probability_and_of_a_density_have_one_scale():
    """A decoder that knows nothing: all levels are equally probable."""
    uniform = np.full(3, -PIXELS * math.log(256))
    assert bits_per_dimension(uniform, PIXELS, "discretized_logistic").value == pytest.approx(8)
    assert bits_per_dimension(np.zeros(3), PIXELS, "gaussian").value == pytest.approx(8)
    assert bits_per_dimension(uniform, PIXELS, "bernoulli") is None


def test_a_decoder_that_names_the_exact_level_gains_no_density():
    """Exact blackness: the density at 0 has no limit, the probability of a level has."""
    images = np.zeros((6, *SHAPE), np.uint8)
    x, z = keras.Input(SHAPE), keras.Input((LATENT,))
    flat = layers.Dense(LATENT, kernel_initializer="zeros")(layers.Flatten()(x))
    encoder = keras.Model(x, [flat, flat, flat])
    for logit, exact_is_more in ((-20.0, False), (-500.0, True), (-1e5, True)):
        pixels = layers.Dense(PIXELS, kernel_initializer="zeros", bias_initializer=keras.initializers.Constant(logit))
        decoder = keras.Model(z, layers.Reshape(SHAPE, name="logits")(pixels(z)))
        models = encoder, decoder
        bound = importance_sampling(*models, images, "continuous_bernoulli", 20).bounds
        assert bound.max() < PIXELS * math.log(256)
        assert bits_per_dimension(bound, PIXELS, "continuous_bernoulli").value > 0
        dequantised, _ = elbo_terms(*models, images, "continuous_bernoulli", 2, dequantise=True)
        np.testing.assert_allclose(-dequantised, bound, rtol=0.2)
        exact, _ = elbo_terms(*models, images, "continuous_bernoulli", 2)
        assert (-exact.mean() > PIXELS * math.log(256)) == exact_is_more
