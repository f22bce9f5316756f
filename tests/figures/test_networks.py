import numpy as np
from matplotlib.figure import Figure

from keras_gen.figures.networks import NEGATIVE, POSITIVE, draw_network


def test_lines_are_as_wide_as_their_weights_and_coloured_by_sign():
    axes = Figure().add_subplot()
    draw_network(axes, [["z"], ["a", "b"]], [np.array([[2.0, -1.0]])], [["w1", "w2"]])
    strong, weak = axes.lines
    assert strong.get_linewidth() == 2 * weak.get_linewidth()
    assert (strong.get_color(), weak.get_color()) == (POSITIVE, NEGATIVE)
    texts = [text.get_text() for text in axes.texts]
    assert texts == ["w1 2.00", "w2 -1.00", "z", "a", "b"]
    assert strong.get_ydata()[1] > weak.get_ydata()[1]  # the first node is on top


def test_nodes_that_hand_on_their_value_are_joined_one_to_one():
    axes = Figure().add_subplot()
    draw_network(axes, [["a", "b"], ["c", "d"]], [None])
    assert len(axes.lines) == 2
