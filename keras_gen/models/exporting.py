"""Trained networks as plain arrays, for programs that have no Keras."""

import math
from dataclasses import dataclass, field

import keras
import numpy as np

from keras_gen.models.conditioning import OneHot
from keras_gen.models.layers import NoiseScale
from keras_gen.models.normalization import BatchNormalization

FUNCTIONS = ("relu", "leaky_relu", "silu", "sigmoid", "tanh")


@dataclass(frozen=True)
class Operation:
    """One step of an exported network.

    Attributes:
        kind: `dense`, `reshape`, `scale`, `standardize`, `conv`, `conv_transpose`, `resize`, `activation`, or
            `with_label`, which puts the label's row, times `scale`, behind the values.
        options: What it needs besides weights: plain numbers, texts and lists of them.
        weights: float32 arrays by name.
    """

    kind: str
    options: dict[str, object] = field(default_factory=dict)
    weights: dict[str, np.ndarray] = field(default_factory=dict)


def export(model: keras.Model, labels: bool = False) -> list[Operation] | None:
    """Return a network as a list of operations, each on the result of the one before.

    BatchNormalization becomes `scale`, by its moving averages: x * scale + shift. LayerNormalization becomes
    `standardize` over the last axis, (x - mean) / sqrt(variance + epsilon), and `scale`.

    Args:
        model: From `build_decoder`, `build_generator` or `build_discriminator`, trained.
        labels: Whether a conditional network may be exported, whose list has a `with_label`.

    Returns:
        The operations, or None if the network is not such a chain.
    """
    return _chain(model.layers[1:], labels)


def export_encoder(model: keras.Model, labels: bool = False) -> list[Operation] | None:
    """Return an encoder as `export` does; its last operation gives z_mean, and z_log_var behind it."""
    heads = [model.get_layer("z_mean"), model.get_layer("z_log_var")]
    first = model.layers.index(heads[0])
    trunk = _chain([layer for layer in model.layers[1:first] if layer not in heads], labels)
    if trunk is None:
        return None
    parts = [_kernel_and_bias(head) for head in heads]
    return [
        *trunk,
        Operation("dense", {}, {name: np.concatenate([part[name] for part in parts], -1) for name in parts[0]}),
    ]


def foreign_layers(model: keras.Model) -> list[str]:
    """Return the layers that `export` does not know, by class and name."""
    return [f"{type(layer).__name__} {layer.name}" for layer in model.layers[1:] if not _known(layer, _EXPORTERS)]


def largest_layers(model: keras.Model, count: int = 3) -> list[tuple[str, int]]:
    """Return the layers with the most weights, largest first: names and numbers of weights."""
    sizes = sorted(((layer.count_params(), layer.name) for layer in model.layers), reverse=True)
    return [(name, size) for size, name in sizes[:count] if size]


def _chain(model_layers: list[keras.layers.Layer], labels: bool) -> list[Operation] | None:
    exporters = _EXPORTERS | (_OF_LABELS if labels else {})
    if not all(_known(layer, exporters) for layer in model_layers):
        return None
    operations = [operation for layer in model_layers for operation in exporters[type(layer)](layer)]
    factors = [operation for operation in operations if operation.kind == "label_scale"]
    scale = factors[0].options["scale"] if factors else 1.0
    return [
        Operation("with_label", {"scale": scale}) if operation.kind == "with_label" else operation
        for operation in operations
        if operation.kind != "label_scale"
    ]


def _known(layer: keras.layers.Layer, exporters: dict) -> bool:
    function = getattr(getattr(layer, "activation", None), "__name__", "linear")
    return type(layer) in exporters and function in ("linear", *FUNCTIONS)


def multiply_adds(model: keras.Model) -> int:
    """Return how many multiplications with addition a network needs for one image."""
    total = 0
    for layer in model.layers:
        if (kernel := getattr(layer, "kernel", None)) is not None:
            # Each input pixel of a transposed convolution meets the whole kernel.
            pixels = layer.input if isinstance(layer, keras.layers.Conv2DTranspose) else layer.output
            total += math.prod(kernel.shape) * math.prod(pixels.shape[1:-1])
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


def _resize(layer: keras.layers.UpSampling2D) -> list[Operation]:
    return [Operation("resize", {"factor": int(layer.size[0])})]


def _with_label(layer: keras.layers.Concatenate) -> list[Operation]:
    return [Operation("with_label")]


def _label_scale(layer: keras.layers.Rescaling) -> list[Operation]:
    return [Operation("label_scale", {"scale": float(layer.scale)})]


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
    keras.layers.UpSampling2D: _resize,
    NoiseScale: _nothing,
}
_OF_LABELS = {
    OneHot: _nothing,
    keras.layers.Concatenate: _with_label,
    keras.layers.InputLayer: _nothing,
    keras.layers.Rescaling: _label_scale,
}
