"""keras-gen COMMAND, or python -m keras_gen COMMAND: finds the command that is asked for."""

import importlib
import sys
from pathlib import Path

from keras_gen.cli.command import DONE, run_command
from keras_gen.errors import InputError
from keras_gen.text import did_you_mean, nearest

COMMANDS = {
    "train-vae": "train a variational autoencoder, as train_vae.py does",
    "train-dcgan": "train a DCGAN, as train_dcgan.py does",
    "generate": "new images from a trained run",
    "latent": "what its latent space holds: map, manifold, walks, concepts",
    "film": "its training as a moving picture",
    "explore": "a page to move through it in a browser",
    "report": "its settings, losses and pictures on one page",
    "evaluate": "how good it is: likelihood bounds, distances to real images, copies",
    "collection": "a page to look through images: a map, copies, and what is unlike the others",
    "compare": "runs side by side: settings, scores, curves, images; or a list of all runs",
    "export": "its networks for other programs, with a model card",
    "minimal": "three GANs in NumPy alone, watched in every detail",
    "benchmark": "how fast the loops are, beside bare Keras calls and PyTorch",
}


def main(argv: list[str] | None = None) -> int:
    """Run a command and return its exit code."""
    argv = sys.argv[1:] if argv is None else argv
    program = "keras-gen" if Path(sys.argv[0]).stem == "keras-gen" else "python -m keras_gen"
    if argv and argv[0] in ("train-vae", "train-dcgan"):
        from keras_gen.cli.train import train_command

        return train_command(argv[0].removeprefix("train-"), argv[1:], f"{program} {argv[0]}")
    return run_command(lambda: _dispatch(argv, program))


def _dispatch(argv: list[str], program: str) -> int:
    if argv[:1] in (["--help"], ["-h"]):
        print(f"usage: {program} COMMAND [--help]\n")
        for name, text in COMMANDS.items():
            print(f"  {name:12} {text}")
        return DONE
    if not argv:
        raise InputError(f"a command is missing; use {program} with one of: {', '.join(COMMANDS)}")
    if argv[0] not in COMMANDS:
        hint = did_you_mean(nearest(argv[0], COMMANDS))
        raise InputError(f"{argv[0]!r} is no command{hint}; use {program} with one of: {', '.join(COMMANDS)}")
    command = importlib.import_module(f"keras_gen.cli.{argv[0]}")
    command.run(command.parser().parse_args(argv[1:]))
    return DONE


def entry() -> None:
    """Run as the command `keras-gen`."""
    sys.exit(main())
