"""python -m keras_gen explore: a page to move through a run's latent space in a browser."""

from argparse import Namespace

from keras_gen.cli.command import Parser, check_output, say, say_page, whole_numbers
from keras_gen.cli.runs import add_best_flag, add_data_flags, add_label_flag, open_run, run_parser, say_models


def run(options: Namespace) -> None:
    """Run the command."""
    check_output("--out", options.out, ".html")
    dimensions, seeds = (
        None if vars(options)[name] is None else whole_numbers(vars(options)[name], f"--{name}")
        for name in ("dimensions", "seeds")
    )
    run = open_run(options)
    path = run.explore(options.out, dimensions, seeds, options.label, say)
    say_models(run)
    say_page(path)


def parser() -> Parser:
    """Return the command's parser."""
    result = run_parser(
        "explore",
        "Make a page to move through a run's latent space in a browser: one file, no server, no network.",
    )
    plane = "the two latent dimensions of the plane, across and up"
    result.add("--dimensions", plane, told="0,1 if there are no more, else the two principal axes; VAE")
    result.add("--seeds", "three seeds that the plane goes through", told="0,1,2; DCGAN")
    add_label_flag(result, "the class of the images, for a conditional run", "the first")
    add_best_flag(result)
    add_data_flags(result)
    result.add_path("--out", "HTML", "file for the page", "RUN/explorer.html")
    return result
