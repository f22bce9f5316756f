"""Named sets of settings, and nothing else: every value of every recipe stands here.

`chapter` follows the book chapter, `article` the article on MNIST; the numbers
come from there. How many epochs fit depends on the data set too: the chapter's
200 belong to its 5,000 cars, and to images of one's own, which are rarely more.
"""

import dataclasses
from dataclasses import dataclass, field

from keras_gen.errors import InputError
from keras_gen.training.settings import SETTINGS, Settings

ANY_CLASS = "cifar10:CLASS"  # one class of CIFAR-10, whichever


@dataclass(frozen=True)
class Recipe:
    """A named set of settings.

    Attributes:
        settings: Values by the setting's name.
        on: What differs on some data sets: values by the data set's name.
        beyond_plane: What differs with more than two latent dimensions.
    """

    settings: dict[str, object]
    on: dict[str, dict[str, object]] = field(default_factory=dict)
    beyond_plane: dict[str, object] = field(default_factory=dict)

    def values(self, dataset: str, overrides: dict[str, object]) -> dict[str, object]:
        """Return the settings for one data set, with some of them replaced."""
        values = self.settings | self.on.get(ANY_CLASS if dataset.startswith("cifar10:") else dataset, {})
        in_plane = str((values | overrides)["latent_dim"]) in ("1", "2")
        return values | ({} if in_plane else self.beyond_plane) | overrides


# The chapter's discriminator learns ten times as fast as its generator. On the simpler images of
# digits and clothes it then wins at once, and the generator has little to learn from.
EQUAL_RATES = {"generator_learning_rate": 2e-4, "discriminator_learning_rate": 2e-4}

CHAPTER_DCGAN = {
    "epochs": 200,
    "batch_size": 128,
    "latent_dim": 100,
    "optimizer": "adam",
    "generator_learning_rate": 1e-4,
    "discriminator_learning_rate": 1e-3,
    "adam_beta_1": 0.5,
    "label_smoothing": 0.1,
    "discriminator_steps": 1,
    "concatenate_batches": False,
    "latent_distribution": "normal",
    "output_activation": "tanh",
    "init_stddev": 0.02,
    "kernel_size": 5,
    "leaky_alpha": 0.2,
    "batch_norm_momentum": 0.8,
    "generator_filters": 128,
    "generator_base_filters": 192,
    "generator_extra_layers": 0,
    "generator_activation": "leaky_relu",
    "discriminator_filters": 64,
    "discriminator_extra_layers": 0,
    "discriminator_batch_norm": True,
    "discriminator_activate_last": True,
    "dropout": 0.2,
    "augment": "none",
}

CHAPTER_DCGAN_ON = {
    "cifar10": {"epochs": 20},
    "mnist": {"epochs": 20} | EQUAL_RATES,
    "fashion_mnist": {"epochs": 20} | EQUAL_RATES,
    "mnist5k": {"epochs": 30, "batch_size": 64} | EQUAL_RATES,
}

MIRRORED = {"augment": "mirror"}  # what a car looks like in a mirror is a car, too

RECIPES = {
    "vae": {
        "chapter": Recipe(
            {
                "epochs": 50,
                "batch_size": 100,
                "latent_dim": 2,
                "architecture": "dense",
                "intermediate_dim": 256,
                "filters": 32,
                "optimizer": "rmsprop",
                "learning_rate": 1e-3,
                "beta": 1.0,
            },
            on={"mnist5k": {"epochs": 150}},
        ),
        "tuned": Recipe(
            {
                "epochs": 50,
                "batch_size": 100,
                "latent_dim": 2,
                "architecture": "dense",
                "intermediate_dim": "512,256,128",
                "activation": "relu",
                "layer_norm": True,
                "filters": 32,
                "optimizer": "adam",
                "learning_rate": 3e-3,
                "learning_rate_schedule": "cosine",
                "kl_warmup": 10,
                "beta": 1.0,
            },
            # At the higher rate half of twenty dimensions die in the first epochs.
            beyond_plane={"activation": "silu", "learning_rate": 2e-3},
        ),
    },
    "dcgan": {
        "chapter": Recipe(CHAPTER_DCGAN, CHAPTER_DCGAN_ON),
        # What docs/recipes.md found to help; all else is the chapter's.
        "tuned": Recipe(
            CHAPTER_DCGAN | EQUAL_RATES | {"batch_size": 32, "ema": 0.999},
            {
                ANY_CLASS: MIRRORED,
                "cifar10": {"epochs": 20} | MIRRORED,
                "mnist": {"epochs": 3},
                "fashion_mnist": {"epochs": 3},
                "mnist5k": {"epochs": 30},
            },
        ),
        "article": Recipe(
            {
                "epochs": 100,
                "batch_size": 64,
                "latent_dim": 100,
                "optimizer": "rmsprop",
                "generator_learning_rate": 1e-4,
                "discriminator_learning_rate": 2e-4,
                "adam_beta_1": 0.5,
                "label_smoothing": 0.0,
                "discriminator_steps": 1,
                "concatenate_batches": True,
                "latent_distribution": "uniform",
                "output_activation": "sigmoid",
                "init_stddev": None,
                "kernel_size": 5,
                "leaky_alpha": 0.2,
                "batch_norm_momentum": 0.99,
                "generator_filters": 32,
                "generator_base_filters": 128,
                "generator_extra_layers": 2,
                "generator_activation": "relu",
                "discriminator_filters": 32,
                "discriminator_extra_layers": 1,
                "discriminator_batch_norm": False,
                "discriminator_activate_last": False,
                "dropout": 0.0,
                "augment": "none",
            },
            on={"mnist": {"epochs": 43}, "fashion_mnist": {"epochs": 43}},
        ),
    },
}


def settings_of(run: dict) -> Settings:
    """Return the settings that run.json keeps.

    A setting that is younger than the run has its recipe's value: a new setting must not change what a recipe does.

    Args:
        run: The content of run.json.

    Raises:
        InputError: It has a setting that is not known here.
    """
    known = {field.name for field in dataclasses.fields(SETTINGS[run["kind"]])}
    if unknown := sorted(set(run["settings"]) - known):
        raise InputError(f"the run has settings that are not known ({', '.join(unknown)}); use a newer keras_gen")
    return resolve_settings(run["kind"], run["dataset"]["name"], **run["settings"])


def resolve_settings(kind: str, dataset: str = "mnist5k", recipe: str = "chapter", **overrides: object) -> Settings:
    """Return a recipe's settings for a data set, with some of them replaced.

    Args:
        kind: `vae` or `dcgan`.
        dataset: Name of the data set, which some defaults depend on.
        recipe: Name of the recipe.
        **overrides: Settings by name that replace the recipe's.

    Returns:
        `VAESettings` or `DCGANSettings`.

    Raises:
        InputError: There is no such recipe, or a value is out of bounds.
        TypeError: There is no such setting.
    """
    recipes = RECIPES[kind]
    if recipe not in recipes:
        raise InputError(f"--recipe {recipe} is not known; choose one of {', '.join(recipes)}")
    return SETTINGS[kind](recipe=recipe, **recipes[recipe].values(dataset, overrides))
