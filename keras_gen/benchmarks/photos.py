"""How fast a folder of photos is read, beside Pillow's `draft` and `resize` alone."""

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from keras_gen.benchmarks.markdown import markdown_table
from keras_gen.cores import usable_cores
from keras_gen.data.finding import Folder
from keras_gen.data.folder_pixels import decode_files

WIDTH, HEIGHT = 4000, 3000
PHOTOS, DIFFERENT = 48, 4
SIZE = 64


def photo_table(rounds: int) -> list[str]:
    """Return a table of photos a second; both ways take turns, on all cores, and the first round of each warms up."""
    ways = {"Pillow, `draft` and `resize`": _pillow, "ours": _ours}
    seconds: dict[str, list[float]] = {title: [] for title in ways}
    with tempfile.TemporaryDirectory() as folder:
        _write_photos(Path(folder))
        for number in range(rounds + 1):
            for title, read in list(ways.items())[:: -1 if number % 2 else 1]:
                began = time.perf_counter()
                read(Path(folder))
                seconds[title] += [time.perf_counter() - began] * (number > 0)
    reference = np.array(seconds["Pillow, `draft` and `resize`"])
    rows = [
        {"": title, "photos/s": f"{PHOTOS / np.median(own):.3g}", "× Pillow": f"{np.median(reference / own):.2f}"}
        for title, own in seconds.items()
    ]
    heading = f"## Reading photos, {WIDTH}x{HEIGHT} JPEG to {SIZE}x{SIZE}, {usable_cores()} cores"
    return ["", heading, "", *markdown_table(rows)]


def _write_photos(folder: Path) -> None:
    """Write photos whose colours vary on every scale, as those of a camera do."""
    random = np.random.default_rng(0)
    for number in range(DIFFERENT):
        photo = np.zeros((HEIGHT, WIDTH, 3), np.float32)
        for cells, strength in ((4, 90), (40, 40), (400, 25), (2000, 10)):
            noise = random.integers(0, 256, (cells * 3 // 4, cells, 3), np.uint8)
            layer = Image.fromarray(noise).resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR)
            photo += (np.asarray(layer, np.float32) - 128) * (strength / 128)
        Image.fromarray(np.clip(photo + 128, 0, 255).astype(np.uint8)).save(folder / f"{number:03}.jpg", quality=90)
    for number in range(DIFFERENT, PHOTOS):
        (folder / f"{number:03}.jpg").write_bytes((folder / f"{number % DIFFERENT:03}.jpg").read_bytes())


def _pillow(folder: Path) -> None:
    def read(path: Path) -> np.ndarray:
        with Image.open(path) as photo:
            photo.draft("RGB", (SIZE, SIZE))
            return np.asarray(photo.resize((SIZE, SIZE)))

    with ThreadPoolExecutor(usable_cores()) as pool:
        list(pool.map(read, sorted(folder.iterdir())))


def _ours(folder: Path) -> None:
    with tempfile.TemporaryFile() as output:
        tree = Folder(folder)
        decode_files(tree, tree.find().files, SIZE, None, 0, output)
