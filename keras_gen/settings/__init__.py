"""Settings: declared once, grouped, and resolved from recipes. Nothing here imports Keras or NumPy."""

from keras_gen._lazy import lazy_exports

__all__, __getattr__, __dir__ = lazy_exports(
    __name__,
    {
        ".dcgan_groups": ("DiscriminatorSettings", "GeneratorSettings"),
        ".groups": ("DecoderSettings", "EncoderSettings"),
        ".recipes": (
            *("default_recipe", "recipe_choices", "recipe_names", "resolve_settings", "settings_from_record"),
            "to_toml",
        ),
        ".run_settings": ("NAMES", "SETTINGS", "DCGANSettings", "Settings", "VAESettings", "fields_of", "parse_sets"),
    },
)
