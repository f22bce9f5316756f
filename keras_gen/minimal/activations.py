"""The activations of the three GANs, each with its derivative."""

import numpy as np

LEAK = 0.2


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-x)), written by tanh so that no x overflows."""
    return 0.5 + 0.5 * np.tanh(0.5 * x)


def sigmoid_derivative(x: np.ndarray) -> np.ndarray:
    """Return the sigmoid's derivative at x, s(x) (1 - s(x))."""
    return sigmoid(x) * (1 - sigmoid(x))


def relu(x: np.ndarray) -> np.ndarray:
    """Return x where it is positive, else 0."""
    return np.maximum(x, 0)


def relu_derivative(x: np.ndarray) -> np.ndarray:
    """Return 1 where x is positive, else 0."""
    return np.where(x > 0, 1.0, 0.0)


def leaky_relu(x: np.ndarray) -> np.ndarray:
    """Return x where it is positive, else a fifth of it."""
    return np.where(x > 0, x, LEAK * x)


def leaky_relu_derivative(x: np.ndarray) -> np.ndarray:
    """Return 1 where x is positive, else a fifth."""
    return np.where(x > 0, 1.0, LEAK)


def tanh_derivative(x: np.ndarray) -> np.ndarray:
    """Return the derivative of tanh at x, 1 - tanh(x)^2."""
    return 1 - np.tanh(x) ** 2
