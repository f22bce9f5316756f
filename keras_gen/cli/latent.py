"""python -m keras_gen latent: what a run's latent space holds, view by view."""

from __future__ import annotations

import shlex
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from keras_gen.cli.command import Parser, check_ending, check_new, save_array, say, whole_numbers
from keras_gen.cli.runs import add_best_flag, add_data_flags, open_run, run_parser, say_models
from keras_gen.errors import InputError
from keras_gen.text import whole_number

if TYPE_CHECKING:
    from keras_gen.run import Run

SHARED = ("run", "view", "best", "dataset", "data_dir", "out", "npy")  # flags that are no options of the view
NUMBERS = ("seeds", "plus", "minus", "images", "dimensions")
MOVING = ("interpolate", "concept", "traverse")


class _LatentParser(Parser):
    """Takes the view before the run, too: `latent project RUN IMAGE`."""

    views: ClassVar[dict[str, Parser]] = {}

    def parse_args(self, words: list[str]) -> Namespace:
        """Read the arguments; a view that stands first changes places with the run."""
        first, *rest = words or [""]
        if first in self.views and rest[:1] and rest[0] not in self.views and not Path(first).exists():
            words = [rest[0], first, *rest[1:]]
        return super().parse_args(words)


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
    for line in (*view.remarks, *files, *_next_commands(options, run, len(view.array))):
        say(line)


def parser() -> Parser:
    """Return the command's parser; its flags have the names of the views' options."""
    result = run_parser(
        "latent",
        "Look into the latent space of a trained run. Each view writes a picture into the run's figures.",
        kind=_LatentParser,
    )
    views = result.add_subparsers(dest="view", required=True, metavar="VIEW", title="views", parser_class=Parser)
    _LatentParser.views = views.choices
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
    _flag(interpolate, "--from", "start", "IMAGE", f"{image} (default of a VAE: 0, the first)")
    _flag(interpolate, "--to", "end", "IMAGE", f"{image} (default of a VAE: the first with another label)")
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
    _flag(
        concept,
        "--apply --apply-to",
        "apply",
        "IMAGE",
        f"what to add it to: {image} (default: what lacks it, on average)",
    )
    concept.add_argument("--seed", type=int, help="add it to a generated image instead (default: none)")
    concept.add_argument(
        "--strength", default="0:1", help="how much is added, from:to; write --strength=-2:2 (default: 0:1)"
    )
    _steps(concept)
    _label(concept)

    traverse = _view(views, "traverse", "each latent dimension swept over its range, and a GIF")
    _flag(traverse, "--from --at", "start", "IMAGE", f"{image} (default of a VAE: the mean of all codes)")
    traverse.add_argument("--seed", type=int, help="a generated image instead (default for a DCGAN: 0)")
    traverse.add_argument("--rows", type=int, default=20, help="dimensions to show, at most (default: 20)")
    _steps(traverse)
    _label(traverse)

    project = _view(views, "project", "where images of your own lie, and the nearest that the run makes", "the points")
    wanted = "an image file, a folder of them, an array file such as .npy, or a held-out image by its number"
    project.add_argument("images", nargs="+", metavar="IMAGE", help=wanted)
    project.add_argument(
        "--refine", action="store_true", help="go on from the encoder's points by gradient descent (VAE) (default: no)"
    )
    project.add_argument("--starts", type=int, default=3, help="points to start from (DCGAN; default: 3)")
    project.add_argument("--steps", type=int, default=250, help="steps of gradient descent (default: 250)")
    text = "the class of the images, for a conditional run (default: all are tried)"
    project.add_argument("--label", metavar="NAME|NUMBER", help=text)

    directions = _view(views, "directions", "what changes most along which directions, and towards each class")
    directions.add_argument("--count", type=int, default=8, help="directions, beside those of classes (default: 8)")
    directions.add_argument("--seeds", help="generated images that are changed (default: 0,1,2)")
    _flag(directions, "--at", "at", "IMAGE", f"one image instead: {image} (default: none)")
    directions.add_argument("--steps", type=int, default=5, help="images of each in a row (default: 5)")
    _label(directions)
    return result


def _view(views: object, name: str, text: str, array: str = "the images, uint8 (n, height, width, channels)") -> Parser:
    result = views.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    result.add_argument("--out", type=Path, metavar="PNG", help="file for the picture (default: in the run's figures)")
    result.add_argument("--npy", type=Path, metavar="FILE", help=f"file for {array} (default: none)")
    add_best_flag(result)
    add_data_flags(result)
    return result


def _flag(view: ArgumentParser, flags: str, name: str, metavar: str, text: str, **keywords: object) -> None:
    view.add_argument(*flags.split(), dest=name, metavar=metavar, help=text, **keywords)


def _steps(view: ArgumentParser) -> None:
    view.add_argument("--steps", type=int, default=9, help="images in a row (default: 9)")


def _label(view: ArgumentParser) -> None:
    text = "the class of the images, for a conditional run (default: the first image's, or the first)"
    view.add_argument("--label", metavar="NAME|NUMBER", help=text)


def _next_commands(options: Namespace, run: Run, count: int) -> list[str]:
    """Return what moves the image that was projected: a command, and for a DCGAN the page that takes its point."""
    if options.view != "project":
        return []
    from keras_gen.data.loading import ARRAY_SUFFIXES

    path, image, lines = str(options.run), options.images[0], []
    flags = ["--best"] if options.best else []
    for flag, value in (("--label", options.label), ("--dataset", options.dataset), ("--data-dir", options.data_dir)):
        flags += [] if value is None else [flag, str(value)]
    is_number = whole_number(image) is not None
    is_file = not Path(image).is_dir() and not image.lower().endswith(ARRAY_SUFFIXES)
    has_label = is_number or not run.conditional or options.label is not None
    if count == 1 and is_file and has_label:
        command = shlex.join(["latent", path, "directions", "--at", image, *flags])
        lines.append(f"To move it along directions: python -m keras_gen {command}")
    if not run.encodes:
        command = shlex.join(["explore", path, *flags])
        lines.append(f"To move it in a browser, open the .npy file in: python -m keras_gen {command}")
    return lines


def _arguments(options: Namespace) -> dict[str, object]:
    """Return the options of the view."""
    arguments = {name: value for name, value in vars(options).items() if name not in SHARED}
    for name in NUMBERS:
        if isinstance(arguments.get(name), str):
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
    points = options.out and options.view == "project" and options.out.with_suffix(".npy")
    if points and points == options.npy:
        options.npy = None
    check_new(*[path for path in (options.out, film, points, options.npy) if path])
