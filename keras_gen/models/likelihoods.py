"""What a decoder's logits say of an image: log p(x|z) under each choice of likelihood.

Each function takes images in [0, 1] and logits, both of shape (batch, height,
width, channels) or one image against a batch of logits, and returns log
p(x|z) in nats, of shape (batch,). `bernoulli` and `binarized` are probabilities, the
other two densities: numbers under different likelihoods have no common scale.
"""

import math
from collections.abc import Callable

import numpy as np
from keras import ops

from keras_gen.models.vae import reconstruction_loss

PIXELS = (1, 2, 3)
GAUSSIAN_STDDEV = 0.1  # of a pixel in [0, 1]: about the error that a good small VAE is left with


def bernoulli(images: object, logits: object) -> object:
    """Return the log-probability of pixels that are black or white; sigmoid(logits) is the probability of white.

    Grey pixels are taken as averages of black and white ones. That is the usual
    loss of a VAE, but no likelihood of grey images: it does not integrate to 1.
    """
    return -reconstruction_loss(images, logits)


def continuous_bernoulli(images: object, logits: object) -> object:
    """Return the log-density of grey pixels on [0, 1] whose shape is a Bernoulli's.

    Loaiza-Ganem and Cunningham, "The continuous Bernoulli" (2019): a Bernoulli
    times C(lambda) = 2 artanh(1 - 2 lambda) / (1 - 2 lambda), which makes it integrate to 1. With lambda =
    sigmoid(l) that is l / tanh(l / 2). Its mean is not lambda: a decoder's pictures are its
    parameters, darker in the darks and brighter in the brights than the mean.
    """
    distance = ops.abs(logits)
    # At 0 the fraction is 0 / 0, and near it its series is as exact as a float32.
    near = distance < 0.05
    safe = ops.where(near, 1.0, distance)
    constant = ops.where(near, math.log(2) + ops.square(logits) / 12, ops.log(safe / ops.tanh(safe / 2)))
    return bernoulli(images, logits) + ops.sum(constant, axis=PIXELS)


def gaussian(images: object, logits: object) -> object:
    """Return the log-density of pixels that are sigmoid(logits) plus Gaussian noise of `GAUSSIAN_STDDEV`.

    The mean is the decoder's picture. The noise is fixed rather than learned, so that
    this is the squared error with a known weight against the KL term.
    """
    error = ops.square((images - ops.sigmoid(logits)) / GAUSSIAN_STDDEV)
    constant = math.log(GAUSSIAN_STDDEV) + 0.5 * math.log(2 * math.pi)
    return -ops.sum(0.5 * error + constant, axis=PIXELS)


LIKELIHOODS = {
    "bernoulli": bernoulli,
    "binarized": bernoulli,
    "continuous_bernoulli": continuous_bernoulli,
    "gaussian": gaussian,
}


def loss_of(likelihood: str) -> Callable[[object, object], object]:
    """Return the reconstruction loss of images and logits, in nats: minus the log-likelihood."""
    if LIKELIHOODS[likelihood] is bernoulli:
        return reconstruction_loss
    return lambda images, logits: -LIKELIHOODS[likelihood](images, logits)


def observed(images: np.ndarray, likelihood: str, random: np.random.Generator) -> np.ndarray:
    """Return the images that a likelihood is of: drawn black and white for `binarized`, else as they are.

    Each pixel is white with its grey value as the probability: Salakhutdinov
    and Murray, "On the quantitative analysis of deep belief networks" (2008).

    Args:
        images: uint8, shape (n, height, width, channels).
        likelihood: One of `LIKELIHOODS`.
        random: Where the draws come from; nothing is drawn for the other likelihoods.

    Returns:
        uint8, of the same shape.
    """
    if likelihood != "binarized":
        return images
    white = 255 * random.random(images.shape, np.float32) < images
    return np.where(white, np.uint8(255), np.uint8(0))
