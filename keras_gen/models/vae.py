"""The variational autoencoder: encoder, decoder and the two joined, by the Functional API.

D. P. Kingma and M. Welling, "Auto-Encoding Variational Bayes" (2013).
"""

import math
from collections.abc import Callable

import keras
from keras import layers, ops

from keras_gen.models.layers import KLDivergence, StandardNormal, kl_divergence, sample_latent
from keras_gen.sizes import doublings, square_size, widths

ARCHITECTURES = ("dense", "conv")


def build_encoder(
    image_shape: tuple[int, int, int],
    latent_dim: int = 2,
    *,
    architecture: str = "dense",
    intermediate_dim: int | tuple[int, ...] = 256,
    activation: str = "relu",
    layer_norm: bool = False,
    filters: int = 32,
    max_filters: int = 512,
    kernel_size: int = 3,
    seed: int | None = None,
) -> keras.Model:
    """Build the network that maps an image to a Gaussian over latent points.

    Args:
        image_shape: Height, width and channels.
        latent_dim: Numbers in a latent point.
        architecture: `dense` flattens the image first; `conv` halves it by
            strided convolutions down to 4 to 7 pixels and then flattens it.
        intermediate_dim: Width of the dense hidden layer, or of several, from the image inwards.
        activation: Of the hidden layers, by its name in Keras.
        layer_norm: Whether each dense hidden layer has LayerNormalization before its activation.
        filters: Filters of the first convolution (`conv` only); each further one has twice as many.
        max_filters: Most filters of any convolution.
        kernel_size: Side of the convolutions' kernels in pixels.
        seed: Seed of the sampling noise; None draws one.

    Returns:
        A model from float32 images in [0, 1] to (z_mean, z_log_var, z), each
        of shape (batch, latent_dim); z is a fresh sample at every call.

    Raises:
        InputError: The convolutional network cannot reach this image size.
    """
    _check_architecture(architecture)
    images = keras.Input(image_shape, name="images")
    x = images
    if architecture == "conv":
        _, count = doublings(square_size(image_shape))
        for layer, width in enumerate(widths(filters, count, max_filters), start=1):
            x = layers.Conv2D(width, kernel_size, 2, "same", activation=activation, name=f"conv_{layer}")(x)
    x = layers.Flatten(name="flatten")(x)
    x = _hidden_layers(x, _as_widths(intermediate_dim), activation, layer_norm)
    full = keras.config.floatx()  # half precision is too coarse for the exponentials to come
    z_mean = layers.Dense(latent_dim, dtype=full, name="z_mean")(x)
    z_log_var = layers.Dense(latent_dim, dtype=full, name="z_log_var")(x)
    epsilon = StandardNormal(seed, dtype=full, name="epsilon")(z_mean)
    sample = layers.Lambda(sample_latent, output_shape=(latent_dim,), dtype=full, name="z")
    return keras.Model(images, [z_mean, z_log_var, sample([z_mean, z_log_var, epsilon])], name="encoder")


def build_decoder(
    image_shape: tuple[int, int, int],
    latent_dim: int = 2,
    *,
    architecture: str = "dense",
    intermediate_dim: int | tuple[int, ...] = 256,
    activation: str = "relu",
    layer_norm: bool = False,
    filters: int = 32,
    max_filters: int = 512,
    kernel_size: int = 3,
) -> keras.Model:
    """Build the network that maps a latent point to an image: the encoder's mirror.

    Args:
        image_shape: Height, width and channels.
        latent_dim: Numbers in a latent point.
        architecture: `dense`, or `conv` for transposed convolutions.
        intermediate_dim: Width of the dense hidden layer, or of several as the encoder has them, to be mirrored.
        activation: Of the hidden layers, by its name in Keras.
        layer_norm: Whether each dense hidden layer has LayerNormalization before its activation.
        filters: Filters of the layer nearest the image (`conv` only).
        max_filters: Most filters of any layer.
        kernel_size: Side of the transposed convolutions' kernels in pixels.

    Returns:
        A model from float32 (batch, latent_dim) to float32 images in [0, 1]. Its
        layer `logits` holds the pixels before the sigmoid, which training uses.

    Raises:
        InputError: The convolutional network cannot reach this image size.
    """
    _check_architecture(architecture)
    full = keras.config.floatx()
    z = keras.Input((latent_dim,), name="z")
    x = _hidden_layers(z, _as_widths(intermediate_dim)[::-1], activation, layer_norm)
    if architecture == "dense":
        x = layers.Dense(math.prod(image_shape), dtype=full, name="pixels")(x)
        logits = layers.Reshape(image_shape, dtype=full, name="logits")(x)
    else:
        base, count = doublings(square_size(image_shape))
        outward = widths(filters, count, max_filters)[::-1]
        x = layers.Dense(base * base * outward[0], activation=activation, name="map")(x)
        x = layers.Reshape((base, base, outward[0]), name="reshape")(x)
        for layer, width in enumerate(outward, start=1):
            x = layers.Conv2DTranspose(
                width, kernel_size, 2, "same", activation=activation, name=f"conv_transpose_{layer}"
            )(x)
        logits = layers.Conv2D(image_shape[-1], kernel_size, padding="same", dtype=full, name="logits")(x)
    pictures = layers.Activation("sigmoid", dtype=full, name="images")(logits)
    return keras.Model(z, pictures, name="decoder")


def _as_widths(intermediate_dim: int | tuple[int, ...]) -> tuple[int, ...]:
    return (intermediate_dim,) if isinstance(intermediate_dim, int) else tuple(intermediate_dim)


def _hidden_layers(x: object, widths: tuple[int, ...], activation: str, layer_norm: bool) -> object:
    for number, width in enumerate(widths, start=1):
        suffix = "" if len(widths) == 1 else f"_{number}"
        x = layers.Dense(width, activation=None if layer_norm else activation, name=f"hidden{suffix}")(x)
        if layer_norm:
            x = layers.LayerNormalization(name=f"layer_norm{suffix}")(x)
            x = layers.Activation(activation, name=f"activation{suffix}")(x)
    return x


def build_vae(encoder: keras.Model, decoder: keras.Model, beta: float = 1.0, warm_up: bool = False) -> keras.Model:
    """Join an encoder and a decoder, whose layers it shares, for training.

    Train it with `reconstruction_loss` as the compiled loss; the layer `kl`
    adds the other term. It ends in logits because the loss is exact there and
    the sigmoid saturates in half precision.

    Args:
        encoder: From `build_encoder`.
        decoder: From `build_decoder`.
        beta: Weight of the KL term.
        warm_up: Whether that weight can be lowered in training, by the layer's `warmth`.

    Returns:
        A model from float32 images in [0, 1] to the logits of their reconstruction.
    """
    z_mean, z_log_var, z = encoder.outputs
    z = KLDivergence(beta, warm_up, dtype=z_mean.dtype, name="kl")([z_mean, z_log_var, z])
    return keras.Model(encoder.inputs, _to_logits(decoder)(z), name="vae")


def build_vae_terms(
    encoder: keras.Model, decoder: keras.Model, loss: Callable[[object, object], object] | None = None
) -> keras.Model:
    """Build a model that measures both terms of the loss, image by image, for noise that it is given.

    Args:
        encoder: From `build_encoder`.
        decoder: From `build_decoder`.
        loss: Of images and logits, in nats; None is `reconstruction_loss`.

    Returns:
        A model from [images in [0, 1], epsilon of shape (batch, latent_dim)]
        to [reconstruction, kl], each in nats and of shape (batch,).
    """
    z_mean, z_log_var, _ = encoder.outputs
    epsilon = keras.Input(z_mean.shape[1:], name="given_epsilon")
    z = sample_latent([z_mean, z_log_var, epsilon])
    images = encoder.inputs[0]
    reconstruction = (loss or reconstruction_loss)(images, _to_logits(decoder)(z))
    return keras.Model([images, epsilon], [reconstruction, kl_divergence(z_mean, z_log_var)], name="vae_terms")


@keras.saving.register_keras_serializable("keras_gen")
def reconstruction_loss(images: object, logits: object) -> object:
    """Return the binary cross-entropy in nats, summed over an image's pixels.

    Summed, not averaged: averaging would weigh the KL term as many times more as there are pixels.

    Args:
        images: In [0, 1], shape (batch, height, width, channels).
        logits: Of the same shape.

    Returns:
        Shape (batch,).
    """
    # max(l, 0) - l x + log(1 + exp(-|l|)) is -x log s(l) - (1 - x) log(1 - s(l)) without overflow.
    terms = ops.relu(logits) - logits * images + ops.log1p(ops.exp(-ops.abs(logits)))
    return ops.sum(terms, axis=(1, 2, 3))


def _to_logits(decoder: keras.Model) -> keras.Model:
    return keras.Model(decoder.inputs, decoder.get_layer("logits").output, name="decoder_logits")


def _check_architecture(architecture: str) -> None:
    if architecture not in ARCHITECTURES:
        raise ValueError(f"architecture must be one of {ARCHITECTURES}. Received: {architecture!r}")
