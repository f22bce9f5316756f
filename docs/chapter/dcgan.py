"""The chapter's DCGAN in plain Keras 3, from data to pictures: python docs/chapter/dcgan.py.

It needs keras, a backend such as tensorflow, numpy, tqdm and matplotlib, and downloads CIFAR-10 (170 MB) once.
"""

import contextlib

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers
from keras.initializers import RandomNormal
from tqdm import tqdm

LATENT_DIM, STDDEV, ALPHA, MOMENTUM = 100, 0.02, 0.2, 0.8


def make_generator(channels=3):
    """Return the network from 100 numbers to an image of 32 x 32 pixels from -1 to 1."""
    z = keras.Input((LATENT_DIM,))
    x = layers.Dense(32 * 32 * 3, kernel_initializer=RandomNormal(stddev=STDDEV))(z)
    x = layers.Reshape((4, 4, 192))(x)
    for filters, activation in ((256, None), (128, None), (channels, "tanh")):
        x = layers.BatchNormalization(momentum=MOMENTUM)(x)
        x = layers.LeakyReLU(ALPHA)(x)
        kernels = RandomNormal(stddev=STDDEV)
        x = layers.Conv2DTranspose(filters, 5, 2, "same", activation=activation, kernel_initializer=kernels)(x)
    return keras.Model(z, x, name="generator")


def make_discriminator(channels=3):
    """Return the network from an image to the probability that it is real."""
    images = keras.Input((32, 32, channels))
    x = images
    for filters in (64, 128, 256):
        x = layers.Conv2D(filters, 5, 2, "same", kernel_initializer=RandomNormal(stddev=STDDEV))(x)
        if filters > 64:
            x = layers.BatchNormalization(momentum=MOMENTUM)(x)
        x = layers.LeakyReLU(ALPHA)(x)
    x = layers.Dropout(0.2)(layers.Flatten()(x))
    x = layers.Dense(1, activation="sigmoid", kernel_initializer=RandomNormal(stddev=STDDEV))(x)
    return keras.Model(images, x, name="discriminator")


def make_dcgan(beta_1=0.5):
    """Return generator, discriminator, and the two joined, compiled."""
    generator, discriminator = make_generator(), make_discriminator()
    discriminator.compile(keras.optimizers.Adam(1e-3, beta_1=beta_1), "binary_crossentropy")
    gan = keras.Sequential([keras.Input((LATENT_DIM,)), generator, discriminator], name="gan")
    with frozen(discriminator):  # so that its optimizer has the generator's weights alone
        optimizer = keras.optimizers.Adam(1e-4, beta_1=beta_1)
        optimizer.build(gan.trainable_variables)
        gan.compile(optimizer, "binary_crossentropy")
    return generator, discriminator, gan


@contextlib.contextmanager
def frozen(network):
    """Keep a network's weights as they are.

    The chapter sets `discriminator.trainable = False`, once, before it compiles the GAN. Keras 3 looks at `trainable`
    when a step runs, and with it BatchNormalization would also normalise by other statistics. So freeze the weights,
    not the layers, around each call.
    """
    weights = list(network.trainable_variables)
    for weight in weights:
        weight.trainable = False
    try:
        yield
    finally:
        for weight in weights:
            weight.trainable = True


def make_latent_samples(count):
    """Return points of the latent space, drawn from N(0, 1)."""
    return np.random.normal(size=(count, LATENT_DIM)).astype("float32")


def train_step(generator, discriminator, gan, real, draw=make_latent_samples, smooth=0.1):
    """Train the discriminator on real and on generated images, then the generator; return the three losses."""
    count = len(real)
    ones, zeros = np.ones((count, 1), "float32"), np.zeros((count, 1), "float32")
    fakes = generator.predict_on_batch(draw(count))
    loss_real = discriminator.train_on_batch(real, (1 - smooth) * ones)
    loss_fake = discriminator.train_on_batch(fakes, zeros)
    with frozen(discriminator):
        return loss_real, loss_fake, gan.train_on_batch(draw(count), ones)


def show_images(generator, latents, path):
    """Write a grid of 4 x 4 generated images."""
    images = (generator.predict_on_batch(latents).reshape(4, 4, 32, 32, 3) + 1) / 2
    plt.imsave(path, images.swapaxes(1, 2).reshape(4 * 32, 4 * 32, 3))


def main(epochs=200, batch_size=128):
    """Train on the 5,000 cars of CIFAR-10, with a picture after each epoch."""
    keras.utils.set_random_seed(0)
    (images, labels), _ = keras.datasets.cifar10.load_data()
    cars = images[labels.ravel() == 1].astype("float32") / 127.5 - 1
    networks, latents = make_dcgan(), make_latent_samples(16)
    for epoch in range(1, epochs + 1):
        order = np.random.permutation(len(cars))[: len(cars) // batch_size * batch_size]
        for batch in (bar := tqdm(order.reshape(-1, batch_size), desc=f"epoch {epoch}")):
            losses = train_step(*networks, cars[batch])
            bar.set_postfix_str("real {:.2f}, fake {:.2f}, generator {:.2f}".format(*losses))
        show_images(networks[0], latents, f"epoch-{epoch:03d}.png")


if __name__ == "__main__":
    main()
