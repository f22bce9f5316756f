"""python -m keras_gen latent: what a run's latent space holds, view by view."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from keras_gen.cli.command import (
    DONE,
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
    start_backend,
    whole_numbers,
)
from keras_gen.errors import InputError

if TYPE_CHECKING:
    from keras_gen.cli.views import View
    from keras_gen.training import TrainedRun

MOST_IMAGES = 200  # in a picture of images beside each other
MOVING = ("interpolate", "concept", "traverse")
VAE_ONLY = ("scatter", "manifold", "reconstruct")


def main(argv: list[str]) -> int:
    """Run the command and return its exit code."""
    options = parser().parse_args(argv)
    _check(options)
    start_backend()
    from keras_gen.training import load_run

    run = load_run(options.run, best=options.best)
    if run.kind == "dcgan":
        _check_dcgan(options)
    view = _draw(run, options)
    files = view.write(options.out or run.folder.figures / f"{drawn_by(view.name, options.best)}.png")
    if options.npy is not None:
        save_array(options.npy, view.array)
        files.append(options.npy)
    for line in view.says:
        say(line)
    for file in files:
        say(file)
    return DONE


def parser() -> Parser:
    """Return the command's parser."""
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

    manifold = _view(views, "manifold", "a square of decoded points that covers the prior (VAE)")
    manifold.add_argument("--side", type=int, default=15, help="points along each axis (default: 15)")
    manifold.add_argument(
        "--dimensions", default="0,1", help="the two that vary, across and up; the others are 0 (default: 0,1)"
    )

    reconstruct = _view(views, "reconstruct", "held-out images above their reconstructions (VAE)")
    reconstruct.add_argument("--images", help="their numbers, such as 0-9,42 (default: ten, evenly spread)")

    interpolate = _view(views, "interpolate", "a walk from one image to another, and a GIF")
    interpolate.add_argument("--from", dest="start", metavar="IMAGE", help=f"{image} (default: 0, the first; VAE)")
    interpolate.add_argument(
        "--to", dest="end", metavar="IMAGE", help=f"{image} (default: the first with another label; VAE)"
    )
    interpolate.add_argument("--seeds", help="walk between two seeds instead, such as 3,7 (default for a DCGAN: 0,1)")
    interpolate.add_argument(
        "--method",
        choices=("linear", "spherical"),
        help="straight, or keeping its length (default: linear for a VAE, spherical for a DCGAN)",
    )
    _steps(interpolate)

    concept = _view(views, "concept", "what changes when a concept is added, and a GIF")
    concept.add_argument(
        "--from",
        dest="without",
        action="append",
        metavar="LABEL|FOLDER",
        help="images without the concept; give --from and --to again for a sum of concepts (default: 0; VAE)",
    )
    concept.add_argument(
        "--to", dest="having", action="append", metavar="LABEL|FOLDER", help="images with it (default: 1; VAE)"
    )
    concept.add_argument("--plus", help="instead, seeds whose images have it, such as 3,17,21 (default: none)")
    concept.add_argument("--minus", help="and seeds whose images lack it (default: none)")
    concept.add_argument(
        "--apply", metavar="IMAGE", help=f"what to add it to: {image} (default: the mean of what lacks it; VAE)"
    )
    concept.add_argument("--seed", type=int, help="add it to a generated image instead (default: none)")
    concept.add_argument(
        "--strength", default="0:1", help="how much is added, from:to; write --strength=-2:2 (default: 0:1)"
    )
    _steps(concept)

    traverse = _view(views, "traverse", "each latent dimension swept over its range, and a GIF")
    traverse.add_argument("--from", dest="start", metavar="IMAGE", help=f"{image} (default: the middle of all; VAE)")
    traverse.add_argument("--seed", type=int, help="a generated image instead (default for a DCGAN: 0)")
    traverse.add_argument("--rows", type=int, default=20, help="dimensions to show, at most (default: 20)")
    _steps(traverse)
    return result


def _view(views: object, name: str, text: str, array: str = "the images, uint8 (n, height, width, channels)") -> Parser:
    result = views.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    result.add_argument("--out", type=Path, metavar="PNG", help="file for the picture (default: in the run's figures)")
    result.add_argument("--npy", type=Path, metavar="FILE", help=f"file for {array} (default: none)")
    add_best_flag(result)
    return result


def _steps(view: ArgumentParser) -> None:
    view.add_argument("--steps", type=int, default=9, help="images in a row (default: 9)")


def _check(options: Namespace) -> None:
    """Raise InputError for what cannot be, whatever the run, and read lists of numbers."""
    given = vars(options)
    for name, low, high in (("steps", 2, 100), ("side", 2, 100), ("rows", 1, 1000), ("count", 1, 10**9)):
        if given.get(name) is not None:
            check_whole(f"--{name}", given[name], low, high)
    if given.get("seed") is not None:
        check_seed(options.seed)
    for name, most in (("seeds", 2), ("plus", MOST_IMAGES), ("minus", MOST_IMAGES), ("images", MOST_IMAGES)):
        if given.get(name) is not None:
            setattr(options, name, _few(given[name], f"--{name}", most))
    if options.view == "manifold":
        given_dimensions = options.dimensions
        options.dimensions = tuple(whole_numbers(given_dimensions, "--dimensions"))
        if len(options.dimensions) != 2:
            raise InputError(f"--dimensions must be two, such as 0,1; received {given_dimensions}")
    if options.view == "interpolate" and options.seeds and (options.start is not None or options.end is not None):
        raise InputError("--seeds walks between generated images, --from and --to between given ones; choose one way")
    if options.view == "interpolate" and (options.start is None) != (options.end is None):
        raise InputError("--from and --to belong together; give both")
    if options.view == "traverse" and options.start is not None and options.seed is not None:
        raise InputError("--from is a given image and --seed a generated one; choose one")
    if options.view == "concept":
        _check_concept(options)
    _check_outputs(options)


def _check_outputs(options: Namespace) -> None:
    if options.out is not None:
        check_ending("--out", options.out, ".png", options.npy)
    film = options.out and options.view in MOVING and options.out.with_suffix(".gif")
    if film and film == options.npy:
        raise InputError(f"--npy {film} is where the GIF goes; name another file")
    check_new(*[path for path in (options.out, film, options.npy) if path])


def _check_concept(options: Namespace) -> None:
    if (options.plus is None) != (options.minus is None):
        raise InputError(
            "--plus and --minus belong together: seeds whose images have the concept, and some that lack it"
        )
    if options.plus and (options.without or options.having):
        raise InputError("--plus and --minus take seeds, --from and --to labels or folders; choose one way")
    if len(options.without or []) != len(options.having or []):
        raise InputError("--from and --to belong together; give both, once for each concept")
    if options.apply is not None and options.seed is not None:
        raise InputError("--apply is a given image and --seed a generated one; choose one")
    low, _, high = options.strength.partition(":")
    try:
        options.strengths = float(low), float(high)
    except ValueError:
        options.strengths = (float("nan"), 0.0)
    if not all(abs(strength) <= 100 for strength in options.strengths):
        raise InputError(f"--strength must be two numbers within 100 of 0, such as -2:2; received {options.strength}")


def _check_dcgan(options: Namespace) -> None:
    given = vars(options)
    if options.view in VAE_ONLY:
        raise InputError(f"{options.run} is a DCGAN's run, which cannot encode images; {options.view} needs a VAE's")
    for name, flag in (("start", "--from"), ("end", "--to"), ("without", "--from"), ("apply", "--apply")):
        if given.get(name) is not None:
            instead = "--plus and --minus" if options.view == "concept" and name == "without" else "seeds"
            raise InputError(f"{flag} needs an encoder and {options.run} is a DCGAN's run; use {instead}")


def _draw(run: TrainedRun, options: Namespace) -> View:
    from keras_gen.cli import views

    match options.view:
        case "scatter":
            return views.scatter(run, options.projection, options.count)
        case "manifold":
            return views.manifold(run, options.side, options.dimensions)
        case "reconstruct":
            return views.reconstruct(run, options.images)
        case "interpolate":
            ends = None if options.start is None else (options.start, options.end)
            return views.interpolate(run, ends, options.seeds, options.steps, options.method)
        case "concept" if run.kind == "dcgan" and not options.plus:
            if options.seed is not None:
                raise InputError("--seed adds a concept to an image; say which concept with --plus and --minus")
            return views.numbered(run)
        case "concept":
            picked = options.plus and (options.plus, options.minus)
            pairs = list(zip(options.without or ["0"], options.having or ["1"], strict=True))
            return views.concept(run, pairs, picked, options.apply, options.seed, options.strengths, options.steps)
        case "traverse":
            return views.traverse(run, options.start, options.seed, options.steps, options.rows)


def _few(text: str, flag: str, most: int) -> list[int]:
    numbers = whole_numbers(text, flag)
    if len(numbers) > most:
        raise InputError(f"{flag} must name at most {most}; received {len(numbers)}")
    return numbers
