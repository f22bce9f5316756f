"""python -m keras_gen report: all of a run on one page."""

from pathlib import Path

from keras_gen.cli.command import DONE, Parser, check_ending, check_new, say
from keras_gen.cli.runs import add_training_images_flag, run_parser


def main(argv: list[str]) -> int:
    """Run the command and return its exit code."""
    options = parser().parse_args(argv)
    if options.out is not None:
        check_ending("--out", options.out, ".html")
        check_new(options.out)
    from keras_gen.run import load_run

    page = load_run(options.run).report(options.out, say, training_images=options.training_images)
    say(f"Open in a browser: {page}")
    return DONE


def parser() -> Parser:
    """Return the command's parser."""
    result = run_parser(
        "report",
        "Put all that a run's folder holds on one page: settings, losses, pictures, commands. Training "
        "and `evaluate` do so at their end.",
    )
    result.add_argument("--out", type=Path, metavar="HTML", help="file for the page (default: RUN/report.html)")
    add_training_images_flag(result)
    return result
