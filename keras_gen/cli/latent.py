"""python -m keras_gen latent: what a run's latent space holds, view by view."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from keras_gen.cli.command import Parser, check_ending, check_new, save_array, say, whole_numbers
from keras_gen.cli.runs import add_best_flag, add_data_flags, open_run, run_parser, say_models
from keras_gen.errors import InputError

SHARED = ("run", "view", "best", "dataset", "data_dir", "out", "npy")  # flags that are no options of the view
NUMBERS = ("seeds", "plus", "minus", "images", "dimensions")
MOVING = ("interpolate", "concept", "traverse")


def run(options: Namespace) -> None:
    """Run the command."""
    arguments = _arguments(options)
    _check_outputs(options)
    run = open_run(options)
    view = run.view(options.view, **arguments)
    files = view.save(options.out)
    if options.npy is not None:
        save_array(options.npy, view.array)
        files.append(options.npy)
    say_models(run)
    for line in (*view.remarks, *files):
        say(line)


def parser() -> Parser:
    """Return the command's parser; its flags have the names of the views' options."""
    result = run_parser(
        "latent",
        "Look into the latent space of a trained run. Each view writes a picture into the run's figures.",
    )
    views = result.add_subparsers(dest="view", required=True, metavar="VIEW", title="views")
    image = "a held-out image by its number, or an image file"

    scatter = _view(views, "scatter", "where held-out images lie, by label (VAE)", "the codes, float32")
    scatter.add_argument(
        "--projection",
        choices=("pca", "tsne"),
        default="pca",
        help="of more than two dimensions: principal axes, or t-SNE, which keeps neighbours together (default: pca)",
    )
    scatter.add_argument("--count", type=int, help="images to show (default: all; with t-SNE 2000)")

    manifold = _view(views, "manifold", "images decoded from a grid of latent points (VAE)")
    manifold.add_argument("--side", type=int, default=15, help="points along each axis (default: 15)")
    manifold.add_argument(
        "--dimensions", default="0,1", help="the two that vary, across and up; the others are 0 (default: 0,1)"
    )

    _label(manifold)

    reconstruct = _view(views, "reconstruct", "held-out images above their reconstructions (VAE)")
    reconstruct.add_argument("--images", help="their numbers, such as 0-9,42 (default: ten, evenly spaced)")

    interpolate = _view(views, "interpolate", "a walk from one image to another, and a GIF")
    _flag(interpolate, "--from", "start", "IMAGE", f"{image} (default: 0, the first; VAE)")
    _flag(interpolate, "--to", "end", "IMAGE", f"{image} (default: the first with another label; VAE)")
    interpolate.add_argument("--seeds", help="walk between two seeds instead, such as 3,7 (default for a DCGAN: 0,1)")
    interpolate.add_argument(
        "--method",
        choices=("linear", "spherical"),
        help="straight, or keeping its length (default: linear for a VAE, spherical for a DCGAN)",
    )
    _steps(interpolate)
    _label(interpolate)
    to_label = "walk from --label to this class, at one latent point: that of --from or of one seed (default: none)"
    interpolate.add_argument("--to-label", metavar="NAME|NUMBER", help=to_label)

    concept = _view(views, "concept", "what changes when a concept is added, and a GIF")
    without = "images without the concept; give --from and --to again for a sum of concepts (default: 0, a number; VAE)"
    _flag(concept, "--from", "start", "LABEL|FOLDER", without, action="append")
    _flag(concept, "--to", "end", "LABEL|FOLDER", "images with it (default: 1, a number; VAE)", action="append")
    concept.add_argument("--plus", help="instead, seeds whose images have it, such as 3,17,21 (default: none)")
    concept.add_argument("--minus", help="and seeds whose images lack it (default: none)")
    _flag(concept, "--apply", "apply", "IMAGE", f"what to add it to: {image} (default: the mean of what lacks it; VAE)")
    concept.add_argument("--seed", type=int, help="add it to a generated image instead (default: none)")
    concept.add_argument(
        "--strength", default="0:1", help="how much is added, from:to; write --strength=-2:2 (default: 0:1)"
    )
    _steps(concept)
    _label(concept)

    traverse = _view(views, "traverse", "each latent dimension swept over its range, and a GIF")
    _flag(traverse, "--from", "start", "IMAGE", f"{image} (default: the mean of all codes; VAE)")
    traverse.add_argument("--seed", type=int, help="a generated image instead (default for a DCGAN: 0)")
    traverse.add_argument("--rows", type=int, default=20, help="dimensions to show, at most (default: 20)")
    _steps(traverse)
    _label(traverse)
    return result


def _view(views: object, name: str, text: str, array: str = "the images, uint8 (n, height, width, channels)") -> Parser:
    result = views.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    result.add_argument("--out", type=Path, metavar="PNG", help="file for the picture (default: in the run's figures)")
    result.add_argument("--npy", type=Path, metavar="FILE", help=f"file for {array} (default: none)")
    add_best_flag(result)
    add_data_flags(result)
    return result


def _flag(view: ArgumentParser, flag: str, name: str, metavar: str, text: str, **keywords: object) -> None:
    view.add_argument(flag, dest=name, metavar=metavar, help=text, **keywords)


def _steps(view: ArgumentParser) -> None:
    view.add_argument("--steps", type=int, default=9, help="images in a row (default: 9)")


def _label(view: ArgumentParser) -> None:
    text = "the class of the images, for a conditional run (default: the first image's, or the first)"
    view.add_argument("--label", metavar="NAME|NUMBER", help=text)


def _arguments(options: Namespace) -> dict[str, object]:
    """Return the options of the view."""
    arguments = {name: value for name, value in vars(options).items() if name not in SHARED}
    for name in NUMBERS:
        if arguments.get(name) is not None:
            arguments[name] = whole_numbers(arguments[name], f"--{name}")
    if "strength" in arguments:
        low, _, high = options.strength.partition(":")
        try:
            arguments["strength"] = float(low), float(high)
        except ValueError:
            raise InputError(f"--strength must be two numbers, such as -2:2; received {options.strength}") from None
    return arguments


def _check_outputs(options: Namespace) -> None:
    if options.out is not None:
        check_ending("--out", options.out, ".png", options.npy)
    film = options.out and options.view in MOVING and options.out.with_suffix(".gif")
    if film and film == options.npy:
        raise InputError(f"--npy {film} is where the GIF goes; name another file")
    check_new(*[path for path in (options.out, film, options.npy) if path])
