"""Settings: declared once, grouped, and resolved from recipes. Nothing here imports Keras or NumPy."""

from keras_gen.settings.groups import (
    DataSettings,
    DCGANTrainingSettings,
    DecoderSettings,
    DiscriminatorSettings,
    EncoderSettings,
    GeneratorSettings,
    VAETrainingSettings,
)
from keras_gen.settings.recipes import default_recipe, recipe_names, resolve_settings, settings_from_record, to_toml
from keras_gen.settings.run_settings import (
    NAMES,
    SETTINGS,
    DCGANSettings,
    Settings,
    VAESettings,
    fields_of,
    parse_set,
    parse_sets,
)

__all__ = [
    "NAMES",
    "SETTINGS",
    "DCGANSettings",
    "DCGANTrainingSettings",
    "DataSettings",
    "DecoderSettings",
    "DiscriminatorSettings",
    "EncoderSettings",
    "GeneratorSettings",
    "Settings",
    "VAESettings",
    "VAETrainingSettings",
    "default_recipe",
    "fields_of",
    "parse_set",
    "parse_sets",
    "recipe_names",
    "resolve_settings",
    "settings_from_record",
    "to_toml",
]
