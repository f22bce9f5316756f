"""The chapter's variational autoencoder in plain Keras 3, from data to pictures: python docs/chapter/vae.py.

It needs keras, a backend such as tensorflow, numpy, scipy and matplotlib, and downloads MNIST (11 MB) once.
"""

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers, ops
from scipy.stats import norm


@keras.saving.register_keras_serializable("chapter")
class Epsilon(layers.Layer):
    """Noise from N(0, 1), drawn anew at every call. Keras 3 wants the state of its generator in a layer."""

    def __init__(self, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs):
        return keras.random.normal(ops.shape(inputs), seed=self.seed_generator)


@keras.saving.register_keras_serializable("chapter")
def sampling(inputs):
    """Shift and scale noise, so that gradients reach z_mean and z_log_var."""
    z_mean, z_log_var, epsilon = inputs
    return z_mean + ops.exp(0.5 * z_log_var) * epsilon  # 0.5: z_log_var is the logarithm of the variance


@keras.saving.register_keras_serializable("chapter")
class KLLoss(layers.Layer):
    """Adds the KL term to the model's loss, and passes z through."""

    def call(self, inputs):
        z_mean, z_log_var, z = inputs
        kl = -0.5 * ops.sum(1 + z_log_var - ops.square(z_mean) - ops.exp(z_log_var), axis=-1)
        self.add_loss(ops.mean(kl))
        return z


def reconstruction_loss(images, reconstructions):
    """Binary cross-entropy, summed over the pixels: a mean would make the KL term 784 times too strong."""
    return images.shape[-1] * keras.losses.binary_crossentropy(images, reconstructions)


def make_vae(latent_dim=2, intermediate_dim=256, seed=0):
    """Return encoder, decoder, and the two joined; they share their layers."""
    images = keras.Input((784,))
    x = layers.Dense(intermediate_dim, activation="relu")(images)
    z_mean = layers.Dense(latent_dim)(x)
    z_log_var = layers.Dense(latent_dim)(x)
    epsilon = Epsilon(seed)(z_mean)
    z = layers.Lambda(sampling, output_shape=(latent_dim,))([z_mean, z_log_var, epsilon])
    encoder = keras.Model(images, [z_mean, z_log_var, z], name="encoder")

    points = keras.Input((latent_dim,))
    x = layers.Dense(intermediate_dim, activation="relu")(points)
    decoder = keras.Model(points, layers.Dense(784, activation="sigmoid")(x), name="decoder")

    vae = keras.Model(images, decoder(KLLoss()([z_mean, z_log_var, z])), name="vae")
    vae.compile(optimizer=keras.optimizers.RMSprop(1e-3), loss=reconstruction_loss)
    return encoder, decoder, vae


def load_images():
    """Return the images of MNIST as rows of 784 numbers from 0 to 1, and the labels of the test images."""
    (train, _), (test, labels) = keras.datasets.mnist.load_data()
    return *(images.reshape(-1, 784).astype("float32") / 255 for images in (train, test)), labels


def train(vae, images, test_images, epochs=50, batch_size=100):
    """Train by `train_on_batch`, and print the losses after each epoch in nats an image."""
    for epoch in range(1, epochs + 1):
        order = np.random.permutation(len(images))
        losses = []
        for start in range(0, len(images), batch_size):
            batch = images[order[start : start + batch_size]]
            losses.append(vae.train_on_batch(batch, batch))
        test_loss = vae.evaluate(test_images, test_images, batch_size=1000, verbose=0)
        print(f"epoch {epoch}: loss {np.mean(losses):.2f}, test loss {test_loss:.2f}")


def show_results(encoder, decoder, test_images, labels, side=15):
    """Write the test images' places in the latent space, and the images that the decoder makes across it."""
    z_mean = encoder.predict(test_images, batch_size=1000, verbose=0)[0]
    figure, axes = plt.subplots(figsize=(7, 6))
    figure.colorbar(axes.scatter(*z_mean.T, c=labels, cmap="Paired", s=2))
    figure.savefig("latent_space.png")

    quantiles = norm.ppf(np.linspace(0.05, 0.95, side))  # evenly spaced in probability under N(0, 1)
    points = np.array([(x, y) for y in quantiles[::-1] for x in quantiles], "float32")
    images = decoder.predict(points, verbose=0).reshape(side, side, 28, 28)
    plt.imsave("manifold.png", images.swapaxes(1, 2).reshape(side * 28, side * 28), cmap="gray")


def main():
    """Train for 50 epochs and draw."""
    keras.utils.set_random_seed(0)
    images, test_images, labels = load_images()
    encoder, decoder, vae = make_vae()
    train(vae, images, test_images)
    show_results(encoder, decoder, test_images, labels)


if __name__ == "__main__":
    main()
