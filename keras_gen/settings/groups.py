"""Every setting of a run, once: its default, bounds, help and unit. The defaults are the book chapter's."""

from dataclasses import dataclass
from typing import ClassVar

from keras_gen.errors import InputError
from keras_gen.settings.fields import (
    Group,
    choice,
    height_and_width,
    number,
    or_none,
    path,
    setting,
    subset,
    whole,
    wholes,
    yes_no,
)


@dataclass(frozen=True, kw_only=True)
class DataSettings(Group):
    """How images are read."""

    group: ClassVar[str] = "data"

    image_size: int | str | None = setting(
        None,
        or_none(height_and_width()),
        "crop and resize the images to this side, or to HEIGHTxWIDTH: none keeps a size that all images of a folder "
        "share if the networks can reach it, and brings others to about 64",
        "pixels",
    )
    channels: int | None = setting(
        None,
        or_none(choice(1, 3, 4)),
        "turn the images grey (1), to colour (3), or to colour with transparency (4); none: as they are, and what is "
        "transparent on white",
    )
    binarize: bool = setting(
        False,
        yes_no(),
        "make each pixel black or white, once, drawn with its grey value as the probability; always the same draws",
    )
    max_bad: int = setting(
        50, whole(0, 1_000_000_000), "images of a folder that may be skipped because they cannot be used", "images"
    )


def _epochs(default: int) -> int:
    return setting(default, whole(1, 1_000_000), "passes over the training images")


def _batch_size(default: int) -> int:
    return setting(default, whole(2, 65_536), "images in a training batch", "images")


@dataclass(frozen=True, kw_only=True)
class TrainingSettings(Group):
    """What the training of both models shares."""

    group: ClassVar[str] = "training"

    EVALUATE_EVERY: ClassVar[int] = 1  # epochs, where `patience` is given and `evaluate_every` is not

    epochs: int = _epochs(50)
    minutes: float | None = setting(
        None,
        or_none(number(0, 100_000, above=True)),
        "train for about so long instead of so many epochs; the first steps are timed, and the number of epochs that "
        "fits is fixed before the run starts",
        "minutes",
    )
    patience: int | None = setting(
        None,
        or_none(whole(1, 1_000_000)),
        "stop once validation has not improved so often; it is the loss of a VAE and the KID of a DCGAN, measured at "
        "each evaluate_every",
        "times",
    )
    start_from: str | None = setting(
        None,
        or_none(path()),
        "begin with the weights of another run or .keras file; of other networks the layers that fit are taken, and "
        "the optimisers start anew",
    )
    batch_size: int = _batch_size(100)
    seed: int = setting(
        0, whole(0, 2**31 - 1), "start of every random stream; weights, shuffling, latent points, dropout"
    )
    conditional: bool = setting(
        False,
        yes_no(),
        "give the label of each image to the networks; the class of an image can then be chosen",
    )
    balance_classes: bool = setting(
        False,
        yes_no(),
        "draw batches in which each class is as frequent as any other; an epoch has as many images as without",
    )
    evaluate_every: int = setting(
        0,
        whole(0, 1_000_000),
        "measure the run every so many epochs, and save the best models; a tenth of the training images is split off "
        "for it, and metrics.csv written; 0 never does, unless patience is given",
        "epochs",
    )
    precision: str = setting(
        "float32",
        choice("float32", "mixed_bfloat16", "auto"),
        "arithmetic, in full or half precision; the weights and the last layers stay in float32; "
        "auto takes what this machine does best, and says why",
    )
    engine: str = setting(
        "train_on_batch",
        choice("train_on_batch", "compiled"),
        "what takes the steps: Keras's train_on_batch, or one call of TensorFlow for many (compiled); compiled takes "
        "the same steps, and wastes less time between them",
    )
    distribute: str = setting(
        "none",
        choice("none", "mirrored", "multiworker"),
        "split each batch over several devices; compiled engine only; mirrored: those of this machine; multiworker: "
        "those of the processes that TF_CONFIG names; docs/scaling.md tells when it pays",
    )
    jit: str = setting(
        "auto",
        choice("auto", "on", "off"),
        "compile the training step with XLA; auto picks what is fastest for the network and the device",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.patience and not self.evaluate_every:
            object.__setattr__(self, "evaluate_every", self.EVALUATE_EVERY)
        for name in ("minutes", "patience"):  # each worker would come to a decision of its own
            if self.distribute == "multiworker" and getattr(self, name) is not None:
                raise InputError(f'`{name}` cannot be used with `distribute="multiworker"`; leave it out')
        if self.distribute != "none" and self.engine != "compiled":
            raise InputError(f'`distribute="{self.distribute}"` needs the other engine; add `engine="compiled"`')
        if self.distribute != "none" and self.jit == "on":
            raise InputError(f'`distribute="{self.distribute}"` cannot be compiled with XLA; leave `jit` out')


@dataclass(frozen=True, kw_only=True)
class VAETrainingSettings(TrainingSettings):
    """How a variational autoencoder is trained."""

    optimizer: str = setting("rmsprop", choice("rmsprop", "adam"), "optimiser")
    learning_rate: float = setting(1e-3, number(0, 10, above=True), "learning rate")
    learning_rate_schedule: str = setting(
        "constant",
        choice("constant", "cosine", "stepped"),
        "what becomes of the learning rate: cosine lowers it from epoch to epoch, nearly to zero in the last one; "
        "stepped multiplies it by 10^(-i/7) in stage i = 0, 1, ..., which has 3^i epochs (Burda et al., 2016)",
    )
    adam_epsilon: float = setting(1e-7, number(0, 1, above=True), "Adam's epsilon (adam only)")
    clip_norm: float | None = setting(
        None,
        or_none(number(0, 1e9, above=True)),
        "largest norm of a step's gradient; a larger one is scaled down to it, so that no step leads too far",
    )
    beta: float = setting(1.0, number(0, 1e6), "weight of the KL term; 1 is the evidence lower bound")
    kl_warmup: int = setting(
        0,
        whole(0, 1_000_000),
        "epochs in which the weight of the KL term rises to beta, evenly, so that latent dimensions learn to carry "
        "something before they have to pay for it; 0 starts with all of it",
        "epochs",
    )
    binarize_inputs: float = setting(
        0.0,
        number(0, 1),
        "share of the images whose pixels the encoder sees drawn as 0 or 1 by their grey values, anew in each step of "
        "training, so that it learns less by heart; the decoder rebuilds the image; idle with likelihood=binarized",
    )
    importance_samples: int = setting(
        1,
        whole(1, 1000),
        "latent points drawn for each image; with several the loss is minus their importance-weighted bound "
        "(Burda et al., 2016), which is tighter than the VAE's",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.distribute != "none" and self.clip_norm is not None:
            raise InputError(
                f'`distribute="{self.distribute}"` cannot clip gradients of a whole batch; '
                'add `training.clip_norm="none"`'
            )


@dataclass(frozen=True, kw_only=True)
class DCGANTrainingSettings(TrainingSettings):
    """How a DCGAN is trained."""

    EVALUATE_EVERY: ClassVar[int] = 5  # a KID is noisier than a loss, and takes longer

    epochs: int = _epochs(200)
    batch_size: int = _batch_size(128)
    optimizer: str = setting("adam", choice("adam", "rmsprop"), "optimiser of both networks")
    generator_learning_rate: float = setting(1e-4, number(0, 10, above=True), "learning rate of the generator")
    discriminator_learning_rate: float = setting(1e-3, number(0, 10, above=True), "learning rate of the discriminator")
    adam_beta_1: float = setting(0.5, number(0, 0.9999), "Adam's decay of the mean gradient (adam only)")
    loss: str = setting(
        "cross_entropy",
        choice("cross_entropy", "hinge"),
        "what the networks minimise: the cross-entropy of real and generated, or the hinge loss, which leaves alone "
        "what the discriminator is sure of",
    )
    label_smoothing: float = setting(0.1, number(0, 0.5), "1 minus the label of real images; one-sided label smoothing")
    discriminator_steps: int = setting(1, whole(1, 1000), "discriminator updates per generator update")
    concatenate_batches: bool = setting(
        False, yes_no(), "show the discriminator real and generated images in one batch, not one after the other"
    )
    augment: str = setting(
        "none",
        subset("color", "translation", "cutout", "mirror", "auto", flag_alone="color,translation,cutout,mirror"),
        "change what the discriminator sees, against memorising few images; color, translation and cutout for real and "
        "generated images alike, mirror for real ones; auto changes them only as often as the discriminator overfits; "
        "with commas between, and the flag alone is the first four",
    )
    augment_target: float = setting(
        0.6,
        number(-1, 1),
        "mean sign of the discriminator on real images, from -1 to 1, that augment=auto holds: with a higher one it "
        "augments less",
    )
    ema: float = setting(
        0.0,
        number(0, 0.99999),
        "save and draw with a moving average of the generator's weights: its decay, such as 0.999; 0 keeps none",
    )
    share_fakes: bool = setting(
        False,
        yes_no(),
        "train the generator on the discriminator's last fakes; compiled engine only; PyTorch's usual loop does so, "
        "and it saves a pass of the generator",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.share_fakes and self.engine != "compiled":
            raise InputError('`share_fakes` needs the other engine; add `engine="compiled"`')
        if self.loss == "hinge" and self.label_smoothing:
            raise InputError('`training.loss="hinge"` has no labels to smooth; add `label_smoothing=0`')


@dataclass(frozen=True, kw_only=True)
class EncoderSettings(Group):
    """The encoder's network; the decoder is its mirror, so it has the same settings."""

    group: ClassVar[str] = "encoder"

    latent_dim: int = setting(2, whole(1, 4096), "numbers in a latent point")
    architecture: str = setting("dense", choice("dense", "conv"), "kind of network: dense layers, or convolutions")
    intermediate_dim: int | str = setting(
        256,
        wholes(0, 65_536),
        "width of the dense hidden layer, or of several, such as 512,256,128 from the image inwards; the decoder "
        "mirrors their order; 0 has none",
        "units",
    )
    activation: str = setting("relu", choice("relu", "silu", "tanh"), "activation of the hidden layers")
    layer_norm: bool = setting(
        False,
        yes_no(),
        "LayerNormalization in the dense hidden layers; deep networks then bear a higher learning rate",
    )
    filters: int = setting(
        32,
        whole(1, 4096),
        "filters of the convolution nearest the image; each one further in has twice as many (conv only)",
    )
    kernel_size: int = setting(3, whole(1, 15), "side of the kernels (conv only)", "pixels")

    @property
    def convolutional(self) -> bool:
        """Whether the network is made of convolutions."""
        return self.architecture == "conv"

    @property
    def hidden_widths(self) -> tuple[int, ...]:
        """Widths of the dense hidden layers, from the image inwards."""
        return tuple(width for width in map(int, str(self.intermediate_dim).split(",")) if width)


@dataclass(frozen=True, kw_only=True)
class DecoderSettings(EncoderSettings):
    """The decoder's network. What is given nowhere is the encoder's."""

    group: ClassVar[str] = "decoder"

    likelihood: str = setting(
        "bernoulli",
        choice("bernoulli", "binarized", "continuous_bernoulli", "gaussian", "discretized_logistic"),
        "what the decoder says of a pixel; bernoulli is the chapter's cross-entropy, no likelihood of grey pixels; "
        "binarized draws black and white ones; discretized_logistic suits colour images; docs/metrics.md explains all",
    )
