import numpy as np
import pytest

from keras_gen.latent import axes_through, latent_axes, principal_axes, tsne


def test_chosen_dimensions_become_axes():
    axes = latent_axes(4, (3, 1))
    np.testing.assert_array_equal(axes.coordinates(np.array([[10, 11, 12, 13]])), [[13, 11]])
    np.testing.assert_array_equal(axes.points(np.array([[1, 2]])), [[0, 2, 0, 1]])
    assert axes.names == ("z[3]", "z[1]")
    assert axes.first(1).names == ("z[3]",)


def test_principal_axes_follow_the_widest_directions_and_keep_lengths():
    random = np.random.default_rng(0)
    turn, _ = np.linalg.qr(random.normal(size=(5, 5)))
    codes = random.normal(size=(500, 5)) * (5, 2, 0.1, 0.1, 0.1) @ turn + 7
    axes = principal_axes(codes)
    assert abs(axes.directions[0] @ turn[0]) > 0.99
    assert abs(axes.directions[1] @ turn[1]) > 0.99
    assert axes.coordinates(codes).std(axis=0) == pytest.approx([5, 2], rel=0.1)
    whole = principal_axes(codes, 5)
    np.testing.assert_allclose(whole.points(whole.coordinates(codes)), codes, atol=1e-4)


def test_a_plane_goes_through_its_three_points():
    points = np.random.default_rng(1).normal(size=(3, 20))
    axes = axes_through(points)
    np.testing.assert_allclose(axes.points(axes.coordinates(points)), points, atol=1e-6)
    np.testing.assert_allclose(axes.directions @ axes.directions.T, np.eye(2), atol=1e-12)
    places = axes.coordinates(points)
    assert places[0, 1] == pytest.approx(places[1, 1])  # the first axis leads from point 0 to point 1
    assert places[1, 0] > places[0, 0]


def test_tsne_keeps_groups_together_and_repeats_itself():
    random = np.random.default_rng(2)
    groups = np.concatenate([random.normal(middle, 0.1, (20, 6)) for middle in (0, 5)])
    placed = tsne(groups, seed=1)
    within = np.linalg.norm(placed[:20] - placed[:20].mean(axis=0), axis=1).max()
    assert np.linalg.norm(placed[:20].mean(axis=0) - placed[20:].mean(axis=0)) > within
    np.testing.assert_array_equal(tsne(groups, seed=1), placed)
    assert tsne(groups[:4]).shape == (4, 2)
