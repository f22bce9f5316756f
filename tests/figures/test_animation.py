import shutil
import subprocess

import numpy as np
import pytest
from matplotlib.figure import Figure

from keras_gen.figures import animation
from keras_gen.figures.animation import CAPTION_HEIGHT, captioned, figure_pixels, save_gif, save_mp4, there_and_back
from tests.conftest import gif_frames


def test_a_gif_keeps_its_frames_in_order_and_loops(tmp_path):
    frames = [np.full((6, 8, 3), value, np.uint8) for value in (0, 120, 250)]
    save_gif(iter(frames), tmp_path / "film.gif", frame_ms=50, last_ms=900)
    pixels, info = gif_frames(tmp_path / "film.gif")
    np.testing.assert_allclose(pixels, frames, atol=2)
    assert (info["loop"], info["duration"]) == (0, 900)


def test_grey_frames_keep_every_pixel(tmp_path):
    frames = np.random.default_rng(0).integers(0, 256, (4, 20, 20, 1)).astype(np.uint8)
    save_gif(frames, tmp_path / "film.gif")
    pixels, _ = gif_frames(tmp_path / "film.gif")
    np.testing.assert_array_equal(np.array(pixels)[..., :1], frames)


def test_what_does_not_change_keeps_its_colour(tmp_path):
    frames = np.random.default_rng(0).integers(0, 256, (5, 60, 60, 3)).astype(np.uint8)
    frames[:, :30] = np.random.default_rng(1).integers(0, 256, (30, 60, 3))
    save_gif(frames, tmp_path / "film.gif")
    pixels, _ = gif_frames(tmp_path / "film.gif")
    assert len({frame[:30].tobytes() for frame in pixels}) == 1
    assert np.abs(np.array(pixels, float) - frames).mean() < 25


def test_a_loop_goes_back_the_way_it_came():
    assert there_and_back([1, 2, 3, 4]) == [1, 2, 3, 4, 3, 2]


@pytest.mark.parametrize("channels", [1, 3])
def test_a_caption_stands_above_the_picture_and_leaves_it_as_it_is(channels):
    picture = np.random.default_rng(0).integers(0, 256, (30, 90, channels)).astype(np.uint8)
    result = captioned(picture, "epoch 7")
    np.testing.assert_array_equal(result[CAPTION_HEIGHT:], picture)
    assert result[:CAPTION_HEIGHT].min() < 100
    assert not np.array_equal(captioned(picture, "epoch 8"), result)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="NOT TESTED: ffmpeg is not installed")
def test_an_mp4_has_all_frames_and_even_sides(tmp_path):
    frames = [np.full((31, 45, 1), value, np.uint8) for value in (0, 128, 255)]
    assert save_mp4(frames, tmp_path / "film.mp4", frame_ms=100)
    command = ["ffmpeg", "-v", "error", "-i", tmp_path / "film.mp4", "-f", "rawvideo", "-pix_fmt", "gray", "-"]
    pixels = np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, np.uint8)
    shown = pixels.reshape(3, 32, 46)[:, 4:-4, 4:-4].mean(axis=(1, 2))
    assert shown == pytest.approx([0, 128, 255], abs=6)


def test_without_ffmpeg_no_mp4_is_promised(tmp_path, monkeypatch):
    monkeypatch.setattr(animation.shutil, "which", lambda _: None)
    assert not save_mp4([np.zeros((4, 4, 1), np.uint8)], tmp_path / "film.mp4")


def test_figures_become_pixels():
    figure = Figure(figsize=(2, 1))
    figure.set_facecolor("red")
    pixels = figure_pixels(figure, dpi=50)
    assert pixels.shape == (50, 100, 3)
    assert pixels[0, 0].tolist() == [255, 0, 0]
