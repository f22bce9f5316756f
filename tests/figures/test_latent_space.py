import numpy as np

from keras_gen.figures import latent_scatter, manifold
from keras_gen.figures.grids import GAP

POINTS = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])


def test_dots_are_where_the_codes_are_and_coloured_by_label():
    figure = latent_scatter(POINTS, np.array([7, 2, 7]), tuple("0123456789"))
    dots = figure.axes[0].collections[0]
    np.testing.assert_array_equal(dots.get_offsets(), POINTS)
    dots.update_scalarmappable()
    colours = dots.get_facecolors()
    assert (colours[0] == colours[2]).all()
    assert (colours[0] != colours[1]).any()
    assert [text.get_text() for text in figure.axes[1].get_yticklabels()] == ["2", "7"]


def test_scatter_works_without_labels_and_with_one():
    assert len(latent_scatter(POINTS, None, ()).axes) == 1
    assert len(latent_scatter(POINTS, np.ones(3, int), ("a", "b")).axes) == 1


def test_the_manifold_shows_images_in_place_with_their_coordinates(tmp_path):
    images = np.zeros((9, 4, 4, 1), np.uint8) + np.arange(9, dtype=np.uint8).reshape(-1, 1, 1, 1)
    figure = manifold(images, np.array([-1.0, 0.0, 1.0]))
    shown = figure.axes[0].images[0].get_array()
    assert shown[0, 0] == 0
    assert shown[0, 2 * (4 + GAP)] == 2
    assert shown[-1, 0] == 6
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == ["-1.0", "1.0"]
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["1.0", "-1.0"]
