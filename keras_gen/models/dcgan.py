"""The DCGAN: generator, discriminator and the two joined, by the Functional API.

A. Radford, L. Metz and S. Chintala, "Unsupervised Representation Learning with
Deep Convolutional Generative Adversarial Networks" (2015).
"""

from dataclasses import replace

import keras
from keras import layers

from keras_gen.models.conditioning import LABEL_SCALE, beside, fresh_inputs, joined, label_rows, with_label_maps
from keras_gen.models.layers import CHANNELS_LAST, SpectralNorm
from keras_gen.models.normalization import BatchNormalization
from keras_gen.settings import DiscriminatorSettings, GeneratorSettings
from keras_gen.sizes import doublings, halvings, widths


def build_generator(
    image_shape: tuple[int, int, int],
    settings: GeneratorSettings | None = None,
    *,
    classes: int | None = None,
    **overrides: object,
) -> keras.Model:
    """Build the network that maps a latent point to an image.

    A dense layer makes a map of 4 to 7 pixels a side; then each transposed convolution, with BatchNormalization and an
    activation before it, doubles it. Resizing and a convolution can take its place; A. Odena, V. Dumoulin and C. Olah,
    "Deconvolution and Checkerboard Artifacts" (2016), explain what for.

    Args:
        image_shape: Height, width and channels.
        settings: What to build; None is the book chapter's.
        classes: Number of labels of a conditional model, which is called with [z, labels], labels being integers of
            shape (batch,); the label is put beside z. None for one without.
        **overrides: Settings by name, such as `kernel_size=4`.

    Returns:
        A model from float32 (batch, latent_dim) to float32 images.

    Raises:
        InputError: The network cannot reach this image size, or a setting is out of bounds.
    """
    settings = replace(settings or GeneratorSettings(), **overrides)
    high, wide, count = doublings(*image_shape[:2])
    hidden = widths(settings.filters, count + settings.extra_layers - 1)[::-1]
    z = keras.Input((settings.latent_dim,), name="z")
    labels, rows = label_rows(classes)
    x = joined(z, rows, LABEL_SCALE)
    x = layers.Dense(high * wide * settings.base_filters, kernel_initializer=_kernels(settings), name="dense")(x)
    x = layers.Reshape((high, wide, settings.base_filters), name="reshape")(x)
    for layer, width in enumerate([*hidden, image_shape[-1]], start=1):
        x = BatchNormalization(momentum=settings.batch_norm_momentum, name=f"batch_norm_{layer}")(x)
        if settings.activation == "relu":
            x = layers.ReLU(name=f"activation_{layer}")(x)
        else:
            x = layers.LeakyReLU(settings.leaky_alpha, name=f"activation_{layer}")(x)
        options = {"padding": "same", "data_format": CHANNELS_LAST, "kernel_initializer": _kernels(settings)}
        stride = 2 if layer <= count else 1
        if settings.upsampling == "resize":
            if stride == 2:
                x = layers.UpSampling2D(2, data_format=CHANNELS_LAST, name=f"resize_{layer}")(x)
            x = layers.Conv2D(width, settings.kernel_size, name=f"conv_{layer}", **options)(x)
        else:
            name = f"conv_transpose_{layer}"
            x = layers.Conv2DTranspose(width, settings.kernel_size, stride, name=name, **options)(x)
    images = layers.Activation(settings.output_activation, dtype=keras.config.floatx(), name="images")(x)
    return keras.Model(beside(z, labels), images, name="generator")


def build_discriminator(
    image_shape: tuple[int, int, int],
    settings: DiscriminatorSettings | None = None,
    *,
    classes: int | None = None,
    **overrides: object,
) -> keras.Model:
    """Build the network that tells real images from generated ones.

    Each convolution halves the picture until it is at most 4 pixels a side. A conditional one sees the label as further
    channels of the image: M. Mirza and S. Osindero, "Conditional Generative Adversarial Nets" (2014).

    Args:
        image_shape: Height, width and channels.
        settings: What to build; None is the book chapter's.
        classes: Number of labels of a conditional model, which is called with [images, labels]; None for one without.
        **overrides: Settings by name, such as `kernel_size=4`.

    Returns:
        A model from float32 images to logits of shape (batch, 1), whose
        sigmoid is the probability that the image is real.

    Raises:
        InputError: A setting is out of bounds.
    """
    settings = replace(settings or DiscriminatorSettings(), **overrides)
    strided = halvings(*image_shape[:2])
    count = strided + settings.extra_layers
    images = keras.Input(image_shape, name="images")
    labels, rows = label_rows(classes)
    constraint = SpectralNorm() if settings.spectral_norm else None
    x = with_label_maps(images, rows)
    for layer, width in enumerate(widths(settings.filters, count), start=1):
        x = layers.Conv2D(
            width,
            settings.kernel_size,
            strides=2 if layer <= strided else 1,
            padding="same",
            data_format=CHANNELS_LAST,
            kernel_initializer=_kernels(settings),
            kernel_constraint=constraint,
            name=f"conv_{layer}",
        )(x)
        if settings.batch_norm and layer > 1:
            x = BatchNormalization(momentum=settings.batch_norm_momentum, name=f"batch_norm_{layer}")(x)
        if settings.activate_last or layer < count:
            x = layers.LeakyReLU(settings.leaky_alpha, name=f"activation_{layer}")(x)
    x = layers.Flatten(CHANNELS_LAST, name="flatten")(x)
    if settings.dropout:
        x = layers.Dropout(settings.dropout, name="dropout")(x)
    full = keras.config.floatx()  # in half precision the loss of the sigmoid would saturate
    logits = layers.Dense(
        1, kernel_initializer=_kernels(settings), kernel_constraint=constraint, dtype=full, name="logits"
    )(x)
    return keras.Model(beside(images, labels), logits, name="discriminator")


def build_gan(generator: keras.Model, discriminator: keras.Model) -> keras.Model:
    """Join generator and discriminator, whose layers it shares, to train the generator.

    Wrap every training call of it in `keras_gen.frozen(discriminator)`.

    Args:
        generator: From `build_generator`.
        discriminator: From `build_discriminator` or `build_augmented`, for the same image shape.

    Returns:
        A model from latent points to the discriminator's logits.
    """
    z, *labels = fresh_inputs(generator)
    images = generator(beside(z, *labels))
    return keras.Model(beside(z, *labels), discriminator(beside(images, *labels)), name="gan")


def build_augmented(discriminator: keras.Model, augment: keras.Layer) -> keras.Model:
    """Put augmentation in front of a discriminator, whose layers the result shares.

    Args:
        discriminator: From `build_discriminator`.
        augment: `Augment`, or another layer from images to images.

    Returns:
        A model from images to the discriminator's logits of the augmented images.
    """
    images, *labels = fresh_inputs(discriminator)
    logits = discriminator(beside(augment(images), *labels))
    return keras.Model(beside(images, *labels), logits, name="augmented_discriminator")


def _kernels(settings: GeneratorSettings | DiscriminatorSettings) -> keras.Initializer:
    # A new object each time: a seeded initializer that layers share would give them the same draw.
    if settings.init_stddev is None:
        return keras.initializers.GlorotUniform()
    return keras.initializers.RandomNormal(stddev=settings.init_stddev)
