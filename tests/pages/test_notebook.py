"""What a notebook shows."""

import shutil
import sys
import types

import numpy as np
import pytest

from keras_gen import ImageSet, load_run
from keras_gen.errors import InputError


def test_a_run_shows_losses_findings_and_images(trained_runs, tmp_path):
    run = load_run(shutil.copytree(trained_runs["vae"], tmp_path / "run"))
    run.record["findings"] = [
        {"name": "a", "epoch": 1, "text": "<b>wrong", "resolved": None},
        {"name": "b", "epoch": 1, "text": "over", "resolved": 2},
    ]
    page = run._repr_html_()
    assert f"{run.history[-1]['held_out_loss']:.4g}" in page
    assert "&lt;b&gt;wrong" in page
    assert "over<" not in page
    assert "data:image/png;base64," in page


def test_images_show_names_that_are_escaped_and_nothing_where_there_is_none():
    images = np.zeros((3, 8, 8, 3), np.uint8)
    page = ImageSet(images, np.array([0, 1, 1]), ("<i>", "b"), "<mine>")._repr_html_()
    assert "&lt;mine&gt;" in page
    assert "&lt;i&gt;, b" in page
    assert "3 of 8 x 8 pixels" in page
    assert "<img" not in ImageSet(images[:0])._repr_html_()


def test_show_displays_the_grid_and_needs_a_notebook(trained_runs, monkeypatch):
    run, shown = load_run(trained_runs["dcgan"]), []
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    with pytest.raises(InputError, match="needs a notebook"):
        run.show()
    ipython = types.ModuleType("IPython")
    ipython.version_info = (9, 0)  # which matplotlib asks for
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    display = types.ModuleType("IPython.display")
    display.display = shown.append
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    run.show(4)
    assert shown[0]._repr_png_().startswith(b"\x89PNG")
