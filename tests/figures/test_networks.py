import numpy as np
from matplotlib.figure import Figure

from keras_gen.figures.networks import NEGATIVE, POSITIVE, draw_network, faces_network, trend_network


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


def test_each_gan_s_networks_have_their_own_weights_and_biases():
    (axes,) = trend_network(np.arange(1, 4), np.arange(5, 8), np.array([0.25]), np.array([-0.5])).axes
    texts = [text.get_text() for text in axes.texts]
    assert texts[:6] == ["λ12 1.00", "λ13 2.00", "λ14 3.00", "λ58 5.00", "λ68 6.00", "λ78 7.00"]
    assert axes.get_title() == "generator's shared bias b 0.25, discriminator's bias c -0.50"
    (axes,) = faces_network(np.arange(1, 5), np.array([0.5, 1, 2, 3]), np.arange(5, 9), -0.75).axes
    assert [text.get_text() for text in axes.texts][:8] == [f"{weight}.00" for weight in range(1, 9)]
    assert axes.get_title() == "generator's biases 0.50, 1.00, 2.00, 3.00; discriminator's bias -0.75"
