"""Real digits, and features made for them once."""

from dataclasses import replace

import numpy as np
import pytest

from keras_gen import load_dataset
from keras_gen.evaluation import feature_extractor, features
from tests.conftest import without_xla


@pytest.fixture(autouse=True)
def few_steps_without_xla(no_xla):
    """Networks are trained for a few steps only."""


@pytest.fixture
def quick_features(monkeypatch, tmp_path_factory):
    """Train the own features for 30 small steps, once for all tests of a process on the same images."""
    monkeypatch.setattr(features, "STEPS", 30)
    monkeypatch.setattr(features, "BATCH", 48)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path_factory.getbasetemp() / "keras"))


def own_features(images, folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(features, "STEPS", 100)
        patch.setattr(features, "BATCH", 48)
        without_xla(patch)
        return feature_extractor("own", images, folder, say=lambda _: None)


@pytest.fixture(scope="session")
def digits():
    """The training and held-out digits of mnist5k, the held-out ones shuffled: they come sorted by class."""
    train, held_out = load_dataset("mnist5k")
    return train, replace(held_out, images=np.random.default_rng(0).permutation(held_out.images), labels=None)


@pytest.fixture(scope="session")
def digit_features(digits, tmp_path_factory):
    """The own features of mnist5k."""
    return own_features(digits[0], tmp_path_factory.mktemp("features"))


@pytest.fixture(scope="session")
def unlabelled_features(digits, tmp_path_factory):
    """The own features of the same images without their labels."""
    return own_features(replace(digits[0], labels=None), tmp_path_factory.mktemp("features"))


@pytest.fixture
def noisy():
    """Add noise of a given standard deviation, in grey levels."""

    def add(images, stddev, seed=0):
        noise = np.random.default_rng(seed).normal(0, stddev, images.shape)
        return np.clip(np.rint(images + noise), 0, 255).astype(np.uint8)

    return add
