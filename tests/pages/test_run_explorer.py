"""What the explorer asks a run for, and the pictures that a page carries: without a browser."""

import base64
import io
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from keras_gen import latent
from keras_gen.indices import evenly_spaced_indices
from keras_gen.pages import page_pictures, run_explorer
from keras_gen.pages.explorer import Explorer, HeldOut, _classes
from keras_gen.run import load_run


def opened(url):
    return Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))


def test_dots_are_evenly_spaced_held_out_images_with_their_own_codes_and_labels(command_runs, monkeypatch, tmp_path):
    run, explorers = load_run(command_runs["vae"]), []
    run.settings = run.settings.replace(beta=3.0)
    _, held_out = run.datasets()
    monkeypatch.setattr(run_explorer, "explorer_page", lambda explorer: explorers.append(explorer) or "page")
    monkeypatch.setattr(run_explorer, "max_points", lambda *_: 3)
    monkeypatch.setattr(run_explorer, "page_networks", lambda *_: ({"decoder": []}, []))
    assert run.explore(tmp_path / "page.html").read_text() == "page"
    (explorer,), indices = explorers, evenly_spaced_indices(len(held_out), 3)
    codes, shown = run.encode(held_out.images), explorer.held_out
    assert shown.numbers.tolist() == indices.tolist() and shown.total == 8
    np.testing.assert_array_equal(shown.images, held_out.images[indices])
    np.testing.assert_array_equal(shown.labels, held_out.labels[indices])
    np.testing.assert_allclose(shown.codes, codes[indices], atol=1e-6)
    np.testing.assert_allclose(explorer.start, codes.mean(axis=0), atol=1e-6)  # where the page opens
    assert explorer.loss == {"likelihood": "bernoulli", "beta": 3.0, "logScale": None}
    assert "3 of 8 held-out images are shown as dots." in explorer.remarks


@pytest.mark.parametrize(
    ("dimensions", "names"),
    [
        (None, ("z[2]", "z[0]", "z[3]")),
        ((3, 1), ("z[3]", "z[1]", "z[2]", "z[0]")),
    ],
)
def test_planes_are_of_the_dimensions_asked_for_then_of_active_ones_by_kl(dimensions, names):
    z_mean = np.random.default_rng(0).normal(size=(50, 4)) * [2, 0, 3, 1]
    z_log_var = np.tile(np.log([0.1, 1, 0.1, 0.1]), (50, 1))
    run = SimpleNamespace(settings=SimpleNamespace(latent_dim=4))
    planes = dict(run_explorer._planes_of_codes(run, dimensions, z_mean, z_log_var))
    assert next(iter(planes)) == ("latent dimensions" if dimensions else "principal axes")
    assert planes["latent dimensions"].names == names
    assert len(planes["principal axes"].names) == 3  # what no code moves along has no slider
    assert run_explorer._on_dimensions(run, z_mean, z_log_var).endswith("which have no slider: z[1].")


def test_a_basis_holds_all_positions_with_a_margin():
    axes = latent.latent_axes(2, (0, 1))
    basis = run_explorer._basis("plane", axes, np.array([[-3.0, 1.0], [5.0, 1.5]]), margin=1.5)
    assert (basis.low.tolist(), basis.high.tolist()) == ([-5, 0.25], [7, 2.25])


def test_each_label_has_its_own_number_of_dots():
    labels = np.array([2, 0, 2, 2])
    blank = np.zeros((4, 4, 4, 1), np.uint8)
    held_out = HeldOut(np.zeros((4, 2)), np.arange(4), blank, 4, labels)
    explorer = Explorer("", "vae", (4, 4, 1), (0, 1), [], np.zeros(2), held_out=held_out, class_names=("a", "b", "c"))
    assert [(row["name"], row["count"]) for row in _classes(explorer)] == [("a", 1), ("b", 0), ("c", 3)]


def test_wide_pictures_are_made_smaller_in_their_shape_and_grids_are_evenly_spaced(tmp_path, monkeypatch):
    Image.new("L", (960, 300)).save(tmp_path / "wide.png")
    folder = SimpleNamespace(checked=lambda path: path, epoch_image=lambda epoch: tmp_path / "wide.png")
    run = SimpleNamespace(folder=folder)
    url = page_pictures.picture_source(run, tmp_path / "wide.png", print, 480)
    assert url.startswith("data:image/webp;") and opened(url).size == (480, 150)
    url = page_pictures.picture_source(run, tmp_path / "wide.png", print)
    assert url.startswith("data:image/png;") and opened(url).size == (960, 300)
    monkeypatch.setattr(page_pictures, "MAX_PNG", 10)
    assert opened(page_pictures.picture_source(run, tmp_path / "wide.png", print)).size == (960, 300)
    monkeypatch.setattr(page_pictures, "MAX_GRIDS", 3)
    monkeypatch.setattr(page_pictures, "epochs_with", lambda *_: list(range(1, 10)))
    assert [grid["epoch"] for grid in page_pictures.epoch_grids(run, print)] == [1, 5, 9]
