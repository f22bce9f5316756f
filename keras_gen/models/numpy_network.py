"""Runs an exported network with NumPy alone; this file needs nothing of keras_gen, and is copied beside the weights.

Example:
    >>> images = Network("decoder.npz")(latents)  # float32, shape (n, height, width, channels)
"""

import json

import numpy as np


class Network:
    """A chain of operations, read from an .npz file.

    Args:
        path: The file. Its member `operations` is JSON, a list of [kind, options]; the weights of the operation number
            3 are `3.kernel`, `3.bias` and the like.
    """

    def __init__(self, path):
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        self.operations = []
        for number, (kind, options) in enumerate(json.loads(arrays.pop("operations").tobytes())):
            start = f"{number}."
            weights = {name[len(start) :]: array for name, array in arrays.items() if name.startswith(start)}
            self.operations.append((OPERATIONS[kind], options | weights))

    def __call__(self, x):
        """Return the network's output for a batch."""
        x = np.asarray(x, np.float32)
        for operation, options in self.operations:
            x = operation(x, **options)
        return x


def dense(x, kernel, bias):
    """Shape (n, inputs) to (n, outputs)."""
    return x @ kernel + bias


def reshape(x, shape):
    """Give each row of the batch another shape."""
    return x.reshape(len(x), *shape)


def scale(x, scale, shift):
    """Multiply and add, per channel: BatchNormalization with its moving averages."""
    return x * scale + shift


def standardize(x, epsilon):
    """Bring the last axis to mean 0 and variance 1: LayerNormalization."""
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + epsilon)


def conv(x, kernel, bias, stride, shape):
    """Convolve, channels last; padded so that the output has the side ceil(input / stride)."""
    height, width = kernel.shape[:2]
    pads = [
        max((out - 1) * stride + size - side, 0)
        for out, size, side in zip(shape[:2], (height, width), x.shape[1:3], strict=True)
    ]
    x = np.pad(x, [(0, 0), *((pad // 2, pad - pad // 2) for pad in pads), (0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(x, (height, width), (1, 2))[:, ::stride, ::stride]
    return np.einsum("nijchw,hwco->nijo", windows, kernel, optimize=True) + bias


def conv_transpose(x, kernel, bias, stride, shape):
    """Spread each pixel over an output that is `stride` times as large: the gradient of `conv`."""
    count, rows, columns = x.shape[:3]
    height, width = kernel.shape[:2]
    canvas = np.zeros((count, rows * stride + height, columns * stride + width, shape[-1]), np.float32)
    for i in range(height):
        for j in range(width):
            part = canvas[:, i : i + rows * stride : stride, j : j + columns * stride : stride]
            part += x @ kernel[i, j].T
    top, left = max(height - stride, 0) // 2, max(width - stride, 0) // 2
    return canvas[:, top : top + shape[0], left : left + shape[1]] + bias


def resize(x, factor):
    """Repeat each row and column of pixels."""
    return x.repeat(factor, axis=1).repeat(factor, axis=2)


def activation(x, function, slope=0.0):
    """Apply a function to each number."""
    if function == "relu":
        return np.maximum(x, 0)
    if function == "leaky_relu":
        return np.where(x > 0, x, slope * x)
    if function == "tanh":
        return np.tanh(x)
    sigmoid = (1 + np.tanh(x / 2)) / 2  # does not overflow
    return {"sigmoid": sigmoid, "silu": x * sigmoid}[function]


OPERATIONS = {
    function.__name__: function
    for function in (dense, reshape, scale, standardize, conv, conv_transpose, resize, activation)
}
