"""python -m keras_gen film: a run's training as a film."""

from argparse import Namespace
from pathlib import Path

from keras_gen.cli.command import Parser, check_ending, check_new, say
from keras_gen.cli.runs import run_parser

FRAMES = 60


def run(options: Namespace) -> None:
    """Run the command."""
    if options.out is not None:
        check_ending("--out", options.out, ".gif")
    from keras_gen.latent.film import film_files
    from keras_gen.run import load_run

    if options.out is not None:
        check_new(*film_files(options.out))
    run = load_run(options.run)
    for file in run.film(options.out, options.frames, options.frame_ms, say, options.label):
        say(file)


def parser() -> Parser:
    """Return the command's parser."""
    result = run_parser(
        "film",
        "Show a run's training as a GIF (and an MP4, if ffmpeg is installed): the grids of its epochs and, "
        "for a VAE with two latent dimensions, where held-out images lie as the latent space forms.",
    )
    result.add_argument(
        "--frames", type=int, default=FRAMES, help=f"epochs to show, at most, evenly spaced (default: {FRAMES})"
    )
    result.add_argument("--frame-ms", type=int, default=120, help="milliseconds that each is shown (default: 120)")
    result.add_argument(
        "--label", metavar="NAME|NUMBER", help="show the row of one class, of a conditional run (default: all)"
    )
    result.add_argument(
        "--out", type=Path, metavar="GIF", help="file for the grids (default: RUN/figures/film.gif; others beside it)"
    )
    return result
