import numpy as np
import pytest
from scipy.stats import norm

from keras_gen.latent import at_typical_length, draw_latents, manifold_latents


@pytest.mark.parametrize(("distribution", "spread"), [("normal", 1.0), ("uniform", 3**-0.5)])
def test_latents_have_the_spread_of_their_distribution(distribution, spread):
    latents = draw_latents(np.random.default_rng(0), 5000, 4, distribution)
    assert latents.dtype == np.float32
    assert latents.shape == (5000, 4)
    assert np.abs(latents.mean(axis=0)).max() < 0.05
    assert latents.std(axis=0) == pytest.approx(spread, abs=0.03)


def test_the_manifold_covers_the_prior_evenly_in_reading_order():
    points = manifold_latents(15)
    assert points.shape == (225, 2)
    shares = norm.cdf(points[:15, 0])
    np.testing.assert_allclose(np.diff(shares), 1 / 16, atol=1e-6)
    np.testing.assert_allclose(points[0], norm.ppf([1 / 16, 15 / 16]), atol=1e-6)  # top left
    np.testing.assert_allclose(points[-1], norm.ppf([15 / 16, 1 / 16]), atol=1e-6)  # bottom right
    assert points[112].tolist() == [0.0, 0.0]


def test_the_manifold_can_be_of_any_two_dimensions():
    points = manifold_latents(3, latent_dim=4, dimensions=(3, 1))
    assert not points[:, [0, 2]].any()
    np.testing.assert_array_equal(points[:, [3, 1]], manifold_latents(3))


def test_points_are_brought_to_the_length_of_draws():
    draws = np.random.default_rng(0).standard_normal((200, 400))
    moved = at_typical_length(np.array([draws[:9].mean(axis=0), 5 * draws[0]]))
    np.testing.assert_allclose(np.linalg.norm(moved, axis=1), 20, rtol=1e-5)
    np.testing.assert_allclose(moved[1] / moved[1, 0], draws[0] / draws[0, 0], rtol=1e-5)
    assert np.linalg.norm(draws, axis=1).mean() == pytest.approx(20, rel=0.01)
