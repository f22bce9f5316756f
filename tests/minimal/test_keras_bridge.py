"""The hand-written gradients against Keras's: the same start and the same draws, then the same weights."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_gen import frozen
from keras_gen.minimal import faces, trend

STEPS = 200
pytestmark = pytest.mark.usefixtures("no_xla")


def compiled(model, learning_rate):
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(learning_rate), loss)
    return model


def joined(generator, discriminator, learning_rate):
    latent = keras.Input((1,))
    return compiled(keras.Model(latent, discriminator(generator(latent))), learning_rate)


def column(values):
    return np.asarray(values, np.float32).reshape(-1, 1)


def test_the_trend_gan():
    random = np.random.RandomState(42)
    gan, real = trend.start(random)
    # The one bias that three pixels share: a Dense(1) whose weight stays 1 acts on each pixel alike.
    weights, shared = layers.Dense(3, use_bias=False), layers.Dense(1, kernel_initializer="ones")
    latent = keras.Input((1,))
    sums = layers.Flatten()(shared(layers.Reshape((3, 1))(weights(latent))))
    generator = keras.Model(latent, layers.Activation("sigmoid")(sums))
    verdict = layers.Dense(1)
    discriminator = compiled(keras.Sequential([keras.Input((3,)), verdict]), 0.001)
    shared.kernel.trainable = False
    weights.kernel.assign(gan.generator_weights[np.newaxis])
    verdict.kernel.assign(gan.discriminator_weights[:, np.newaxis])
    both = joined(generator, discriminator, 0.001)

    twin = np.random.RandomState(42)
    trend.start(twin)
    for _ in trend.train(gan, real, random, epochs=STEPS):
        fake = generator.predict_on_batch(column(trend.draw_latents(twin, 32)))
        images = np.concatenate([real.astype(np.float32), fake])
        discriminator.train_on_batch(images, column(np.repeat([1.0, 0.0], 32)))
        with frozen(discriminator):
            both.train_on_batch(column(trend.draw_latents(twin, 32)), np.ones((32, 1), np.float32))

    ours = (gan.generator_weights, gan.generator_bias, gan.discriminator_weights, gan.discriminator_bias)
    theirs = (weights.kernel, shared.bias, verdict.kernel, verdict.bias)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, np.ravel(keras.ops.convert_to_numpy(other)), rtol=0, atol=1e-5)


def test_the_faces_gan():
    random = np.random.RandomState(42)
    gan = faces.start(random)
    pixels, verdict = layers.Dense(4, activation="sigmoid"), layers.Dense(1)
    generator = keras.Sequential([keras.Input((1,)), pixels])
    discriminator = compiled(keras.Sequential([keras.Input((4,)), verdict]), 0.01)
    pixels.kernel.assign(gan.generator_weights[np.newaxis])
    pixels.bias.assign(gan.generator_biases)
    verdict.kernel.assign(gan.discriminator_weights[:, np.newaxis])
    verdict.bias.assign([gan.discriminator_bias])
    both = joined(generator, discriminator, 0.01)

    twin = np.random.RandomState(42)
    faces.start(twin)
    one, zero = np.ones((1, 1), np.float32), np.zeros((1, 1), np.float32)
    for _ in faces.train(gan, random, epochs=STEPS // len(faces.FACES)):
        for face in faces.FACES:
            discriminator.train_on_batch(face[np.newaxis].astype(np.float32), one)
            latent = column(twin.uniform())
            discriminator.train_on_batch(generator.predict_on_batch(latent), zero)
            with frozen(discriminator):
                both.train_on_batch(latent, one)

    ours = (gan.generator_weights, gan.generator_biases, gan.discriminator_weights, gan.discriminator_bias)
    theirs = (pixels.kernel, pixels.bias, verdict.kernel, verdict.bias)
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, np.ravel(keras.ops.convert_to_numpy(other)), rtol=0, atol=1e-5)
