import random
import re
from dataclasses import replace

import keras
import numpy as np
import pytest

from keras_gen.benchmarks.corruptions import CORRUPTIONS, OF_COLOUR
from keras_gen.data import ImageSet
from keras_gen.errors import InputError
from keras_gen.evaluation import feature_extractor, fid, kid, prdc
from tests.conftest import striped_images


@pytest.fixture
def few_steps(monkeypatch):
    """So few that tracing a step would take longer."""
    monkeypatch.setattr("keras_gen.evaluation.features.STEPS", 3)
    monkeypatch.setattr("keras_gen.evaluation.features.BATCH", 16)
    compile_ = keras.Model.compile
    monkeypatch.setattr(keras.Model, "compile", lambda *a, **k: compile_(*a, **k, run_eagerly=True))


@pytest.fixture
def stripes(image_sets):
    return image_sets(train=40)[0]


def quiet(_):
    pass


def test_the_network_is_a_function_of_the_images_and_no_global_state_is_read_or_changed(tmp_path, few_steps, stripes):
    keras.utils.set_random_seed(1)
    states = random.getstate(), np.random.get_state()[1].copy(), keras.random.uniform((3,))
    keras.utils.set_random_seed(1)
    first = feature_extractor("own", stripes, tmp_path / "one", quiet)(stripes.images)
    assert random.getstate() == states[0]
    np.testing.assert_array_equal(np.random.get_state()[1], states[1])
    np.testing.assert_array_equal(keras.random.uniform((3,)), states[2])
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        again = feature_extractor("own", stripes, tmp_path / "two", quiet)(stripes.images)
    finally:
        keras.config.set_dtype_policy("float32")
    np.testing.assert_array_equal(again, first)


def test_a_network_is_trained_once_for_each_data_set_and_labelling(tmp_path, few_steps, stripes):
    said = []
    first = feature_extractor("own", stripes, tmp_path / "new" / "cache", said.append)(stripes.images)
    cached = feature_extractor("own", stripes, tmp_path / "new" / "cache", said.append)(stripes.images)
    np.testing.assert_array_equal(cached, first)
    assert len(said) == 1
    assert "classes" in said[0]
    others = [
        replace(stripes, labels=stripes.labels[::-1].copy()),
        replace(stripes, images=stripes.images[::-1].copy()),
        replace(stripes, labels=None),
    ]
    for other in others:
        feature_extractor("own", other, tmp_path / "new" / "cache", said.append)
    assert len(said) == 4
    assert "classes" not in said[3]
    feature_extractor("own", replace(stripes, labels=np.ones(40, np.int64)), tmp_path / "new" / "cache", said.append)
    assert len(said) == 4  # one class teaches nothing, as none does


def test_a_damaged_file_in_the_cache_is_named(tmp_path, few_steps, stripes):
    feature_extractor("own", stripes, tmp_path, quiet)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match=rf"{path.name} cannot be read \(\w+\); delete it"):
        feature_extractor("own", stripes, tmp_path, quiet)


@pytest.mark.parametrize(("shape", "labelled"), [((5, 9, 1), False), ((30, 30, 3), True), ((100, 130, 3), False)])
def test_images_of_any_size_have_features(tmp_path, monkeypatch, few_steps, shape, labelled):
    monkeypatch.setattr("keras_gen.evaluation.features.STEPS", 2)
    images = np.random.default_rng(0).integers(0, 256, (9, *shape)).astype(np.uint8)
    labels = np.arange(9) * 5 if labelled else None
    features = feature_extractor("own", ImageSet(images, labels, (), "noise"), tmp_path, quiet)(images)
    assert features.dtype == np.float32
    assert features.shape == (9, 64)
    assert np.isfinite(features).all()


def test_of_large_images_the_finest_detail_is_averaged_away(tmp_path, monkeypatch, few_steps):
    monkeypatch.setattr("keras_gen.evaluation.features.STEPS", 1)
    images = np.random.default_rng(0).integers(0, 256, (4, 128, 128, 1)).astype(np.uint8)
    swapped = images.reshape(4, 128, 64, 2, 1)[:, :, :, ::-1].reshape(images.shape)
    extract = feature_extractor("own", ImageSet(images, None, (), "noise"), tmp_path, quiet)
    np.testing.assert_allclose(extract(swapped), extract(images), atol=1e-4)
    assert not np.allclose(extract(images[::-1].copy()), extract(images), atol=1e-4)


def test_what_it_says_it_learned_is_learned(tmp_path, monkeypatch):
    """Classes of stripes, and how they were spoiled, can be told; labels drawn by lot, and flat images, cannot."""
    monkeypatch.setattr("keras_gen.evaluation.features.STEPS", 40)
    monkeypatch.setattr("keras_gen.evaluation.features.BATCH", 48)
    images, labels = striped_images(400)
    flat, lots = np.full_like(images, 9), np.random.default_rng(0).integers(0, 8, 400)
    said = []
    for given in ((images, labels), (flat, None), (images, lots)):
        feature_extractor("own", ImageSet(*given, (), "stripes"), tmp_path, said.append)
    right = [list(map(int, re.findall(r"(\d+)% right", line))) for line in said]
    assert right[0][1] > 90
    assert right[2][1] < 60
    assert right[0][0] > right[1][0] + 10
    assert right[1][0] < 60  # a flat image that is turned is the same flat image


def test_half_of_the_images_are_unseen_and_change_nothing(tmp_path, few_steps, stripes):
    """What the floor is measured on."""
    first = feature_extractor("own", stripes, tmp_path / "one", quiet)
    assert sorted(first.unseen) == sorted(set(first.unseen)) and len(first.unseen) == 20
    changed = stripes.images.copy()
    changed[first.unseen] = 0
    again = feature_extractor("own", replace(stripes, images=changed), tmp_path / "two", quiet)
    np.testing.assert_array_equal(again(stripes.images), first(stripes.images))
    seen = np.setdiff1d(np.arange(40), first.unseen)
    changed[seen[0]] = 0
    third = feature_extractor("own", replace(stripes, images=changed), tmp_path / "three", quiet)
    assert not np.array_equal(third(stripes.images), first(stripes.images))


def test_scores_rise_as_noise_is_added(digits, digit_features, noisy):
    _, held_out = digits
    real = digit_features(held_out.images[:500])
    worse = [digit_features(noisy(held_out.images[500:], stddev)) for stddev in (0, 30, 60, 90)]
    assert np.all(np.diff([fid(real, each) for each in worse]) > 0)
    assert np.all(np.diff([kid(real, each).value for each in worse]) > 0)
    assert np.all(np.diff([prdc(real, each).coverage for each in worse]) <= 0)


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


@pytest.mark.parametrize("name", [name for name, (spoil, _) in CORRUPTIONS.items() if spoil not in OF_COLOUR])
def test_without_labels_every_corruption_is_seen_and_more_of_it_is_worse(digits, unlabelled_features, name):
    real, images = digits[1].images[:500], digits[1].images[500:]
    spoil, (weak, _, strong) = CORRUPTIONS[name]
    spoiled = [spoil(images, strength, np.random.default_rng(0)) for strength in (weak, strong)]
    found = [kid(unlabelled_features(each), unlabelled_features(real)) for each in (images, *spoiled)]
    assert abs(found[0].value) < 4 * found[0].standard_error
    assert found[0].value < found[1].value < found[2].value
    assert found[2].value > found[0].value + 6 * np.hypot(found[0].standard_error, found[2].standard_error)


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
        images = keras.Input(options["input_shape"])
        return keras.Model(images, keras.layers.GlobalAveragePooling2D()(images))

    monkeypatch.setattr(keras.applications, "InceptionV3", mean_colour)
    for channels in (1, 3):
        images = np.full((2, 8, 8, channels), 255, np.uint8)
        images[1] = 0
        means = feature_extractor("inception", ImageSet(images, None, (), "greys"), tmp_path)(images)
        np.testing.assert_allclose(means, [[1] * 3, [-1] * 3], atol=1e-5)
    assert seen[0] == {"include_top": False, "weights": "imagenet", "pooling": "avg", "input_shape": (299, 299, 3)}
    assert not list(tmp_path.iterdir())


def test_inception_at_75_pixels_has_its_2048_features(tmp_path, monkeypatch, stripes):
    """With random weights: no download."""
    whole = keras.applications.InceptionV3
    monkeypatch.setattr(keras.applications, "InceptionV3", lambda **options: whole(**options | {"weights": None}))
    extract = feature_extractor("inception", stripes, tmp_path, quiet, inception_size=75)
    assert extract.network.get_layer("resize").output.shape[1:3] == (75, 75)
    assert (extract.network.output.shape, extract.network.output.dtype) == ((None, 2048), "float32")
    assert len(extract.unseen) == 40


def test_without_inception_s_weights_the_error_says_what_to_do(tmp_path, monkeypatch, stripes):
    def offline(**_):
        raise Exception("URL fetch failure on https://example.org: None")

    monkeypatch.setattr(keras.applications, "InceptionV3", offline)
    with pytest.raises(InputError, match=r"URL fetch failure.*use `features='own'`"):
        feature_extractor("inception", stripes, tmp_path)
    with pytest.raises(ValueError, match="one of own, inception"):
        feature_extractor("vgg", stripes, tmp_path)
