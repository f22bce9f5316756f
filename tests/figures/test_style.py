import itertools
import os
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from PIL import Image

from keras_gen.figures import image_table, latent_scatter, loss_curves, save_figure
from keras_gen.figures.animation import figure_pixels
from keras_gen.figures.grids import labelled_grid
from keras_gen.figures.style import DPI, own_style

HISTORY = [{"epoch": 1, "loss": 2.0, "held_out_loss": 3.0}, {"epoch": 2, "loss": 1.0, "held_out_loss": 2.0}]
AWKWARD = ("$x^2$", "_under", "犬と猫", "שלום", "two\nlines", "\x1b[31mred", "long name " * 9, "😀", "नमस्ते", "犬" * 60)


def test_the_user_s_settings_neither_change_figures_nor_are_changed(tmp_path):
    usual = figure_pixels(loss_curves(HISTORY))
    save_figure(loss_curves(HISTORY), tmp_path / "usual.png")
    theirs = {"text.usetex": True, "font.family": ["No Such Font"], "axes.facecolor": "red", "savefig.bbox": "tight"}
    with matplotlib.rc_context(theirs | {"backend": "svg", "lines.linewidth": 9}):
        before = dict(matplotlib.rcParams)
        np.testing.assert_array_equal(figure_pixels(loss_curves(HISTORY)), usual)
        save_figure(loss_curves(HISTORY), tmp_path / "theirs.png")
        assert dict(matplotlib.rcParams) == before
    assert (tmp_path / "theirs.png").read_bytes() == (tmp_path / "usual.png").read_bytes()


def test_a_backend_that_is_not_there_and_a_damaged_matplotlibrc_do_not_matter(tmp_path):
    backend = "module://matplotlib_inline.backend_inline"
    (tmp_path / "matplotlibrc").write_text("backend: nope\ntext.usetex: True\nlines.linewidth: wide\nfoo bar\n")
    code = (
        "import sys; sys.modules['matplotlib_inline'] = None\n"
        "from keras_gen.figures import loss_curves, save_figure; from pathlib import Path\n"
        "save_figure(loss_curves([{'epoch': 1, 'loss': 2.0}]), Path('losses.png'))\n"
        "import os; print(os.environ['MPLBACKEND'])"
    )
    environment = os.environ | {"MPLBACKEND": backend, "PYTHONPATH": os.getcwd()}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, backend), done.stderr
    with Image.open(tmp_path / "losses.png") as picture:
        assert picture.width > 100


def test_a_picture_drawn_once_is_the_one_of_savefig(tmp_path):
    figure = loss_curves(HISTORY)
    canvas = figure.canvas
    save_figure(figure, tmp_path / "ours.png")
    assert (figure.canvas, figure.dpi) == (canvas, 100)
    with own_style():
        loss_curves(HISTORY).savefig(tmp_path / "savefig.png", dpi=DPI)
    assert (tmp_path / "ours.png").read_bytes() == (tmp_path / "savefig.png").read_bytes()


def _scatter(names):
    labels = np.arange(9 * len(names)) % len(names)
    return latent_scatter(np.random.default_rng(0).normal(size=(len(labels), 2)), labels, names)


def _line(names):
    points = np.random.default_rng(0).normal(size=(len(names), 2))
    return latent_scatter(points, np.arange(len(names)), names, ("z[0]", "label"))


def _rows(names):
    return image_table(np.zeros((len(names) * 9, 8, 8, 1), np.uint8), [""] * 9, list(names), "title")


def _columns(names):
    return image_table(np.zeros((len(names) * 2, 8, 8, 1), np.uint8), list(names), ["real", "generated"], "title")


def _grid(names):
    return labelled_grid(np.zeros((len(names), 8, 8, 1), np.uint8), list(names))


@pytest.mark.parametrize("draw", [_scatter, _line, _rows, _columns, _grid])
@pytest.mark.parametrize(
    "names",
    [("a",), ("a", "b"), AWKWARD, tuple(f"{number:03d}_" + "m" * 60 for number in range(120))],
    ids=["one", "two", "awkward", "120 long"],
)
def test_every_name_has_its_place_in_the_picture(draw, names, tmp_path):
    if draw in (_grid, _rows):  # no axis of these becomes fuller with more names
        names = names[:12]
    figure = draw(names)
    save_figure(figure, tmp_path / "figure.png")
    box = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert min(box.x0, box.y0) >= 0
    assert box.x1 <= width
    assert box.y1 <= height
    assert (tmp_path / "figure-names.txt").exists() == (names is AWKWARD)


def test_names_of_an_axis_do_not_overlap():
    for axis in (_line("m" * 120).axes[0].yaxis, _columns(tuple(map(str, range(1000, 1120)))).axes[0].xaxis):
        axis.get_figure().canvas.draw()
        boxes = [text.get_window_extent() for text in axis.get_ticklabels()]
        assert not any(one.overlaps(other) for one, other in itertools.pairwise(boxes))
