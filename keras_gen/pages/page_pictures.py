"""Pictures of a run's folder as a page carries them."""

import io
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from keras_gen.errors import InputError
from keras_gen.indices import evenly_spaced_indices
from keras_gen.latent.pictures import epochs_with, read_picture
from keras_gen.pages import data_url
from keras_gen.run.run import Run

MAX_GRIDS = 24
GRID_WIDTH, PAGE_WIDTH = 480, 1000  # pixels
MAX_PNG = 500_000  # bytes; larger pictures lose some of their quality


def epoch_grids(run: Run, say: Callable[[str], None]) -> list[dict]:
    """Return grids of generated images, as data URLs, with their epochs."""
    epochs = epochs_with(run, run.folder.epoch_image, say)
    shown = [epochs[index] for index in evenly_spaced_indices(len(epochs), MAX_GRIDS)] if epochs else []
    sources = {epoch: picture_source(run, run.folder.epoch_image(epoch), say, GRID_WIDTH) for epoch in shown}
    return [{"epoch": epoch, "source": source} for epoch, source in sources.items() if source]


def picture_source(run: Run, path: Path, say: Callable[[str], None], max_width: int | None = None) -> str | None:
    """Return a picture as a data URL; one that is damaged is named and left out."""
    try:
        return _data_url(read_picture(run.folder, path), max_width)
    except InputError as error:
        say(f"Left out: {error}")
        return None


def _data_url(png: bytes, max_width: int | None) -> str:
    """Return a PNG as a data URL: as it is if it is small and may be, else as a smaller WebP with slight losses."""
    if max_width is None and len(png) <= MAX_PNG:
        return data_url(png)
    with Image.open(io.BytesIO(png)) as image:
        picture = image.convert("RGB")
    max_width = max_width or PAGE_WIDTH
    if picture.width > max_width:
        height = max(1, round(picture.height * max_width / picture.width))
        picture = picture.resize((max_width, height), Image.Resampling.LANCZOS)
    return data_url(picture, "WEBP", quality=80)
