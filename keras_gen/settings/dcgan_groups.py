"""The settings of a DCGAN's networks; see `groups`."""

from dataclasses import dataclass
from typing import ClassVar

from keras_gen.settings.fields import Group, choice, number, or_none, setting, whole, yes_no


@dataclass(frozen=True, kw_only=True)
class _ConvolutionalSettings(Group):
    """What generator and discriminator share."""

    kernel_size: int = setting(5, whole(1, 15), "side of the kernels", "pixels")
    leaky_alpha: float = setting(0.2, number(0, 1), "slope of LeakyReLU below zero")
    batch_norm_momentum: float = setting(0.8, number(0, 0.9999), "how slowly BatchNormalization's averages move")
    init_stddev: float | None = setting(
        0.02, or_none(number(0, 10, above=True)), "kernels start from N(0, this); none is Keras's Glorot uniform"
    )


@dataclass(frozen=True, kw_only=True)
class GeneratorSettings(_ConvolutionalSettings):
    """The generator's network."""

    group: ClassVar[str] = "generator"

    latent_dim: int = setting(100, whole(1, 4096), "numbers in a latent point")
    latent_distribution: str = setting(
        "normal", choice("normal", "uniform"), "latent points come from N(0, 1) or from uniform(-1, 1)"
    )
    output_activation: str = setting(
        "tanh", choice("tanh", "sigmoid"), "the last activation: pixels in [-1, 1] or in [0, 1]"
    )
    filters: int = setting(128, whole(1, 4096), "filters of the last hidden layer; each layer before has twice as many")
    base_filters: int = setting(192, whole(1, 8192), "channels of the first map")
    extra_layers: int = setting(0, whole(0, 16), "stride-1 layers behind the doublings")
    activation: str = setting("leaky_relu", choice("leaky_relu", "relu"), "activation of the hidden layers")
    upsampling: str = setting(
        "conv_transpose",
        choice("conv_transpose", "resize"),
        "what doubles the maps: transposed convolutions, or resizing and a convolution, against checkerboards",
    )


@dataclass(frozen=True, kw_only=True)
class DiscriminatorSettings(_ConvolutionalSettings):
    """The discriminator's network."""

    group: ClassVar[str] = "discriminator"

    filters: int = setting(64, whole(1, 4096), "filters of the first layer; each further one has twice as many")
    extra_layers: int = setting(0, whole(0, 16), "stride-1 layers behind the halvings")
    batch_norm: bool = setting(True, yes_no(), "BatchNormalization behind every convolution but the first")
    activate_last: bool = setting(True, yes_no(), "LeakyReLU behind the last convolution")
    spectral_norm: bool = setting(
        False,
        yes_no(),
        "divide the kernels by their spectral norm after each step; usually in place of batch_norm",
    )
    dropout: float = setting(0.2, number(0, 0.95), "share of features dropped before the last layer")
