import keras
import numpy as np
import pytest
from scipy.stats import logistic, norm

from keras_gen.models import build_decoder, build_discriminator, build_encoder, build_gan, build_generator, build_vae
from keras_gen.models.losses import (
    ADVERSARIAL_LOSSES,
    GAUSSIAN_STDDEV,
    LIKELIHOODS,
    RECONSTRUCTION_LOSSES,
    observed,
    reconstruction_loss,
)

IMAGES = np.random.default_rng(0).random((5, 8, 8, 1), np.float32)
FUNCTIONS = RECONSTRUCTION_LOSSES, LIKELIHOODS
LOGITS = [-30.0, -3.0, -0.3, -0.051, -0.049, -1e-4, 0.0, 1e-4, 0.049, 0.051, 0.7, 9.0, 30.0]


LEVELS = np.arange(256, dtype=np.float32) / np.float32(255)


def log_likelihood(name, images, logits, log_scale=-2.0):
    if name == "discretized_logistic":
        logits = np.concatenate([logits, np.full_like(logits[..., :1], log_scale)], axis=-1)
    tensors = (keras.ops.convert_to_tensor(values, "float32") for values in (images, logits))
    return keras.ops.convert_to_numpy(LIKELIHOODS[name](*tensors)).astype(np.float64)


def log_density(name, pixels, logits, **options):
    """The log-density of single pixels, shape (n,)."""
    return log_likelihood(name, *(np.reshape(values, (-1, 1, 1, 1)) for values in (pixels, logits)), **options)


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


@pytest.mark.parametrize("log_scale", [-9.0, -4.0, 0.0, 3.0])
@pytest.mark.parametrize("logit", [-30.0, -3.0, 0.1, 9.0])
def test_the_discretized_logistic_gives_the_256_levels_a_probability_of_1_together(logit, log_scale):
    logs = log_density("discretized_logistic", LEVELS, np.full(256, logit), log_scale=log_scale)
    assert np.isfinite(logs).all()
    assert np.exp(logs).sum() == pytest.approx(1, abs=1e-4)


def test_a_level_of_it_has_the_logistic_distribution_between_the_middles_to_its_neighbours():
    mean, scale = 1 / (1 + np.exp(-0.4)), np.exp(-3.0)
    edges = logistic.cdf((np.arange(1, 256) - 0.5) / 255, mean, scale)
    logs = log_density("discretized_logistic", LEVELS, np.full(256, 0.4), log_scale=-3.0)
    np.testing.assert_allclose(np.exp(logs), np.diff([0, *edges, 1]), rtol=1e-3)


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_vaes_are_trained_with_minus_the_log_likelihood(name):
    images, logits = np.random.default_rng(0).random((2, 3, 4, 4, 2), np.float32)
    if name == "discretized_logistic":
        images = images[..., :-1]  # the last channel of what the decoder gives is the scale
    loss, of_it = (functions[name](*map(keras.ops.convert_to_tensor, (images, logits))) for functions in FUNCTIONS)
    np.testing.assert_array_equal(numbers(of_it), -numbers(loss))


def test_the_bernoulli_is_a_probability_of_black_and_white():
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


def test_reconstruction_loss_is_the_cross_entropy_summed_over_pixels():
    logits = np.random.default_rng(1).normal(0, 3, IMAGES.shape).astype(np.float32)
    mean = keras.losses.binary_crossentropy(IMAGES.reshape(5, -1), logits.reshape(5, -1), from_logits=True)
    np.testing.assert_allclose(numbers(reconstruction_loss(IMAGES, logits)), 64 * numbers(mean), rtol=1e-5)
    extreme = numbers(reconstruction_loss(np.ones((1, 1, 1, 1), np.float32), np.full((1, 1, 1, 1), -500, np.float32)))
    assert extreme == pytest.approx(500)


PAIR = np.array([[-2.0], [-0.5], [0.5], [3.0]], np.float32)
SMOOTHED = np.array([[0.9], [0.9], [0.0], [0.0]], np.float32)  # two real images, two generated ones


def numbers(tensor):
    return keras.ops.convert_to_numpy(tensor).ravel()


def test_cross_entropy_is_of_the_labels_that_are_given():
    loss = ADVERSARIAL_LOSSES["cross_entropy"]
    probability = 1 / (1 + np.exp(-PAIR.astype(np.float64)))
    wanted = -SMOOTHED * np.log(probability) - (1 - SMOOTHED) * np.log(1 - probability)
    np.testing.assert_allclose(numbers(loss.discriminator(SMOOTHED, PAIR)), wanted.ravel(), rtol=1e-5)
    ones = np.ones_like(PAIR)
    np.testing.assert_allclose(numbers(loss.generator(ones, PAIR)), -np.log(probability).ravel(), rtol=1e-5)


def test_hinge_asks_for_logits_beyond_one_on_the_right_side():
    loss = ADVERSARIAL_LOSSES["hinge"]
    labels = np.array([[1], [1], [0], [0]], np.float32)
    np.testing.assert_allclose(numbers(loss.discriminator(labels, PAIR)), [3, 1.5, 1.5, 4])
    far = loss.discriminator(labels, np.array([[1.5], [9], [-1.5], [-9]], np.float32))
    np.testing.assert_array_equal(numbers(far), 0)
    np.testing.assert_allclose(loss.generator(labels, PAIR), -PAIR)


@pytest.mark.parametrize("name", ADVERSARIAL_LOSSES)
def test_the_loss_on_real_images_leaves_out_the_generated_ones(name):
    loss = ADVERSARIAL_LOSSES[name]
    on_real, all_of_it = numbers(loss.on_real(SMOOTHED, PAIR)), numbers(loss.discriminator(SMOOTHED, PAIR))
    np.testing.assert_array_equal(on_real, [*all_of_it[:2], 0, 0])


def saved_and_loaded(model, path):
    """The model as keras.callbacks.ModelCheckpoint leaves it after an epoch."""
    callback = keras.callbacks.ModelCheckpoint(str(path / "{epoch}.keras"))
    callback.set_model(model)
    callback.on_epoch_end(0, {})
    return keras.models.load_model(path / "1.keras", safe_mode=True)


@pytest.mark.parametrize("name", RECONSTRUCTION_LOSSES)
def test_a_compiled_vae_is_loaded_with_its_loss(name, tmp_path):
    decoder = build_decoder((8, 8, 1), likelihood=name)
    vae = build_vae(build_encoder((8, 8, 1), seed=1), decoder, beta=2.0, warm_up=True)
    vae.get_layer("z_log_var").bias.assign([-60.0, -60.0])  # no noise
    vae.compile("adam", RECONSTRUCTION_LOSSES[name])
    vae.optimizer.build(vae.trainable_variables)
    expected = vae.test_on_batch(IMAGES, IMAGES)
    assert saved_and_loaded(vae, tmp_path).test_on_batch(IMAGES, IMAGES) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", ["hinge", pytest.param("cross_entropy", marks=pytest.mark.slow)])
def test_a_compiled_gan_is_loaded_with_its_losses(name, tmp_path):
    loss = ADVERSARIAL_LOSSES[name]
    generator = build_generator((8, 8, 1), latent_dim=4, filters=2, base_filters=3)
    discriminator = build_discriminator((8, 8, 1), filters=2)
    discriminator.compile("adam", loss.discriminator, metrics=[loss.on_real])
    gan = build_gan(generator, discriminator)
    gan.compile("adam", loss.generator)
    z, ones = np.ones((3, 4), np.float32), np.ones((3, 1), np.float32)
    for model, x in ((discriminator, IMAGES[:3]), (gan, z)):
        model.optimizer.build(model.trainable_variables)
        expected = model.test_on_batch(x, ones)
        loaded = saved_and_loaded(model, tmp_path)
        assert loaded.test_on_batch(x, ones) == pytest.approx(expected, rel=1e-6)
