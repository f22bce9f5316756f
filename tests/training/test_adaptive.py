"""Adaptive augmentation: its probability follows the discriminator's sign on real images."""

import keras
import numpy as np
import pytest

from keras_gen import load_run
from keras_gen.models import AdaptiveAugment
from keras_gen.training import adaptive, loop
from keras_gen.training.adaptive import ADJUST_EVERY, MAX_PROBABILITY, AdaptiveProbability
from tests.conftest import striped_images
from tests.small import TRAIN, assert_same_runs, quiet, small_settings, stop_after, train_small
from tests.training.test_compiled import assert_equal_variables, batches_of, take_steps, trainer


@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
def test_each_image_is_changed_with_the_probability(probability):
    images = np.random.default_rng(0).uniform(-1, 1, (400, 8, 8, 3)).astype(np.float32)
    layer = AdaptiveAugment(("cutout",), seed=1)
    layer.probability.assign(probability)
    shown = np.asarray(layer(images, training=True))
    assert np.mean((shown != images).any(axis=(1, 2, 3))) == pytest.approx(probability, abs=0.07)
    np.testing.assert_array_equal(np.asarray(layer(images)), images)


def test_the_probability_rises_above_the_target_falls_below_and_stays_within_its_bounds(monkeypatch):
    monkeypatch.setattr(adaptive, "RISE_IMAGES", 10 * ADJUST_EVERY * 32)
    probability = keras.Variable(0.0)
    rule = AdaptiveProbability(probability, target=0.6, images_per_step=32)

    def after(*signs):
        for sign in signs:
            rule.update(sign)
        return float(probability)

    below = [0.5] * ADJUST_EVERY
    assert after(*below) == 0
    assert after(*[1.0] * (ADJUST_EVERY - 1)) == 0  # not before the last of them
    assert after(0.0) == pytest.approx(0.1)  # their mean is above the target
    assert after(*[1.0] * ADJUST_EVERY * 20) == pytest.approx(MAX_PROBABILITY) and MAX_PROBABILITY == 0.8
    assert after(*below) == pytest.approx(MAX_PROBABILITY - 0.1)


@pytest.mark.parametrize(
    "overrides",
    [
        {"loss": "hinge", "label_smoothing": 0, "conditional": True, "ema": 0.9},
        pytest.param({}, marks=pytest.mark.slow),
        pytest.param({"concatenate_batches": True}, marks=pytest.mark.slow),
        pytest.param({"discriminator_steps": 2, "conditional": True, "ema": 0.9}, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_both_engines_adapt_alike(overrides, monkeypatch):
    monkeypatch.setattr(adaptive, "RISE_IMAGES", 200)
    before, policy = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    try:
        images, _ = striped_images(64)
        options = {"augment": "mirror,translation,auto", "augment_target": -0.9} | overrides
        trainers = [trainer("dcgan", engine, **options) for engine in ("train_on_batch", "compiled")]
        one, two = (take_steps(each, images, batches_of(each, 8)) for each in trainers)
    finally:
        keras.config.set_floatx(before)
        keras.config.set_dtype_policy(policy)
    assert one == pytest.approx(two, rel=1e-6)
    assert set(one) == {"discriminator_loss_real", "discriminator_loss_fake", "generator_loss"}
    first, second = (each.measures() for each in trainers)
    assert first == pytest.approx(second)
    assert 0 < first["augment_probability"] <= MAX_PROBABILITY + 1e-6
    assert -1 < first["real_sign"] < 1
    assert_equal_variables(*trainers, 1e-6)


@pytest.mark.parametrize(
    ("engine", "overrides"),
    [("train_on_batch", {"concatenate_batches": True}), ("compiled", {"discriminator_steps": 2})],
    ids=str,
)
def test_a_step_s_sign_is_the_mean_of_real_images_alone_over_all_turns(engine, overrides, eagerly):
    sure = trainer("dcgan", engine, augment="auto", **overrides)
    sure.discriminator.get_layer("logits").bias.assign([1000.0])
    sure.train_steps(striped_images(64)[0], batches_of(sure, 1), 1)
    assert sure.measures()["real_sign"] == 1
    assert float(sure.adaptive.variables[0]) == 1  # what the probability follows


def test_at_probability_0_training_is_that_without_augmentation(image_sets, eagerly):
    options = {"epochs": 1, "augment_target": 1}
    plain, auto = (train_small("dcgan", *image_sets(), augment=name, **options) for name in ("none", "auto"))
    assert_same_runs(plain, auto)
    assert not plain.metrics
    assert [row["augment_probability"] for row in auto.metrics] == [0]


def test_what_is_augmented_can_be_chosen():
    def operations(augment):
        made = trainer("dcgan", "train_on_batch", channels=3, augment=augment)
        return made.augmented_discriminator.get_layer("augment").operations, made.mirrors

    assert operations("auto") == (("color", "translation", "cutout"), False)
    assert operations("mirror,translation,auto") == (("translation",), True)
    assert small_settings("dcgan", augment="auto,mirror").training.augment == "mirror,auto"


@pytest.mark.slow  # test_resume.py resumes such a run, too
@pytest.mark.parametrize("engine", ["train_on_batch", "compiled"])
@pytest.mark.usefixtures("no_pictures")
def test_a_resumed_run_adapts_as_if_never_stopped_and_writes_its_course(engine, image_sets, tmp_path, monkeypatch):
    monkeypatch.setattr(adaptive, "RISE_IMAGES", 400)
    monkeypatch.setattr(loop, "CALL_SECONDS", 0)  # a step a call, for `stop_after` counts calls
    options = {
        "augment": "translation,auto",
        "augment_target": -0.9,
        "epochs": 3,
        "engine": engine,
        "folder": tmp_path / "whole",
    }
    whole = train_small("dcgan", *image_sets(), **options)
    parts = options | {"folder": tmp_path / "parts"}
    train_small("dcgan", *image_sets(), **parts, callbacks=[stop_after(6)])  # between two adjustments
    resumed = TRAIN["dcgan"](folder=tmp_path / "parts", resume=True, say=quiet)
    assert_same_runs(whole, resumed)
    rows = load_run(tmp_path / "parts").metrics
    assert rows == load_run(tmp_path / "whole").metrics == whole.metrics
    course = [row["augment_probability"] for row in rows]
    assert len(rows) == 3
    assert 0 < course[0] < course[1] <= course[2]
