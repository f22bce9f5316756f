"""A run: its folder, run.json, checkpoints, saved models, and the class that holds it, live or loaded."""

from keras_gen._lazy import lazy_exports

__all__, __getattr__, __dir__ = lazy_exports(
    __name__,
    {
        ".folder": ("RunFolder",),
        ".kinds": ("DCGANRun", "VAERun", "load_run"),
        ".listing": ("RunSummary", "list_runs"),
        ".run": ("Run",),
    },
)
