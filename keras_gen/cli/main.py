"""python -m keras_gen: finds the command that is asked for."""

import importlib
import sys

from keras_gen.cli.command import DONE, run_command
from keras_gen.errors import InputError

COMMANDS = {
    "generate": "new images from a trained run",
    "latent": "what its latent space holds: map, manifold, walks, concepts",
    "film": "its training as a moving picture",
    "explore": "a page to move through it in a browser",
    "report": "all that it holds, on one page",
    "evaluate": "how good it is: likelihood bounds, distances to real images, copies",
    "minimal": "three GANs in NumPy alone, watched in every detail",
    "benchmark": "how fast the loops are, beside bare Keras calls and PyTorch",
}
USAGE = "usage: python -m keras_gen COMMAND [--help]\n\n" + "\n".join(
    f"  {name:10} {text}" for name, text in COMMANDS.items()
)


def main(argv: list[str] | None = None) -> int:
    """Run a command and return its exit code."""
    argv = sys.argv[1:] if argv is None else argv
    return run_command(lambda: _dispatch(argv))


def _dispatch(argv: list[str]) -> int:
    if argv[:1] in (["--help"], ["-h"]):
        print(USAGE)
        return DONE
    if not argv or argv[0] not in COMMANDS:
        given = f"{argv[0]!r} is no command" if argv else "a command is missing"
        raise InputError(f"{given}; use python -m keras_gen with one of: {', '.join(COMMANDS)}")
    return importlib.import_module(f"keras_gen.cli.{argv[0]}").main(argv[1:])
