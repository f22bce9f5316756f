"""Trained networks as plain arrays, for programs that have no Keras."""

from dataclasses import dataclass, field

import keras
import numpy as np

from keras_gen.models.layers import NoiseScale
from keras_gen.models.normalization import BatchNormalization

FUNCTIONS = ("relu", "leaky_relu", "silu", "sigmoid", "tanh")


@dataclass(frozen=True)
class Operation:
    """One step of an exported network.

    Attributes:
        kind: `dense`, `reshape`, `scale`, `standardize`, `conv`, `conv_transpose` or `activation`.
        options: What it needs besides weights: plain numbers, texts and lists of them.
        weights: float32 arrays by name.
    """

    kind: str
    options: dict[str, object] = field(default_factory=dict)
    weights: dict[str, np.ndarray] = field(default_factory=dict)


def export(model: keras.Model) -> list[Operation] | None:
    """Return a network as a list of operations, each on the result of the one before.

    BatchNormalization becomes `scale`, by its moving averages: x * scale + shift. LayerNormalization becomes
    `standardize` over the last axis, (x - mean) / sqrt(variance + epsilon), and `scale`.

    Args:
        model: From `build_decoder`, `build_generator` or `build_discriminator`, trained.

    Returns:
        The operations, or None if the network is not such a chain.
    """
    if foreign_layers(model):
        return None
    return [operation for layer in model.layers[1:] for operation in _EXPORTERS[type(layer)](layer)]


def foreign_layers(model: keras.Model) -> list[str]:
    """Return the layers that `export` does not know, by class and name."""
    return [
        f"{type(layer).__name__} {layer.name}"
        for layer in model.layers[1:]
        if type(layer) not in _EXPORTERS
        or getattr(getattr(layer, "activation", None), "__name__", "linear") not in ("linear", *FUNCTIONS)
    ]


def multiply_adds(model: keras.Model) -> int:
    """Return how many multiplications with addition a network needs for one image."""
    total = 0
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dense):
            total += layer.kernel.shape[0] * layer.kernel.shape[1]
        elif isinstance(layer, keras.layers.Conv2DTranspose):
            _, height, width, _ = layer.input.shape  # each input pixel meets the whole kernel
            total += height * width * int(np.prod(layer.kernel.shape))
        elif isinstance(layer, keras.layers.Conv2D):
            _, height, width, _ = layer.output.shape
            total += height * width * int(np.prod(layer.kernel.shape))
    return total


def _dense(layer: keras.layers.Dense) -> list[Operation]:
    return [Operation("dense", {}, _kernel_and_bias(layer)), *_activation_of(layer)]


def _conv(layer: keras.layers.Conv2D) -> list[Operation]:
    return [Operation("conv", _strides(layer), _kernel_and_bias(layer)), *_activation_of(layer)]


def _conv_transpose(layer: keras.layers.Conv2DTranspose) -> list[Operation]:
    return [Operation("conv_transpose", _strides(layer), _kernel_and_bias(layer)), *_activation_of(layer)]


def _nothing(layer: keras.layers.Layer) -> list[Operation]:
    return []


def _reshape(layer: keras.layers.Reshape | keras.layers.Flatten) -> list[Operation]:
    return [Operation("reshape", {"shape": list(layer.output.shape[1:])})]


def _batch_normalization(layer: keras.layers.BatchNormalization) -> list[Operation]:
    mean, variance, gamma, beta = (
        _array(variable) for variable in (layer.moving_mean, layer.moving_variance, layer.gamma, layer.beta)
    )
    scale = gamma / np.sqrt(variance + layer.epsilon)
    return [Operation("scale", {}, {"scale": scale, "shift": beta - mean * scale})]


def _layer_normalization(layer: keras.layers.LayerNormalization) -> list[Operation]:
    weights = {"scale": _array(layer.gamma), "shift": _array(layer.beta)}
    return [Operation("standardize", {"epsilon": float(layer.epsilon)}), Operation("scale", {}, weights)]


def _leaky_relu(layer: keras.layers.LeakyReLU) -> list[Operation]:
    return [Operation("activation", {"function": "leaky_relu", "slope": float(layer.negative_slope)})]


def _relu(layer: keras.layers.ReLU) -> list[Operation]:
    return [Operation("activation", {"function": "relu"})]


def _activation_of(layer: keras.layers.Layer) -> list[Operation]:
    name = layer.activation.__name__
    return [] if name == "linear" else [Operation("activation", {"function": name})]


def _strides(layer: keras.layers.Conv2D) -> dict[str, object]:
    return {"stride": layer.strides[0], "shape": list(layer.output.shape[1:])}


def _kernel_and_bias(layer: keras.layers.Layer) -> dict[str, np.ndarray]:
    return {"kernel": _array(layer.kernel), "bias": _array(layer.bias)}


def _array(variable: keras.Variable) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(variable), np.float32)


_EXPORTERS = {
    BatchNormalization: _batch_normalization,
    keras.layers.Activation: _activation_of,
    keras.layers.BatchNormalization: _batch_normalization,
    keras.layers.Conv2D: _conv,
    keras.layers.Conv2DTranspose: _conv_transpose,
    keras.layers.Dense: _dense,
    keras.layers.Dropout: _nothing,
    keras.layers.Flatten: _reshape,
    keras.layers.LayerNormalization: _layer_normalization,
    keras.layers.LeakyReLU: _leaky_relu,
    keras.layers.ReLU: _relu,
    keras.layers.Reshape: _reshape,
    NoiseScale: _nothing,
}
