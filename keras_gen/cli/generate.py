"""python -m keras_gen generate: new images from a trained run."""

from argparse import Namespace
from pathlib import Path

import numpy as np

from keras_gen.cli.command import (
    DONE,
    MOST,
    Parser,
    add_best_flag,
    check_ending,
    check_new,
    check_seed,
    check_whole,
    drawn_by,
    run_parser,
    save_array,
    say,
    short_name,
    start_backend,
    whole_numbers,
)
from keras_gen.errors import InputError

GRID_LIMIT = 400  # images that a grid still shows


def main(argv: list[str]) -> int:
    """Run the command and return its exit code."""
    options = parser().parse_args(argv)
    _check(options)
    start_backend()
    from keras_gen.training import load_run

    run = load_run(options.run, best=options.best)
    if options.seeds is None:
        images = run.generate(options.count, options.seed)
    else:
        images = run.decode(run.draw_seeds(options.seeds))
    if options.npy is not None:
        save_array(options.npy, images)
        say(f"{len(images):,} images, uint8 of shape {images.shape}: {options.npy}")
    if options.folder is not None:
        _write_files(images, options.seeds, options.folder)
        say(f"{len(images):,} files: {options.folder}")
    if options.png is not None:
        _write_grid(images[:GRID_LIMIT], options.seeds, options.png)
        say(f"{min(len(images), GRID_LIMIT):,} images in a grid: {options.png}")
    return DONE


def _check(options: Namespace) -> None:
    """Raise InputError for what cannot be, and fill in what was left out."""
    named = f"seeds-{short_name(options.seeds or '')}"
    if options.seeds is not None:
        if (options.count, options.seed) != (None, None):
            raise InputError("--seeds gives each image a seed of its own; leave out --count and --seed")
        options.seeds = whole_numbers(options.seeds, "--seeds")
    else:
        options.count = 64 if options.count is None else options.count
        options.seed = options.seed or 0
        named = f"{options.count}-seed-{options.seed}"
        check_whole("--count", options.count, 1, MOST)
        check_seed(options.seed)
    outputs = [path for path in (options.npy, options.png, options.folder) if path is not None]
    check_new(*outputs)
    if len({path.absolute() for path in outputs}) < len(outputs):
        raise InputError("--npy, --png and --folder name the same place; give each its own")
    if options.png is not None:
        check_ending("--png", options.png, ".png", options.npy)
    if not outputs:
        options.png = options.run / "figures" / f"{drawn_by(f'generated-{named}', options.best)}.png"


def _write_files(images: np.ndarray, seeds: list[int] | None, folder: Path) -> None:
    """Write each image to a PNG of its own, named by its seed or its place."""
    from keras_gen.figures.grids import save_image

    folder.mkdir()
    for place, image in enumerate(images):
        name = f"{place:06d}" if seeds is None else f"seed-{seeds[place]}"
        save_image(image, folder / f"{name}.png")


def _write_grid(images: np.ndarray, seeds: list[int] | None, path: Path) -> None:
    from keras_gen.figures.grids import labelled_grid, save_grid
    from keras_gen.figures.style import save_figure

    if seeds is None:
        save_grid(images, path)
    else:
        save_figure(labelled_grid(images, [str(seed) for seed in seeds[: len(images)]]), path)


def parser() -> Parser:
    """Return the command's parser."""
    result = run_parser(
        "generate",
        "Generate new images from a trained run.",
    )
    result.add_argument("--count", type=int, help="images to generate (default: 64)")
    result.add_argument("--seed", type=int, help="start of the latent points (default: 0)")
    result.add_argument(
        "--seeds",
        help="a seed for each image, such as 0-63,100, to name it by and to make it again (default: one for all)",
    )
    result.add_argument(
        "--npy",
        type=Path,
        help="file for the images as an array, uint8 (count, height, width, channels) (default: none)",
    )
    result.add_argument(
        "--png",
        type=Path,
        help=f"file for a grid of the first {GRID_LIMIT} (default: in the run's figures, if nothing else is asked for)",
    )
    result.add_argument("--folder", type=Path, help="new folder for a PNG of each image (default: none)")
    add_best_flag(result)
    return result
