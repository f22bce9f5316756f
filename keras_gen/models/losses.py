"""What the networks minimise: the VAE's reconstruction loss under each likelihood, and the GAN's two losses.

A likelihood takes images in [0, 1] and a decoder's logits, both of shape (batch, height, width, channels) or one image
against a batch of logits, and returns log p(x|z) in nats, of shape (batch,). `bernoulli`, `binarized` and
`discretized_logistic` are probabilities, the other two densities: numbers under different likelihoods have no common
scale.

A GAN's loss takes labels and a discriminator's logits, both of shape (n, 1), and returns one number for each image.
Every loss is registered, so that a compiled model can be saved and loaded.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from keras_gen.data.pixels import binarized
from keras_gen.models.layers import PACKAGE

Loss = Callable[[object, object], object]
PIXELS = (1, 2, 3)
HALF_LEVEL = 0.5 / 255  # between two of the 256 levels of a pixel in [0, 1]
GAUSSIAN_STDDEV = 0.1  # of a pixel in [0, 1]: about the error that a good small VAE is left with
_registered = keras.saving.register_keras_serializable(PACKAGE)


@_registered
def reconstruction_loss(images: object, logits: object) -> object:
    """Return the binary cross-entropy in nats, summed over an image's pixels.

    Summed, not averaged: averaging would weigh the KL term as many times more as there are pixels.
    """
    # max(l, 0) - l x + log(1 + exp(-|l|)) is -x log s(l) - (1 - x) log(1 - s(l)) without overflow.
    terms = ops.relu(logits) - logits * images + ops.log1p(ops.exp(-ops.abs(logits)))
    return ops.sum(terms, axis=PIXELS)


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


def discretized_logistic(images: object, outputs: object) -> object:
    """Return the log-probability of pixels of 256 levels: of logistic noise around the decoder's picture, rounded.

    A level has the probability between the middles to its neighbours, black and white all that lies beyond them:
    T. Salimans et al., "PixelCNN++" (2017). The scale of the noise, one for all pixels, is learned.

    Args:
        images: Levels divided by 255.
        outputs: Logits of the picture, and the logarithm of the scale as a last channel.
    """
    logits, log_scale = outputs[..., :-1], outputs[..., -1:]
    rate = ops.exp(-log_scale)
    error = images - ops.sigmoid(logits)
    above, below = (error + HALF_LEVEL) * rate, (error - HALF_LEVEL) * rate
    # With s for the sigmoid, s(above) - s(below) = s(above) s(-below) (1 - exp(below - above)), without cancellation.
    within = ops.log(-ops.expm1(-2 * HALF_LEVEL * rate))
    up_to_it, from_it_on = -ops.softplus(-above), -ops.softplus(below)
    black, white = images < HALF_LEVEL, images > 1 - HALF_LEVEL
    return ops.sum(
        ops.where(black, up_to_it, ops.where(white, from_it_on, up_to_it + from_it_on + within)), axis=PIXELS
    )


LIKELIHOODS = {
    "bernoulli": bernoulli,
    "binarized": bernoulli,
    "continuous_bernoulli": continuous_bernoulli,
    "gaussian": gaussian,
    "discretized_logistic": discretized_logistic,
}


@_registered
def continuous_bernoulli_loss(images: object, logits: object) -> object:
    """Return minus the log-density of `continuous_bernoulli`."""
    return -continuous_bernoulli(images, logits)


@_registered
def discretized_logistic_loss(images: object, outputs: object) -> object:
    """Return minus the log-probability of `discretized_logistic`."""
    return -discretized_logistic(images, outputs)


@_registered
def gaussian_loss(images: object, logits: object) -> object:
    """Return minus the log-density of `gaussian`."""
    return -gaussian(images, logits)


RECONSTRUCTION_LOSSES = {
    "bernoulli": reconstruction_loss,
    "binarized": reconstruction_loss,
    "continuous_bernoulli": continuous_bernoulli_loss,
    "gaussian": gaussian_loss,
    "discretized_logistic": discretized_logistic_loss,
}


def observed(images: np.ndarray, likelihood: str, random: np.random.Generator) -> np.ndarray:
    """Return the images that a likelihood is of: drawn black and white for `binarized`, else as they are.

    Args:
        images: uint8, shape (n, height, width, channels).
        likelihood: One of `LIKELIHOODS`.
        random: Where the draws come from; nothing is drawn for the other likelihoods.

    Returns:
        uint8, of the same shape.
    """
    return binarized(images, random) if likelihood == "binarized" else images


@_registered
def cross_entropy(labels: object, logits: object) -> object:
    """Return the cross-entropy in nats; with the generator's images labelled 1 it is the loss that does not saturate.

    I. Goodfellow et al., "Generative Adversarial Networks" (2014).
    """
    logits = ops.convert_to_tensor(logits)
    return ops.binary_crossentropy(ops.cast(labels, logits.dtype), logits, from_logits=True)


@_registered
def cross_entropy_on_real(labels: object, logits: object) -> object:
    """Return the cross-entropy of the real images of a batch, whose labels are above 0, and 0 for the others."""
    return _on_real(labels, cross_entropy(labels, logits))


@_registered
def hinge(labels: object, logits: object) -> object:
    """Return the discriminator's hinge loss, 0 where a logit is beyond 1 on the label's side.

    J. H. Lim and J. C. Ye, "Geometric GAN" (2017).
    """
    return ops.relu(1 - ops.where(ops.convert_to_tensor(labels) > 0, logits, -logits))


@_registered
def hinge_on_real(labels: object, logits: object) -> object:
    """Return the hinge loss of the real images of a batch, and 0 for the others."""
    return _on_real(labels, hinge(labels, logits))


@_registered
def hinge_generator(labels: object, logits: object) -> object:
    """Return the generator's part of the hinge loss: minus the logits."""
    return -logits


@_registered
def real_sign(labels: object, logits: object) -> object:
    """Return the sign of the logits of the real images of a batch, whose labels are above 0, and 0 for the others."""
    return _on_real(labels, ops.sign(logits))


def _on_real(labels: object, losses: object) -> object:
    return ops.where(ops.convert_to_tensor(labels) > 0, losses, 0.0)


class AdversarialLoss(NamedTuple):
    """What the two networks of a GAN minimise.

    Attributes:
        discriminator: A label above 0 means that the image is real.
        generator: Small where the discriminator takes an image for real.
        on_real: The discriminator's loss on the real images of a batch, 0 for the others.
    """

    discriminator: Loss
    generator: Loss
    on_real: Loss


ADVERSARIAL_LOSSES = {
    "cross_entropy": AdversarialLoss(cross_entropy, cross_entropy, cross_entropy_on_real),
    "hinge": AdversarialLoss(hinge, hinge_generator, hinge_on_real),
}
