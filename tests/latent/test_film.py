import shutil

import numpy as np
import pytest
from PIL import Image

from keras_gen import RunFolder
from keras_gen.cli.main import main
from keras_gen.figures.animation import CAPTION_HEIGHT
from tests.conftest import gif_frames


def frames(path):
    return np.array(gif_frames(path, "L")[0])


def test_a_film_shows_the_epochs_grids_and_the_plane_as_it_forms(command_runs, capsys):
    assert main(["film", str(command_runs["vae"])]) == 0
    folder = RunFolder(command_runs["vae"])
    shown = frames(folder.figures / "film.gif")
    grids = [np.asarray(Image.open(folder.epoch_image(epoch))) for epoch in (1, 2)]
    np.testing.assert_array_equal(shown[:, CAPTION_HEIGHT:], grids)
    assert len(frames(folder.figures / "film-latent.gif")) == 2
    assert "film.gif: 2 epochs" in capsys.readouterr().out
    z_mean, labels = folder.read_codes(2)
    assert (z_mean.shape, labels.tolist()) == ((8, 2), folder.read_codes(1)[1].tolist())


def test_the_kept_codes_are_those_of_the_epoch(command_runs):
    from keras_gen import load_run

    run = load_run(command_runs["vae"])
    _, held_out = run.datasets()
    z_mean, labels = run.folder.read_codes(2)  # after the last epoch, as the saved encoder
    np.testing.assert_allclose(z_mean, run.encode(held_out.images), atol=1e-6)
    np.testing.assert_array_equal(labels, held_out.labels)
    assert not np.allclose(run.folder.read_codes(1)[0], z_mean)


def test_only_a_vae_of_two_dimensions_has_a_plane_to_film(command_runs, tmp_path):
    for kind in ("vae3", "dcgan"):
        assert main(["film", str(command_runs[kind]), "--out", str(tmp_path / f"{kind}.gif"), "--frames", "1"]) == 0
        assert len(frames(tmp_path / f"{kind}.gif")) == 1
    assert not list(tmp_path.glob("*latent*"))


@pytest.mark.parametrize("damage", [b"", b"not an archive"])
def test_damaged_codes_get_one_line(command_runs, tmp_path, capsys, damage):
    folder = RunFolder.create(tmp_path / "run", "vae", "stripes")
    folder.write(**RunFolder(command_runs["vae"]).read())
    Image.new("L", (8, 8)).save(folder.epoch_image(1))
    folder.write_codes(1, np.zeros((3, 2), np.float32), None)
    folder.epoch_codes(1).write_bytes(damage)
    assert main(["film", str(folder.path)]) == 2
    assert "latents/epoch-0001.npz cannot be read" in capsys.readouterr().err


def test_a_damaged_picture_is_named_and_nothing_is_written(command_runs, tmp_path, capsys):
    shutil.copytree(command_runs["vae"], tmp_path / "run")
    folder = RunFolder(tmp_path / "run")
    folder.epoch_image(2).write_bytes(folder.epoch_image(2).read_bytes()[:150])
    (folder.path / "images" / "epoch-final.png").write_text("a note")
    for path in folder.figures.glob("film*"):
        path.unlink()
    for command in ("film", "report"):
        assert main([command, str(folder.path)]) == 2
        assert "images/epoch-0002.png cannot be read" in capsys.readouterr().err
    assert not list(folder.figures.glob("film*"))
