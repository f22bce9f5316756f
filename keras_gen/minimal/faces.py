"""The slanted-faces GAN: four-pixel faces with a bright diagonal, in NumPy alone.

One weight from the latent number to each pixel, one from each pixel to the
verdict. Every step looks at one image: stochastic gradient descent.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from keras_gen.minimal.activations import sigmoid

# Row by row: top left, top right, bottom left, bottom right.
FACES = np.array(
    [
        [1.0, 0.0, 0.0, 1.0],
        [0.9, 0.1, 0.2, 0.8],
        [0.9, 0.2, 0.1, 0.8],
        [0.8, 0.1, 0.2, 0.9],
        [0.8, 0.2, 0.1, 0.9],
    ]
)


@dataclass
class FacesGAN:
    """Generator and discriminator, each a single neuron layer.

    Attributes:
        generator_weights: From the latent number to each pixel, shape (4,).
        generator_biases: One a pixel, shape (4,).
        discriminator_weights: From each pixel to the verdict, shape (4,).
        discriminator_bias: A number.
    """

    generator_weights: np.ndarray
    generator_biases: np.ndarray
    discriminator_weights: np.ndarray
    discriminator_bias: float

    def generate(self, latent: float | np.ndarray) -> np.ndarray:
        """Return the image, shape (4,), at a latent number; or (n, 4) at latent numbers of shape (n, 1)."""
        return sigmoid(latent * self.generator_weights + self.generator_biases)

    def discriminate(self, image: np.ndarray) -> np.ndarray:
        """Return the probability that an image is a face; one each for images of shape (n, 4)."""
        return sigmoid(image @ self.discriminator_weights + self.discriminator_bias)

    def discriminator_gradients(self, image: np.ndarray, label: float) -> tuple[np.ndarray, float]:
        """Return the gradients of the cross-entropy by the discriminator's weights and bias.

        For a face (label 1) that is -log D, for noise (label 0) -log(1 - D). In
        both cases the derivative by the sigmoid's argument is D - label.
        """
        error = self.discriminate(image) - label
        return error * image, error

    def generator_gradients(self, latent: float, saturating: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Return the gradients of -log D(G(latent)) by the generator's weights and biases.

        The saturating loss, log(1 - D), has -D in the place of D - 1.
        """
        image = self.generate(latent)
        verdict = self.discriminate(image)
        by_pixel = (-verdict if saturating else verdict - 1) * self.discriminator_weights
        by_activation = by_pixel * image * (1 - image)
        return by_activation * latent, by_activation

    def discriminator_step(self, image: np.ndarray, label: float, learning_rate: float) -> None:
        """Move the discriminator toward calling `image` a face (label 1) or noise (label 0)."""
        weights, bias = self.discriminator_gradients(image, label)
        self.discriminator_weights -= learning_rate * weights
        self.discriminator_bias -= learning_rate * bias

    def generator_step(self, latent: float, learning_rate: float, saturating: bool = False) -> None:
        """Move the generator toward images that the discriminator calls a face."""
        weights, biases = self.generator_gradients(latent, saturating)
        self.generator_weights -= learning_rate * weights
        self.generator_biases -= learning_rate * biases


def start(random: np.random.RandomState) -> FacesGAN:
    """Draw a network from N(0, 1). `RandomState(42)` gives the published run."""
    discriminator_weights, (discriminator_bias,) = random.normal(size=4), random.normal(size=1)
    return FacesGAN(
        generator_weights=random.normal(size=4),
        generator_biases=random.normal(size=4),
        discriminator_weights=discriminator_weights,
        discriminator_bias=discriminator_bias,
    )


def train(
    gan: FacesGAN,
    random: np.random.RandomState,
    epochs: int = 1000,
    discriminator_learning_rate: float = 0.01,
    generator_learning_rate: float = 0.01,
    label_smoothing: float = 0.0,
    saturating: bool = False,
    faces: np.ndarray = FACES,
) -> Iterator[tuple[float, float]]:
    """Train on the faces in order, changing `gan` in place.

    Args:
        gan: The network.
        random: Where the latent number of each step is drawn from.
        epochs: Passes over the faces.
        discriminator_learning_rate: Step along the discriminator's gradient.
        generator_learning_rate: Step along the generator's gradient.
        label_smoothing: How far below 1 the label of a face is.
        saturating: Whether the generator's loss is log(1 - D) instead of -log D.
        faces: The real images, shape (n, 4).

    Yields:
        After each epoch the mean losses over its steps, measured at the
        end of each: the discriminator's, -log D(face) - log(1 - D(image)), and
        the generator's, -log D(image).
    """
    for _ in range(epochs):
        discriminator_loss = generator_loss = 0.0
        for face in faces:
            gan.discriminator_step(face, 1 - label_smoothing, discriminator_learning_rate)
            latent = random.uniform()
            gan.discriminator_step(gan.generate(latent), 0, discriminator_learning_rate)
            gan.generator_step(latent, generator_learning_rate, saturating)

            on_face, on_image = gan.discriminate(face), gan.discriminate(gan.generate(latent))
            discriminator_loss -= (1 - label_smoothing) * _log(on_face) + _log(1 - on_image)
            discriminator_loss -= label_smoothing * _log(1 - on_face)
            generator_loss += _log(1 - on_image) if saturating else -_log(on_image)
        yield float(discriminator_loss / len(faces)), float(generator_loss / len(faces))


def _log(probability: float) -> float:
    """Return the logarithm of a probability; of one that was rounded to 0, that of the smallest number."""
    return float(np.log(max(probability, np.finfo(np.float64).tiny)))
