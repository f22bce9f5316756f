"""Floating point operations of one training step, counted from the networks layer by layer.

What is counted: the multiplications and the additions of dense layers, convolutions and transposed convolutions, one
of each for every pair of an input and an output that a weight joins. Products with the zeros of a padding are not
counted, nor are biases, activations, BatchNormalization, losses, optimisers and random numbers. So it is less than
what a machine does, and the share of its peak that follows from it is a lower bound.

The gradient of such a layer with respect to its weights takes as many operations as the layer itself, and so does the
gradient with respect to its input, which the first layer needs only if what made the input is trained, too.
"""

import math

import keras


def vae_operations(encoder: keras.Model, decoder: keras.Model) -> int:
    """Return the operations of one training step of a VAE for each image of the batch."""
    return 3 * forward(encoder) - _first(encoder) + 3 * forward(decoder)


def dcgan_operations(generator: keras.Model, discriminator: keras.Model, share_fakes: bool) -> int:
    """Return the operations of one training step of the chapter's DCGAN for each image of the batch.

    With `share_fakes` the generator is trained on the images that the discriminator has been shown, not on new ones.
    """
    shown = 3 * forward(discriminator) - _first(discriminator)
    through_the_frozen = 2 * forward(discriminator)
    generated = forward(generator) * (1 if share_fakes else 2)
    return 2 * shown + through_the_frozen + generated + 2 * forward(generator) - _first(generator)


def forward(network: keras.Model) -> int:
    """Return the operations of a network's outputs for one image or latent point."""
    return sum(map(_layer, network.layers))


def _first(network: keras.Model) -> int:
    return next(filter(None, map(_layer, network.layers)))


def _layer(layer: keras.Layer) -> int:
    kind = type(layer).__name__
    if kind == "Dense":
        return 2 * math.prod(layer.kernel.shape)
    if kind in ("Conv2D", "Conv2DTranspose"):
        # A transposed convolution joins the same pixels as the convolution that leads back.
        large, small = (layer.input, layer.output) if kind == "Conv2D" else (layer.output, layer.input)
        pairs = math.prod(
            _joined(large.shape[axis], small.shape[axis], layer.kernel_size[axis - 1], layer.strides[axis - 1])
            for axis in (1, 2)
        )
        return 2 * pairs * large.shape[-1] * small.shape[-1]
    return 0


def _joined(large: int, small: int, kernel: int, stride: int) -> int:
    """Return how many pairs of an input and an output pixel a `same` convolution joins along one axis."""
    before = max((small - 1) * stride + kernel - large, 0) // 2
    return sum(0 <= output * stride - before + offset < large for output in range(small) for offset in range(kernel))
