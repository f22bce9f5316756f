"""A run's training as a film: the grids of its epochs, and where held-out images lie as the latent space forms."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm.auto import tqdm

from keras_gen.data.image_set import label_names
from keras_gen.errors import InputError
from keras_gen.figures import latent_scatter
from keras_gen.figures.animation import captioned, figure_pixels, save_gif, save_mp4
from keras_gen.indices import evenly_spaced_indices
from keras_gen.latent.pictures import class_row, epochs_with, read_picture
from keras_gen.latent.view import label_name
from keras_gen.run import Run
from keras_gen.run.arguments import as_path, check_count
from keras_gen.text import has_terminal, printable

MAX_FRAMES = 60
MAX_WIDTH = 640  # pixels of a frame, about; GIFs of larger ones would take many megabytes


def make_film(
    run: Run,
    out: str | Path | None = None,
    frames: int = MAX_FRAMES,
    frame_ms: int = 120,
    say: Callable[[str], None] = print,
    label: int | str | None = None,
) -> list[Path]:
    """Write GIFs of a run's training, and MP4s if ffmpeg is installed, and return the files; see `Run.film`."""
    frames, frame_ms = check_count("frames", frames, 1, 1000), check_count("frame_ms", frame_ms, 10, 10_000)
    rows = (0.0, 1.0) if label is None else class_row(run, label)
    default = run.figure_path(f"film{label_name(label)}").with_suffix(".gif")
    path = as_path("out", out, ".gif") if out is not None else default
    grids = _frames(epochs_with(run, run.folder.epoch_image, say), frames, lambda epoch: _grid(run, epoch, rows), say)
    size = max((grid.shape for grid in grids.values()), default=None)
    for epoch in [epoch for epoch, grid in grids.items() if grid.shape != size]:
        del grids[epoch]
        say(f"Left out: {run.folder.epoch_image(epoch)} has another size than the others")
    if not grids:
        raise InputError(f"{run.where} has no epoch's images that can be read; let it finish an epoch")
    codes = _frames(epochs_with(run, run.folder.epoch_codes, say), frames, run.folder.read_codes, say)
    if label is not None:
        remarks: list[str] = []
        chosen = _of_label(run.labels(label, remarks)[0], codes)
        if codes and not chosen:
            remarks.append(f"Left out: no held-out image has the label {printable(label)}, so no plane is shown")
        codes = chosen
        for remark in remarks:
            say(remark)
    written = _save([captioned(grid, f"epoch {epoch}") for epoch, grid in grids.items()], path, frame_ms)
    if codes:
        written += _save(_scatters(codes, run.class_names), path.with_stem(f"{path.stem}-latent"), frame_ms)
    return written


def film_files(path: Path) -> list[Path]:
    """Return the files that a film may have."""
    latent = path.with_stem(f"{path.stem}-latent")
    return [file.with_suffix(suffix) for file in (path, latent) for suffix in (".gif", ".mp4")]


def _frames(epochs: list[int], count: int, read: Callable, say: Callable[[str], None]) -> dict[int, object]:
    """Return what can be read of some epochs, by epoch; the rest is named and left out."""
    contents = {}
    for epoch in (epochs[index] for index in evenly_spaced_indices(len(epochs), count) if epochs):
        try:
            contents[epoch] = read(epoch)
        except InputError as error:
            say(f"Left out: {error}")
    return contents


def _of_label(label: int, codes: dict[int, tuple[np.ndarray, np.ndarray]]) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Return the codes of one class; none of an epoch without an image of it."""
    chosen = {epoch: (z_mean[labels == label], labels[labels == label]) for epoch, (z_mean, labels) in codes.items()}
    return {epoch: found for epoch, found in chosen.items() if len(found[1])}


def _grid(run: Run, epoch: int, rows: tuple[float, float]) -> np.ndarray:
    """Return the grid of an epoch, from one share of its height to another."""
    with Image.open(io.BytesIO(read_picture(run.folder, run.folder.epoch_image(epoch)))) as picture:
        picture = picture.convert("L" if picture.mode == "L" else "RGB")
        top, bottom = (round(share * picture.height) for share in rows)
        picture = picture.crop((0, top, picture.width, bottom))
        if picture.width > MAX_WIDTH:
            size = (MAX_WIDTH, round(picture.height * MAX_WIDTH / picture.width))
            picture = picture.resize(size, Image.Resampling.LANCZOS)
        pixels = np.asarray(picture)
    return pixels if pixels.ndim == 3 else pixels[..., np.newaxis]


def _scatters(codes: dict[int, tuple[np.ndarray, np.ndarray | None]], class_names: tuple[str, ...]) -> list[np.ndarray]:
    """Draw the codes of some epochs, all on the same axes."""
    # The few that an early epoch threw far out would make all others tiny.
    limit = max(3.2, 1.1 * float(np.percentile(np.abs(np.concatenate([z_mean for z_mean, _ in codes.values()])), 99.5)))
    frames = []
    for epoch, (z_mean, labels) in tqdm(
        codes.items(), desc="drawing", unit="frame", leave=False, disable=not has_terminal(), delay=1
    ):
        title = f"epoch {epoch}: {len(z_mean):,} held-out images, encoded"
        names = label_names(labels, class_names)
        figure = latent_scatter(z_mean, labels, names, prior=np.zeros(2), title=title)
        figure.axes[0].set(xlim=(-limit, limit), ylim=(-limit, limit))
        figure.axes[0].set_aspect("equal", adjustable="box")
        frames.append(figure_pixels(figure))
    return frames


def _save(frames: list[np.ndarray], path: Path, frame_ms: int) -> list[Path]:
    save_gif(frames, path, frame_ms)
    mp4 = path.with_suffix(".mp4")
    return [path, mp4] if save_mp4(frames, mp4, frame_ms) else [path]
