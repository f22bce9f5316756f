"""Images of our own making, drawn into a folder as a user's pictures would lie there: coloured shapes, and faces.

`python -m tests.drawings FOLDER COUNT` draws shapes from a shell, and `python -m tests.drawings --faces FOLDER COUNT`
faces.
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


def draw_faces(folder: Path, count: int, side: int = 64, seed: int = 0) -> None:
    """Draw faces that differ in colours, size, place, hair, look and mood."""
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    for number in range(count):
        ground, hair, eyes = (tuple(random.integers(low, 256, 3).tolist()) for low in (120, 0, 0))
        tone = random.uniform(0.4, 1)
        skin = tuple(int(tone * level) for level in (250, random.uniform(190, 225), random.uniform(140, 190)))
        radius = random.uniform(0.26, 0.36)
        x, y = random.uniform(0.42, 0.58), random.uniform(0.48, 0.58)
        look, mood, length = random.uniform(-0.4, 0.4), random.uniform(-0.3, 0.3), random.uniform(0, 1)
        picture = Image.new("RGB", (4 * side, 4 * side), ground)  # drawn large, for smooth edges
        pen = ImageDraw.Draw(picture)
        parts = [((-1.15, -1.25, 1.15, 0.2 + length), hair), ((-0.95, -0.9, 0.95, 1.1), skin)]
        for eye in (-0.4, 0.4):
            pupil = eye + 0.2 * look
            parts += [
                ((eye - 0.2, -0.35, eye + 0.2, 0), (255, 255, 255)),
                ((pupil - 0.1, -0.3, pupil + 0.1, -0.05), eyes),
            ]
        parts += [((-0.4, 0.4, 0.4, 0.75), (160, 30, 40)), ((-0.4, 0.4 - mood, 0.4, 0.75 - mood), skin)]  # a mouth
        for box, colour in parts:  # in radii of the face, from its middle
            middle = (x, y, x, y)
            pen.ellipse([4 * side * (m + radius * b) for m, b in zip(middle, box, strict=True)], colour)
        picture.resize((side, side), Image.Resampling.BOX).save(folder / f"{number:04d}.png")


if __name__ == "__main__":
    faces = "--faces" in sys.argv
    folder, count = [argument for argument in sys.argv[1:] if argument != "--faces"]
    (draw_faces if faces else draw_shapes)(Path(folder), int(count))
