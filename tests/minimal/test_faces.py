import numpy as np
import pytest

from keras_gen.minimal import faces
from tests.minimal.gradients import numerical_gradient, relative_error


def test_the_published_run_is_replayed_to_eight_decimals():
    random = np.random.RandomState(42)
    gan = faces.start(random)
    for _ in faces.train(gan, random):
        pass
    expected = {
        "generator_weights": (0.70702123, 0.03720449, -0.45703394, 0.79375751),
        "generator_biases": (2.48490157, -3.36725912, -2.90139211, 2.8172726),
        "discriminator_weights": (0.60175083, -0.29127513, -0.40093314, 0.37759987),
        "discriminator_bias": -0.89551030,
    }
    for name, values in expected.items():
        np.testing.assert_allclose(getattr(gan, name), values, rtol=0, atol=6e-9)
    np.testing.assert_allclose(gan.generate(0.6), (0.95, 0.034, 0.04, 0.966), atol=0.003)


def test_losses_stay_finite_when_a_network_is_quite_sure():
    """Such a rate drives a probability to 1 exactly."""
    random = np.random.RandomState(5)
    losses = np.array(list(faces.train(faces.start(random), random, 100, 10, 10)))
    assert np.isfinite(losses).all()
    assert losses.max() > 100


@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize("seed", range(3))
def test_gradients_agree_with_finite_differences(seed, label):
    random = np.random.RandomState(seed)
    gan = faces.start(random)
    gan.discriminator_bias = np.array(gan.discriminator_bias)
    image, latent = random.uniform(size=4), random.uniform()

    def discriminator_loss():
        verdict = gan.discriminate(image)
        return -np.log(verdict if label else 1 - verdict)

    def generator_loss():
        return -np.log(gan.discriminate(gan.generate(latent)))

    weights, bias = gan.discriminator_gradients(image, label)
    assert relative_error(weights, numerical_gradient(discriminator_loss, gan.discriminator_weights)) < 1e-6
    assert relative_error(bias, numerical_gradient(discriminator_loss, gan.discriminator_bias)) < 1e-6
    weights, biases = gan.generator_gradients(latent)
    numerical = numerical_gradient(generator_loss, gan.generator_weights)
    assert relative_error(weights, numerical) < 1e-6
    assert relative_error(biases, numerical_gradient(generator_loss, gan.generator_biases)) < 1e-6
    assert relative_error(-weights, numerical) > 1e-2  # a wrong sign would be seen


def test_the_discriminator_is_scored_on_the_image_not_on_the_latent_number():
    """The original plotted its error at the scalar z; here the losses are those of the images."""
    random, twin = np.random.RandomState(3), np.random.RandomState(3)
    gan, copy = faces.start(random), faces.start(twin)
    (losses,) = faces.train(gan, random, epochs=1)
    discriminator_loss = generator_loss = 0.0
    for face in faces.FACES:
        copy.discriminator_step(face, 1, 0.01)
        latent = twin.uniform()
        copy.discriminator_step(copy.generate(latent), 0, 0.01)
        copy.generator_step(latent, 0.01)
        probability = 1 / (1 + np.exp(-(copy.generate(latent) @ copy.discriminator_weights + copy.discriminator_bias)))
        on_face = 1 / (1 + np.exp(-(face @ copy.discriminator_weights + copy.discriminator_bias)))
        discriminator_loss += -np.log(on_face) - np.log(1 - probability)
        generator_loss += -np.log(probability)
    assert losses == pytest.approx((discriminator_loss / 5, generator_loss / 5))
