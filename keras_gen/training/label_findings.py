"""What the doctor finds in a conditional run: labels without effect, and classes that have collapsed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from keras_gen.data import ImageSet
from keras_gen.indices import evenly_spaced_indices
from keras_gen.latent import draw_latents
from keras_gen.seeds import random_stream
from keras_gen.text import printable
from keras_gen.training.findings import ALIKE, FEW_EPOCHS, FEW_STEPS, Finding, mean_distance

if TYPE_CHECKING:
    from keras_gen.training.doctor import Doctor

MAX_CLASSES, OF_CLASS = 20, 8  # that are looked at, and images of each
IGNORED = 0.1  # of the real images' mean distance to each other: what another label changes


def images_by_class(train: ImageSet) -> dict[int, np.ndarray]:
    """Return a few training images of each of some classes, by label."""
    labels = np.unique(train.labels)
    labels = labels[evenly_spaced_indices(len(labels), MAX_CLASSES)].tolist()
    indices = {label: np.flatnonzero(train.labels == label) for label in labels}
    return {
        label: np.asarray(train.images[found[evenly_spaced_indices(len(found), OF_CLASS)]])
        for label, found in indices.items()
    }


def label_findings(doctor: Doctor) -> Iterator[Finding]:
    """Yield what is wrong with what a conditional generator or decoder makes of its labels."""
    run, settings, real = doctor.run, doctor.run.settings, doctor.by_class
    if run.epoch < FEW_EPOCHS or doctor.steps < FEW_STEPS * (not run.encodes):
        return
    random = random_stream(settings.training.seed, "grid")
    latents = draw_latents(random, OF_CLASS, settings.latent_dim, settings.latent_distribution)
    images = run.decode(np.tile(latents, (len(real), 1)), np.repeat(list(real), OF_CLASS)).astype(np.float32)
    images = images.reshape(len(real), OF_CLASS, *run.image_shape)
    of_one_point = np.mean([mean_distance(images[:, place]) for place in range(OF_CLASS)])
    if of_one_point < IGNORED * max(mean_distance(np.concatenate(list(real.values()))), 1e-6):
        yield Finding(
            "label ignored",
            f"The {run.image_model} ignores the label: images at one latent point are nearly the same for every label; "
            "check that the labels belong to the images, and train longer or with fewer latent dimensions.",
        )
        return
    if run.encodes:
        return  # a decoder's images are means, and so more alike than real ones
    collapsed = [
        label
        for label, made in zip(real, images, strict=True)
        if mean_distance(made) < ALIKE * max(mean_distance(real[label]), 1e-6)
    ]
    remedy = "lower both learning rates, or go back to a better epoch (`evaluate_every` keeps the best)."
    if len(collapsed) == len(real):
        yield Finding("every class collapsed", f"Every class has collapsed: the images of each are alike: {remedy}")
        return
    for label in collapsed:
        yield Finding(
            f"collapse of class {label}",
            f"The class {printable(run.label_names[label])} has collapsed: its generated images are much more alike "
            f"than its real ones; use more images of it or `balance_classes`, {remedy}",
        )
