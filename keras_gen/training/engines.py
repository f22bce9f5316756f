"""Which trainer takes the steps: a model and an engine, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from keras_gen.errors import InputError

if TYPE_CHECKING:
    from keras_gen.settings import Settings
    from keras_gen.training.trainer import Trainer


FULL_PRECISIONS = ("float32", "float64")


def make_trainer(
    kind: str, image_shape: tuple[int, int, int], settings: Settings, classes: int | None = None
) -> Trainer:
    """Build the networks and what trains them, by the engine of the settings; the trainer's precision is not `auto`.

    Conditional networks are told of how many classes their labels are.
    """
    import keras

    from keras_gen.training.device import best_precision

    if settings.training.precision == "auto":
        settings = settings.replace(precision=best_precision(settings.convolutional)[0])
    check_engine(settings, keras.backend.backend())
    if keras.config.floatx() not in FULL_PRECISIONS:
        raise InputError(
            f"Keras's floatx is {keras.config.floatx()}, too coarse for the losses; set it to float32 in keras.json, "
            "and use `precision` for half precision"
        )
    if settings.training.engine == "compiled":
        from keras_gen.training.compiled_dcgan import CompiledDCGANTrainer as DCGANTrainer
        from keras_gen.training.compiled_vae import CompiledVAETrainer as VAETrainer
    else:
        from keras_gen.training.dcgan import DCGANTrainer
        from keras_gen.training.vae import VAETrainer
    return {"vae": VAETrainer, "dcgan": DCGANTrainer}[kind](image_shape, settings, classes)


def check_engine(settings: Settings, backend: str) -> None:
    """Raise InputError for an engine that a backend does not have."""
    if settings.training.engine == "compiled" and backend != "tensorflow":
        raise InputError(
            f'`engine="compiled"` is made of TensorFlow, and KERAS_BACKEND is {backend}; '
            'use `engine="train_on_batch"`, or leave KERAS_BACKEND out'
        )
