"""Central finite differences, to hold hand-written gradients against."""

import numpy as np

STEP = 1e-5


def numerical_gradient(loss, parameter):
    """The gradient of loss() by an array that it reads, which is changed in place and put back."""
    gradient = np.zeros_like(parameter)
    for index in np.ndindex(parameter.shape):
        value = parameter[index]
        parameter[index] = value + STEP
        above = loss()
        parameter[index] = value - STEP
        below = loss()
        parameter[index] = value
        gradient[index] = (above - below) / (2 * STEP)
    return gradient


def relative_error(one, other):
    """The norm of the difference over the larger norm."""
    one, other = np.asarray(one), np.asarray(other)
    return np.linalg.norm(one - other) / max(np.linalg.norm(one), np.linalg.norm(other), 1e-300)
