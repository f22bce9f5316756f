import random
from dataclasses import replace

import keras
import numpy as np
import pytest

from keras_gen.data import ImageSet
from keras_gen.errors import InputError
from keras_gen.evaluation import feature_extractor, fid, kid, prdc
from tests.conftest import striped_images


@pytest.fixture
def few_steps(monkeypatch):
    monkeypatch.setattr("keras_gen.evaluation.features.STEPS", 6)


@pytest.fixture
def stripes(image_sets):
    return image_sets(train=40)[0]


def quiet(_):
    pass


def test_only_the_seed_decides_and_no_global_state_is_read_or_changed(tmp_path, few_steps, stripes):
    keras.utils.set_random_seed(1)
    states = random.getstate(), np.random.get_state()[1].copy(), keras.random.uniform((3,))
    keras.utils.set_random_seed(1)
    first = feature_extractor("own", stripes, 7, tmp_path / "one", quiet)(stripes.images)
    assert random.getstate() == states[0]
    np.testing.assert_array_equal(np.random.get_state()[1], states[1])
    np.testing.assert_array_equal(keras.random.uniform((3,)), states[2])
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        again = feature_extractor("own", stripes, 7, tmp_path / "two", quiet)(stripes.images)
    finally:
        keras.config.set_dtype_policy("float32")
    np.testing.assert_array_equal(again, first)
    other = feature_extractor("own", stripes, 8, tmp_path / "one", quiet)(stripes.images)
    assert not np.array_equal(other, first)


def test_a_classifier_is_trained_once_for_each_data_set_labelling_and_seed(tmp_path, few_steps, stripes):
    said = []
    first = feature_extractor("own", stripes, 0, tmp_path / "new" / "cache", said.append)(stripes.images)
    cached = feature_extractor("own", stripes, 0, tmp_path / "new" / "cache", said.append)(stripes.images)
    np.testing.assert_array_equal(cached, first)
    assert len(said) == 1
    assert "classes" in said[0]
    others = [
        replace(stripes, labels=stripes.labels[::-1].copy()),
        replace(stripes, images=stripes.images[::-1].copy()),
        replace(stripes, labels=None),
    ]
    for other in others:
        feature_extractor("own", other, 0, tmp_path / "new" / "cache", said.append)
    assert len(said) == 4
    assert "whole and spoiled images" in said[3]
    feature_extractor("own", replace(stripes, labels=np.ones(40, np.int64)), 0, tmp_path / "new" / "cache", said.append)
    assert len(said) == 4  # one class teaches nothing, as none does


def test_a_damaged_file_in_the_cache_is_named(tmp_path, few_steps, stripes):
    feature_extractor("own", stripes, 0, tmp_path, quiet)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match=rf"{path.name} cannot be read \(\w+\); delete it"):
        feature_extractor("own", stripes, 0, tmp_path, quiet)


@pytest.mark.parametrize(("shape", "labelled"), [((5, 9, 1), False), ((30, 30, 3), True), ((100, 130, 3), False)])
def test_images_of_any_size_have_features(tmp_path, monkeypatch, shape, labelled):
    monkeypatch.setattr("keras_gen.evaluation.features.STEPS", 2)
    images = np.random.default_rng(0).integers(0, 256, (9, *shape)).astype(np.uint8)
    labels = np.arange(9) * 5 if labelled else None
    features = feature_extractor("own", ImageSet(images, labels, (), "noise"), 0, tmp_path, quiet)(images)
    assert features.dtype == np.float32
    assert features.shape == (9, 64)
    assert np.isfinite(features).all()


def test_of_large_images_the_finest_detail_is_averaged_away(tmp_path, monkeypatch):
    monkeypatch.setattr("keras_gen.evaluation.features.STEPS", 1)
    images = np.random.default_rng(0).integers(0, 256, (4, 128, 128, 1)).astype(np.uint8)
    swapped = images.reshape(4, 128, 64, 2, 1)[:, :, :, ::-1].reshape(images.shape)
    extract = feature_extractor("own", ImageSet(images, None, (), "noise"), 0, tmp_path, quiet)
    np.testing.assert_allclose(extract(swapped), extract(images), atol=1e-4)
    assert not np.allclose(extract(images[::-1].copy()), extract(images), atol=1e-4)


def test_what_it_says_it_learned_is_learned(tmp_path, monkeypatch):
    """Classes of stripes, and how they were spoiled, can be told; labels drawn by lot, and flat images, cannot."""
    monkeypatch.setattr("keras_gen.evaluation.features.STEPS", 40)
    images, labels = striped_images(400)
    upright, flat, lots = images[labels == 0], np.full_like(images, 9), np.random.default_rng(0).integers(0, 8, 400)
    said = []
    for given in ((images, labels), (upright, None), (images, lots), (flat, None)):
        feature_extractor("own", ImageSet(*given, (), "stripes"), 0, tmp_path, said.append)
    right = [int(line.partition("right for ")[2].partition("%")[0]) for line in said]
    assert right[0] > 90
    assert right[1] > 80  # of seven ways; stripes whose parts change places are often stripes again
    assert right[2] < 60
    assert right[3] < 50


def test_scores_rise_as_noise_is_added(digits, digit_features, noisy):
    _, held_out = digits
    real = digit_features(held_out.images[:500])
    worse = [digit_features(noisy(held_out.images[500:], stddev)) for stddev in (0, 30, 60, 90)]
    assert np.all(np.diff([fid(real, each) for each in worse]) > 0)
    assert np.all(np.diff([kid(real, each).value for each in worse]) > 0)
    assert np.all(np.diff([prdc(real, each).coverage for each in worse]) < 0)


def test_scores_rise_as_classes_are_dropped(digits, digit_features):
    train, held_out = digits
    real = digit_features(held_out.images)
    random = np.random.default_rng(0)
    fewer = []
    for classes in (10, 8, 5, 1):
        candidates = np.flatnonzero(train.labels < classes)
        fewer.append(digit_features(train.images[random.choice(candidates, len(real), replace=len(candidates) < 1000)]))
    assert np.all(np.diff([fid(real, each) for each in fewer]) > 0)
    assert np.all(np.diff([kid(real, each).value for each in fewer]) > 0)
    assert np.all(np.diff([prdc(real, each).recall for each in fewer]) < 0)


@pytest.mark.parametrize("spoiled", ["blurred", "halved", "covered"])
def test_without_labels_scores_rise_as_images_are_spoiled_in_ways_that_were_never_learned(
    digits, unlabelled_features, spoiled
):
    """Halves of two digits, side by side, have everything but sense: features that know turns alone hardly see it."""
    real, images = digits[1].images[:500], digits[1].images[500:]
    worse = {"blurred": _blurred, "halved": _halved, "covered": _covered}[spoiled]
    found = [kid(unlabelled_features(each), unlabelled_features(real)) for each in (images, worse(images))]
    assert abs(found[0].value) < 4 * found[0].standard_error
    assert found[1].value > found[0].value + 6 * np.hypot(found[0].standard_error, found[1].standard_error)


def _blurred(images):
    padded = np.pad(images.astype(float), ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    shifts = [padded[:, y : y + 28, x : x + 28] for y in range(3) for x in range(3)]
    return np.rint(np.mean(shifts, axis=0)).astype(np.uint8)


def _halved(images):
    return np.concatenate([images[:, :, :14], np.roll(images, 1, axis=0)[:, :, 14:]], axis=2)


def _covered(images):
    covered = images.copy()
    covered[:, 9:19, 9:19] = 0
    return covered


def test_kid_of_disjoint_real_images_is_0_within_its_error(digits, digit_features):
    features = digit_features(digits[1].images)
    order = np.random.default_rng(0)
    estimates = []
    for _ in range(20):
        parts = order.permutation(features)
        estimates.append(kid(parts[:500], parts[500:]))
    assert all(abs(estimate.value) < 3 * estimate.standard_error for estimate in estimates)
    assert any(estimate.value < 0 for estimate in estimates)


def test_inception_sees_what_it_was_trained_on_large_colour_images_from_minus_1_to_1(tmp_path, monkeypatch):
    seen = []

    def mean_colour(**options):
        seen.append(options)
        images = keras.Input((299, 299, 3))
        return keras.Model(images, keras.layers.GlobalAveragePooling2D()(images))

    monkeypatch.setattr(keras.applications, "InceptionV3", mean_colour)
    for channels in (1, 3):
        images = np.full((2, 8, 8, channels), 255, np.uint8)
        images[1] = 0
        means = feature_extractor("inception", ImageSet(images, None, (), "greys"), 0, tmp_path)(images)
        np.testing.assert_allclose(means, [[1] * 3, [-1] * 3], atol=1e-5)
    assert seen[0] == {"include_top": False, "weights": "imagenet", "pooling": "avg"}
    assert not list(tmp_path.iterdir())


def test_without_inception_s_weights_the_error_says_what_to_do(tmp_path, monkeypatch, stripes):
    def offline(**_):
        raise Exception("URL fetch failure on https://example.org: None")

    monkeypatch.setattr(keras.applications, "InceptionV3", offline)
    with pytest.raises(InputError, match=r"URL fetch failure.*use --features own"):
        feature_extractor("inception", stripes, 0, tmp_path)
    with pytest.raises(ValueError, match="one of own, inception"):
        feature_extractor("vgg", stripes, 0, tmp_path)
