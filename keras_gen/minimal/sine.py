"""The sine GAN: signals of ten samples, by two networks of three dense layers, in NumPy alone.

Backpropagation is written out once, in `Network.backward`, and serves both.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from keras_gen.minimal.activations import (
    leaky_relu,
    leaky_relu_derivative,
    relu,
    relu_derivative,
    sigmoid,
    sigmoid_derivative,
    tanh_derivative,
)

SAMPLES = 10
TRUE_RANGES = {"m": (0.5, 0.8), "f": (1.2, 1.5), "x0": (0.0, 1.0)}
GRADIENT_NORM, WEIGHT_LIMIT = 0.2, 0.25

Activation = tuple[Callable[[np.ndarray], np.ndarray], Callable[[np.ndarray], np.ndarray]]


@dataclass(frozen=True)
class Faults:
    """The four faults of the original sine GAN, each of which can be switched on to see what it does.

    Attributes:
        relu_derivative: The derivative of ReLU returns ReLU.
        activated_derivatives: The derivatives of sigmoid and tanh are taken at the value that was already activated.
        discriminator_climbs: The discriminator steps along its gradient, not against it.
        loss_as_gradient: The generator is given its loss as the gradient by each sample of its signals.
    """

    relu_derivative: bool = False
    activated_derivatives: bool = False
    discriminator_climbs: bool = False
    loss_as_gradient: bool = False


NO_FAULTS = Faults()


@dataclass
class Network:
    """Dense layers, one after another.

    Attributes:
        weights: For each layer, shape (inputs, outputs).
        biases: For each layer, shape (outputs,).
        activations: For each layer its function and that function's derivative,
            both of the layer's weighted sum.
    """

    weights: list[np.ndarray]
    biases: list[np.ndarray]
    activations: list[Activation]

    @classmethod
    def draw(cls, random: np.random.RandomState, sizes: list[int], activations: list[Activation]) -> "Network":
        """Draw weights from uniform(-r, r) with r = sqrt(2 / (inputs + outputs)); biases start at 0."""
        limits = [np.sqrt(2 / (inputs + outputs)) for inputs, outputs in pairwise(sizes)]
        weights = [
            random.uniform(-limit, limit, shape) for limit, *shape in zip(limits, sizes[:-1], sizes[1:], strict=True)
        ]
        return cls(weights, [np.zeros(size) for size in sizes[1:]], activations)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Return the outputs, shape (n, outputs), for inputs of shape (n, inputs)."""
        return self.forward(x)[1][-1]

    def forward(self, x: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return each layer's weighted sums, and each layer's inputs with the last layer's outputs behind them."""
        sums, values = [], [x]
        for weights, biases, (function, _) in zip(self.weights, self.biases, self.activations, strict=True):
            sums.append(values[-1] @ weights + biases)
            values.append(function(sums[-1]))
        return sums, values

    def backward(
        self, sums: list[np.ndarray], values: list[np.ndarray], by_sum: np.ndarray
    ) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray]:
        """Carry the loss's gradient back through the layers.

        Args:
            sums: From `forward`.
            values: From `forward`.
            by_sum: The loss's gradient by the last layer's weighted sums.

        Returns:
            The gradients by each layer's weights, by each layer's biases, and by the network's inputs.
        """
        by_weights, by_biases = [], []
        for layer in reversed(range(len(self.weights))):
            by_weights.insert(0, values[layer].T @ by_sum)
            by_biases.insert(0, by_sum.sum(axis=0))
            by_input = by_sum @ self.weights[layer].T
            if layer:
                by_sum = by_input * self.activations[layer - 1][1](sums[layer - 1])
        return by_weights, by_biases, by_input

    def descend(self, by_weights: list[np.ndarray], by_biases: list[np.ndarray], learning_rate: float) -> None:
        """Take a step against the gradients, each cut to a norm of 0.2; then clip weights and biases to ±0.25."""
        parameters, gradients = self.weights + self.biases, by_weights + by_biases
        for parameter, gradient in zip(parameters, gradients, strict=True):
            norm = np.linalg.norm(gradient)
            parameter -= learning_rate * gradient * min(1.0, GRADIENT_NORM / (norm + 1e-12))
            np.clip(parameter, -WEIGHT_LIMIT, WEIGHT_LIMIT, out=parameter)


def start(random: np.random.RandomState, faults: Faults = NO_FAULTS) -> tuple[Network, Network]:
    """Draw a generator (1-10-10-10) and a discriminator (10-10-10-1)."""
    relus, leaky = (relu, relu_derivative), (leaky_relu, leaky_relu_derivative)
    # The derivative of the last sigmoid is not needed: it cancels against that of the cross-entropy.
    last_tanh, last_sigmoid = (np.tanh, tanh_derivative), (sigmoid, None)
    if faults.relu_derivative:
        relus = (relu, relu)
    if faults.activated_derivatives:
        last_tanh = (np.tanh, lambda sums: tanh_derivative(np.tanh(sums)))
        last_sigmoid = (sigmoid, lambda sums: sigmoid_derivative(sigmoid(sums)))
    generator = Network.draw(random, [1, 10, 10, SAMPLES], [relus, relus, last_tanh])
    discriminator = Network.draw(random, [SAMPLES, 10, 10, 1], [leaky, leaky, last_sigmoid])
    return generator, discriminator


def draw_signals(random: np.random.RandomState, count: int, shape: np.ndarray | None = None) -> np.ndarray:
    """Draw real signals, shape (count, 10).

    Args:
        random: Where the draws come from.
        count: Number of signals.
        shape: Ten samples of another signal, which each m scales; None is m sin(x0 + f i) for i = 0 to 9, each
            parameter uniform over its range.
    """
    m, f, x0 = (random.uniform(*TRUE_RANGES[name], (count, 1)) for name in ("m", "f", "x0"))
    return m * (np.sin(x0 + f * np.arange(SAMPLES)) if shape is None else shape)


def draw_latents(random: np.random.RandomState, count: int) -> np.ndarray:
    """Draw latent numbers from N(0, 1), shape (count, 1)."""
    return random.normal(size=(count, 1))


def discriminator_gradients(
    discriminator: Network, signals: np.ndarray, labels: np.ndarray
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return the gradients of the mean cross-entropy by the discriminator's weights and biases.

    Args:
        discriminator: The network.
        signals: Shape (n, 10).
        labels: 1 for real and 0 for generated, shape (n, 1).
    """
    sums, values = discriminator.forward(signals)
    error = (values[-1] - labels) / len(signals)
    by_weights, by_biases, _ = discriminator.backward(sums, values, _by_last_sum(discriminator, sums, values, error))
    return by_weights, by_biases


def _by_last_sum(discriminator: Network, sums: list, values: list, error: np.ndarray) -> np.ndarray:
    """Return the loss's gradient by the last weighted sum: `error`, unless the sigmoid's derivative is at fault."""
    derivative, verdicts = discriminator.activations[-1][1], values[-1]
    if derivative is None:
        return error
    return error / (verdicts * (1 - verdicts)) * derivative(sums[-1])  # what should have cancelled does not


def generator_gradients(
    generator: Network,
    discriminator: Network,
    latents: np.ndarray,
    saturating: bool = False,
    loss_as_gradient: bool = False,
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return the gradients of the mean of -log D(G(latent)) by the generator's weights and biases.

    Args:
        generator: The network whose gradients are wanted.
        discriminator: The network that judges its signals.
        latents: Shape (n, 1).
        saturating: Whether the loss is log(1 - D) instead.
        loss_as_gradient: See `Faults`.
    """
    sums, values = generator.forward(latents)
    judged_sums, judged = discriminator.forward(values[-1])
    verdicts = judged[-1]
    if loss_as_gradient:
        losses = np.log(1 - verdicts) if saturating else -np.log(verdicts)
        by_signal = np.repeat(losses, SAMPLES, axis=1) / len(latents)
    else:
        error = (-verdicts if saturating else verdicts - 1) / len(latents)
        by_sum = _by_last_sum(discriminator, judged_sums, judged, error)
        by_signal = discriminator.backward(judged_sums, judged, by_sum)[2]
    derivative = generator.activations[-1][1]
    by_weights, by_biases, _ = generator.backward(sums, values, by_signal * derivative(sums[-1]))
    return by_weights, by_biases


def train(
    generator: Network,
    discriminator: Network,
    random: np.random.RandomState,
    iterations: int = 50_000,
    batch_size: int = 128,
    discriminator_learning_rate: float = 0.1,
    generator_learning_rate: float = 0.01,
    label_smoothing: float = 0.0,
    saturating: bool = False,
    shape: np.ndarray | None = None,
    faults: Faults = NO_FAULTS,
) -> Iterator[tuple[float, float]]:
    """Train in turns, changing both networks in place.

    Args:
        generator: From `start`.
        discriminator: From `start`.
        random: Where latent numbers and real signals are drawn from.
        iterations: Number of steps of both networks.
        batch_size: Real signals, and generated ones, of a step.
        discriminator_learning_rate: Step along the discriminator's gradient.
        generator_learning_rate: Step along the generator's gradient.
        label_smoothing: How far below 1 the label of the real signals is.
        saturating: Whether the generator's loss is log(1 - D) instead of -log D.
        shape: See `draw_signals`.
        faults: The same as `start` was given.

    Yields:
        After each iteration the discriminator's loss on its real and generated
        signals, and the generator's, both of the step just taken.
    """
    labels = np.repeat([[1.0 - label_smoothing], [0.0]], batch_size, axis=0)
    sign = -1 if faults.discriminator_climbs else 1
    for _ in range(iterations):
        latents = draw_latents(random, batch_size)
        signals = np.concatenate([draw_signals(random, batch_size, shape), generator(latents)])
        by = discriminator_gradients(discriminator, signals, labels)
        discriminator.descend(*by, sign * discriminator_learning_rate)
        by = generator_gradients(generator, discriminator, latents, saturating, faults.loss_as_gradient)
        generator.descend(*by, generator_learning_rate)
        on_real, on_fake = np.split(discriminator(signals)[:, 0], 2)
        discriminator_loss = -np.log(on_real).mean() - np.log(1 - on_fake).mean()
        if label_smoothing:  # the cross-entropy with the label 1 - label_smoothing
            discriminator_loss += label_smoothing * (np.log(on_real) - np.log(1 - on_real)).mean()
        generator_loss = np.log(1 - on_fake).mean() if saturating else -np.log(on_fake).mean()
        yield float(discriminator_loss), float(generator_loss)


def fit_sines(signals: np.ndarray) -> dict[str, np.ndarray]:
    """Fit m sin(x0 + f i) to each signal by least squares, with m > 0 and 0 < f < pi.

    For a fixed f the fit is linear in m sin(x0) and m cos(x0) and solved
    exactly; f is searched on a grid that is refined around its best point.

    Args:
        signals: Shape (n, 10).

    Returns:
        `m`, `f`, `x0` (from -pi to pi) and `explained`, the share of each signal's variance
        (its sum of squares about the mean) that the fit explains; each of shape (n,).
    """
    time = np.arange(SAMPLES)
    total = ((signals - signals.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    step = np.pi / 400
    centre = np.zeros(len(signals))
    offsets = np.arange(1, 400) * step
    for _ in range(6):
        f = np.clip(centre[:, np.newaxis] + offsets, 1e-6, np.pi - 1e-6)
        residual, _, _ = _linear_fit(signals, f, time)
        centre = np.take_along_axis(f, residual.argmin(axis=1)[:, np.newaxis], axis=1)[:, 0]
        offsets = np.linspace(-step, step, 21)
        step /= 10
    residual, by_cos, by_sin = (value[:, 0] for value in _linear_fit(signals, centre[:, np.newaxis], time))
    explained = 1 - residual / np.maximum(total, 1e-30)
    return {"m": np.hypot(by_cos, by_sin), "f": centre, "x0": np.arctan2(by_cos, by_sin), "explained": explained}


def _linear_fit(signals: np.ndarray, f: np.ndarray, time: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit a cos(f i) + b sin(f i) for frequencies of shape (n, k); return the squared residual, a and b."""
    cos, sin = np.cos(f[..., np.newaxis] * time), np.sin(f[..., np.newaxis] * time)
    cc, ss, cs = (cos * cos).sum(-1), (sin * sin).sum(-1), (cos * sin).sum(-1)
    yc, ys = np.einsum("nkt,nt->nk", cos, signals), np.einsum("nkt,nt->nk", sin, signals)
    determinant = np.maximum(cc * ss - cs * cs, 1e-12)
    a, b = (yc * ss - ys * cs) / determinant, (ys * cc - yc * cs) / determinant
    return (signals**2).sum(axis=1, keepdims=True) - a * yc - b * ys, a, b


def coverage(values: np.ndarray, name: str) -> float:
    """Return the share of ten equal parts of a parameter's true range that at least 1% of the fits fall into."""
    counts, _ = np.histogram(values, bins=10, range=TRUE_RANGES[name])
    return float(np.mean(counts >= 0.01 * len(values)))
