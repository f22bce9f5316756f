"""The settings of a run: its groups together, for each model."""

import dataclasses
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar, Self

from keras_gen.errors import InputError
from keras_gen.settings.dcgan_groups import DiscriminatorSettings, GeneratorSettings
from keras_gen.settings.fields import Group, UnknownSetting, shown
from keras_gen.settings.groups import (
    DataSettings,
    DCGANTrainingSettings,
    DecoderSettings,
    EncoderSettings,
    VAETrainingSettings,
)
from keras_gen.settings.overrides import assign, merge

NAMES = {"vae": "variational autoencoder", "dcgan": "DCGAN"}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What both models share. A group may be given as a dictionary.

    Attributes:
        recipe: Where the values come from: a recipe's name, the path of a file, or of another run.
    """

    kind: ClassVar[str]
    groups: ClassVar[dict[str, type[Group]]]
    latent_distribution: ClassVar[str] = "normal"  # what latent points are drawn from; or `uniform`
    pixel_range: ClassVar[tuple[float, float]] = (0.0, 1.0)  # lowest and highest value that the networks see
    convolutional: ClassVar[bool] = True  # whether a network is made of convolutions
    loss_unit: ClassVar[str] = "nats"  # of the losses; may be empty
    learning_rate_falls: ClassVar[bool] = False  # over all epochs, so that more of them later let it rise

    recipe: str = "chapter"
    data: DataSettings = field(default_factory=DataSettings)

    def __post_init__(self) -> None:
        for name, group in self.groups.items():
            object.__setattr__(self, name, group.from_values(getattr(self, name)))

    def as_dict(self) -> dict:
        """Return the settings as plain nested dictionaries, as run.json and recipe files hold them."""
        return dataclasses.asdict(self)

    def explicit(self) -> dict[str, dict]:
        """Return each group's values without those that follow from others."""
        values = self.as_dict()
        del values["recipe"]
        if self.training.minutes is not None:  # which will be so many epochs
            del values["training"]["epochs"]
        return values

    def replace(self, **overrides: object) -> Self:
        """Return settings with some of them replaced, which are named as in `resolve_settings`."""
        recipe = str(overrides.pop("recipe", None) or self.recipe)
        return type(self)(recipe=recipe, **merge(self.explicit(), assign(self.groups, overrides)))

    def differences(self, other: "Settings", may_change: tuple[str, ...] = ()) -> list[str]:
        """Say in what other settings of the same model, the later ones, differ.

        Names that may change do not count, such as `epochs` or `training.epochs`.
        """
        before, after = ({"recipe": settings.recipe} | settings.flat() for settings in (self, other))
        told = {"recipe", *self.flat(explicit=True), *other.flat(explicit=True)}
        return [
            f"`{name}` was {shown(was)}, now {shown(after[name])}"
            for name, was in before.items()
            if was != after[name] and name in told and not {name, name.split(".")[-1]} & set(may_change)
        ]

    def flat(self, explicit: bool = False) -> dict[str, object]:
        """Return the values by name, such as `training.epochs`; explicit ones do not follow from others."""
        return {
            f"{group}.{name}": value
            for group, values in (self.explicit() if explicit else self.as_dict()).items()
            if isinstance(values, dict)
            for name, value in values.items()
        }


@dataclass(frozen=True, kw_only=True)
class VAESettings(Settings):
    """Settings of a variational autoencoder.

    Attributes:
        decoder: What it leaves out, given as a dictionary or None, is the encoder's.
    """

    kind: ClassVar[str] = "vae"
    groups: ClassVar[dict[str, type[Group]]] = {
        "data": DataSettings,
        "training": VAETrainingSettings,
        "encoder": EncoderSettings,
        "decoder": DecoderSettings,
    }

    training: VAETrainingSettings = field(default_factory=VAETrainingSettings)
    encoder: EncoderSettings = field(default_factory=EncoderSettings)
    decoder: DecoderSettings | None = None

    def __post_init__(self) -> None:
        encoder = EncoderSettings.from_values(self.encoder)
        if self.decoder is None or isinstance(self.decoder, dict):
            object.__setattr__(self, "decoder", dataclasses.asdict(encoder) | (self.decoder or {}))
        super().__post_init__()
        if self.decoder.latent_dim != self.latent_dim:
            raise InputError(
                f"`decoder.latent_dim` is {self.decoder.latent_dim} and `encoder.latent_dim` {self.latent_dim}; "
                "give both by `latent_dim`"
            )

    def explicit(self) -> dict[str, dict]:
        """Return each group's values; of the decoder's those that are not the encoder's."""
        values = super().explicit()
        encoder, decoder = values["encoder"], values["decoder"]
        values["decoder"] = {
            name: value for name, value in decoder.items() if name not in encoder or value != encoder[name]
        }
        return values

    @property
    def latent_dim(self) -> int:
        """Numbers in a latent point."""
        return self.encoder.latent_dim

    @property
    def learning_rate_falls(self) -> bool:
        """Whether the learning rate falls over all epochs."""
        return self.training.learning_rate_schedule == "cosine"

    @property
    def convolutional(self) -> bool:
        """Whether a network is made of convolutions."""
        return self.encoder.convolutional or self.decoder.convolutional


@dataclass(frozen=True, kw_only=True)
class DCGANSettings(Settings):
    """Settings of a DCGAN."""

    kind: ClassVar[str] = "dcgan"
    groups: ClassVar[dict[str, type[Group]]] = {
        "data": DataSettings,
        "training": DCGANTrainingSettings,
        "generator": GeneratorSettings,
        "discriminator": DiscriminatorSettings,
    }

    training: DCGANTrainingSettings = field(default_factory=DCGANTrainingSettings)
    generator: GeneratorSettings = field(default_factory=GeneratorSettings)
    discriminator: DiscriminatorSettings = field(default_factory=DiscriminatorSettings)

    @property
    def latent_dim(self) -> int:
        """Numbers in a latent point."""
        return self.generator.latent_dim

    @property
    def latent_distribution(self) -> str:
        """What latent points are drawn from: `normal` or `uniform`."""
        return self.generator.latent_distribution

    @property
    def loss_unit(self) -> str:
        """Cross-entropies are nats; the hinge loss is a plain number."""
        return "nats" if self.training.loss == "cross_entropy" else ""

    @property
    def pixel_range(self) -> tuple[float, float]:
        """Lowest and highest value of a pixel, as the networks see it."""
        return (-1.0, 1.0) if self.generator.output_activation == "tanh" else (0.0, 1.0)


SETTINGS = {"vae": VAESettings, "dcgan": DCGANSettings}


def fields_of(kind: str) -> Iterator[tuple[str, dataclasses.Field]]:
    """Yield the name of the group and the field of every setting of a model."""
    for name, group in SETTINGS[kind].groups.items():
        for declared in dataclasses.fields(group):
            yield name, declared


def parse_sets(kind: str, texts: list[str]) -> dict[str, dict[str, object]]:
    """Return the overrides for `resolve_settings` of several texts such as `generator.kernel_size=4`."""
    names = [f"{group}.{declared.name}" for group, declared in fields_of(kind)]
    overrides: dict[str, dict[str, object]] = {}
    for text in texts:
        name, _, value = (part.strip() for part in text.partition("="))
        if name not in names:
            raise UnknownSetting(name, names)
        if not value:
            raise InputError(f"`set` {name} has no value; write {name}=VALUE")
        group, field_name = name.split(".")
        if field_name in overrides.setdefault(group, {}):
            raise InputError(f"`set` {name} is given twice; give it once")
        overrides[group][field_name] = _as_in_a_recipe(value)
    return overrides


def _as_in_a_recipe(text: str) -> object:
    """Return a value that may be written as in a recipe file: a list such as `[512, 256]`, or text in quotes."""
    try:
        return tomllib.loads(f"value = {text}")["value"] if text[0] in "[\"'" else text
    except (ValueError, RecursionError):  # of no TOML, or nested too deep
        return text
