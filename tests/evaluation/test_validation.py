from types import SimpleNamespace

import numpy as np
import pytest

from keras_gen.data import ImageSet
from keras_gen.evaluation import validation
from keras_gen.evaluation.distances import kid
from keras_gen.evaluation.validation import DCGANMeasure, VAEMeasure
from keras_gen.latent import draw_latents
from keras_gen.run import load_run
from keras_gen.seeds import random_stream


def test_the_validation_loss_of_a_vae_weighs_the_kl_term_as_its_training_does(command_runs):
    run = load_run(command_runs["vae"])
    run.settings = run.settings.replace(beta=3.0)
    scores = VAEMeasure(run, *run.datasets())(run)
    assert scores["validation_kl"] > 0
    assert scores[run.criterion] == pytest.approx(scores["validation_reconstruction"] + 3 * scores["validation_kl"])


def test_a_dcgan_is_measured_by_points_of_its_own_and_its_floor_by_images_that_the_features_have_not_seen(monkeypatch):
    random = np.random.default_rng(0)
    train, held_out = (ImageSet(random.integers(0, 256, (30, 2, 2, 1)).astype(np.uint8)) for _ in range(2))

    class Features:
        unseen = np.arange(29, 9, -1)

        def __call__(self, images):
            return images.reshape(len(images), -1).astype(float)

    decoded = []
    run = SimpleNamespace(
        settings=SimpleNamespace(training=SimpleNamespace(seed=3), latent_dim=2, latent_distribution="normal"),
        draw_labels=lambda count, seed: None,
        decode=lambda latents, labels: decoded.append(latents) or train.images,
    )
    monkeypatch.setattr(validation, "features_for", lambda name, images: Features())
    monkeypatch.setattr(validation, "MAX_SEARCHED", 0)  # copies are looked for in other tests
    scores = DCGANMeasure(run, train, held_out)(run)
    np.testing.assert_array_equal(decoded[0], draw_latents(random_stream(3, "validation"), 30, 2, "normal"))
    chosen = Features()(held_out.images[validation._chosen(run, held_out)])
    floor = kid(chosen[:20], Features()(train.images[Features.unseen]))
    assert (scores["kid_floor"], scores["kid_floor_standard_error"]) == (floor.value, floor.standard_error)
    assert scores["kid"] == pytest.approx(kid(chosen, Features()(train.images)).value)
