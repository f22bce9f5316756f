import numpy as np
import pytest

from keras_gen.minimal import activations

X = np.random.default_rng(0).normal(0, 2, 50)


@pytest.mark.parametrize(
    ("function", "derivative"),
    [
        (activations.sigmoid, activations.sigmoid_derivative),
        (activations.relu, activations.relu_derivative),
        (activations.leaky_relu, activations.leaky_relu_derivative),
        (np.tanh, activations.tanh_derivative),
    ],
)
def test_derivatives_agree_with_finite_differences(function, derivative):
    numerical = (function(X + 1e-6) - function(X - 1e-6)) / 2e-6
    np.testing.assert_allclose(derivative(X), numerical, rtol=1e-6, atol=1e-9)


def test_the_sigmoid_does_not_overflow():
    assert activations.sigmoid(np.array([-1000.0, 0.0, 1000.0])).tolist() == [0.0, 0.5, 1.0]


def test_leaky_relu_keeps_a_fifth_below_zero():
    assert activations.leaky_relu(np.array([-5.0, 5.0])).tolist() == [-1.0, 5.0]
    assert activations.relu(np.array([-5.0, 5.0])).tolist() == [0.0, 5.0]
