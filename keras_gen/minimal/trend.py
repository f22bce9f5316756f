"""The trend GAN: three-pixel images whose brightness falls along a line, in NumPy alone.

Read it from top to bottom. Nodes are numbered as in the drawing of the network:
1 is the latent number; 2, 3 and 4 are the generator's pixels; 5, 6 and 7 are
the pixels that the discriminator looks at; 8 is its verdict.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from keras_gen.minimal.activations import sigmoid

EPSILON = 1e-8  # keeps the logarithms of the recorded losses finite
SLOPES = (-0.4, -0.7)


@dataclass
class TrendGAN:
    """Generator and discriminator, each a single neuron layer.

    Attributes:
        generator_weights: The weights 1→2, 1→3 and 1→4, shape (3,).
        generator_bias: One bias that the three pixels share, shape (1,).
        discriminator_weights: The weights 5→8, 6→8 and 7→8, shape (3,).
        discriminator_bias: Shape (1,).
    """

    generator_weights: np.ndarray
    discriminator_weights: np.ndarray
    generator_bias: np.ndarray = field(default_factory=lambda: np.zeros(1))
    discriminator_bias: np.ndarray = field(default_factory=lambda: np.zeros(1))

    def generate(self, latents: np.ndarray) -> np.ndarray:
        """Return the images, shape (n, 3), at latent numbers, shape (n,)."""
        return sigmoid(latents[:, np.newaxis] * self.generator_weights + self.generator_bias)

    def discriminate(self, images: np.ndarray) -> np.ndarray:
        """Return the probability that each image is real, shape (n,)."""
        return sigmoid(images @ self.discriminator_weights + self.discriminator_bias)

    def discriminator_gradients(self, images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the gradients of the mean cross-entropy by the discriminator's weights and bias.

        With D = sigmoid(a), the cross-entropy's derivative by a is D - label:
        the sigmoid's own derivative cancels.

        Args:
            images: Shape (n, 3).
            labels: 1 for real and 0 for generated, shape (n,).
        """
        error = (self.discriminate(images) - labels) / len(images)
        return error @ images, error.sum(keepdims=True)

    def generator_gradients(self, latents: np.ndarray, saturating: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Return the gradients of the mean of -log D(G(latent)) by the generator's weights and bias.

        The chain rule, from the verdict back to the weights: through the
        discriminator (D - 1, then its weights), through the pixels' sigmoid
        (pixel times 1 - pixel), to the weight, which the latent number multiplied.
        The saturating loss, log(1 - D), has -D in the place of D - 1.
        """
        images = self.generate(latents)
        verdicts = self.discriminate(images)
        error = (-verdicts if saturating else verdicts - 1) / len(latents)
        by_activation = error[:, np.newaxis] * self.discriminator_weights * images * (1 - images)
        return latents @ by_activation, by_activation.sum(keepdims=True)[0]

    def losses(
        self,
        real: np.ndarray,
        fake: np.ndarray,
        latents: np.ndarray,
        label_smoothing: float = 0.0,
        saturating: bool = False,
    ) -> tuple[float, float]:
        """Return the discriminator's loss on real and fake images, and the generator's at latent numbers."""
        on_real, on_fake = self.discriminate(real), self.discriminate(fake)
        on_generated = self.discriminate(self.generate(latents))
        discriminator = -np.log(on_real + EPSILON).mean() - np.log(1 - on_fake + EPSILON).mean()
        if label_smoothing:  # the cross-entropy with the label 1 - label_smoothing
            discriminator += label_smoothing * (np.log(on_real + EPSILON) - np.log(1 - on_real + EPSILON)).mean()
        if saturating:
            return float(discriminator), float(np.log(1 - on_generated + EPSILON).mean())
        return float(discriminator), float(-np.log(on_generated + EPSILON).mean())


def start(
    random: np.random.RandomState, count: int = 32, slopes: tuple[float, float] = SLOPES
) -> tuple[TrendGAN, np.ndarray]:
    """Draw a network and its real images.

    Args:
        random: Where the draws come from. `RandomState(42)` gives the published run.
        count: Number of real images.
        slopes: The range that the slopes are drawn from.

    Returns:
        The network, and the images, shape (count, 3): a line of such a slope
        under a little noise, shifted to a mean of 0.5.
    """
    gan = TrendGAN(generator_weights=0.1 * random.randn(3), discriminator_weights=0.1 * random.randn(3))
    lines = random.uniform(*slopes, count)[:, np.newaxis] * np.array([1, 2, 3])
    images = lines + random.normal(0, 0.02, (count, 3))
    return gan, images - images.mean(axis=1, keepdims=True) + 0.5


def draw_latents(random: np.random.RandomState, count: int) -> np.ndarray:
    """Draw latent numbers from uniform(0.4, 1): away from 0, where the slope would be lost."""
    return random.uniform(0.4, 1, count)


def train(
    gan: TrendGAN,
    real: np.ndarray,
    random: np.random.RandomState,
    epochs: int = 50_000,
    discriminator_learning_rate: float = 0.001,
    generator_learning_rate: float = 0.001,
    label_smoothing: float = 0.0,
    saturating: bool = False,
) -> Iterator[tuple[float, float]]:
    """Train by full-batch gradient descent, changing `gan` in place.

    Args:
        gan: The network.
        real: The real images, shape (n, 3).
        random: Where latent numbers are drawn from, twice an epoch.
        epochs: Number of epochs.
        discriminator_learning_rate: Step along the discriminator's gradient.
        generator_learning_rate: Step along the generator's gradient.
        label_smoothing: How far below 1 the label of the real images is.
        saturating: Whether the generator's loss is log(1 - D) instead of -log D.

    Yields:
        After each epoch the discriminator's and the generator's loss.
    """
    count = len(real)
    labels = np.repeat([1.0 - label_smoothing, 0.0], count)
    for _ in range(epochs):
        fake = gan.generate(draw_latents(random, count))
        weights, bias = gan.discriminator_gradients(np.concatenate([real, fake]), labels)
        gan.discriminator_weights -= discriminator_learning_rate * weights
        gan.discriminator_bias -= discriminator_learning_rate * bias

        latents = draw_latents(random, count)
        weights, bias = gan.generator_gradients(latents, saturating)
        gan.generator_weights -= generator_learning_rate * weights
        gan.generator_bias -= generator_learning_rate * bias
        yield gan.losses(real, fake, latents, label_smoothing, saturating)
