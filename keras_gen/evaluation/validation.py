"""Measures of a run under way on validation images, for `evaluate_every` and the choice of the best models.

What measuring needs is made ready before hours go into the run: a DCGAN's features may have to be trained.
"""

from functools import cached_property

import numpy as np

from keras_gen.data import ImageSet
from keras_gen.errors import InputError
from keras_gen.evaluation.distances import kid, random_indices
from keras_gen.evaluation.likelihood import active_units, elbo_terms, importance_weighted_bound
from keras_gen.evaluation.scores import MIN_IMAGES, copies_of, features_for, image_scores
from keras_gen.latent import draw_latents
from keras_gen.models.losses import observed
from keras_gen.run import DCGANRun, VAERun
from keras_gen.seeds import random_stream

VALIDATED = 1000  # generated and real images that are compared
MAX_SEARCHED = 10_000  # training images among which copies are looked for while a run trains


class VAEMeasure:
    """The loss of a VAE on validation images.

    Args:
        run: The run.
        train: The images it trains on.
        validation: Training images that were split off.
    """

    def __init__(self, run: VAERun, train: ImageSet, validation: ImageSet) -> None:
        indices = _chosen(run, validation)
        self.images, self.labels = validation.images[indices], run.labels_of(validation, indices)

    def __call__(self, run: VAERun) -> dict[str, float]:
        """Return scores; the best models have the lowest one of the run's `criterion`."""
        training, likelihood = run.settings.training, run.settings.decoder.likelihood
        networks = run.model("encoder"), run.model("decoder")
        options = {"seed": training.seed, "labels": self.labels}
        reconstruction, kl = elbo_terms(*networks, self.images, likelihood, samples=1, **options)
        loss = reconstruction + training.beta * kl
        if (samples := training.importance_samples) > 1:  # what is minimised, except for beta
            loss = -importance_weighted_bound(*networks, self.images, likelihood, samples, **options)
        z_mean = run.encode(observed(self.images, likelihood, random_stream(training.seed, "held_out")), self.labels)
        return {
            "validation_loss": float(loss.mean()),
            "validation_reconstruction": float(reconstruction.mean()),
            "validation_kl": float(kl.mean()),
            "active_units": int(active_units(z_mean).sum()),
        }


class DCGANMeasure:
    """The distance between a DCGAN's images and validation images.

    Args:
        run: The run.
        train: The images it trains on.
        validation: Training images that were split off.

    Raises:
        InputError: There are too few images to compare, or the features cannot be had.
    """

    def __init__(self, run: DCGANRun, train: ImageSet, validation: ImageSet) -> None:
        chosen = _chosen(run, validation)
        images = validation.images[chosen]
        if len(images) < MIN_IMAGES:
            raise InputError(
                f"`evaluate_every` splits off {len(images)} images to compare with, and {MIN_IMAGES} are the least; "
                "use more images, or leave it out"
            )
        self._features = features_for("own", train)
        self._real = self._features(images)
        self._train, self._validation = (train, validation[chosen]) if len(train) <= MAX_SEARCHED else (None, None)
        unseen = self._features.unseen[: len(images)]
        self._floor = kid(self._real[: len(unseen)], self._features(train.images[unseen]))  # as real as it gets

    def __call__(self, run: DCGANRun) -> dict[str, float]:
        """Return scores; the best models have the lowest one of the run's `criterion`."""
        settings = run.settings
        random = random_stream(settings.training.seed, "validation")
        latents = draw_latents(random, len(self._real), settings.latent_dim, settings.latent_distribution)
        generated = run.decode(latents, run.draw_labels(len(latents), settings.training.seed))
        features = self._features(generated)
        scores = image_scores(features, self._real)
        distance = scores.pop("kid")
        scores.pop("fid")  # of a thousand images it is mostly bias
        if self._train is not None:
            scores["copies"] = self._copies(run, generated, features)
        return {
            "kid": distance["value"],
            "kid_standard_error": distance["standard_error"],
            "kid_floor": self._floor.value,
            "kid_floor_standard_error": self._floor.standard_error,
        } | scores

    @cached_property
    def _train_features(self) -> np.ndarray:
        return self._features(self._train.images)

    def _copies(self, run: DCGANRun, generated: np.ndarray, features: np.ndarray) -> float:
        """Return how many percent of the images copy a training image; 0 unless the search finds copies."""
        of_sets = features, self._real, self._train_features
        spaces, _ = copies_of(run, generated, self._features, (self._train, self._validation), of_sets)
        return max(100 * max(1, found.excess) / len(generated) if found.found else 0.0 for found in spaces.values())


MEASURES = {"vae": VAEMeasure, "dcgan": DCGANMeasure}


def _chosen(run: VAERun | DCGANRun, validation: ImageSet) -> np.ndarray:
    return random_indices(len(validation), VALIDATED, run.settings.training.seed)
