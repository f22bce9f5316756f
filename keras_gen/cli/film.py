"""python -m keras_gen film: a run's training as a film."""

from argparse import Namespace

from keras_gen.cli.command import Parser, check_ending, check_new, say
from keras_gen.cli.runs import add_label_flag, run_parser


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
    result.add("--frames", "epochs to show, at most, evenly spaced", 60)
    result.add("--frame-ms", "milliseconds that each is shown", 120)
    add_label_flag(result, "show the row of one class, of a conditional run", "all")
    result.add_path("--out", "GIF", "file for the grids", "RUN/figures/film.gif; others beside it")
    return result
