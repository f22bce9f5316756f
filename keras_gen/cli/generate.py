"""python -m keras_gen generate: new images from a trained run."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from keras_gen.cli.command import MAX_IMAGES, Parser, check_ending, check_new, say, whole_numbers
from keras_gen.cli.runs import add_best_flag, add_data_flags, add_label_flag, open_run, run_parser, say_models
from keras_gen.errors import InputError
from keras_gen.files import save_array
from keras_gen.run.arguments import PRIORS, check_count
from keras_gen.text import counted, short_name

if TYPE_CHECKING:
    from keras_gen.run import Run

MAX_IN_GRID = 400  # images that a grid still shows
COLUMNS = 10  # of a grid of classes


def run(options: Namespace) -> None:
    """Run the command."""
    name = _check(options)
    run = open_run(options)
    remarks: list[str] = []
    latents, labels = _draw(run, options, remarks)
    images = run.decode(latents, labels if run.conditional else None)
    say_models(run)
    for line in remarks:
        say(line)
    if options.npy is not None:
        save_array(options.npy, images)
        say(f"{counted(len(images), 'image')}, uint8 of shape {images.shape}: {options.npy}")
        if labels is not None:
            save_array(_labels_path(options.npy), labels)
            say(f"Their labels, int64: {_labels_path(options.npy)}")
    if options.folder is not None:
        _write_files(images, options.seeds, options.folder)
        say(f"{counted(len(images), 'file')}: {options.folder}")
    if options.png is not None or (options.npy, options.folder) == (None, None):
        path = options.png or run.figure_path(name)
        if options.grid == "classes":
            _write_class_grid(images, [run.label_names[label] for label in labels[:: options.count]], path)
        else:
            _write_grid(images[:MAX_IN_GRID], options.seeds, path)
        say(f"{counted(min(len(images), MAX_IN_GRID), 'image')} in a grid: {path}")


def _draw(run: Run, options: Namespace, remarks: list[str]) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the latent points of the images, and their labels; with `--grid classes` row by row."""
    if options.seeds is not None:
        if options.label is not None:
            labels = run.draw_labels(len(options.seeds), 0, options.label, options.prior, remarks)
        else:  # a seed names an image, whatever stands beside it, so it draws the label, too
            drawn = [run.draw_labels(1, seed, None, options.prior) for seed in options.seeds]
            labels = None if drawn[0] is None else np.concatenate(drawn)
        return run.draw_seeds(options.seeds, labels, options.prior), labels
    if options.grid is None:
        labels = run.draw_labels(options.count, options.seed, options.label, options.prior, remarks)
        return run.draw(options.count, options.seed, labels, options.prior), labels
    classes = run.labels(options.label or run.label_counts[0], remarks)
    if len(classes) * options.count > MAX_IN_GRID:
        raise InputError(
            f"{len(classes)} rows of {options.count} images are more than the {MAX_IN_GRID} of a grid; name fewer "
            "labels with `label`, or give a smaller `count`"
        )
    labels = classes.repeat(options.count)
    points = [run.draw(options.count, options.seed, row, options.prior) for row in np.split(labels, len(classes))]
    return np.concatenate(points), labels


def _check(options: Namespace) -> str:
    """Raise InputError for what cannot be, fill in what was left out, and return the name of a grid."""
    if options.seeds is not None:
        if (options.count, options.seed) != (None, None):
            raise InputError("--seeds gives each image a seed of its own; leave out --count and --seed")
        name = f"generated-seeds-{short_name(options.seeds)}"
        options.seeds = whole_numbers(options.seeds, "--seeds")
        if options.grid is not None:
            raise InputError("--grid classes has a seed for all its columns; leave out --seeds")
    else:
        default = 64 if options.grid is None else COLUMNS
        options.count = default if options.count is None else options.count
        options.seed = options.seed or 0
        check_count("count", options.count, 1, MAX_IMAGES)
        check_count("seed", options.seed, 0)
        name = f"generated-{options.count}-seed-{options.seed}"
    if options.label is not None:
        name += f"-label-{short_name('-'.join(options.label))}"
    name += f"-{options.prior}" if options.prior else ""
    name += f"-{options.grid}" if options.grid else ""
    outputs = [path for path in (options.npy, options.png, options.folder) if path is not None]
    check_new(*outputs, *([] if options.npy is None else [_labels_path(options.npy)]))
    if len({path.absolute() for path in outputs}) < len(outputs):
        raise InputError("--npy, --png and --folder name the same place; give each its own")
    if options.png is not None:
        check_ending("--png", options.png, ".png", options.npy)
    return name


def _labels_path(npy: Path) -> Path:
    return npy.with_name(f"{npy.stem}-labels{npy.suffix}")


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


def _write_class_grid(images: np.ndarray, names: list[str], path: Path) -> None:
    from keras_gen.figures import image_table
    from keras_gen.figures.style import save_figure

    save_figure(image_table(images, [""] * (len(images) // len(names)), names), path)


def parser() -> Parser:
    """Return the command's parser."""
    result = run_parser("generate", "Generate new images from a trained run.")
    result.add("--count", "images to generate", told="64; with --grid classes, those of a row: 10", type=int)
    result.add("--seed", "start of the latent points", told="0", type=int)
    result.add(
        "--seeds", "a seed for each image, such as 0-63,100, to name it by and to make it again", told="one for all"
    )
    label = "the label that they are to have; several are taken in turn"
    add_label_flag(result, label, "as often as in the training data", action="append")
    result.add(
        "--prior",
        "what latent points are drawn from: normal, as in training, or a mixture of Gaussians fitted to the codes "
        "of the training images (VAE)",
        told="normal, and mixture where only that knows the labels",
        choices=PRIORS,
    )
    grid = "one class a row, one latent point a column"
    result.add("--grid", grid, told="one after the other", choices=("classes",))
    npy = "file for the images as an array, uint8 (count, height, width, channels); chosen labels go beside it"
    result.add_path("--npy", "FILE", npy, "none")
    png = f"file for a grid of the first {MAX_IN_GRID}"
    result.add_path("--png", "PNG", png, "in the run's figures, if nothing else is named")
    result.add_path("--folder", "FOLDER", "new folder for a PNG of each image", "none")
    add_best_flag(result)
    add_data_flags(result)
    return result
