"""What the doctor looks for: what is wrong, each in a sentence with the remedy."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from keras_gen.latent import DEAD, draw_latents, kl_per_dimension
from keras_gen.models.losses import observed
from keras_gen.seeds import random_stream
from keras_gen.transparency import premultiplied

if TYPE_CHECKING:
    from keras_gen.run import Run
    from keras_gen.settings import DCGANSettings
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
MISTAKEN = 1.0  # nats: most held-out real images are taken for generated ones
GAP = 2  # times the loss on training images
OVERFITTED = 0.02  # rise of the held-out loss, of what it is or of what was learned, whichever is larger


class Finding(NamedTuple):
    """Something that is wrong with a run: a few words, and a sentence on what is seen and what to do."""

    name: str
    text: str


def vae_findings(doctor: Doctor) -> Iterator[Finding]:
    """Yield what is wrong with a VAE."""
    run, trainer = doctor.run, doctor.trainer
    random = random_stream(run.settings.training.seed, "held_out")
    seen = observed(doctor.images, run.settings.decoder.likelihood, random)
    kl = kl_per_dimension(*run.encode_distribution(seen, doctor.classes)).max()
    averaged = _is_averaged(run, trainer.held_out_losses(doctor.images, doctor.classes)["held_out_reconstruction"])
    collapsed = run.epoch >= FEW_EPOCHS and kl < DEAD and not averaged
    if averaged:
        yield Finding(
            "averaged reconstruction",
            "The reconstruction loss that trains is averaged over the pixels, not summed, and the KL term drowns it: "
            "sum it over the pixels, as keras_gen.models.reconstruction_loss does.",
        )
    if collapsed:
        yield Finding(
            "posterior collapse",
            f"Posterior collapse: no latent dimension carries information (the largest KL is {kl:.2g} nats), so "
            f"all reconstructions are alike: {_remedy_of_collapse(run)}",
        )
    if best := overfits_since(run.history):
        yield Finding(
            "overfitting",
            f"The held-out loss rises since epoch {best} while the training loss falls, the network "
            f"memorises: stop there (`epochs={best}`), use more images or a smaller network.",
        )
    first, last = run.history[0]["loss"], run.history[-1]["loss"]
    stands_still = run.epoch >= FEW_EPOCHS and last >= first - 0.005 * abs(first)
    if stands_still and not averaged and not collapsed:
        yield Finding(
            "nothing learned",
            f"Nothing is learned: after {run.epoch} epochs the loss is where it was after the first: try a learning "
            "rate ten times higher, or ten times lower if the losses jump.",
        )


def dcgan_findings(doctor: Doctor) -> Iterator[Finding]:
    """Yield what is wrong with a DCGAN."""
    run, settings, steps = doctor.run, doctor.run.settings, doctor.steps
    random = random_stream(settings.training.seed, "grid")
    latents = draw_latents(random, PROBED, settings.latent_dim, settings.latent_distribution)
    images = run.decode(latents, run.draw_labels(PROBED, settings.training.seed)).astype(np.float32)
    settled = _settled_steps(settings.generator.batch_norm_momentum)
    if doctor.first is None and steps >= settled:
        doctor.first, doctor.first_epoch = images, run.epoch
    if settings.training.loss == "cross_entropy":  # what the losses tell is of probabilities
        yield from _loss_findings(run.history, settled=steps * (1 - 1 / run.epoch) >= settled)
        if memorises_since(run.history):
            yield Finding(
                "discriminator overfits",
                "The discriminator overfits: it takes training images for real and held-out ones for generated, so it "
                f"knows the former by heart: {_against_memorising(settings)}.",
            )
    if steps >= FEW_STEPS:
        yield from _collapse_findings(images, doctor.images)
    if copies := next((row["copies"] for row in reversed(run.metrics) if "copies" in row), 0):
        yield Finding(
            "memorising",
            f"Memorising: about {copies:.0f} of every hundred generated images copy a training image: "
            f"{_against_memorising(settings)}.",
        )
    if best := worsens_since(run.metrics):
        now = _kids(run.metrics)[-1]
        yield Finding(
            "worsening",
            f"The KID worsens since epoch {best['epoch']} (from {best['kid']:.2g} to {now['kid']:.2g}): "
            f"the best models are kept (`best=True` uses them); stop there (`epochs={best['epoch']}`), or lower both "
            "learning rates.",
        )
    stands_still = doctor.first is not None and run.epoch >= doctor.first_epoch + FEW_EPOCHS
    if stands_still and np.sqrt(np.mean((images - doctor.first) ** 2)) < 1:
        yield Finding(
            "nothing learned",
            f"Nothing is learned: after {run.epoch} epochs the generator's images have not changed: raise "
            "`generator_learning_rate`.",
        )


def _collapse_findings(images: np.ndarray, real: np.ndarray) -> Iterator[Finding]:
    remedy = "lower both learning rates, or go back to a better epoch (`evaluate_every` keeps the best)."
    if mean_distance(images) < ALIKE * max(mean_distance(real), 1e-6):
        yield Finding(
            "collapse", f"The generated images have collapsed: they are much more alike than real ones: {remedy}"
        )
    elif few_kinds(images, real):
        yield Finding(
            "collapse to a few",
            f"The generated images have collapsed to a few: each of {len(real)} has another that is nearly the same: "
            f"{remedy}",
        )


def _settled_steps(momentum: float) -> int:
    """Return after how many steps a generator that uses its averages is the one that trains with its batches' own.

    Before, the discriminator sees images by a generator of its own, and both may be right.
    """
    return math.ceil(math.log(SETTLED) / math.log(momentum)) if momentum else 0


def _remedy_of_collapse(run: Run) -> str:
    if run.image_shape[-1] > 1 and run.settings.decoder.likelihood == "bernoulli":
        return 'use `likelihood="discretized_logistic"` for colour images, or `recipe="tuned"`.'
    return "lower `beta`, or the learning rate."


def _is_averaged(run: Run, measured: float) -> bool:
    """Compare the loss that trains with one that is measured pixel by pixel, image by image."""
    if run.settings.decoder.likelihood not in ("bernoulli", "binarized"):  # a density can be near 0 by itself
        return False
    return run.epoch >= 2 and abs(run.history[-1]["reconstruction"]) <= 0.2 * abs(measured)


def overfits_since(history: list[dict[str, float]]) -> int | None:
    """Return the epoch since which the held-out loss rises while the training loss falls."""
    held_out = _without_spikes([row["held_out_loss"] for row in history])
    best = int(np.argmin(held_out))
    # A density's loss may be about 0, of which a share would be nothing: what was learned is a measure, too.
    measure = max(abs(held_out[best]), held_out[0] - held_out[best])
    late = len(held_out) - 1 - best >= FEW_EPOCHS
    rises = late and min(held_out[-FEW_EPOCHS:]) > held_out[best] + OVERFITTED * measure
    return history[best]["epoch"] if rises and history[-1]["loss"] < history[best]["loss"] else None


def _without_spikes(losses: list[float]) -> list[float]:
    """Return the medians of each three neighbours: one epoch that happens to be good is no turning point."""
    inner = [float(np.median(losses[place : place + 3])) for place in range(len(losses) - 2)]
    return [losses[0], *inner, losses[-1]] if inner else losses


def _loss_findings(history: list[dict[str, float]], settled: bool) -> Iterator[Finding]:
    """Yield what a GAN's cross-entropies tell.

    No one discriminator can have some losses. With p the probability that an image is real, those on generated images
    are the means of -log(1 - p) and of -log p. By Jensen's inequality exp(-loss) is at most the mean of 1 - p and of
    p, which add up to 1.
    """
    on_fakes = [row["discriminator_loss_fake"] for row in history[-FEW_EPOCHS:]]
    generator = [row["generator_loss"] for row in history[-FEW_EPOCHS:]]
    another_function = settled and math.exp(-on_fakes[-1]) + math.exp(-generator[-1]) > IMPOSSIBLE
    if another_function:
        yield Finding(
            "another function",
            "The generator is trained against another function than the discriminator that trains (one calls generated "
            "images fake, the other real): freeze the discriminator's weights, not its layers, with keras_gen.frozen.",
        )
    never_wrong = len(on_fakes) == FEW_EPOCHS and max(on_fakes) <= NEAR_ZERO and generator[-1] > generator[0]
    if never_wrong and not another_function:
        yield Finding(
            "discriminator wins",
            "The discriminator wins: it is never wrong about generated images and the generator's loss rises: lower "
            "`discriminator_learning_rate`, or raise `generator_learning_rate` or `label_smoothing`.",
        )
    if len(on_fakes) > 1 and max(generator[-2:]) <= FOOLED and min(on_fakes[-2:]) >= 2 * math.log(2):
        yield Finding(
            "generator wins",
            "The generator wins: the discriminator takes all its images for real, so there is nothing to learn from "
            "it: raise `discriminator_learning_rate` or `discriminator_steps`, or lower `generator_learning_rate`.",
        )


def few_kinds(images: np.ndarray, real: np.ndarray) -> bool:
    """Return whether each image has another that is nearly the same, though real ones have not."""
    return _nearest_distance(images[: len(real)]) < FEW_KINDS * max(_nearest_distance(real), 1e-6)


def worsens_since(metrics: list[dict[str, float]]) -> dict[str, float] | None:
    """Return the best row, if the last two KIDs are clearly above its."""
    rows = _kids(metrics)
    if len(rows) < FEW_EPOCHS:
        return None
    best = min(rows, key=lambda row: row["kid"])
    errors = [math.hypot(row["kid_standard_error"], best["kid_standard_error"]) for row in rows[-2:]]
    worse = all(row["kid"] > best["kid"] + WORSE * error for row, error in zip(rows[-2:], errors, strict=True))
    return best if worse else None


def memorises_since(history: list[dict[str, float]]) -> bool:
    """Return whether the discriminator's loss on held-out real images has been far above that on training images."""
    rows = history[-FEW_EPOCHS:]
    losses = [(row["discriminator_loss_real"], row["held_out_discriminator_loss_real"]) for row in rows]
    return len(rows) == FEW_EPOCHS and all(held_out > MISTAKEN and held_out > GAP * train for train, held_out in losses)


def _against_memorising(settings: DCGANSettings) -> str:
    augment = "" if "auto" in settings.training.augment else '`augment="auto"`, '
    return f"use {augment}more images, fewer epochs or a smaller discriminator"


def _kids(metrics: list[dict[str, float]]) -> list[dict[str, float]]:
    return [row for row in metrics if "kid" in row]


def mean_distance(images: np.ndarray) -> float:
    """Return the mean Euclidean distance between two of the images."""
    return float(np.sum(_distances(images)) / max(1, len(images) * (len(images) - 1)))


def _nearest_distance(images: np.ndarray) -> float:
    """Return the mean Euclidean distance of an image to the nearest other one."""
    if len(images) < 2:
        return 0.0
    return float(np.mean(np.min(_distances(images) + np.diag(np.full(len(images), np.inf)), axis=1)))


def _distances(images: np.ndarray) -> np.ndarray:
    rows = premultiplied(images).reshape(len(images), -1).astype(np.float64)
    squares = np.sum(rows**2, axis=1)
    return np.sqrt(np.maximum(0, squares[:, np.newaxis] + squares - 2 * rows @ rows.T)) * (1 - np.eye(len(rows)))
