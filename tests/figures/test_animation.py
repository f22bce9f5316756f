import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from keras_gen.figures.animation import figure_pixels, save_gif


def test_a_gif_keeps_its_frames_in_order_and_loops(tmp_path):
    frames = [np.full((6, 8, 3), value, np.uint8) for value in (0, 120, 250)]
    save_gif(iter(frames), tmp_path / "film.gif", frame_ms=50, last_ms=900)
    with Image.open(tmp_path / "film.gif") as film:
        assert (film.n_frames, film.size, film.info["loop"]) == (3, (8, 6), 0)
        for number, frame in enumerate(frames):
            film.seek(number)
            np.testing.assert_allclose(np.asarray(film.convert("RGB")), frame, atol=2)
        assert film.info["duration"] == 900


def test_figures_become_pixels():
    figure = Figure(figsize=(2, 1))
    figure.set_facecolor("red")
    pixels = figure_pixels(figure, dpi=50)
    assert pixels.shape == (50, 100, 3)
    assert pixels[0, 0].tolist() == [255, 0, 0]
