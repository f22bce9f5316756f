"""python -m keras_gen minimal: train one of the three NumPy GANs, and draw what happens."""

from argparse import Namespace

from keras_gen.cli.command import Parser, say
from keras_gen.minimal import BATCH_SIZE, DEFAULTS


def run(options: Namespace) -> None:
    """Run the command."""
    from keras_gen.minimal_runs import train_minimal

    folder = train_minimal(**vars(options), say=say)
    say("Page to open:" if options.page else "Pictures to open:")
    for path in [path for ending in ("png", "gif", "html") for path in sorted(folder.glob(f"*.{ending}"))]:
        say(f"  {path}")


def parser() -> Parser:
    """Return the command's parser; its flags have the names of the arguments of `train_minimal`."""
    result = Parser(
        prog="python -m keras_gen minimal",
        description="Train one of three small GANs in NumPy alone: falling trends, slanted faces, or sine signals.",
    )
    result.add_argument("system", metavar="{trend,faces,sine}", help="which GAN to train")
    result.add_argument(
        "--seed", type=int, default=42, help="start of all random numbers (default: 42, the published run)"
    )
    epochs = ", ".join(f"{value[0]} for {name}" for name, value in DEFAULTS.items())
    result.add_argument("--epochs", type=int, help=f"training epochs (default: {epochs})")
    result.add_argument(
        "--learning-rate",
        type=float,
        help="step along both gradients (default: 0.001 for trend, 0.01 for faces; "
        "for sine 0.01 along the generator's and 0.1 along the discriminator's)",
    )
    result.add_argument("--batch-size", type=int, help=f"signals of one step, sine only (default: {BATCH_SIZE})")
    result.add_argument("--out", help="folder to make (default: the next number, such as runs/0001-minimal-trend)")
    result.add_argument("--animate", action="store_true", help="also write training.gif (default: pictures only)")
    result.add_argument(
        "--page",
        action="store_true",
        help="write live.html alone, a page that trains the GAN in a browser, step by step (default: pictures)",
    )
    return result
