import numpy as np
import pytest

from keras_gen.latent import interpolate


@pytest.mark.parametrize("method", ["linear", "spherical"])
def test_the_ends_are_the_two_points(method):
    random = np.random.default_rng(0)
    start, end = random.normal(size=(2, 7))
    way = interpolate(start, end, 5, method)
    np.testing.assert_allclose(way[[0, -1]], [start, end], atol=1e-6)
    assert way.dtype == np.float32


def test_linear_goes_straight_in_equal_steps():
    way = interpolate(np.array([0.0, 2.0]), np.array([4.0, 0.0]), 5)
    np.testing.assert_allclose(way, [[0, 2], [1, 1.5], [2, 1], [3, 0.5], [4, 0]])


def test_spherical_turns_at_an_even_pace_and_keeps_the_length():
    way = interpolate(np.array([3.0, 0.0]), np.array([0.0, 3.0]), 4, "spherical")
    angles = np.deg2rad([0, 30, 60, 90])
    np.testing.assert_allclose(way, 3 * np.stack([np.cos(angles), np.sin(angles)], axis=1), atol=1e-6)


def test_spherical_keeps_gaussian_draws_as_long_as_draws_are_where_linear_does_not():
    start, end = np.random.default_rng(0).normal(size=(2, 100))
    middle = {method: np.linalg.norm(interpolate(start, end, 3, method)[1]) for method in ("linear", "spherical")}
    assert middle["spherical"] == pytest.approx(10, abs=1)
    assert middle["linear"] < 8


@pytest.mark.parametrize("end", [[2.0, 0.0], [-1.0, 0.0], [0.0, 0.0]])
def test_points_on_one_line_through_the_origin_are_joined_by_it(end):
    way = interpolate(np.array([1.0, 0.0]), np.array(end), 3, "spherical")
    np.testing.assert_allclose(way[1], (np.array([1.0, 0.0]) + end) / 2, atol=1e-6)


def test_an_unknown_method_is_named():
    with pytest.raises(ValueError, match="one of linear, spherical"):
        interpolate(np.zeros(2), np.ones(2), 3, "cubic")
