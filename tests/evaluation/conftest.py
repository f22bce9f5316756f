"""Real digits, and features made for them once."""

from dataclasses import replace

import numpy as np
import pytest

from keras_gen import load_dataset
from keras_gen.evaluation import feature_extractor


@pytest.fixture(scope="session")
def digits():
    """The training and held-out digits of mnist5k, the held-out ones shuffled: they come sorted by class."""
    train, held_out = load_dataset("mnist5k")
    return train, replace(held_out, images=np.random.default_rng(0).permutation(held_out.images), labels=None)


@pytest.fixture(scope="session")
def digit_features(digits, tmp_path_factory):
    """The own features of mnist5k."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("keras_gen.evaluation.features.STEPS", 150)
        return feature_extractor("own", digits[0], tmp_path_factory.mktemp("features"), say=lambda _: None)


@pytest.fixture(scope="session")
def unlabelled_features(digits, tmp_path_factory):
    """The own features of the same images without their labels."""
    unlabelled = replace(digits[0], labels=None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("keras_gen.evaluation.features.STEPS", 150)
        return feature_extractor("own", unlabelled, tmp_path_factory.mktemp("features"), say=lambda _: None)


@pytest.fixture
def noisy():
    """Add noise of a given standard deviation, in grey levels."""

    def add(images, stddev, seed=0):
        noise = np.random.default_rng(seed).normal(0, stddev, images.shape)
        return np.clip(np.rint(images + noise), 0, 255).astype(np.uint8)

    return add
