"""The two loops, freezing and its audit, settings and recipes, the run folder."""

from keras_gen._lazy import lazy_exports

__all__, __getattr__ = lazy_exports(
    __name__,
    {
        ".audit": ("frozen", "who_moved"),
        ".dcgan": ("DCGANTrainer", "train_dcgan"),
        ".engines": ("make_trainer",),
        ".loop": ("TrainingRun",),
        ".recipes": ("RECIPES", "resolve_settings"),
        ".run_folder": ("RunFolder",),
        ".settings": ("DCGANSettings", "VAESettings"),
        ".trained_run": ("TrainedRun", "load_run"),
        ".vae": ("VAETrainer", "train_vae"),
    },
)
