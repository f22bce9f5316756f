"""The two trainers with their steps, the loop, callbacks, freezing, the doctor, the compiled engine."""

from keras_gen._lazy import lazy_exports

__all__, __getattr__, __dir__ = lazy_exports(
    __name__,
    {
        ".dcgan": ("DCGANTrainer", "train_dcgan"),
        ".engines": ("make_trainer",),
        ".freezing": ("frozen", "weight_changes", "who_moved"),
        ".vae": ("VAETrainer", "train_vae"),
    },
)
