import numpy as np
from matplotlib.figure import Figure

from keras_gen.figures import minimal
from keras_gen.figures.minimal import (
    function_and_derivative,
    side_by_side,
    signal_pair,
    tiny_images,
    two_losses,
    verdicts,
)

IMAGES = np.arange(6 * 4).reshape(6, 2, 2) / 24


def test_tiny_images_are_in_reading_order_on_a_fixed_scale():
    figure = tiny_images(IMAGES, columns=3, titles=[str(number) for number in range(6)])
    assert [axes.get_title() for axes in figure.axes] == list("012345")
    for axes, image in zip(figure.axes, IMAGES, strict=True):
        shown = axes.images[0]
        np.testing.assert_array_equal(shown.get_array(), image)
        assert shown.get_clim() == (0, 1)


def test_two_sets_stand_beside_each_other():
    figure = side_by_side(IMAGES[:2], IMAGES[2:4], 2, ("left", "right"))
    assert [len(part.axes) for part in figure.subfigs] == [2, 2]
    assert [part.get_suptitle() for part in figure.subfigs] == ["left", "right"]
    np.testing.assert_array_equal(figure.subfigs[1].axes[1].images[0].get_array(), IMAGES[3])


def test_losses_and_signals_are_drawn_as_they_are():
    figure = two_losses([3.0, 2.0], [0.5, 0.7])
    assert [axes.lines[0].get_ydata().tolist() for axes in figure.axes] == [[3.0, 2.0], [0.5, 0.7]]
    figure = signal_pair(np.zeros((3, 10)), np.ones((2, 10)))
    assert [len(axes.lines) for axes in figure.axes] == [3, 2]
    function, derivative = function_and_derivative(np.square, lambda x: 2 * x, "square").axes[0].lines
    np.testing.assert_allclose(function.get_ydata(), function.get_xdata() ** 2)
    np.testing.assert_allclose(derivative.get_ydata(), 2 * derivative.get_xdata())


def test_verdicts_have_their_first_row_at_the_bottom():
    axes = Figure().add_subplot()
    real, generated = np.array([[0.5, 3.0]]), np.ones((3, 2))
    verdicts(axes, np.array([[0.0, 0.0], [1.0, 1.0]]), (0, 2, 0, 4), real, generated, ("x", "y"))
    assert axes.images[0].origin == "lower"
    assert axes.images[0].get_extent() == [0, 2, 0, 4]
    for line, points, name in zip(axes.lines, (real, generated), ("real", "generated"), strict=True):
        assert line.get_xydata().tolist() == points.tolist() and line.get_label() == name
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("x", "y")


def test_losses_are_drawn_up_to_the_epoch_of_the_frame():
    figure, history = minimal.animation_frame(), np.arange(10.0).reshape(5, 2)
    minimal.losses_so_far(figure, (1, 1, 1), history, 2)
    drawn = [line.get_ydata().tolist() for line in figure.axes[0].lines]
    assert drawn == history[:3].T.tolist()
