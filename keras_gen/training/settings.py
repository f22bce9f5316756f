"""Every setting of a run: its name, its meaning and what it may be. The flags and run.json follow from here."""

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass, field

from keras_gen.errors import InputError

Check = Callable[[object], object]


def _whole(least: int, most: int) -> Check:
    def check(value: object) -> int:
        number = int(str(value))
        if not least <= number <= most:
            raise ValueError
        return number

    check.expectation = f"a whole number from {least} to {most}"
    return check


def _number(least: float, most: float, above: bool = False) -> Check:
    def check(value: object) -> float:
        number = float(str(value))
        if not (math.isfinite(number) and least <= number <= most) or (above and number == least):
            raise ValueError
        return number

    check.expectation = f"a number {'above' if above else 'from'} {least:g} {'and up ' if above else ''}to {most:g}"
    return check


def _choice(*choices: str) -> Check:
    def check(value: object) -> str:
        if value not in choices:
            raise ValueError
        return value

    check.expectation = "one of " + ", ".join(choices)
    check.choices = choices
    return check


def _wholes(least: int, most: int) -> Check:
    one = _whole(least, most)

    def check(value: object) -> int | str:
        numbers = [one(part) for part in str(value).split(",")]
        return numbers[0] if len(numbers) == 1 else ",".join(map(str, numbers))

    check.expectation = f"{one.expectation}, or several with commas between"
    return check


def _some_of(*choices: str) -> Check:
    def check(value: object) -> str:
        given = [] if value in ("none", "") else str(value).split(",")
        if not set(given) <= set(choices):
            raise ValueError
        return ",".join(choice for choice in choices if choice in given) or "none"

    check.expectation = f"none, or some of {','.join(choices)} with commas between"
    check.all = ",".join(choices)  # what the flag alone means
    return check


def _yes_no(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError
    return value


_yes_no.expectation = "true or false"


def _number_or_none(least: float, most: float) -> Check:
    number = _number(least, most, above=True)

    def check(value: object) -> float | None:
        return None if value is None or value == "none" else number(value)

    check.expectation = f"{number.expectation}, or none"
    return check


def _setting(check: Check, help: str, **default: object) -> object:
    return field(metadata={"check": check, "help": help}, **default)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What both models share. Values are checked on construction.

    Raises:
        InputError: A value is outside what its setting may be.
    """

    recipe: str = _setting(str, "named set of settings; each is overridden by its flag")
    epochs: int = _setting(_whole(1, 1_000_000), "passes over the training images")
    batch_size: int = _setting(_whole(2, 65_536), "images in a training batch")
    latent_dim: int = _setting(_whole(1, 4096), "numbers in a latent point")
    seed: int = _setting(
        _whole(0, 2**31 - 1), "start of every random stream: weights, shuffling, latents, dropout", default=0
    )
    evaluate_every: int = _setting(
        _whole(0, 1_000_000),
        "measure the run every so many epochs on a tenth of the training images, which is set aside for it, write "
        "metrics.csv and keep the best models; 0 never does",
        default=0,
    )
    precision: str = _setting(
        _choice("float32", "mixed_bfloat16", "auto"),
        "arithmetic; mixed_bfloat16 computes in half precision and keeps the weights and the last layers in float32; "
        "auto takes what this machine does best, and says why",
        default="float32",
    )
    engine: str = _setting(
        _choice("train_on_batch", "compiled"),
        "what takes the steps: train_on_batch is Keras's own; compiled takes the same steps, many in one call of "
        "TensorFlow, and wastes less time between them",
        default="train_on_batch",
    )
    distribute: str = _setting(
        _choice("none", "mirrored", "multiworker"),
        "split each batch over the devices of this machine (mirrored) or over processes that TF_CONFIG names "
        "(multiworker); docs/scaling.md tells when it pays (compiled engine only)",
        default="none",
    )
    jit: str = _setting(
        _choice("auto", "on", "off"),
        "compile the training step with XLA; auto picks what is fastest for the network and the device",
        default="auto",
    )

    def __post_init__(self) -> None:
        for each in dataclasses.fields(self):
            value = getattr(self, each.name)
            check = each.metadata["check"]
            try:
                object.__setattr__(self, each.name, check(value))
            except ValueError:
                raise InputError(f"{flag(each.name)} must be {check.expectation}; received {value}") from None
        self._check_engine()

    def _check_engine(self) -> None:
        """Raise InputError for a setting that asks for another engine."""
        if self.distribute != "none" and self.engine != "compiled":
            raise InputError(f"--distribute {self.distribute} needs the other engine; add --engine compiled")
        if self.distribute != "none" and self.jit == "on":
            raise InputError(f"--distribute {self.distribute} cannot be compiled with XLA; leave --jit out")

    @property
    def loss_unit(self) -> str:
        """What the losses are counted in; empty where they have no unit."""
        return "nats"

    def as_dict(self) -> dict:
        """Return the settings by name, as run.json keeps them."""
        return dataclasses.asdict(self)


@dataclass(frozen=True, kw_only=True)
class VAESettings(Settings):
    """Settings of a variational autoencoder."""

    architecture: str = _setting(_choice("dense", "conv"), "kind of network: dense layers, or convolutions")
    intermediate_dim: int | str = _setting(
        _wholes(1, 65_536),
        "width of the dense hidden layer, or of several, such as 512,256,128; the decoder is the encoder's mirror",
    )
    activation: str = _setting(_choice("relu", "silu"), "activation of the hidden layers", default="relu")
    layer_norm: bool = _setting(
        _yes_no,
        "LayerNormalization in the dense hidden layers; deep networks then bear a higher learning rate",
        default=False,
    )
    filters: int = _setting(_whole(1, 4096), "filters of the convolution nearest the image (conv only)")
    optimizer: str = _setting(_choice("rmsprop", "adam"), "optimiser")
    learning_rate: float = _setting(_number(0, 10, above=True), "learning rate")
    learning_rate_schedule: str = _setting(
        _choice("constant", "cosine"),
        "what becomes of the learning rate: cosine lowers it from epoch to epoch, nearly to zero in the last one",
        default="constant",
    )
    clip_norm: float | None = _setting(
        _number_or_none(0, 1e9),
        "largest norm of a step's gradient; a larger one is scaled down to it, so that no step leads too far",
        default=None,
    )
    beta: float = _setting(_number(0, 1e6), "weight of the KL term; 1 is the evidence lower bound")
    kl_warmup: int = _setting(
        _whole(0, 1_000_000),
        "epochs in which the weight of the KL term rises to --beta, evenly, so that latent dimensions learn to carry "
        "something before they have to pay for it; 0 starts with all of it",
        default=0,
    )
    likelihood: str = _setting(
        _choice("bernoulli", "binarized", "continuous_bernoulli", "gaussian"),
        "what the decoder says of a pixel: bernoulli is the chapter's cross-entropy, no likelihood of grey pixels; "
        "binarized draws black and white ones; docs/metrics.md explains all four",
        default="bernoulli",
    )

    def _check_engine(self) -> None:
        super()._check_engine()
        if self.distribute != "none" and self.clip_norm is not None:
            raise InputError(
                f"--distribute {self.distribute} cannot clip gradients of a whole batch; add --clip-norm none"
            )

    @property
    def convolutional(self) -> bool:
        """Whether the networks are made of convolutions."""
        return self.architecture == "conv"

    @property
    def hidden_widths(self) -> tuple[int, ...]:
        """Widths of the encoder's dense hidden layers."""
        return tuple(map(int, str(self.intermediate_dim).split(",")))

    @property
    def latent_distribution(self) -> str:
        """A VAE's prior is always N(0, 1)."""
        return "normal"


@dataclass(frozen=True, kw_only=True)
class DCGANSettings(Settings):
    """Settings of a DCGAN."""

    optimizer: str = _setting(_choice("adam", "rmsprop"), "optimiser of both networks")
    generator_learning_rate: float = _setting(_number(0, 10, above=True), "learning rate of the generator")
    discriminator_learning_rate: float = _setting(_number(0, 10, above=True), "learning rate of the discriminator")
    loss: str = _setting(
        _choice("cross_entropy", "hinge"),
        "what the networks minimise: the cross-entropy of real and generated, or the hinge loss, which leaves alone "
        "what the discriminator is sure of",
        default="cross_entropy",
    )
    adam_beta_1: float = _setting(_number(0, 0.9999), "Adam's decay of the mean gradient (adam only)")
    label_smoothing: float = _setting(
        _number(0, 0.5), "how far below 1 the labels of real images are: one-sided label smoothing"
    )
    discriminator_steps: int = _setting(_whole(1, 1000), "discriminator updates per generator update")
    concatenate_batches: bool = _setting(
        _yes_no, "show the discriminator real and generated images in one batch, not one after the other"
    )
    latent_distribution: str = _setting(
        _choice("normal", "uniform"), "latent points come from N(0, 1) or from uniform(-1, 1)"
    )
    output_activation: str = _setting(
        _choice("tanh", "sigmoid"), "the generator's last activation: pixels in [-1, 1] or in [0, 1]"
    )
    init_stddev: float | None = _setting(
        _number_or_none(0, 10), "kernels start from N(0, this); none is Keras's Glorot uniform"
    )
    kernel_size: int = _setting(_whole(1, 15), "side of the kernels in pixels")
    leaky_alpha: float = _setting(_number(0, 1), "slope of LeakyReLU below zero")
    batch_norm_momentum: float = _setting(_number(0, 0.9999), "how slowly BatchNormalization's averages move")
    upsampling: str = _setting(
        _choice("conv_transpose", "resize"),
        "what doubles the generator's maps: transposed convolutions, or resizing and a convolution, against "
        "checkerboards",
        default="conv_transpose",
    )
    generator_filters: int = _setting(
        _whole(1, 4096), "filters of the generator's last hidden layer; each layer before has twice as many"
    )
    generator_base_filters: int = _setting(_whole(1, 8192), "channels of the generator's first map")
    generator_extra_layers: int = _setting(_whole(0, 16), "stride-1 layers behind the generator's doublings")
    generator_activation: str = _setting(_choice("leaky_relu", "relu"), "activation inside the generator")
    discriminator_filters: int = _setting(
        _whole(1, 4096), "filters of the discriminator's first layer; each further one has twice as many"
    )
    discriminator_extra_layers: int = _setting(_whole(0, 16), "stride-1 layers behind the discriminator's halvings")
    discriminator_batch_norm: bool = _setting(_yes_no, "BatchNormalization in the discriminator")
    discriminator_activate_last: bool = _setting(_yes_no, "LeakyReLU behind the discriminator's last convolution")
    spectral_norm: bool = _setting(
        _yes_no,
        "divide the discriminator's kernels by their spectral norm after each step; usually in place of "
        "--discriminator-batch-norm",
        default=False,
    )
    dropout: float = _setting(_number(0, 0.95), "share of features dropped before the discriminator's last layer")
    augment: str = _setting(
        _some_of("color", "translation", "cutout", "mirror"),
        "change what the discriminator sees, against memorising few images: color, translation and cutout for real and "
        "generated images alike, mirror for real ones; with commas between, and the flag alone is all four",
    )
    ema: float = _setting(
        _number(0, 0.99999),
        "decay of a moving average of the generator's weights, such as 0.999; the average draws every picture and is "
        "what is saved as the generator; 0 keeps none",
        default=0.0,
    )
    share_fakes: bool = _setting(
        _yes_no,
        "train the generator on the images that the discriminator has just been shown, as PyTorch's usual loop does, "
        "and not on new ones; saves a pass of the generator (compiled engine only)",
        default=False,
    )

    def _check_engine(self) -> None:
        super()._check_engine()
        if self.share_fakes and self.engine != "compiled":
            raise InputError("--share-fakes needs the other engine; add --engine compiled")
        if self.loss == "hinge" and self.label_smoothing:
            raise InputError("--loss hinge has no labels to smooth; add --label-smoothing 0")

    @property
    def convolutional(self) -> bool:
        """Whether the networks are made of convolutions."""
        return True

    @property
    def loss_unit(self) -> str:
        """Cross-entropies are nats; the hinge loss is a plain number."""
        return "nats" if self.loss == "cross_entropy" else ""

    @property
    def pixel_range(self) -> tuple[float, float]:
        """Lowest and highest value of a pixel, as the networks see it."""
        return (-1.0, 1.0) if self.output_activation == "tanh" else (0.0, 1.0)


def changes(before: dict, after: dict, may_change: tuple[str, ...] = ()) -> list[str]:
    """Say in what two sets of options differ, each as `--flag was this, now that`.

    Args:
        before: Values by name.
        after: Values by the same names.
        may_change: Names that do not count.
    """
    return [
        f"{flag(name)} was {was}, now {after[name]}"
        for name, was in before.items()
        if was != after[name] and name not in may_change
    ]


NAMES = {"vae": "variational autoencoder", "dcgan": "DCGAN"}
SETTINGS = {"vae": VAESettings, "dcgan": DCGANSettings}


def flag(name: str) -> str:
    """Return the command-line flag of a setting."""
    return "--" + name.replace("_", "-")
