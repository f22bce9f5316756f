"""The variational autoencoder: encoder, decoder and the two joined, by the Functional API.

D. P. Kingma and M. Welling, "Auto-Encoding Variational Bayes" (2013).
"""

import math
from dataclasses import replace

import keras
from keras import layers, ops

from keras_gen.models.conditioning import beside, fresh_inputs, joined, label_rows
from keras_gen.models.importance import ImportanceWeighting, importance_weighted_loss
from keras_gen.models.layers import (
    CHANNELS_LAST,
    Binarization,
    KLDivergence,
    NoiseScale,
    StandardNormal,
    kl_divergence,
    sample_latent,
)
from keras_gen.models.losses import Loss, reconstruction_loss
from keras_gen.settings import DecoderSettings, EncoderSettings
from keras_gen.sizes import doublings, widths


def build_encoder(
    image_shape: tuple[int, int, int],
    settings: EncoderSettings | None = None,
    *,
    seed: int | None = None,
    classes: int | None = None,
    **overrides: object,
) -> keras.Model:
    """Build the network that maps an image to a Gaussian over latent points.

    A dense network flattens the image first; a convolutional one halves it by
    strided convolutions down to 4 to 7 pixels and then flattens it.

    Args:
        image_shape: Height, width and channels.
        settings: What to build; None is the book chapter's.
        seed: Seed of the sampling noise; None draws one.
        classes: Number of labels of a conditional model, which also takes integer labels of shape (batch,), as
            [images, labels]; None for one without.
        **overrides: Settings by name, such as `latent_dim=20`.

    Returns:
        A model from float32 images in [0, 1] to (z_mean, z_log_var, z), each
        of shape (batch, latent_dim); z is a fresh sample at every call.

    Raises:
        InputError: The convolutional network cannot reach this image size, or a setting is out of bounds.
    """
    settings = replace(settings or EncoderSettings(), **overrides)
    images = keras.Input(image_shape, name="images")
    labels, rows = label_rows(classes)
    x = images
    if settings.convolutional:
        *_, count = doublings(*image_shape[:2])
        for layer, width in enumerate(widths(settings.filters, count), start=1):
            x = layers.Conv2D(
                width,
                settings.kernel_size,
                2,
                "same",
                CHANNELS_LAST,
                activation=settings.activation,
                name=f"conv_{layer}",
            )(x)
    x = joined(layers.Flatten(CHANNELS_LAST, name="flatten")(x), rows)
    x = _hidden_layers(x, settings.hidden_widths, settings)
    full = keras.config.floatx()  # half precision is too coarse for the exponentials to come
    z_mean = layers.Dense(settings.latent_dim, dtype=full, name="z_mean")(x)
    z_log_var = layers.Dense(settings.latent_dim, dtype=full, name="z_log_var")(x)
    epsilon = StandardNormal(seed, dtype=full, name="epsilon")(z_mean)
    sample = layers.Lambda(sample_latent, output_shape=(settings.latent_dim,), dtype=full, name="z")
    outputs = [z_mean, z_log_var, sample([z_mean, z_log_var, epsilon])]
    return keras.Model(beside(images, labels), outputs, name="encoder")


def build_decoder(
    image_shape: tuple[int, int, int],
    settings: DecoderSettings | None = None,
    *,
    classes: int | None = None,
    **overrides: object,
) -> keras.Model:
    """Build the network that maps a latent point to an image: the encoder's mirror.

    Args:
        image_shape: Height, width and channels.
        settings: What to build; None is the book chapter's.
        classes: Number of labels of a conditional model, which is called with [z, labels]; None for one without.
        **overrides: Settings by name, such as `latent_dim=20`.

    Returns:
        A model from float32 (batch, latent_dim) to float32 images in [0, 1]. Its
        layer `logits` holds the pixels before the sigmoid, which training uses.

    Raises:
        InputError: The convolutional network cannot reach this image size, or a setting is out of bounds.
    """
    settings = replace(settings or DecoderSettings(), **overrides)
    full = keras.config.floatx()
    z = keras.Input((settings.latent_dim,), name="z")
    labels, rows = label_rows(classes)
    x = _hidden_layers(joined(z, rows), settings.hidden_widths[::-1], settings)
    if not settings.convolutional:
        x = layers.Dense(math.prod(image_shape), dtype=full, name="pixels")(x)
        logits = layers.Reshape(image_shape, dtype=full, name="logits")(x)
    else:
        high, wide, count = doublings(*image_shape[:2])
        outward = widths(settings.filters, count)[::-1]
        x = layers.Dense(high * wide * outward[0], activation=settings.activation, name="map")(x)
        x = layers.Reshape((high, wide, outward[0]), name="reshape")(x)
        for layer, width in enumerate(outward, start=1):
            x = layers.Conv2DTranspose(
                width,
                settings.kernel_size,
                2,
                "same",
                data_format=CHANNELS_LAST,
                activation=settings.activation,
                name=f"conv_transpose_{layer}",
            )(x)
        options = {"padding": "same", "data_format": CHANNELS_LAST, "dtype": full}
        logits = layers.Conv2D(image_shape[-1], settings.kernel_size, name="logits", **options)(x)
    if settings.likelihood == "discretized_logistic":
        logits = NoiseScale(dtype=full, name="noise_scale")(logits)
    pictures = layers.Activation("sigmoid", dtype=full, name="images")(logits)
    return keras.Model(beside(z, labels), pictures, name="decoder")


def _hidden_layers(x: object, hidden_widths: tuple[int, ...], settings: EncoderSettings) -> object:
    for number, width in enumerate(hidden_widths, start=1):
        suffix = "" if len(hidden_widths) == 1 else f"_{number}"
        activation = None if settings.layer_norm else settings.activation
        x = layers.Dense(width, activation=activation, name=f"hidden{suffix}")(x)
        if settings.layer_norm:
            x = layers.LayerNormalization(name=f"layer_norm{suffix}")(x)
            x = layers.Activation(settings.activation, name=f"activation{suffix}")(x)
    return x


def build_vae(
    encoder: keras.Model,
    decoder: keras.Model,
    beta: float = 1.0,
    warm_up: bool = False,
    binarization: Binarization | None = None,
) -> keras.Model:
    """Join an encoder and a decoder, whose layers it shares, for training.

    Train it with one of `RECONSTRUCTION_LOSSES` as the compiled loss; the layer `kl`
    adds the other term. It ends in logits because the loss is exact there and
    the sigmoid saturates in half precision.

    Args:
        encoder: From `build_encoder`.
        decoder: From `build_decoder`.
        beta: Weight of the KL term.
        warm_up: Whether that weight can be lowered in training, by the layer's variable `kl_weight`.
        binarization: A layer between the images and the encoder; None shows it the images as they are.

    Returns:
        A model from float32 images in [0, 1] to the logits of their reconstruction.
    """
    images, labels, (z_mean, z_log_var, z) = _encoded(encoder, binarization)
    z = KLDivergence(beta, warm_up, dtype=z_mean.dtype, name="kl")([z_mean, z_log_var, z])
    return keras.Model(beside(images, *labels), to_logits(decoder)(beside(z, *labels)), name="vae")


def build_importance_weighted_vae(
    encoder: keras.Model,
    decoder: keras.Model,
    samples: int,
    loss: Loss = reconstruction_loss,
    beta: float = 1.0,
    warm_up: bool = False,
    binarization: Binarization | None = None,
) -> keras.Model:
    """Join an encoder and a decoder as `build_vae` does, for training with several latent points an image.

    The layer `kl` adds the whole loss, `importance_weighted_loss`: compile the model without one.

    Args:
        encoder: From `build_encoder`.
        decoder: From `build_decoder`.
        samples: Latent points of each image.
        loss: Of images and logits, in nats: one of `RECONSTRUCTION_LOSSES`.
        beta: Weight of the KL term.
        warm_up: As for `build_vae`.
        binarization: As for `build_vae`.

    Returns:
        A model from float32 images in [0, 1] to [loss, kl, reconstruction], each in nats and of shape (batch,).
    """
    images, labels, (z_mean, z_log_var, _) = _encoded(encoder, binarization)
    epsilon = encoder.get_layer("epsilon")(ops.repeat(z_mean, samples, axis=0))
    terms = _sampled_terms([images, z_mean, z_log_var, *labels], decoder, loss, epsilon, samples)
    weighting = ImportanceWeighting(samples, beta=beta, warm_up=warm_up, dtype=z_mean.dtype, name="kl")
    return keras.Model(beside(images, *labels), weighting([*terms, kl_divergence(z_mean, z_log_var)]), name="vae")


def build_vae_terms(
    encoder: keras.Model,
    decoder: keras.Model,
    loss: Loss = reconstruction_loss,
    samples: int = 1,
    beta: float = 1.0,
) -> keras.Model:
    """Build a model that measures the terms of the loss, image by image, for noise that it is given.

    Args:
        encoder: From `build_encoder`.
        decoder: From `build_decoder`.
        loss: Of images and logits, in nats: one of `RECONSTRUCTION_LOSSES`.
        samples: Latent points of each image.
        beta: Weight of the KL term in the importance-weighted loss of several.

    Returns:
        A model from [images in [0, 1], epsilon of shape (batch, samples * latent_dim)], and labels behind them if the
        networks take some, to [reconstruction, kl], with the loss behind them if there are several samples; each in
        nats and of shape (batch,).
    """
    images, labels, (z_mean, z_log_var, _) = _encoded(encoder)
    epsilon = keras.Input((samples * z_mean.shape[-1],), name="given_epsilon")
    minus_log_p, log_ratio = _sampled_terms(
        [images, z_mean, z_log_var, *labels], decoder, loss, ops.reshape(epsilon, (-1, z_mean.shape[-1])), samples
    )
    terms = [ops.mean(ops.reshape(minus_log_p, (-1, samples)), axis=-1), kl_divergence(z_mean, z_log_var)]
    if samples > 1:
        terms.append(importance_weighted_loss(minus_log_p, log_ratio, samples, beta))
    return keras.Model([images, epsilon, *labels], terms, name="vae_terms")


def _encoded(encoder: keras.Model, binarization: Binarization | None = None) -> tuple[object, list, list]:
    """Return images, labels if any, and what the encoder makes of them, or of the images behind a layer."""
    images, *labels = encoder.inputs
    if binarization is None:
        return images, labels, encoder.outputs
    images, *labels = fresh_inputs(encoder)
    return images, labels, encoder(beside(binarization(images), *labels))


def _sampled_terms(
    encoded: list, decoder: keras.Model, loss: Loss, epsilon: object, samples: int
) -> tuple[object, object]:
    """Return -log p(x|z) and log q(z|x) - log p(z), (batch * samples,), of noise (batch * samples, latent_dim).

    `encoded` has images, z_mean, z_log_var, and labels if any.
    """
    images, z_mean, z_log_var, *labels = (
        ops.repeat(tensor, samples, axis=0) if samples > 1 else tensor for tensor in encoded
    )
    z = sample_latent([z_mean, z_log_var, epsilon])
    log_ratio = 0.5 * ops.sum(ops.square(z) - ops.square(epsilon) - z_log_var, axis=-1)  # the constants cancel
    return loss(images, to_logits(decoder)(beside(z, *labels))), log_ratio


def to_logits(decoder: keras.Model) -> keras.Model:
    """Return a decoder up to its logits, whose layers it shares; a learned scale is their last channel."""
    z, *labels = decoder.inputs
    logits = decoder.get_layer("logits").output
    for layer in decoder.layers:
        if isinstance(layer, NoiseScale):
            logits = layer(logits, append=True)
    return keras.Model(beside(z, *labels), logits, name="decoder_logits")
