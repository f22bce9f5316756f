"""Trains both models in the process of another Keras backend; test_backends.py runs it."""

import json
import sys

import numpy as np

import keras_gen
from tests.conftest import striped_images


def main():
    train, held_out = (
        keras_gen.ImageSet(*striped_images(count, size=16, seed=seed), ("a", "b"), "stripes")
        for seed, count in enumerate((96, 32))
    )
    report = {}
    small_nets = {
        "augment": "color,translation,cutout,mirror",
        "latent_dim": 4,
        "generator_filters": 4,
        "generator_base_filters": 4,
        "discriminator_filters": 4,
    }
    for kind, overrides in {"vae": {"intermediate_dim": 16, "learning_rate": 3e-3}, "dcgan": small_nets}.items():
        settings = keras_gen.resolve_settings(kind, epochs=3, batch_size=32, **overrides)
        said = []
        run = getattr(keras_gen, f"train_{kind}")(train, held_out, settings, say=said.append)
        report[kind] = {"history": run.history, "said": said}
        if kind == "vae":
            z_mean, z_log_var, z = run.models["encoder"].predict_on_batch(held_out.images / np.float32(255))
            report["z"] = [float(np.std(z - z_mean)), float(np.mean(np.exp(z_log_var / 2)))]
    json.dump(report, sys.stdout)


if __name__ == "__main__":
    main()
