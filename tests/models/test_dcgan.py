import zipfile

import keras
import numpy as np
import pytest

from keras_gen.errors import InputError
from keras_gen.models import build_discriminator, build_gan, build_generator
from keras_gen.models.layers import SpectralNorm
from keras_gen.settings import GeneratorSettings

ARTICLE_GENERATOR = {
    "filters": 32,
    "extra_layers": 2,
    "base_filters": 128,
    "activation": "relu",
    "output_activation": "sigmoid",
    "init_stddev": None,
}
ARTICLE_DISCRIMINATOR = {"filters": 32, "extra_layers": 1, "batch_norm": False, "activate_last": False, "dropout": 0}


def layers_of(model, kind):
    return [layer for layer in model.layers if isinstance(layer, kind)]


def convolutions(model):
    """Filters, kernel and stride of each (transposed) convolution."""
    found = layers_of(model, keras.layers.Conv2D | keras.layers.Conv2DTranspose)
    return [(layer.filters, layer.kernel_size[0], layer.strides[0]) for layer in found]


def test_the_chapter_s_generator():
    generator = build_generator((32, 32, 3))
    assert convolutions(generator) == [(256, 5, 2), (128, 5, 2), (3, 5, 2)]
    assert generator.get_layer("reshape").target_shape == (4, 4, 192)
    norms = layers_of(generator, keras.layers.BatchNormalization)
    assert [norm.momentum for norm in norms] == [0.8] * 3
    assert all(layer.negative_slope == pytest.approx(0.2) for layer in layers_of(generator, keras.layers.LeakyReLU))
    kinds = [type(layer).__name__ for layer in generator.layers]
    assert kinds == ["InputLayer", "Dense", "Reshape"] + 3 * [
        "BatchNormalization",
        "LeakyReLU",
        "Conv2DTranspose",
    ] + ["Activation"]


def test_the_chapter_s_discriminator():
    discriminator = build_discriminator((32, 32, 3))
    assert convolutions(discriminator) == [(64, 5, 2), (128, 5, 2), (256, 5, 2)]
    kinds = [type(layer).__name__ for layer in discriminator.layers]
    assert kinds == ["InputLayer", "Conv2D", "LeakyReLU"] + 2 * ["Conv2D", "BatchNormalization", "LeakyReLU"] + [
        "Flatten",
        "Dropout",
        "Dense",
    ]
    assert discriminator.get_layer("dropout").rate == 0.2


def test_the_article_s_nets():
    generator = build_generator((28, 28, 1), **ARTICLE_GENERATOR)
    discriminator = build_discriminator((28, 28, 1), **ARTICLE_DISCRIMINATOR)
    assert convolutions(generator) == [(128, 5, 2), (64, 5, 2), (32, 5, 1), (1, 5, 1)]
    assert generator.get_layer("reshape").target_shape == (7, 7, 128)
    assert convolutions(discriminator) == [(32, 5, 2), (64, 5, 2), (128, 5, 2), (256, 5, 1)]
    assert discriminator.get_layer("conv_4").output.shape == (None, 4, 4, 256)
    assert not layers_of(discriminator, keras.layers.BatchNormalization | keras.layers.Dropout)
    discriminator = build_discriminator((28, 28, 1), **ARTICLE_DISCRIMINATOR, leaky_alpha=0.5)
    slopes = [float(layer.negative_slope) for layer in layers_of(discriminator, keras.layers.LeakyReLU)]
    assert slopes == [0.5] * 3  # none behind the last convolution


@pytest.mark.parametrize("size", [8, 20, 28, 32, 48, 64, 128])
def test_nets_deepen_with_size_and_fit_together(size):
    generator = build_generator((size, size, 3), latent_dim=6, base_filters=3, filters=2)
    discriminator = build_discriminator((size, size, 3), filters=2)
    assert generator.output_shape == (None, size, size, 3)
    assert build_gan(generator, discriminator).output_shape == (None, 1)
    assert 3 <= discriminator.get_layer("flatten").input.shape[1] <= 4


@pytest.mark.parametrize(("activation", "low"), [("tanh", -1), ("sigmoid", 0)])
def test_pixels_are_in_the_range_of_the_output_activation(activation, low):
    generator = build_generator(
        (8, 8, 1), latent_dim=4, filters=2, base_filters=3, init_stddev=3.0, output_activation=activation
    )
    images = keras.ops.convert_to_numpy(generator(np.random.default_rng(0).normal(size=(50, 4)), training=True))
    assert images.min() == pytest.approx(low, abs=0.05)
    assert images.max() == pytest.approx(1, abs=0.05)


def test_kernels_start_from_the_given_normal_distribution():
    discriminator = build_discriminator((32, 32, 3), init_stddev=0.05)
    first, second = discriminator.get_layer("conv_1").kernel, discriminator.get_layer("conv_2").kernel
    assert float(keras.ops.std(second)) == pytest.approx(0.05, rel=0.05)
    assert not np.array_equal(np.ravel(first)[:100], np.ravel(second)[:100])


def test_sizes_out_of_reach_are_refused():
    with pytest.raises(InputError, match="`image_size=28` or 32"):
        build_generator((30, 30, 3))
    with pytest.raises(InputError, match="`image_size='32x40'` or 24x28"):
        build_generator((24, 40, 3))


@pytest.mark.parametrize("settings", [{}, {"upsampling": "resize", "extra_layers": 1}])
def test_a_rectangle_starts_from_a_map_of_its_shape(settings):
    generator = build_generator((16, 28, 4), base_filters=3, filters=2, **settings)
    assert generator.get_layer("reshape").output.shape == (None, 4, 7, 3)
    assert generator.output_shape == (None, 16, 28, 4)
    discriminator = build_discriminator((16, 28, 4), filters=2)
    assert discriminator.get_layer("flatten").input.shape[1:3] == (2, 4)


def test_saved_nets_are_keras_s_layers_and_load_in_safe_mode(tmp_path):
    generator = build_generator((8, 8, 1), GeneratorSettings(latent_dim=4, base_filters=3), filters=2)
    discriminator = build_discriminator((8, 8, 1), filters=2)
    z = np.ones((2, 4), np.float32)
    for model, x in ((generator, z), (discriminator, np.ones((2, 8, 8, 1), np.float32))):
        model.save(tmp_path / "model.keras")
        loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
        np.testing.assert_allclose(loaded.predict_on_batch(x), model.predict_on_batch(x), rtol=1e-6)
        norms = layers_of(loaded, keras.layers.BatchNormalization)
        assert all(type(norm) is keras.layers.BatchNormalization for norm in norms)
        with zipfile.ZipFile(tmp_path / "model.keras") as archive:
            assert b"keras_gen" not in archive.read("config.json")


def test_resizing_stands_before_a_convolution_wherever_a_transposed_one_would_double():
    generator = build_generator((32, 32, 3), upsampling="resize", extra_layers=1, filters=8)
    assert convolutions(generator) == [(32, 5, 1), (16, 5, 1), (8, 5, 1), (3, 5, 1)]
    resized = [layer for layer in generator.layers if isinstance(layer, keras.layers.UpSampling2D)]
    assert [layer.output.shape[1] for layer in resized] == [8, 16, 32]
    assert [layer.interpolation for layer in resized] == ["nearest"] * 3
    with pytest.raises(InputError, match=r"`generator\.upsampling` must be one of conv_transpose, resize"):
        build_generator((32, 32, 3), upsampling="bilinear")


def test_spectral_norm_constrains_every_kernel_of_the_discriminator():
    discriminator = build_discriminator((16, 16, 1), filters=4, spectral_norm=True)
    kernels = [layer for layer in discriminator.layers if hasattr(layer, "kernel")]
    assert len(kernels) == 3
    assert all(isinstance(layer.kernel_constraint, SpectralNorm) for layer in kernels)
    plain = build_discriminator((16, 16, 1), filters=4)
    assert not any(getattr(layer, "kernel_constraint", None) for layer in plain.layers)
