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
    result.add("--seed", "start of all random numbers", 42, "42, the published run")
    epochs = ", ".join(f"{value[0]} for {name}" for name, value in DEFAULTS.items())
    result.add("--epochs", "training epochs", told=epochs, type=int)
    rates = "0.001 for trend, 0.01 for faces; for sine 0.01 along the generator's and 0.1 along the discriminator's"
    result.add("--learning-rate", "step along both gradients", told=rates, type=float)
    result.add("--batch-size", "signals of one step, sine only", told=str(BATCH_SIZE), type=int)
    result.add("--out", "folder to make", told="the next number, such as runs/0001-minimal-trend")
    result.add_switch("--animate", "also write training.gif", "pictures only")
    page = "write live.html alone, a page that trains the GAN in a browser, step by step"
    result.add_switch("--page", page, "pictures")
    return result
