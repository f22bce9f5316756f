import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Circle

from keras_gen.figures import image_table, latent_scatter, latent_space, manifold
from keras_gen.figures.colours import class_colours
from keras_gen.figures.grids import GAP

POINTS = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])


def test_dots_are_where_the_codes_are_and_coloured_by_label_with_a_legend():
    figure = latent_scatter(POINTS, np.array([7, 2, 7]), tuple("0123456789"))
    two, seven = figure.axes[0].collections
    np.testing.assert_array_equal(two.get_offsets(), POINTS[[1]])
    np.testing.assert_array_equal(seven.get_offsets(), POINTS[[0, 2]])
    colours = class_colours(10)  # of a label, whichever others are there
    assert [to_hex(dots.get_facecolor()[0]) for dots in (two, seven)] == [colours[2], colours[7]]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["2", "7"]
    assert not figure.axes[0].texts  # names would hide so few dots


def test_of_very_many_classes_the_largest_are_listed_in_order(monkeypatch):
    monkeypatch.setattr(latent_space, "MOST_LISTED", 2)
    labels = np.repeat([0, 1, 2], [2, 1, 3])
    (legend,) = latent_scatter(np.zeros((6, 2)), labels, ("a", "b", "c")).legends
    assert [text.get_text() for text in legend.get_texts()] == ["a", "c"]
    assert legend.get_title().get_text() == "label (2 largest of 3)"


def test_names_stand_in_the_middle_of_their_dots_letter_for_letter(tmp_path):
    points = np.concatenate([np.random.default_rng(0).normal(middle, 0.1, (20, 2)) for middle in (0, 5)])
    points[0] = 99  # one that lies far out
    figure = latent_scatter(points, np.repeat([0, 1], 20), (r"$\frac$", "_a $x^2$ b"))
    assert len(figure.legends[0].get_texts()) == 2
    places = {text.get_text(): text.get_position() for text in figure.axes[0].texts}
    assert np.allclose(list(places.values()), [(0, 0), (5, 5)], atol=0.2)
    figure.savefig(tmp_path / "map.png")  # as a formula it would not parse


def test_scatter_works_without_labels_and_with_one():
    for labels, names in ((None, ()), (np.ones(3, int), ("a", "b"))):
        figure = latent_scatter(POINTS, labels, names)
        assert not figure.legends
        np.testing.assert_array_equal(figure.axes[0].collections[0].get_offsets(), POINTS)


def test_the_prior_s_circles_hold_their_share_of_its_draws():
    figure = latent_scatter(POINTS, None, (), prior=np.array([1.0, -2.0]))
    circles = [patch for patch in figure.axes[0].patches if isinstance(patch, Circle)]
    assert [tuple(circle.center) for circle in circles] == [(1, -2)] * 3
    draws = np.linalg.norm(np.random.default_rng(0).standard_normal((100_000, 2)), axis=1)
    shares = [np.mean(draws < circle.radius) for circle in circles]
    assert shares == pytest.approx([0.5, 0.9, 0.99], abs=0.005)
    assert not latent_scatter(POINTS, None, ()).axes[0].patches


def test_the_manifold_shows_images_in_place_with_their_coordinates():
    images = np.zeros((9, 4, 4, 1), np.uint8) + np.arange(9, dtype=np.uint8).reshape(-1, 1, 1, 1)
    axes = manifold(images, np.array([-1.0, 0.0, 1.0]), ("z[4]", "z[2]")).axes[0]
    shown = axes.images[0].get_array()
    assert shown[0, 0] == 0
    assert shown[0, 2 * (4 + GAP)] == 2
    assert shown[-1, 0] == 6
    assert [text.get_text() for text in axes.get_xticklabels()] == ["-1.0", "", "1.0"]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["1.0", "", "-1.0"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("z[4]", "z[2]")


def test_a_table_names_its_rows_and_columns_where_they_are():
    images = np.zeros((6, 10, 20, 3), np.uint8)
    images[4] = (9, 8, 7)  # row 1, column 1
    axes = image_table(images, ["a", "b", "c"], ["up", "down"], "six").axes[0]
    x, y = axes.get_xticks()[1], axes.get_yticks()[1]
    assert axes.images[0].get_array()[int(y), int(x)].tolist() == [9, 8, 7]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["a", "b", "c"]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["up", "down"]


@pytest.mark.parametrize("columns", [1, 2, 4])
def test_the_texts_of_a_narrow_table_are_whole(columns):
    long = "images decoded from a grid of latent points (normal quantiles)"
    figure = image_table(np.zeros((columns, 8, 14, 1), np.uint8), [""] * columns, ["original"], long, below=long)
    figure.draw_without_rendering()
    for text in (figure.axes[0].title, figure.axes[0].xaxis.label):
        box, room = text.get_window_extent(), figure.bbox
        assert box.x0 >= 0 and box.x1 <= room.width and box.y0 >= 0 and box.y1 <= room.height
