"""Train small generative models with Keras and see what they learned."""

import os

from keras_gen._lazy import lazy_exports

if os.environ.get("MPLBACKEND"):
    from keras_gen._matplotlib import import_matplotlib

    import_matplotlib()

__version__ = "0.2.0"

__all__, __getattr__, __dir__ = lazy_exports(
    __name__,
    {
        ".data": ("ImageSet", "load_dataset"),
        ".errors": ("InputError", "RunError"),
        ".evaluation": ("collection", "compare", "compare_images"),
        ".run": ("DCGANRun", "Run", "RunFolder", "VAERun", "list_runs", "load_run"),
        ".settings": ("DCGANSettings", "VAESettings", "resolve_settings"),
        ".training": ("frozen", "train_dcgan", "train_vae", "weight_changes", "who_moved"),
    },
)
