"""How long it takes from the start of a command to the first picture."""

import tempfile
import time
from pathlib import Path

from keras_gen.benchmarks.race import ROOT, started

PICTURES = ("figures/data.png", "images/epoch-0001.png")
POLL_SECONDS = 0.02


def first_pictures(kind: str) -> list[float] | str:
    """Run a training command on its default data until its first pictures are there.

    Args:
        kind: `vae` or `dcgan`.

    Returns:
        Seconds until the training images are drawn and until the first epoch's images are, or what the command said
        when it could not run.
    """
    command = str(ROOT / f"train_{kind}.py")
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        with started(command, [command, "--epochs", "1", "--out", str(run)]) as child:
            seconds: list[float] = []
            while len(seconds) < len(PICTURES):
                ended = child.ended
                if (run / PICTURES[len(seconds)]).exists():
                    seconds.append(child.age)
                elif ended:
                    return child.last_words()
                else:
                    time.sleep(POLL_SECONDS)
    return seconds
