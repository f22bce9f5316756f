import time

import numpy as np
import pytest

from keras_gen.minimal import trend
from tests.minimal.gradients import numerical_gradient, relative_error

PUBLISHED = {
    0: (1.3433, 0.6666),
    5000: (1.0994, 0.7903),
    10000: (1.0035, 0.8478),
    15000: (0.9899, 0.8271),
    20000: (1.0441, 0.8124),
    25000: (1.0621, 0.8129),
    30000: (1.1218, 0.8277),
    35000: (1.1224, 0.8411),
    40000: (1.1631, 0.7914),
    45000: (1.1779, 0.7685),
    49999: (1.1607, 0.7617),
}


def random_gan(seed):
    random = np.random.default_rng(seed)
    return trend.TrendGAN(*(random.normal(size=size) for size in (3, 3, 1, 1))), random


@pytest.mark.parametrize("epochs", [10_001, pytest.param(50_000, marks=pytest.mark.slow)])
def test_the_published_run_is_replayed_to_four_decimals(epochs):
    random = np.random.RandomState(42)
    gan, real = trend.start(random)
    history = list(trend.train(gan, real, random, epochs))
    for epoch in filter(range(epochs).__contains__, PUBLISHED):
        assert tuple(round(loss, 4) for loss in history[epoch]) == PUBLISHED[epoch]
    slopes = np.diff(gan.generate(trend.draw_latents(random, 100)), axis=1)
    assert (slopes < 0).all()  # falling trends, as the real ones


def test_real_images_fall_along_a_line_and_are_centred():
    _, real = trend.start(np.random.RandomState(0), count=2000)
    assert real.mean(axis=1) == pytest.approx(0.5)
    slopes = (real[:, 2] - real[:, 0]) / 2
    assert slopes.mean() == pytest.approx(-0.55, abs=0.01)
    assert slopes.min() > -0.78
    assert slopes.max() < -0.32


@pytest.mark.parametrize("seed", range(5))
def test_gradients_agree_with_finite_differences(seed):
    gan, random = random_gan(seed)
    images, latents = random.random((10, 3)), random.uniform(0.4, 1, 7)
    labels = np.repeat([1.0, 0.0], 5)

    def discriminator_loss():
        verdicts = gan.discriminate(images)
        return -np.mean(labels * np.log(verdicts) + (1 - labels) * np.log(1 - verdicts))

    def generator_loss():
        return -np.log(gan.discriminate(gan.generate(latents))).mean()

    weights, bias = gan.discriminator_gradients(images, labels)
    assert relative_error(weights, numerical_gradient(discriminator_loss, gan.discriminator_weights)) < 1e-6
    assert relative_error(bias, numerical_gradient(discriminator_loss, gan.discriminator_bias)) < 1e-6
    weights, bias = gan.generator_gradients(latents)
    numerical = numerical_gradient(generator_loss, gan.generator_weights)
    assert relative_error(weights, numerical) < 1e-6
    assert relative_error(bias, numerical_gradient(generator_loss, gan.generator_bias)) < 1e-6
    assert relative_error(weights * [1, -1, 1], numerical) > 1e-2  # a wrong sign would be seen


def barest_loop(epochs):
    """The same arithmetic with nothing around it."""
    random = np.random.RandomState(42)
    wg, wd = 0.1 * random.randn(3), 0.1 * random.randn(3)
    real, b, c, y = trend.start(random)[1], np.zeros(1), np.zeros(1), np.repeat([1.0, 0.0], 32)
    for _ in range(epochs):
        fake = 0.5 + 0.5 * np.tanh(0.5 * (random.uniform(0.4, 1, 32)[:, None] * wg + b))
        x = np.concatenate([real, fake])
        e = (0.5 + 0.5 * np.tanh(0.5 * (x @ wd + c)) - y) / 64
        wd -= 0.001 * (e @ x)
        c -= 0.001 * e.sum(keepdims=True)
        z = random.uniform(0.4, 1, 32)
        g = 0.5 + 0.5 * np.tanh(0.5 * (z[:, None] * wg + b))
        e = (0.5 + 0.5 * np.tanh(0.5 * (g @ wd + c)) - 1) / 32
        d = e[:, None] * wd * g * (1 - g)
        wg -= 0.001 * (z @ d)
        b -= 0.001 * d.sum(keepdims=True)[0]
        on_real, on_fake = (0.5 + 0.5 * np.tanh(0.5 * (images @ wd + c)) for images in (real, fake))
        on_generated = 0.5 + 0.5 * np.tanh(0.5 * ((0.5 + 0.5 * np.tanh(0.5 * (z[:, None] * wg + b))) @ wd + c))
        -np.log(on_real + 1e-8).mean() - np.log(1 - on_fake + 1e-8).mean(), -np.log(on_generated + 1e-8).mean()


def test_training_takes_at_most_half_again_the_time_of_the_barest_loop():
    ratios = []
    for _ in range(5):  # in turns, for the machine's speed drifts
        started = time.perf_counter()
        barest_loop(1500)
        bare = time.perf_counter() - started
        random = np.random.RandomState(42)
        gan, real = trend.start(random)
        started = time.perf_counter()
        for _ in trend.train(gan, real, random, epochs=1500):
            pass
        ratios.append((time.perf_counter() - started) / bare)
        if ratios[-1] <= 1.5:
            break
    assert min(ratios) <= 1.5
