"""python -m keras_gen latent: what a run's latent space holds, view by view."""

from __future__ import annotations

import shlex
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from keras_gen.cli.command import Parser, check_ending, check_new, say, whole_numbers
from keras_gen.cli.runs import add_best_flag, add_data_flags, add_label_flag, open_run, run_parser, say_models
from keras_gen.errors import InputError
from keras_gen.files import save_array
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
    projection = "of more than two dimensions: principal axes, or t-SNE, which keeps neighbours together"
    scatter.add("--projection", projection, "pca", choices=("pca", "tsne"))
    scatter.add("--count", "images to show", told="all; with t-SNE 2000", type=int)

    manifold = _view(views, "manifold", "images decoded from a grid of latent points (VAE)")
    manifold.add("--side", "points along each axis", 15)
    manifold.add("--dimensions", "the two that vary, across and up; the others are 0", "0,1")
    _label(manifold)

    reconstruct = _view(views, "reconstruct", "held-out images above their reconstructions (VAE)")
    reconstruct.add("--images", "their numbers, such as 0-9,42", told="ten, evenly spaced")

    interpolate = _view(views, "interpolate", "a walk from one image to another, and a GIF")
    _images(interpolate, "--from", "start", image, "0, the first; VAE")
    _images(interpolate, "--to", "end", image, "the first with another label; VAE")
    interpolate.add("--seeds", "walk between two seeds instead, such as 3,7", told="0,1; DCGAN")
    method = "linear for a VAE, spherical for a DCGAN"
    interpolate.add("--method", "straight, or keeping its length", told=method, choices=("linear", "spherical"))
    _steps(interpolate)
    _label(interpolate)
    to_label = "walk from --label to this class, at one latent point: that of --from or of one seed"
    interpolate.add("--to-label", to_label, told="none", metavar="NAME|NUMBER")

    concept = _view(views, "concept", "what changes when a concept is added, and a GIF")
    without = "images without the concept; give --from and --to again for a sum of concepts"
    groups = {"metavar": "LABEL|FOLDER", "action": "append"}
    _images(concept, "--from", "start", without, "0, a number; VAE", **groups)
    _images(concept, "--to", "end", "images with it", "1, a number; VAE", **groups)
    concept.add("--plus", "instead, seeds whose images have it, such as 3,17,21", told="none")
    concept.add("--minus", "and seeds whose images lack it", told="none")
    _images(concept, "--apply --apply-to", "apply", f"what to add it to: {image}", "what lacks it, on average")
    concept.add("--seed", "add it to a generated image instead", told="none", type=int)
    concept.add("--strength", "how much is added, from:to; write --strength=-2:2", "0:1")
    _steps(concept)
    _label(concept)

    traverse = _view(views, "traverse", "each latent dimension swept over its range, and a GIF")
    _images(traverse, "--from --at", "start", image, "the mean of all codes; VAE")
    traverse.add("--seed", "a generated image instead", told="0; DCGAN", type=int)
    traverse.add("--rows", "dimensions to show, at most", 20)
    _steps(traverse)
    _label(traverse)

    project = _view(views, "project", "where images of your own lie, and the nearest that the run makes", "the points")
    wanted = "an image file, a folder of them, an array file such as .npy, or a held-out image by its number"
    project.add_argument("images", nargs="+", metavar="IMAGE", help=wanted)
    project.add_switch("--refine", "go on from the encoder's points by gradient descent (VAE)", "no")
    project.add("--starts", "points to start from", 3, "3; DCGAN")
    project.add("--steps", "steps of gradient descent", 250)
    add_label_flag(project, "the class of the images, for a conditional run", "all are tried")

    directions = _view(views, "directions", "what changes most along which directions, and towards each class")
    directions.add("--count", "directions, beside those of classes", 8)
    directions.add("--seeds", "generated images that are changed", told="0,1,2")
    _images(directions, "--at", "at", f"one image instead: {image}", "none")
    directions.add("--steps", "images of each in a row", 5)
    _label(directions)
    return result


def _view(views: object, name: str, text: str, array: str = "the images, uint8 (n, height, width, channels)") -> Parser:
    result = views.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    result.add_path("--out", "PNG", "file for the picture", "in the run's figures")
    result.add_path("--npy", "FILE", f"file for {array}", "none")
    add_best_flag(result)
    add_data_flags(result)
    return result


def _images(view: Parser, flags: str, name: str, text: str, told: str, **keywords: object) -> None:
    view.add(flags, text, told=told, **{"dest": name, "metavar": "IMAGE"} | keywords)


def _steps(view: Parser) -> None:
    view.add("--steps", "images in a row", 9)


def _label(view: Parser) -> None:
    add_label_flag(view, "the class of the images, for a conditional run", "the first image's, or the first")


def _next_commands(options: Namespace, run: Run, count: int) -> list[str]:
    """Return what moves the image that was projected: a command, and for a DCGAN the page that takes its point."""
    if options.view != "project":
        return []
    from keras_gen.data.loading import ARRAY_SUFFIXES

    image, lines = options.images[0], []
    flags = ["--best"] if options.best else []
    for flag, value in (("--label", options.label), ("--dataset", options.dataset), ("--data-dir", options.data_dir)):
        flags += [] if value is None else [flag, str(value)]
    is_number = whole_number(image) is not None
    is_file = not Path(image).is_dir() and not image.lower().endswith(ARRAY_SUFFIXES)
    has_label = is_number or not run.conditional or options.label is not None
    if count == 1 and is_file and has_label:
        command = f"latent {run.folder.argument} {shlex.join(['directions', '--at', image, *flags])}"
        lines.append(f"To move it along directions: python -m keras_gen {command}")
    if not run.encodes:
        command = " ".join(["explore", run.folder.argument, *map(shlex.quote, flags)])
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
