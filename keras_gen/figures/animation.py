"""Pictures in a row: looping GIFs, and MP4 where ffmpeg is there."""

import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

from keras_gen.figures.grids import to_pillow
from keras_gen.figures.style import own_style
from keras_gen.files import replacing
from keras_gen.indices import evenly_spaced_indices

CAPTION_HEIGHT = 22  # pixels
PALETTE_FRAMES = 8  # the frames, evenly spread, that the colours of a GIF are chosen from


@own_style()
def figure_pixels(figure: Figure, dpi: int = 70) -> np.ndarray:
    """Return a figure as uint8 pixels, shape (height, width, 3)."""
    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def captioned(picture: np.ndarray, text: str) -> np.ndarray:
    """Return a picture, uint8 (height, width, channels), below a line of text in black on white."""
    height, width, channels = picture.shape
    canvas = Image.new("L" if channels == 1 else "RGB", (width, height + CAPTION_HEIGHT), "white")
    canvas.paste(to_pillow(picture), (0, CAPTION_HEIGHT))
    ImageDraw.Draw(canvas).text((4, 3), text, fill="black", font=ImageFont.load_default(14))
    return np.asarray(canvas).reshape(height + CAPTION_HEIGHT, width, channels)


def there_and_back(frames: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the frames, then those between the ends in reverse, so that a loop has no jump."""
    return [*frames, *frames[-2:0:-1]]


def save_gif(frames: Iterable[np.ndarray], path: Path, frame_ms: int = 120, last_ms: int = 2000) -> None:
    """Write a looping GIF of uint8 frames (height, width, channels) that rests on its last one.

    All frames share one palette, so that what does not change keeps its colour; grey ones keep every pixel.
    """
    frames = list(frames)
    pictures = [to_pillow(frame) for frame in frames]
    if frames[0].shape[-1] == 3:
        indices = evenly_spaced_indices(len(frames), PALETTE_FRAMES)
        sample = to_pillow(np.concatenate([frames[index][::3, ::3] for index in indices]))
        palette = sample.quantize(256, Image.Quantize.MAXCOVERAGE)
        pictures = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    durations = [frame_ms] * (len(pictures) - 1) + [last_ms]
    with replacing(path) as temporary:
        pictures[0].save(temporary, "GIF", save_all=True, append_images=pictures[1:], duration=durations, loop=0)


def save_mp4(frames: Iterable[np.ndarray], path: Path, frame_ms: int = 120) -> bool:
    """Write an MP4 (H.264) of uint8 frames (height, width, channels) by ffmpeg.

    Returns False where ffmpeg is not installed, or cannot make H.264.
    """
    program = shutil.which("ffmpeg")
    if program is None:
        return False
    frames = [np.broadcast_to(frame, (*frame.shape[:2], 3)) for frame in frames]
    height, width, _ = frames[0].shape
    source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", f"{1000 / frame_ms:g}", "-i", "-"]
    # Players want yuv420p, which wants even sides.
    target = ["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-c:v", "libx264", "-pix_fmt", "yuv420p"]
    pixels = b"".join(np.ascontiguousarray(frame).tobytes() for frame in frames)
    try:
        with replacing(path) as temporary:
            command = [program, "-v", "error", "-y", *source, *target, f"file:{temporary}"]
            subprocess.run(command, input=pixels, check=True)
    except subprocess.CalledProcessError:
        return False
    return True
