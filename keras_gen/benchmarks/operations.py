"""Floating point operations of one training step, counted from the networks layer by layer.

What is counted: the multiplications and the additions of dense layers, convolutions and transposed convolutions, one
of each for every pair of an input and an output that a weight joins. Products with the zeros of a padding are not
counted, though most libraries compute them. What is not counted: biases, activations, BatchNormalization, losses,
optimisers, random numbers. So it is less than what a machine does, and the share of its peak that follows from it is
a lower bound.

The gradient of such a layer with respect to its weights takes as many operations as the layer itself, and so does the
gradient with respect to its input.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


def forward(network: keras.Model) -> int:
    """Return the operations of a network's outputs for one image or latent point."""
    return sum(_layers(network))


def weight_gradients(network: keras.Model) -> int:
    """Return the operations of the gradients of all weights, once those of the layers' outputs are there."""
    return sum(_layers(network))


def input_gradients(network: keras.Model, to_the_input: bool) -> int:
    """Return the operations of the gradients that go from layer to layer.

    Args:
        network: The network.
        to_the_input: Whether they go on through the first layer, as when what made the input is trained, too.
    """
    return sum(_layers(network)[0 if to_the_input else 1 :])


def vae_operations(encoder: keras.Model, decoder: keras.Model) -> int:
    """Return the operations of one training step of a VAE for each image of the batch."""
    passes = forward(encoder) + forward(decoder)
    backward = weight_gradients(encoder) + weight_gradients(decoder)
    return passes + backward + input_gradients(encoder, False) + input_gradients(decoder, True)


def dcgan_operations(generator: keras.Model, discriminator: keras.Model, share_fakes: bool) -> int:
    """Return the operations of one training step of the chapter's DCGAN for each image of the batch.

    Args:
        generator: The generator.
        discriminator: The discriminator, which sees as many real images as generated ones.
        share_fakes: Whether the generator is trained on the images that the discriminator has been shown,
            and not on new ones.
    """
    shown = forward(discriminator) + weight_gradients(discriminator) + input_gradients(discriminator, False)
    through_the_frozen = forward(discriminator) + input_gradients(discriminator, True)
    generated = forward(generator) * (1 if share_fakes else 2)
    backward = weight_gradients(generator) + input_gradients(generator, False)
    return 2 * shown + generated + through_the_frozen + backward


def _layers(network: keras.Model) -> list[int]:
    """Return the operations of each layer that has a count, from the input on."""
    return [count for layer in network.layers if (count := _layer(layer))]


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
    return sum(0 <= output * stride - before + place < large for output in range(small) for place in range(kernel))
