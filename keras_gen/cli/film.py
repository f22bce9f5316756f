"""python -m keras_gen film: a run's training as a moving picture."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from keras_gen.cli.command import DONE, Parser, check_new, check_whole, run_parser, say
from keras_gen.errors import InputError
from keras_gen.places import spread_places

if TYPE_CHECKING:
    from keras_gen.training.run_folder import RunFolder

MOST_FRAMES = 60
WIDEST = 640  # pixels of a frame, about; GIFs of larger ones would take many megabytes


def main(argv: list[str]) -> int:
    """Run the command and return its exit code."""
    options = parser().parse_args(argv)
    check_whole("--frames", options.frames, 1, 1000)
    check_whole("--frame-ms", options.frame_ms, 10, 10_000)
    if options.out is not None:
        _check_out(options.out)
    from keras_gen.training.run_folder import RunFolder

    folder = RunFolder(options.run)
    facts = folder.read()
    epochs = folder.epochs_with(folder.epoch_image)
    if not epochs:
        raise InputError(f"{folder.path} has no epoch's images yet; let it finish an epoch")
    target = options.out or folder.figures / "film.gif"
    shown = [epochs[place] for place in spread_places(len(epochs), options.frames)]
    grids = [_grid_frame(folder.epoch_image(epoch), epoch) for epoch in shown]
    latent = _latent_frames(folder, options.frames, tuple(facts["dataset"]["class_names"]))
    _write(grids, target, options)
    if latent:
        _write(latent, target.with_stem(f"{target.stem}-latent"), options)
    return DONE


def parser() -> Parser:
    """Return the command's parser."""
    result = run_parser(
        "film",
        "Show a run's training as a GIF (and an MP4, if ffmpeg is installed): the grids of its epochs and, "
        "for a VAE with two latent dimensions, the held-out images' places as they form.",
    )
    result.add_argument(
        "--frames",
        type=int,
        default=MOST_FRAMES,
        help=f"epochs to show, at most, evenly spread (default: {MOST_FRAMES})",
    )
    result.add_argument("--frame-ms", type=int, default=120, help="milliseconds that each is shown (default: 120)")
    result.add_argument(
        "--out", type=Path, metavar="GIF", help="file for the grids (default: RUN/figures/film.gif; others beside it)"
    )
    return result


def _check_out(out: Path) -> None:
    if out.suffix.lower() != ".gif":
        raise InputError(f"--out {out} must end in .gif")
    latent = out.with_stem(f"{out.stem}-latent")
    check_new(*[path.with_suffix(suffix) for path in (out, latent) for suffix in (".gif", ".mp4")])


def _write(frames: list[np.ndarray], path: Path, options: Namespace) -> None:
    from keras_gen.figures.animation import save_gif, save_mp4

    save_gif(frames, path, options.frame_ms)
    say(f"{path}: {len(frames)} epochs")
    if save_mp4(frames, path.with_suffix(".mp4"), options.frame_ms):
        say(path.with_suffix(".mp4"))


def _grid_frame(path: Path, epoch: int) -> np.ndarray:
    from PIL import Image

    from keras_gen.figures.animation import captioned

    try:
        with Image.open(path) as picture:
            if picture.width > WIDEST:
                size = (WIDEST, round(picture.height * WIDEST / picture.width))
                picture = picture.resize(size, Image.Resampling.LANCZOS)
            pixels = np.asarray(picture)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}); remove it") from None
    return captioned(pixels if pixels.ndim == 3 else pixels[..., np.newaxis], f"epoch {epoch}")


def _latent_frames(folder: RunFolder, count: int, class_names: tuple[str, ...]) -> list[np.ndarray]:
    """Draw the codes of some epochs, all on the same axes; none were kept but for a VAE of two dimensions."""
    from tqdm import tqdm

    from keras_gen.figures import latent_scatter
    from keras_gen.figures.animation import figure_pixels

    epochs = folder.epochs_with(folder.epoch_codes)
    if not epochs:
        return []
    shown = [epochs[place] for place in spread_places(len(epochs), count)]
    codes = {epoch: folder.read_codes(epoch) for epoch in shown}
    # The few that an early epoch threw far out would make all others tiny.
    limit = max(3.2, 1.1 * float(np.percentile(np.abs([z_mean for z_mean, _ in codes.values()]), 99.5)))
    frames = []
    for epoch, (z_mean, labels) in tqdm(codes.items(), desc="drawing", unit="frame", leave=False, delay=1):
        title = f"epoch {epoch}: {len(z_mean):,} held-out images, encoded"
        figure = latent_scatter(z_mean, labels, class_names, prior=np.zeros(2), title=title)
        figure.axes[0].set(xlim=(-limit, limit), ylim=(-limit, limit))
        figure.axes[0].set_aspect("equal", adjustable="box")
        frames.append(figure_pixels(figure))
    return frames
