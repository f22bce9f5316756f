import json

import numpy as np
import pytest

from keras_gen.cli.main import main
from keras_gen.minimal import sine
from tests.minimal.gradients import numerical_gradient, relative_error


def parameters(network):
    return network.weights + network.biases


@pytest.mark.parametrize("seed", range(3))
def test_gradients_agree_with_finite_differences(seed):
    random = np.random.RandomState(seed)
    generator, discriminator = sine.start(random)
    for network in (generator, discriminator):
        for bias in network.biases:
            bias += random.normal(0, 0.3, bias.shape)
    signals, latents = sine.draw_signals(random, 6), sine.draw_latents(random, 5)
    labels = np.repeat([[1.0], [0.0]], 3, axis=0)

    def discriminator_loss():
        verdicts = discriminator(signals)
        return -np.mean(labels * np.log(verdicts) + (1 - labels) * np.log(1 - verdicts))

    def generator_loss():
        return -np.log(discriminator(generator(latents))).mean()

    by_weights, by_biases = sine.discriminator_gradients(discriminator, signals, labels)
    for parameter, gradient in zip(parameters(discriminator), by_weights + by_biases, strict=True):
        assert relative_error(gradient, numerical_gradient(discriminator_loss, parameter)) < 1e-6
    by_weights, by_biases = sine.generator_gradients(generator, discriminator, latents)
    for parameter, gradient in zip(parameters(generator), by_weights + by_biases, strict=True):
        numerical = numerical_gradient(generator_loss, parameter)
        assert relative_error(gradient, numerical) < 1e-6
        assert relative_error(-gradient, numerical) > 1e-2  # a wrong sign would be seen


def test_real_signals_are_sines_of_the_given_ranges():
    signals = sine.draw_signals(np.random.RandomState(0), 500)
    fits = sine.fit_sines(signals)
    assert fits["explained"].min() > 0.999999
    for name, (low, high) in sine.TRUE_RANGES.items():
        assert fits[name].min() == pytest.approx(low, abs=0.02)
        assert fits[name].max() == pytest.approx(high, abs=0.02)
        assert sine.coverage(fits[name], name) == 1.0


def test_fits_find_any_sine_and_see_what_is_none():
    random = np.random.RandomState(1)
    m, f, x0 = random.uniform(0.1, 2, 200), random.uniform(0.3, 2.9, 200), random.uniform(-3, 3, 200)
    fits = sine.fit_sines(m[:, None] * np.sin(x0[:, None] + f[:, None] * np.arange(10)))
    np.testing.assert_allclose(fits["m"], m, rtol=1e-4)
    np.testing.assert_allclose(fits["f"], f, rtol=1e-4)
    np.testing.assert_allclose(fits["x0"], x0, atol=1e-3)
    assert np.median(sine.fit_sines(random.normal(size=(200, 10)))["explained"]) < 0.9


def test_a_collapsed_generator_covers_next_to_nothing():
    one = np.repeat(sine.draw_signals(np.random.RandomState(0), 1), 1000, axis=0)
    fits = sine.fit_sines(one)
    assert [sine.coverage(fits[name], name) for name in sine.TRUE_RANGES] == [0.1, 0.1, 0.1]
    assert sine.coverage(np.repeat([0.51, 0.6, 0.7], [981, 9, 10]), "m") == 0.2  # from 1% on


def test_a_step_is_cut_to_the_norm_and_weights_stay_within_the_limit():
    generator, _ = sine.start(np.random.RandomState(0))
    before = [weights.copy() for weights in generator.weights]
    for weights in before:
        weights.clip(-0.25, 0.25, out=weights)
    large = [np.full_like(weights, 7.0) for weights in generator.weights]
    none = [np.zeros_like(biases) for biases in generator.biases]
    generator.descend(large, none, learning_rate=0.1)
    assert max(np.abs(weights).max() for weights in generator.weights) <= 0.25
    moved = np.linalg.norm(generator.weights[1] - before[1])
    assert moved <= 0.1 * 0.2 + 1e-12
    assert moved > 0


def test_both_losses_are_of_the_images_of_the_step():
    random = np.random.RandomState(0)
    generator, discriminator = sine.start(random)
    losses = next(sine.train(generator, discriminator, random, iterations=1))
    assert losses == pytest.approx((2 * np.log(2), np.log(2)), abs=0.3)


def test_the_discriminator_s_loss_is_the_cross_entropy_with_the_smoothed_label():
    generator, discriminator = sine.start(np.random.RandomState(0))
    for network in (generator, discriminator):
        network.biases[-1] += 0.2
        network.descend(network.weights, network.biases, learning_rate=0)  # clips
    random = np.random.RandomState(1)
    fake, real = discriminator(generator(sine.draw_latents(random, 4))), discriminator(sine.draw_signals(random, 4))
    options = {"discriminator_learning_rate": 0, "generator_learning_rate": 0, "label_smoothing": 0.1}
    (losses,) = sine.train(generator, discriminator, np.random.RandomState(1), 1, 4, **options)
    on_real = -0.9 * np.log(real) - 0.1 * np.log(1 - real)
    assert losses == pytest.approx((on_real.mean() - np.log(1 - fake).mean(), -np.log(fake).mean()))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_the_generator_learns_sines_and_spreads_over_their_ranges(seed, tmp_path):
    """One latent number can draw only a curve through m, f and x0; docs/minimal.md has what it reaches."""
    assert main(["minimal", "sine", "--seed", str(seed), "--out", str(tmp_path / "run")]) == 0
    score = json.loads((tmp_path / "run" / "score.json").read_text())["generated"]
    assert score["median_explained"] >= 0.98
    assert min(score["coverage"].values()) >= 0.6
    assert sum(score["coverage"].values()) >= 2.1
