"""Train small generative models with Keras and see what they learned."""

from keras_gen._lazy import lazy_exports

__version__ = "0.2.0"

__all__, __getattr__ = lazy_exports(
    __name__,
    {
        ".data": ("ImageSet", "load_dataset"),
        ".errors": ("InputError", "RunError"),
        ".training": (
            "DCGANSettings",
            "RunFolder",
            "VAESettings",
            "frozen",
            "load_run",
            "resolve_settings",
            "train_dcgan",
            "train_vae",
            "who_moved",
        ),
    },
)
