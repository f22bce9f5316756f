"""Trains on one and on two logical CPU devices, in double precision; test_distribution.py runs it.

It prints, for each case that is named on the command line, the largest difference between the weights, relative
to their norm.
"""

import json
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gen import ImageSet
from keras_gen.training import make_trainer
from tests.conftest import striped_images, values_of, without_pictures
from tests.small import small_settings, stop_after, train_small

DCGAN = {"dropout": 0.0}  # each device would drop the same features of its own images
CASES = {
    "vae": ("vae", {}),
    "dcgan": ("dcgan", DCGAN),
    # The sign on real images is measured; at a probability of 0 nothing is drawn for a part of a batch.
    "averaged": ("dcgan", DCGAN | {"ema": 0.9, "spectral_norm": True, "augment": "auto", "augment_target": 1}),
    "article": ("dcgan", DCGAN | {"recipe": "article"}),
    "shared": ("dcgan", DCGAN | {"share_fakes": True, "augment": "mirror", "discriminator_steps": 2}),
    "conditional": ("dcgan", DCGAN | {"conditional": True}),
    "conditional vae": ("vae", {"conditional": True, "binarize_inputs": 0.5}),
}
# In front of BatchNormalization a bias has no effect; KL's counters count only what their device is shown.
EXEMPT = ("conv_transpose_1", "conv_transpose_2", "conv_transpose_3", "conv_2")


def trained(kind, distribute, overrides, images):
    settings = small_settings(kind, engine="compiled", distribute=distribute, **overrides)
    conditional = settings.training.conditional
    trainer = make_trainer(kind, images.shape[1:], settings, 2 if conditional else None)
    labels = trainer.class_labels = np.arange(len(images)) % 2 if conditional else None
    random = np.random.default_rng(1)
    batches = [random.permutation(len(images))[: trainer.images_per_step] for _ in range(6)]
    line = trainer.checked_step(images, batches[0], 1)
    trainer.train_steps(images, batches[1:], 2)
    return trainer, line, trainer.losses() | trainer.measures() | trainer.held_out_losses(images, labels)


def difference(one, two):
    worst = 0.0
    for group in one.variables:
        for a, b in zip(one.variables[group], two.variables[group], strict=True):
            path = a.path.replace("/", "_")
            if path.startswith("kl_") or ("bias" in path and any(name in path for name in EXEMPT)):
                continue
            first, second = (np.asarray(each, np.float64) for each in values_of([a, b]))
            worst = max(worst, float(np.linalg.norm(first - second) / max(np.linalg.norm(first), 1e-12)))
    return worst


def resumed_difference():
    """Stop and resume a run on two devices, and compare it with one that was not stopped."""
    sets = [ImageSet(*striped_images(count, 8), (), "stripes") for count in (70, 16)]
    root = Path(tempfile.mkdtemp())
    options = {"engine": "compiled", "distribute": "mirrored", "epochs": 2}
    train_small("vae", *sets, **options, folder=root / "whole")
    stopped = train_small("vae", *sets, **options, folder=root / "parts", callbacks=[stop_after(4)])
    assert stopped.status == "stopped"
    resumed = train_small("vae", **options, folder=root / "parts", resume=True)
    histories = [(root / name / "history.csv").read_text() for name in ("whole", "parts")]
    loaded = [keras.models.load_model(root / name / "models" / "decoder.keras") for name in ("whole", "parts")]
    same = all(np.array_equal(a, b) for a, b in zip(*(values_of(model.weights) for model in loaded), strict=True))
    return {"history": histories[0] == histories[1], "weights": same, "epochs": len(resumed.history)}


def main():
    first = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(first, [tf.config.LogicalDeviceConfiguration()] * 2)
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})  # as in conftest.py
    keras.config.set_floatx("float64")
    images, _ = striped_images(64)
    report = {}
    for name in filter(CASES.__contains__, sys.argv[1:]):
        kind, overrides = CASES[name]
        runs = [trained(kind, distribute, overrides, images) for distribute in ("none", "mirrored")]
        one, two = (trainer for trainer, _, _ in runs)
        report[name] = {
            "devices": [one.devices, two.devices],
            "checks": [line for _, line, _ in runs],
            "losses": [losses for _, _, losses in runs],
            "difference": difference(one, two),
        }
    keras.config.set_floatx("float32")
    if "resumed" in sys.argv:
        with pytest.MonkeyPatch.context() as patch:
            without_pictures(patch)
            report["resumed"] = resumed_difference()
    json.dump(report, sys.stdout)


if __name__ == "__main__":
    main()
