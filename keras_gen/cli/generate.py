"""python -m keras_gen generate: new images from a trained run."""

from argparse import Namespace
from pathlib import Path

import numpy as np

from keras_gen.cli.command import MAX_IMAGES, Parser, check_ending, check_new, save_array, say, whole_numbers
from keras_gen.cli.runs import add_best_flag, open_run, run_parser, say_models
from keras_gen.errors import InputError
from keras_gen.run.arguments import check_count
from keras_gen.text import counted, short_name

MAX_IN_GRID = 400  # images that a grid still shows


def run(options: Namespace) -> None:
    """Run the command."""
    name = _check(options)
    run = open_run(options)
    if options.seeds is None:
        images = run.generate(options.count, options.seed)
    else:
        images = run.decode(run.draw_seeds(options.seeds))
    say_models(run)
    if options.npy is not None:
        save_array(options.npy, images)
        say(f"{counted(len(images), 'image')}, uint8 of shape {images.shape}: {options.npy}")
    if options.folder is not None:
        _write_files(images, options.seeds, options.folder)
        say(f"{counted(len(images), 'file')}: {options.folder}")
    if options.png is not None or (options.npy, options.folder) == (None, None):
        path = options.png or run.figure_path(name)
        _write_grid(images[:MAX_IN_GRID], options.seeds, path)
        say(f"{counted(min(len(images), MAX_IN_GRID), 'image')} in a grid: {path}")


def _check(options: Namespace) -> str:
    """Raise InputError for what cannot be, fill in what was left out, and return the name of a grid."""
    if options.seeds is not None:
        if (options.count, options.seed) != (None, None):
            raise InputError("--seeds gives each image a seed of its own; leave out --count and --seed")
        name = f"generated-seeds-{short_name(options.seeds)}"
        options.seeds = whole_numbers(options.seeds, "--seeds")
    else:
        options.count = 64 if options.count is None else options.count
        options.seed = options.seed or 0
        check_count("count", options.count, 1, MAX_IMAGES)
        check_count("seed", options.seed, 0)
        name = f"generated-{options.count}-seed-{options.seed}"
    outputs = [path for path in (options.npy, options.png, options.folder) if path is not None]
    check_new(*outputs)
    if len({path.absolute() for path in outputs}) < len(outputs):
        raise InputError("--npy, --png and --folder name the same place; give each its own")
    if options.png is not None:
        check_ending("--png", options.png, ".png", options.npy)
    return name


def _write_files(images: np.ndarray, seeds: list[int] | None, folder: Path) -> None:
    """Write each image to a PNG of its own, named by its seed or its index."""
    from keras_gen.figures.grids import save_image

    folder.mkdir()
    for index, image in enumerate(images):
        name = f"{index:06d}" if seeds is None else f"seed-{seeds[index]}"
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
    result = run_parser("generate", "Generate new images from a trained run.")
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
        help=f"file for a grid of the first {MAX_IN_GRID} (default: in the run's figures, if nothing else is named)",
    )
    result.add_argument("--folder", type=Path, help="new folder for a PNG of each image (default: none)")
    add_best_flag(result)
    return result
