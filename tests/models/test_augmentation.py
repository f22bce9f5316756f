import keras
import numpy as np
import pytest

from keras_gen.models import Augment, build_augmented, build_discriminator, build_generator
from tests.conftest import values_of


@pytest.fixture
def pictures():
    """Images of squares on a slope, in [-1, 1]."""
    random = np.random.default_rng(0)
    return random.uniform(-0.4, 0.4, (64, 16, 16, 3)).astype("float32")


def augmented(images, *operations, seed=1, **options):
    return np.asarray(Augment(operations, seed=seed, **options)(images, training=True))


def test_at_inference_nothing_is_changed(pictures):
    np.testing.assert_array_equal(np.asarray(Augment(seed=1)(pictures)), pictures)


def test_translation_moves_whole_images_by_at_most_an_eighth_and_fills_with_0(pictures):
    moved = augmented(pictures, "translation")
    shifts = set()
    for before, after in zip(pictures, moved, strict=True):
        padded = np.pad(before, ((2, 2), (2, 2), (0, 0)))
        windows = {(dy, dx): padded[2 - dy : 18 - dy, 2 - dx : 18 - dx] for dy in range(-2, 3) for dx in range(-2, 3)}
        fits = [shift for shift, window in windows.items() if np.allclose(window, after, atol=1e-6)]
        assert len(fits) == 1
        shifts.update(fits)
    assert {dy for dy, _ in shifts} == {dx for _, dx in shifts} == {-2, -1, 0, 1, 2}


def test_cutout_hides_a_square_of_half_the_side_or_what_of_it_is_in_the_image(pictures):
    cut = augmented(pictures, "cutout")
    heights = set()
    for before, after in zip(pictures, cut, strict=True):
        hidden = np.all(after == 0, axis=-1)
        np.testing.assert_array_equal(after[~hidden], before[~hidden])
        rows, columns = np.flatnonzero(hidden.any(axis=1)), np.flatnonzero(hidden.any(axis=0))
        assert hidden[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
        heights.add(len(rows))
    assert (min(heights), max(heights)) == (4, 8)


@pytest.mark.parametrize("pixel_range", [(-1.0, 1.0), (0.0, 1.0)])
def test_color_is_a_shift_a_saturation_and_a_contrast_within_their_bounds(pictures, pixel_range):
    changed = augmented(pictures, "color", pixel_range=pixel_range)
    shift = changed.mean(axis=(1, 2, 3)) - pictures.mean(axis=(1, 2, 3))
    span = (pixel_range[1] - pixel_range[0]) / 4
    assert (-span < shift).all()
    assert (shift < span).all()
    assert np.ptp(shift) > span
    grey, greyer = pictures.mean(axis=-1, keepdims=True), changed.mean(axis=-1, keepdims=True)
    contrast = greyer.std(axis=(1, 2, 3)) / grey.std(axis=(1, 2, 3))
    assert (contrast > 0.5).all()
    assert (contrast < 1.5).all()
    assert contrast.min() < 0.75 and contrast.max() > 1.25
    saturation = (changed - greyer).std(axis=(1, 2, 3)) / (pictures - grey).std(axis=(1, 2, 3)) / contrast
    assert (saturation < 2).all()
    assert np.ptp(saturation) > 1


def test_grey_images_stay_grey_and_keep_their_shape(pictures):
    assert augmented(pictures[..., :1], "color", "translation", "cutout").shape == (64, 16, 16, 1)


def test_the_seed_repeats_it_and_each_call_draws_anew(pictures):
    layer, twin = (Augment(seed=3) for _ in range(2))
    first = np.asarray(layer(pictures, training=True))
    np.testing.assert_array_equal(np.asarray(twin(pictures, training=True)), first)
    assert not np.array_equal(np.asarray(layer(pictures, training=True)), first)


def test_the_generator_s_gradient_comes_through():
    """Every weight of the generator moves when it is trained through augmentation and discriminator."""
    generator = build_generator((16, 16, 3), latent_dim=4, filters=4, base_filters=4)
    discriminator = build_discriminator((16, 16, 3), filters=4)
    judge = build_augmented(discriminator, Augment(seed=1))
    gan = keras.Sequential([generator, judge])
    gan.compile("sgd", keras.losses.BinaryCrossentropy(from_logits=True))
    kernels = [variable for variable in generator.trainable_variables if "kernel" in variable.path]
    before = values_of(kernels)
    gan.train_on_batch(np.random.default_rng(0).normal(size=(8, 4)).astype("float32"), np.ones((8, 1)))
    assert not any(np.array_equal(was, now) for was, now in zip(before, values_of(kernels), strict=True))


def test_it_is_saved_and_loaded_in_safe_mode(tmp_path, pictures):
    model = keras.Sequential([keras.Input((16, 16, 3)), Augment(("cutout",), (0.0, 1.0), seed=1)])
    model.save(tmp_path / "augment.keras")
    layer = keras.models.load_model(tmp_path / "augment.keras", safe_mode=True).layers[-1]
    assert (layer.operations, layer.pixel_range, layer.seed) == (("cutout",), (0.0, 1.0), 1)
