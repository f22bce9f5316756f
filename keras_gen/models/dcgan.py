"""The DCGAN: generator, discriminator and the two joined, by the Functional API.

A. Radford, L. Metz and S. Chintala, "Unsupervised Representation Learning with
Deep Convolutional Generative Adversarial Networks" (2015).
"""

import keras
from keras import layers

from keras_gen.models.layers import SpectralNorm
from keras_gen.sizes import doublings, halvings, square_size, widths

UPSAMPLINGS = ("conv_transpose", "resize")


def build_generator(
    image_shape: tuple[int, int, int],
    latent_dim: int = 100,
    *,
    filters: int = 128,
    extra_layers: int = 0,
    base_filters: int = 192,
    max_filters: int = 512,
    kernel_size: int = 5,
    batch_norm_momentum: float = 0.8,
    activation: str = "leaky_relu",
    leaky_alpha: float = 0.2,
    init_stddev: float | None = 0.02,
    output_activation: str = "tanh",
    upsampling: str = "conv_transpose",
) -> keras.Model:
    """Build the network that maps a latent point to an image.

    A dense layer makes a map of 4 to 7 pixels a side; then each transposed convolution
    (or convolution behind a resizing), with BatchNormalization and an activation before it, doubles it.

    Args:
        image_shape: Height, width and channels.
        latent_dim: Numbers in a latent point.
        filters: Filters of the last hidden layer, nearest the image; each layer before has twice as many.
        extra_layers: Layers of stride 1 to add behind the doublings.
        base_filters: Channels of the first map.
        max_filters: Most filters of any layer.
        kernel_size: Side of the kernels in pixels.
        batch_norm_momentum: How slowly BatchNormalization's moving averages move.
        activation: `leaky_relu` or `relu`.
        leaky_alpha: Slope of the LeakyReLU below zero.
        init_stddev: Kernels start from N(0, init_stddev); None is Keras's Glorot uniform.
        output_activation: `tanh` for pixels in [-1, 1], `sigmoid` for [0, 1].
        upsampling: What doubles a map: `conv_transpose`, or `resize`, which repeats each pixel and then convolves.
            A. Odena, V. Dumoulin and C. Olah, "Deconvolution and Checkerboard Artifacts" (2016), explain what for.

    Returns:
        A model from float32 (batch, latent_dim) to float32 images.

    Raises:
        InputError: The network cannot reach this image size.
        ValueError: The upsampling is not known.
    """
    if upsampling not in UPSAMPLINGS:
        raise ValueError(f"upsampling must be one of {UPSAMPLINGS}. Received: {upsampling!r}")
    base, count = doublings(square_size(image_shape))
    hidden = widths(filters, count + extra_layers - 1, max_filters)[::-1]
    z = keras.Input((latent_dim,), name="z")
    x = layers.Dense(base * base * base_filters, kernel_initializer=_kernels(init_stddev), name="dense")(z)
    x = layers.Reshape((base, base, base_filters), name="reshape")(x)
    for layer, width in enumerate([*hidden, image_shape[-1]], start=1):
        x = layers.BatchNormalization(momentum=batch_norm_momentum, name=f"batch_norm_{layer}")(x)
        x = _activation(activation, leaky_alpha, f"activation_{layer}")(x)
        options = {"padding": "same", "kernel_initializer": _kernels(init_stddev)}
        stride = 2 if layer <= count else 1
        if upsampling == "resize":
            if stride == 2:
                x = layers.UpSampling2D(2, name=f"resize_{layer}")(x)
            x = layers.Conv2D(width, kernel_size, name=f"conv_{layer}", **options)(x)
        else:
            x = layers.Conv2DTranspose(width, kernel_size, stride, name=f"conv_transpose_{layer}", **options)(x)
    images = layers.Activation(output_activation, dtype=keras.config.floatx(), name="images")(x)
    return keras.Model(z, images, name="generator")


def build_discriminator(
    image_shape: tuple[int, int, int],
    *,
    filters: int = 64,
    extra_layers: int = 0,
    max_filters: int = 512,
    kernel_size: int = 5,
    batch_norm: bool = True,
    batch_norm_momentum: float = 0.8,
    activate_last: bool = True,
    leaky_alpha: float = 0.2,
    dropout: float = 0.2,
    init_stddev: float | None = 0.02,
    spectral_norm: bool = False,
) -> keras.Model:
    """Build the network that tells real images from generated ones.

    Each convolution halves the picture until it is at most 4 pixels a side.

    Args:
        image_shape: Height, width and channels.
        filters: Filters of the first layer; each further one has twice as many.
        extra_layers: Layers of stride 1 to add behind the halvings.
        max_filters: Most filters of any layer.
        kernel_size: Side of the kernels in pixels.
        batch_norm: Whether the layers after the first have BatchNormalization.
        batch_norm_momentum: How slowly its moving averages move.
        activate_last: Whether the last convolution has a LeakyReLU behind it.
        leaky_alpha: Slope of the LeakyReLU below zero.
        dropout: Share of the features dropped in training, 0 for none.
        init_stddev: Kernels start from N(0, init_stddev); None is Keras's Glorot uniform.
        spectral_norm: Whether the optimiser divides each kernel by its spectral norm after every step.

    Returns:
        A model from float32 images to logits of shape (batch, 1), whose
        sigmoid is the probability that the image is real.
    """
    strided = halvings(square_size(image_shape))
    count = strided + extra_layers
    images = keras.Input(image_shape, name="images")
    constraint = SpectralNorm() if spectral_norm else None
    x = images
    for layer, width in enumerate(widths(filters, count, max_filters), start=1):
        x = layers.Conv2D(
            width,
            kernel_size,
            strides=2 if layer <= strided else 1,
            padding="same",
            kernel_initializer=_kernels(init_stddev),
            kernel_constraint=constraint,
            name=f"conv_{layer}",
        )(x)
        if batch_norm and layer > 1:
            x = layers.BatchNormalization(momentum=batch_norm_momentum, name=f"batch_norm_{layer}")(x)
        if activate_last or layer < count:
            x = _activation("leaky_relu", leaky_alpha, f"activation_{layer}")(x)
    x = layers.Flatten(name="flatten")(x)
    if dropout:
        x = layers.Dropout(dropout, name="dropout")(x)
    full = keras.config.floatx()  # in half precision the loss of the sigmoid would saturate
    logits = layers.Dense(
        1, kernel_initializer=_kernels(init_stddev), kernel_constraint=constraint, dtype=full, name="logits"
    )(x)
    return keras.Model(images, logits, name="discriminator")


def build_gan(generator: keras.Model, discriminator: keras.Model) -> keras.Model:
    """Join generator and discriminator, whose layers it shares, to train the generator.

    Wrap every training call of it in `keras_gen.frozen(discriminator)`.

    Args:
        generator: From `build_generator`.
        discriminator: From `build_discriminator` or `build_augmented`, for the same image shape.

    Returns:
        A model from latent points to the discriminator's logits.
    """
    z = keras.Input(generator.input_shape[1:], name="z")
    return keras.Model(z, discriminator(generator(z)), name="gan")


def build_augmented(discriminator: keras.Model, augment: keras.Layer) -> keras.Model:
    """Put augmentation in front of a discriminator, whose layers the result shares.

    Args:
        discriminator: From `build_discriminator`.
        augment: `Augment`, or another layer from images to images.

    Returns:
        A model from images to the discriminator's logits of the augmented images.
    """
    images = keras.Input(discriminator.input_shape[1:], name="images")
    return keras.Model(images, discriminator(augment(images)), name="augmented_discriminator")


def _kernels(init_stddev: float | None) -> keras.Initializer:
    # A new object each time: a seeded initializer that layers share would give them the same draw.
    if init_stddev is None:
        return keras.initializers.GlorotUniform()
    return keras.initializers.RandomNormal(stddev=init_stddev)


def _activation(name: str, leaky_alpha: float, layer_name: str) -> keras.Layer:
    if name == "relu":
        return layers.ReLU(name=layer_name)
    return layers.LeakyReLU(negative_slope=leaky_alpha, name=layer_name)
