"""What the commands on a run share: `python -m keras_gen COMMAND RUN`."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from keras_gen.cli.command import Parser, say, start_backend

if TYPE_CHECKING:
    from keras_gen.run import Run


def run_parser(command: str, description: str, optional: bool = False, kind: type[Parser] = Parser) -> Parser:
    """Return the parser of a command on a run's folder, which it may do without if it is optional."""
    result = kind(prog=f"python -m keras_gen {command}", description=description)
    count = {"nargs": "?"} if optional else {}
    result.add_argument("run", type=Path, metavar="RUN", help="run folder, such as runs/0001-vae-mnist5k", **count)
    return result


def add_best_flag(parser: Parser) -> None:
    """Let a command use the best models of a run instead of the last."""
    parser.add_switch("--best", "use the best models, of --evaluate-every or --patience", "the last")


def add_training_images_flag(parser: Parser) -> None:
    """Let a command write its page without training images."""
    text = "leave training images out of the page, if they may not be shared"
    parser.add("--no-training-images", text, told="they are shown", dest="training_images", action="store_false")


def add_label_flag(parser: Parser, text: str, told: str, **keywords: object) -> None:
    """Let a command choose a class."""
    parser.add("--label", text, told=told, metavar="NAME|NUMBER", **keywords)


def add_data_flags(parser: Parser) -> None:
    """Let a command look for the run's images elsewhere than where they were."""
    parser.add("--dataset", "where the run's images are now", told="as trained", metavar="NAME|PATH")
    parser.add_path("--data-dir", "FOLDER", "folder with its files", "as trained")


def open_run(options: Namespace) -> Run:
    """Load the run that a command is about, and start the backend."""
    from keras_gen.run import load_run

    given = vars(options)
    run = load_run(options.run, best=given.get("best", False))
    start_backend()
    if given.get("dataset") is not None or given.get("data_dir") is not None:
        run.use_datasets(options.dataset, options.data_dir)
    return run


def say_models(run: Run) -> None:
    """Say which of the run's models were used."""
    say(f"Models  {run.models_text}")
