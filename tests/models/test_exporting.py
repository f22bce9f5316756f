import keras
import numpy as np
import pytest

from keras_gen.models import build_decoder, build_generator
from keras_gen.models.exporting import export, multiply_adds
from keras_gen.models.normalization import BatchNormalization


def test_a_dense_decoder_is_exported_weight_by_weight():
    decoder = build_decoder((8, 8, 1), latent_dim=3, intermediate_dim=5)
    z = np.random.default_rng(0).normal(size=(2, 3)).astype(np.float32)
    x = z
    for step in export(decoder):
        if step.kind == "dense":
            x = x @ step.weights["kernel"] + step.weights["bias"]
        elif step.kind == "activation":
            x = {"relu": lambda x: np.maximum(x, 0), "sigmoid": lambda x: 1 / (1 + np.exp(-x))}[
                step.options["function"]
            ](x)
        else:
            x = x.reshape(-1, *step.options["shape"])
    np.testing.assert_allclose(x, decoder.predict_on_batch(z), atol=1e-6)


@pytest.mark.parametrize("kind", [keras.layers.BatchNormalization, BatchNormalization])  # loaded, and built here
def test_batch_normalization_becomes_scale_and_shift_by_its_moving_averages(kind):
    layer = kind()
    model = keras.Sequential([keras.Input((4, 4, 3)), layer])
    random = np.random.default_rng(0)
    layer.set_weights([random.uniform(0.5, 2, 3) for _ in range(4)])
    x = random.normal(size=(2, 4, 4, 3)).astype(np.float32)
    functional = keras.Model(model.inputs, model.outputs)
    (step,) = export(functional)
    np.testing.assert_allclose(
        x * step.weights["scale"] + step.weights["shift"], functional.predict_on_batch(x), atol=1e-5
    )


def test_layer_normalization_becomes_standardize_and_scale():
    layer = keras.layers.LayerNormalization()
    model = keras.Sequential([keras.Input((5,)), layer])
    random = np.random.default_rng(0)
    layer.set_weights([random.uniform(0.5, 2, 5) for _ in range(2)])
    x = random.normal(size=(3, 5)).astype(np.float32)
    standardize, scale = export(keras.Model(model.inputs, model.outputs))
    spread = np.sqrt(x.var(axis=1, keepdims=True) + standardize.options["epsilon"])
    standard = (x - x.mean(axis=1, keepdims=True)) / spread
    np.testing.assert_allclose(
        standard * scale.weights["scale"] + scale.weights["shift"], model.predict_on_batch(x), atol=1e-5
    )


def test_a_network_of_other_layers_is_not_exported():
    z = keras.Input((3,))
    assert export(keras.Model(z, keras.layers.Softmax()(z))) is None
    assert export(keras.Model(z, keras.layers.Dense(2, activation="gelu")(z))) is None


def test_multiplications_are_counted_by_hand():
    assert multiply_adds(build_decoder((28, 28, 1))) == 2 * 256 + 256 * 784
    generator = build_generator((8, 8, 3), latent_dim=10, filters=4, base_filters=6, kernel_size=5)
    assert multiply_adds(generator) == pytest.approx(10 * 4 * 4 * 6 + 4 * 4 * 25 * 6 * 3)
