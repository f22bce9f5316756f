"""python -m keras_gen report: all of a run on one page."""

from argparse import Namespace

from keras_gen.cli.command import Parser, check_output, say
from keras_gen.cli.runs import add_training_images_flag, run_parser


def run(options: Namespace) -> None:
    """Run the command."""
    check_output("--out", options.out, ".html")
    from keras_gen.run import load_run

    page = load_run(options.run).report(options.out, say, training_images=options.training_images)
    say(f"Open in a browser: {page}")


def parser() -> Parser:
    """Return the command's parser."""
    result = run_parser(
        "report",
        "Put a run on one page: its settings, losses, pictures and commands. Training and `evaluate` do so at their "
        "end; do it again to see on it the pictures that were drawn since.",
    )
    result.add_path("--out", "HTML", "file for the page", "RUN/report.html")
    add_training_images_flag(result)
    return result
