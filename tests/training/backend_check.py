"""Trains both models in the process of another Keras backend; test_backends.py runs it."""

import json
import sys

import numpy as np

import keras_gen
from tests.conftest import striped_images
from tests.small import train_small


def main():
    train, held_out = (
        keras_gen.ImageSet(*striped_images(count, size=16, seed=seed), ("a", "b"), "stripes")
        for seed, count in enumerate((96, 32))
    )
    report = {}
    other = {
        "vae": {"learning_rate": 3e-3, "likelihood": "discretized_logistic", "binarize_inputs": 0.5},
        "dcgan": {"augment": "color,translation,cutout,mirror,auto", "augment_target": -1},
    }
    for kind, overrides in other.items():
        said = []
        run = train_small(kind, train, held_out, epochs=3, batch_size=32, doctor=True, say=said.append, **overrides)
        report[kind] = {"history": run.history, "weights": next(line for line in said if line.startswith("Weights"))}
        if kind == "vae":
            z_mean, z_log_var, z = run.models["encoder"].predict_on_batch(held_out.images / np.float32(255))
            report["z"] = [float(np.std(z - z_mean)), float(np.mean(np.exp(z_log_var / 2)))]
    json.dump(report, sys.stdout)


if __name__ == "__main__":
    main()
