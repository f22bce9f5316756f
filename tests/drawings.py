"""Images of our own making: coloured shapes, drawn into a folder as a user's pictures would lie there.

`python -m tests.drawings FOLDER COUNT` draws them from a shell.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

SHAPES = ("circle", "square", "triangle")


def draw_shapes(folder: Path, count: int, side: int = 32, seed: int = 0) -> None:
    """Draw coloured shapes on coloured ground, of random size and place, into a sub-folder for each shape."""
    random = np.random.default_rng(seed)
    for name in SHAPES:
        (folder / name).mkdir(parents=True)
    for number in range(count):
        name = SHAPES[number % len(SHAPES)]
        ground, colour = random.integers(128, 256, 3), random.integers(0, 200, 3)
        radius = random.uniform(0.2, 0.4) * side
        x, y = random.uniform(radius, side - radius, 2)
        box = [x - radius, y - radius, x + radius, y + radius]
        picture = Image.new("RGB", (4 * side, 4 * side), tuple(ground.tolist()))  # drawn large, for smooth edges
        pen = ImageDraw.Draw(picture)
        left, top, right, bottom = (4 * each for each in box)
        if name == "circle":
            pen.ellipse([left, top, right, bottom], tuple(colour.tolist()))
        elif name == "square":
            pen.rectangle([left, top, right, bottom], tuple(colour.tolist()))
        else:
            pen.polygon([(left, bottom), (right, bottom), (4 * x, top)], tuple(colour.tolist()))
        picture.resize((side, side), Image.Resampling.BOX).save(folder / name / f"{number:04d}.png")


if __name__ == "__main__":
    draw_shapes(Path(sys.argv[1]), int(sys.argv[2]))
