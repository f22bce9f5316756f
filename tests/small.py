"""Small runs, trained in seconds: what most tests of training and of runs need."""

import keras
import numpy as np

import keras_gen
from tests.conftest import values_of

TRAIN = {"vae": keras_gen.train_vae, "dcgan": keras_gen.train_dcgan}
NETS = {
    "vae": {"intermediate_dim": 16, "jit": "off"},  # XLA compiles such a network for ten seconds
    "dcgan": {
        "latent_dim": 4,
        "generator_filters": 4,
        "generator_base_filters": 4,
        "discriminator_filters": 4,
    },
}


def quiet(_):
    """Say nothing."""


def small_settings(kind, **overrides):
    return keras_gen.resolve_settings(
        kind, **{"recipe": "chapter", "epochs": 2, "batch_size": 16} | NETS[kind] | overrides
    )


def train_small(kind, *data, **options):
    """Train a small network; settings are given by name beside the options of `train_vae`."""
    recipe = {} if len(data) > 2 or "settings" in options else {"recipe": "chapter"}
    options = {"epochs": 2, "batch_size": 16, "say": quiet, "doctor": False} | recipe | NETS[kind] | options
    return TRAIN[kind](*data, **options)


def stop_after(steps):
    """A callback that stops the training after some steps."""

    class Stop(keras.callbacks.Callback):
        left = steps

        def on_train_batch_end(self, batch, logs=None):
            self.left -= 1
            self.model.stop_training = self.left <= 0

    return Stop()


def weights_of(run):
    return values_of(weight for model in run.models.values() for weight in model.weights)


def assert_same_runs(one, other):
    """Compare histories and weights bit by bit."""
    assert one.history == other.history
    for a, b in zip(weights_of(one), weights_of(other), strict=True):
        np.testing.assert_array_equal(a, b)
