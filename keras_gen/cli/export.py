"""python -m keras_gen export: a run's networks for other programs."""

from argparse import Namespace

from keras_gen.cli.command import Parser, check_new, say
from keras_gen.cli.runs import add_best_flag, open_run, run_parser, say_models
from keras_gen.run.export import FORMATS


def run(options: Namespace) -> None:
    """Run the command."""
    if options.out is not None:
        check_new(options.out)
    loaded = open_run(options)
    path = loaded.export(options.to, options.out)
    say_models(loaded)
    if not loaded.folder.read_scores():
        missing = loaded.folder.path / "metrics.json"
        say(f"No scores are in the model card: {missing} is missing; `python -m keras_gen evaluate RUN` writes it")
    for file in sorted(path.iterdir()):
        say(file)


def parser() -> Parser:
    """Return the command's parser."""
    result = run_parser("export", "Write a run's networks for programs without keras_gen, with a model card.")
    to = "the format; numpy is an .npz and a file of Python that needs NumPy alone"
    result.add("--to", to, "saved_model", choices=FORMATS)
    result.add_path("--out", "FOLDER", "a new folder", "RUN/exports/FORMAT")
    add_best_flag(result)
    return result
