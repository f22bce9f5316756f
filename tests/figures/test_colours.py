import itertools

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from keras_gen.figures.colours import class_colours, class_marker

# How red, green and blue light are seen with protanopia and deuteranopia, in linear RGB:
# G. M. Machado et al., "A Physiologically-based Model for Simulation of Color Vision Deficiency" (2009), severity 1.
SEEN = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
}


@pytest.mark.parametrize("deficiency", SEEN)
def test_ten_colours_stay_apart_for_colour_blind_readers(deficiency):
    linear = np.array([to_rgb(colour) for colour in class_colours(10)]) ** 2.2
    seen = np.clip(linear @ np.transpose(SEEN[deficiency]), 0, 1) ** (1 / 2.2)
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 0.08


def test_classes_beyond_the_tenth_differ_by_their_marker():
    colours = class_colours(25)
    looks = {(colours[number], class_marker(number)) for number in range(25)}
    assert len(looks) == 25
    assert colours[0] == colours[10]
