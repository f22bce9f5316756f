"""What the doctor looks for: each check returns what is wrong, in a sentence with the remedy, or None."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from keras_gen.latent import DEAD, draw_latents, kl_per_dimension
from keras_gen.models.losses import observed
from keras_gen.seeds import random_stream

if TYPE_CHECKING:
    from keras_gen.run import Run
    from keras_gen.training.doctor import Doctor

PROBED = 64  # images; one batch of the networks when they are applied
FEW_EPOCHS = 3  # before these nothing is said of a trend
SETTLED = 2e-4  # of what BatchNormalization's averages start with; with less they no longer move by themselves
FEW_STEPS = 500  # before these a generator's images are alike because it has hardly begun
NEAR_ZERO = 0.01  # nats: a discriminator that is never wrong about generated images; healthy runs stay above 0.02
FOOLED = 0.15  # nats: a generator whose images all pass
ALIKE = 0.25  # of the real images' mean distance to each other; healthy runs stay above 0.45
FEW_KINDS = 0.35  # of the real images' mean distance to the nearest other; healthy runs have 0.9, one of only 1s 0.46
WORSE = 3  # standard errors by which a KID is above the best one
IMPOSSIBLE = 1.2  # exp(-loss on fakes) + exp(-generator's loss) is at most 1 for one function
OVERFITTED = 0.02  # rise of the held-out loss, of what it is or of what was learned, whichever is larger


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with a run.

    Attributes:
        name: A few words.
        text: What is seen, and what to do, in a sentence.
    """

    name: str
    text: str


def vae_checks(doctor: Doctor) -> list[Callable[[], Finding | None]]:
    """Return the checks of a VAE, ready to be called."""
    run, trainer = doctor.run, doctor.trainer
    random = random_stream(run.settings.training.seed, "held_out")
    seen = observed(doctor.images, run.settings.decoder.likelihood, random)
    z_mean, z_log_var = run.encode_distribution(seen)
    return [
        lambda: _wrong_reduction(run, trainer.held_out_losses(doctor.images)["held_out_reconstruction"]),
        lambda: _posterior_collapse(doctor, kl_per_dimension(z_mean, z_log_var)),
        lambda: _overfitting(run.history),
        lambda: _loss_stands_still(doctor),
    ]


def dcgan_checks(doctor: Doctor) -> list[Callable[[], Finding | None]]:
    """Return the checks of a DCGAN, ready to be called."""
    run, settings, steps = doctor.run, doctor.run.settings, doctor.steps
    random = random_stream(settings.training.seed, "grid")
    latents = draw_latents(random, PROBED, settings.latent_dim, settings.latent_distribution)
    images = run.decode(latents).astype(np.float32)
    settled = _settled_steps(settings.generator.batch_norm_momentum)
    if doctor.first is None and steps >= settled:
        doctor.first, doctor.first_epoch = images, run.epoch
    losses = [
        *([lambda: _another_function(run.history)] if steps * (1 - 1 / run.epoch) >= settled else []),
        lambda: _discriminator_wins(doctor, run.history),
        lambda: _generator_wins(run.history),
    ]
    return [
        *(losses if settings.training.loss == "cross_entropy" else []),  # what these know of are probabilities
        lambda: _collapse(images, doctor.images, steps),
        lambda: _few_kinds(doctor, images, steps),
        lambda: _worsening(run.metrics),
        lambda: _images_stand_still(doctor, images, run.epoch),
    ]


def _settled_steps(momentum: float) -> int:
    """Return after how many steps a generator that uses its averages is the one that trains with its batches' own.

    Before, the discriminator sees images by a generator of its own, and both may be right.
    """
    return math.ceil(math.log(SETTLED) / math.log(momentum)) if momentum else 0


def _wrong_reduction(run: Run, measured: float) -> Finding | None:
    """Compare the loss that trains with one that is measured pixel by pixel, image by image."""
    if run.settings.decoder.likelihood not in ("bernoulli", "binarized"):  # a density can be near 0 by itself
        return None
    trained = run.history[-1]["reconstruction"]
    if run.epoch < 2 or abs(trained) > 0.2 * abs(measured):
        return None
    return Finding(
        "averaged reconstruction",
        "The reconstruction loss that trains is averaged over the pixels, not summed, and the KL term drowns it: sum "
        "it over the pixels, as keras_gen.models.reconstruction_loss does.",
    )


def _posterior_collapse(doctor: Doctor, kl: np.ndarray) -> Finding | None:
    if doctor.run.epoch < FEW_EPOCHS or kl.max() >= DEAD or doctor.sees("averaged reconstruction"):
        return None
    return Finding(
        "posterior collapse",
        f"Posterior collapse: no latent dimension carries information (the largest KL is {brief(kl.max())} nats), so "
        "all reconstructions are alike: lower `beta`, or the learning rate.",
    )


def _overfitting(history: list[dict[str, float]]) -> Finding | None:
    held_out = _without_spikes([row["held_out_loss"] for row in history])
    best = int(np.argmin(held_out))
    late = len(held_out) - 1 - best
    # A density's loss may be about 0, of which a share would be nothing: what was learned is a measure, too.
    measure = max(abs(held_out[best]), held_out[0] - held_out[best])
    if late < FEW_EPOCHS or min(held_out[-FEW_EPOCHS:]) <= held_out[best] + OVERFITTED * measure:
        return None
    if history[-1]["loss"] >= history[best]["loss"]:
        return None
    return Finding(
        "overfitting",
        f"The held-out loss rises since epoch {history[best]['epoch']} while the training loss falls, the network "
        f"memorises: stop there (`epochs={history[best]['epoch']}`), use more images or a smaller network.",
    )


def _without_spikes(losses: list[float]) -> list[float]:
    """Return the medians of each three neighbours: one epoch that happens to be good is no turning point."""
    inner = [float(np.median(losses[place : place + 3])) for place in range(len(losses) - 2)]
    return [losses[0], *inner, losses[-1]] if inner else losses


def _loss_stands_still(doctor: Doctor) -> Finding | None:
    run = doctor.run
    losses = [row["loss"] for row in run.history]
    if run.epoch < FEW_EPOCHS or losses[-1] < losses[0] - 0.005 * abs(losses[0]):
        return None
    if doctor.sees("averaged reconstruction", "posterior collapse"):
        return None
    return Finding(
        "nothing learned",
        f"Nothing is learned: after {run.epoch} epochs the loss is where it was after the first: try a learning rate "
        "ten times higher, or ten times lower if the losses jump.",
    )


def _another_function(history: list[dict[str, float]]) -> Finding | None:
    """Find losses that no one discriminator can have.

    With p the probability that an image is real, the losses on generated images are the means of -log(1 - p) and of
    -log p. By Jensen's inequality exp(-loss) is at most the mean of 1 - p and of p, which add up to 1.
    """
    row = history[-1]
    together = math.exp(-row["discriminator_loss_fake"]) + math.exp(-row["generator_loss"])
    if together <= IMPOSSIBLE:
        return None
    return Finding(
        "another function",
        "The generator is trained against another function than the discriminator that trains (one calls generated "
        "images fake, the other real): freeze the discriminator's weights, not its layers, with keras_gen.frozen.",
    )


def _discriminator_wins(doctor: Doctor, history: list[dict[str, float]]) -> Finding | None:
    last = history[-FEW_EPOCHS:]
    if len(last) < FEW_EPOCHS or any(row["discriminator_loss_fake"] > NEAR_ZERO for row in last):
        return None
    if last[-1]["generator_loss"] <= last[0]["generator_loss"] or doctor.sees("another function"):
        return None
    return Finding(
        "discriminator wins",
        "The discriminator wins: it is never wrong about generated images and the generator's loss rises: lower "
        "`discriminator_learning_rate`, or raise `generator_learning_rate` or `label_smoothing`.",
    )


def _generator_wins(history: list[dict[str, float]]) -> Finding | None:
    last = history[-2:]
    if len(last) < 2 or any(
        row["generator_loss"] > FOOLED or row["discriminator_loss_fake"] < 2 * math.log(2) for row in last
    ):
        return None
    return Finding(
        "generator wins",
        "The generator wins: the discriminator takes all its images for real, so there is nothing to learn from it: "
        "raise `discriminator_learning_rate` or `discriminator_steps`, or lower `generator_learning_rate`.",
    )


def _collapse(images: np.ndarray, real: np.ndarray, steps: int) -> Finding | None:
    share = _mean_distance(images) / max(_mean_distance(real), 1e-6)
    if steps < FEW_STEPS or share >= ALIKE:
        return None
    return Finding(
        "collapse",
        "The generated images have collapsed: they are much more alike than real ones: lower both learning rates, or "
        "go back to a better epoch (`evaluate_every` keeps the best).",
    )


def _few_kinds(doctor: Doctor, images: np.ndarray, steps: int) -> Finding | None:
    """Find images that are far apart on average, and each nearly the same as some other one."""
    real = doctor.images
    share = _nearest_distance(images[: len(real)]) / max(_nearest_distance(real), 1e-6)
    if steps < FEW_STEPS or share >= FEW_KINDS or doctor.sees("collapse"):
        return None
    return Finding(
        "collapse to a few",
        f"The generated images have collapsed to a few: each of {len(real)} has another that is nearly the same: "
        "lower both learning rates, or go back to a better epoch (`evaluate_every` keeps the best).",
    )


def _worsening(metrics: list[dict[str, float]]) -> Finding | None:
    """Find a distance that is clearly above its best value, twice in a row."""
    rows = [row for row in metrics if "kid" in row]
    if len(rows) < FEW_EPOCHS:
        return None
    best = min(rows, key=lambda row: row["kid"])
    errors = [math.hypot(row["kid_standard_error"], best["kid_standard_error"]) for row in rows[-2:]]
    if any(row["kid"] <= best["kid"] + WORSE * error for row, error in zip(rows[-2:], errors, strict=True)):
        return None
    return Finding(
        "worsening",
        f"The KID worsens since epoch {best['epoch']} (from {brief(best['kid'])} to {brief(rows[-1]['kid'])}): the "
        f"best models are kept (`best=True` uses them); stop there (`epochs={best['epoch']}`), or lower both learning "
        "rates.",
    )


def _images_stand_still(doctor: Doctor, images: np.ndarray, epoch: int) -> Finding | None:
    if doctor.first is None or epoch < doctor.first_epoch + FEW_EPOCHS:
        return None
    if np.sqrt(np.mean((images - doctor.first) ** 2)) >= 1:
        return None
    return Finding(
        "nothing learned",
        f"Nothing is learned: after {epoch} epochs the generator's images have not changed: raise "
        "`generator_learning_rate`.",
    )


def _mean_distance(images: np.ndarray) -> float:
    """Return the mean Euclidean distance between two of the images."""
    return float(np.sum(_distances(images)) / max(1, len(images) * (len(images) - 1)))


def _nearest_distance(images: np.ndarray) -> float:
    """Return the mean Euclidean distance of an image to the nearest other one."""
    if len(images) < 2:
        return 0.0
    return float(np.mean(np.min(_distances(images) + np.diag(np.full(len(images), np.inf)), axis=1)))


def _distances(images: np.ndarray) -> np.ndarray:
    rows = images.reshape(len(images), -1).astype(np.float64)
    squares = np.sum(rows**2, axis=1)
    return np.sqrt(np.maximum(0, squares[:, np.newaxis] + squares - 2 * rows @ rows.T)) * (1 - np.eye(len(rows)))


def brief(value: float) -> str:
    """Return a number with two digits."""
    return f"{value:.2g}"
