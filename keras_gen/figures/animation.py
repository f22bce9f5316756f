"""Figures in a row, as a looping GIF."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image


def figure_pixels(figure: Figure, dpi: int = 70) -> np.ndarray:
    """Return a figure as uint8 pixels, shape (height, width, 3)."""
    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def save_gif(frames: Iterable[np.ndarray], path: Path, frame_ms: int = 120, last_ms: int = 2000) -> None:
    """Write frames, uint8 (height, width, 3), as a looping GIF that rests on its last frame."""
    pictures = [Image.fromarray(frame).quantize(256) for frame in frames]
    durations = [frame_ms] * (len(pictures) - 1) + [last_ms]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=durations, loop=0)
