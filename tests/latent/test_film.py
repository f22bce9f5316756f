import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from keras_gen.errors import InputError
from keras_gen.figures.animation import captioned
from keras_gen.latent import film
from keras_gen.latent.pictures import class_row
from keras_gen.run import load_run
from tests.conftest import gif_frames


def frames(path):
    return np.array(gif_frames(path, "L")[0])


def test_a_film_shows_the_epochs_grids_and_the_plane_as_it_forms(command_runs):
    run = load_run(command_runs["vae"])
    files = run.film()
    shown = frames(run.folder.figures / "film.gif")
    grids = [np.asarray(Image.open(run.folder.epoch_image(epoch))) for epoch in (1, 2)]
    captions = [captioned(grid[..., np.newaxis], f"epoch {epoch}") for epoch, grid in enumerate(grids, start=1)]
    np.testing.assert_array_equal(shown, np.squeeze(captions))
    assert len(frames(run.folder.figures / "film-latent.gif")) == 2
    assert {file.name for file in files} >= {"film.gif", "film-latent.gif"}


def test_the_kept_codes_are_those_of_the_epoch(command_runs):
    run = load_run(command_runs["vae"])
    _, held_out = run.datasets()
    z_mean, labels = run.folder.read_codes(2)  # after the last epoch, as the saved encoder
    np.testing.assert_allclose(z_mean, run.encode(held_out.images), atol=1e-6)
    np.testing.assert_array_equal(labels, held_out.labels)
    assert not np.allclose(run.folder.read_codes(1)[0], z_mean)


def test_only_a_vae_of_two_dimensions_has_a_plane_to_film(command_runs, tmp_path):
    for kind in ("vae3", "dcgan"):
        load_run(command_runs[kind]).film(tmp_path / f"{kind}.gif", frames=1)
        assert len(frames(tmp_path / f"{kind}.gif")) == 1
    assert not list(tmp_path.glob("*latent*"))


@pytest.mark.parametrize("checksums", [True, False])
def test_damaged_pictures_and_codes_are_named_and_left_out(command_runs, tmp_path, checksums):
    shutil.copytree(command_runs["vae"], tmp_path / "run")
    run, lines = load_run(tmp_path / "run"), []
    if not checksums:  # as in runs of format version 1
        run.folder.checksums.path.unlink()
    run.folder.epoch_image(2).write_bytes(run.folder.epoch_image(2).read_bytes()[:150])
    run.folder.epoch_codes(1).write_bytes(b"no archive")
    (run.folder.path / "images" / "epoch-final.png").write_text("a note")
    run.film(tmp_path / "film.gif", say=lines.append)
    run.report(tmp_path / "report.html", say=lines.append)
    run.explore(tmp_path / "explorer.html", say=lines.append)
    assert [len(frames(tmp_path / name)) for name in ("film.gif", "film-latent.gif")] == [1, 1]
    damaged = ["images/epoch-0002.png", "latents/epoch-0001.npz", "images/epoch-0002.png", "images/epoch-0002.png"]
    assert len(lines) == 4
    assert all(line.startswith("Left out: ") and name in line for line, name in zip(lines, damaged, strict=True))
    assert '"epoch": 1' in (tmp_path / "report.html").read_text()
    assert '"epoch": 2' not in (tmp_path / "report.html").read_text()
    lines.clear()
    run.folder.epoch_image(1).unlink()
    (run.folder.figures / "losses.png").unlink()
    run.report(say=lines.append)
    assert f"Left out: {run.folder.epoch_image(1)}, missing" in lines
    assert f"Left out: {run.folder.figures / 'losses.png'}, missing" in lines
    with pytest.raises(InputError, match="has no epoch's images that can be read"):
        run.film(tmp_path / "none.gif", say=lines.append)


def test_the_axes_of_the_plane_leave_out_the_few_codes_that_lie_far_out(monkeypatch):
    codes = np.random.default_rng(0).uniform(-10, 10, (1000, 2))
    codes[0] = 1000
    monkeypatch.setattr(film, "figure_pixels", lambda figure: figure)
    (figure,) = film._scatters({1: (codes, None)}, ())
    assert figure.axes[0].get_xlim() == figure.axes[0].get_ylim() == pytest.approx((-11, 11), abs=0.2)


def test_epochs_are_taken_evenly_and_codes_by_label():
    assert list(film._frames(list(range(1, 10)), 3, str, print)) == [1, 5, 9]
    codes = np.arange(6.0).reshape(3, 2)
    chosen = film._of_label(1, {1: (codes, np.array([0, 1, 1])), 2: (codes, np.array([0, 2, 2]))})
    assert list(chosen) == [1]
    np.testing.assert_array_equal(chosen[1][0], codes[1:])


def test_a_wide_grid_is_made_smaller_and_keeps_its_shape(tmp_path):
    Image.fromarray(np.arange(400, dtype=np.uint8)[:, None].repeat(1280, 1)).save(tmp_path / "1.png")
    folder = SimpleNamespace(checked=lambda path: path, epoch_image=lambda epoch: tmp_path / f"{epoch}.png")
    whole = film._grid(SimpleNamespace(folder=folder), 1, (0.0, 0.5))
    assert whole.shape == (100, 640, 1)
    assert abs(int(whole[50, 0, 0]) - 100) <= 2  # the upper half alone


def test_a_grid_of_another_size_is_left_out(command_runs, tmp_path):
    shutil.copytree(command_runs["dcgan"], tmp_path / "run")
    run, lines = load_run(tmp_path / "run"), []
    run.folder.checksums.path.unlink()
    Image.new("L", (8, 8)).save(run.folder.epoch_image(1))
    run.film(say=lines.append)
    assert lines == [f"Left out: {run.folder.epoch_image(1)} has another size than the others"]


def test_the_rows_of_classes_follow_each_other_also_where_numbers_are_missing():
    labels = np.array([1, 4])
    run = SimpleNamespace(
        conditional=True,
        label_counts=(labels, None),
        label_names="abcde",
        labels=lambda label: np.array([label]),
        image_shape=(4, 4, 1),
    )
    (top, middle), (start, bottom) = (class_row(run, int(label)) for label in labels)
    assert 0 <= top < middle < bottom <= 1 and middle == pytest.approx(start)
