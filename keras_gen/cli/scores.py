"""The scores of a run: asks its networks for images and codes, and `evaluation` for numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

import numpy as np
from tqdm import tqdm

from keras_gen.data import ImageSet
from keras_gen.data.loading import own_cache
from keras_gen.errors import InputError
from keras_gen.evaluation import (
    Classes,
    Copies,
    Estimate,
    active_units,
    elbo_terms,
    feature_extractor,
    fid,
    importance_weighted_bound,
    kid,
    prdc,
)
from keras_gen.latent import draw_latents, kl_per_dimension
from keras_gen.models.inference import decode, encode
from keras_gen.models.losses import observed
from keras_gen.seeds import random_stream
from keras_gen.training import TrainedRun, TrainingRun
from keras_gen.training.settings import Settings
from keras_gen.training.trained_run import IMAGE_MODEL

VALIDATED = 1000  # generated and real images that are compared during training
FEWEST = 6  # images to compare: each is held against its five nearest
JUDGED_BY = {"vae": "validation_loss", "dcgan": "kid"}  # the smaller the better

Features = Callable[[np.ndarray], np.ndarray]


def features_for(name: str, train: ImageSet, seed: int) -> Features:
    """Return the feature extractor of a data set, from the cache or trained now."""
    return feature_extractor(name, train, seed, own_cache() / "features")


def some_places(images: ImageSet, count: int, seed: int) -> np.ndarray:
    """Return places drawn at random: data sets may come sorted by class, and distances take images in any order."""
    return random_stream(seed, "evaluate").permutation(len(images))[:count]


def likelihood_scores(run: TrainedRun, images: np.ndarray, samples: int, importance_samples: int, seed: int) -> dict:
    """Measure a VAE's bounds on held-out images, and what its latent dimensions carry."""
    networks = run.model("encoder"), run.model("decoder")
    likelihood = run.settings.likelihood
    reconstruction, kl = elbo_terms(*networks, images, likelihood, samples, seed)
    bounds = importance_weighted_bound(
        *networks,
        images,
        likelihood,
        importance_samples,
        seed,
        progress=lambda rows: tqdm(rows, desc="importance-weighted bound", unit="image", leave=False, delay=1),
    )
    seen = observed(images, likelihood, random_stream(seed, "held_out"))  # as the bounds see them
    z_mean, z_log_var = run.encode_distribution(seen)
    return {
        "likelihood": likelihood,
        "images": len(images),
        "samples": samples,
        "elbo": asdict(Estimate.of_mean(-(reconstruction + kl))),
        "reconstruction": float(reconstruction.mean()),
        "kl": float(kl.mean()),
        "importance_samples": importance_samples,
        "importance_weighted_bound": asdict(Estimate.of_mean(bounds)),
        "kl_per_dimension": [round(float(value), 6) for value in kl_per_dimension(z_mean, z_log_var)],
        "active_units": int(active_units(z_mean).sum()),
    }


def image_scores(generated: np.ndarray, real: np.ndarray) -> dict:
    """Compare two sets of equally many images by their features, each of shape (n, d)."""
    return {"fid": fid(real, generated), "kid": asdict(kid(real, generated))} | asdict(prdc(real, generated))


def class_scores(classes: Classes) -> dict:
    """Return what metrics.json keeps of the classes among generated images."""
    return asdict(classes) | {"missing": classes.missing, "untold": classes.untold}


def memorising_scores(copies: Copies) -> dict:
    """Return what metrics.json keeps of a search for training images among generated ones."""
    return {"share": asdict(copies.share), "memorising": copies.found, "verdict": copies.verdict}


class Validation:
    """Measures a run under way on validation images, and keeps its best models.

    What measuring needs is made ready here, before hours go into the run: a DCGAN's features may have to be trained.

    Args:
        kind: `vae` or `dcgan`.
        settings: The run's.
        train: The images it trains on.
        validation: Training images that were set aside.

    Raises:
        InputError: There are too few images to compare, or the features cannot be had.
    """

    def __init__(self, kind: str, settings: Settings, train: ImageSet, validation: ImageSet) -> None:
        self.every, self.seed = settings.evaluate_every, settings.seed
        self.images = validation.images[some_places(validation, VALIDATED, settings.seed)]
        if kind == "dcgan":
            self._compare_with(train)

    def _compare_with(self, train: ImageSet) -> None:
        """Make ready the features, those of the validation images, and the floor: as real as it gets."""
        count = len(self.images)
        if count < FEWEST:
            raise InputError(
                f"--evaluate-every sets {count} image{'s' if count > 1 else ''} aside to compare with, and {FEWEST} "
                "are the least; use more images, or leave it out"
            )
        self._features = features_for("own", train, self.seed)
        self._real = self._features(self.images)
        self._floor = kid(self._real, self._features(train.images[some_places(train, count, self.seed)]))

    def after_epoch(self, run: TrainingRun) -> None:
        """Measure every so many epochs, and after the last; write metrics.csv, and the models if none were better."""
        if run.epoch % self.every and run.epoch != run.settings.epochs:
            return
        row = {"epoch": run.epoch} | (self._vae(run) if run.kind == "vae" else self._dcgan(run))
        by = JUDGED_BY[run.kind]
        best = min((each[by] for each in run.metrics), default=float("inf"))
        run.metrics.append(row)
        run.folder.write_metrics(run.metrics)
        if row[by] < best:
            run.folder.save_models(run.models, best=True)
            run.folder.write(best={"epoch": run.epoch, "by": by, "value": row[by]})

    def _vae(self, run: TrainingRun) -> dict:
        encoder, decoder = run.models["encoder"], run.models["decoder"]
        reconstruction, kl = elbo_terms(
            encoder, decoder, self.images, run.settings.likelihood, samples=1, seed=run.settings.seed
        )
        seen = observed(self.images, run.settings.likelihood, random_stream(run.settings.seed, "held_out"))
        z_mean, _ = encode(encoder, seen, run.pixel_range)
        return {
            "validation_loss": float(np.mean(reconstruction + run.settings.beta * kl)),
            "validation_reconstruction": float(reconstruction.mean()),
            "validation_kl": float(kl.mean()),
            "active_units": int(active_units(z_mean).sum()),
        }

    def _dcgan(self, run: TrainingRun) -> dict:
        random = random_stream(self.seed, "validation")
        latents = draw_latents(random, len(self.images), run.settings.latent_dim, run.settings.latent_distribution)
        generated = decode(run.models[IMAGE_MODEL[run.kind]], latents, run.pixel_range)
        scores = image_scores(self._features(generated), self._real)
        distance = scores.pop("kid")
        scores.pop("fid")  # of a thousand images it is mostly bias
        return {
            "kid": distance["value"],
            "kid_standard_error": distance["standard_error"],
            "kid_floor": self._floor.value,
            "kid_floor_standard_error": self._floor.standard_error,
        } | scores
