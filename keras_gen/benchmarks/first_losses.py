"""The losses of the first steps, to compare a GPU with the CPU; docs/gpu_check.sh does.

`python -m keras_gen.benchmarks.first_losses` prints them as JSON; with the path of such a file it prints a table of
the differences, and its exit code is 1 if one is too large.
"""

import json
import sys
from pathlib import Path

import numpy as np

from keras_gen.benchmarks.markdown import markdown_table
from keras_gen.benchmarks.tasks import Task

TASKS = (
    Task("vae", (28, 28, 1), "float32", 100, 3),
    Task("dcgan", (32, 32, 3), "float32", 64, 3),
)
TOLERANCE = 1e-4


def first_losses() -> dict[str, float]:
    """Return the losses of each step of the `TASKS`, by name and step."""
    from keras_gen.training import make_trainer

    found = {}
    for task in TASKS:
        trainer, images = make_trainer(task.kind, task.image_shape, task.settings()), task.images()
        for step, batch in enumerate(np.split(np.arange(len(images)), task.steps), start=1):
            trainer.start_epoch(1)
            trainer.train_steps(images, [batch], step)
            found |= {f"{task.kind}, step {step}, {name}": value for name, value in trainer.losses().items()}
    return found


def differences(losses: dict[str, float], others: dict[str, float]) -> tuple[list[str], bool]:
    """Return a table of losses beside those of the CPU, and whether all are equal to `TOLERANCE`."""
    rows, equal = [], True
    for name, value in losses.items():
        difference = abs(value - others[name]) / max(1, abs(others[name]))
        equal &= difference <= TOLERANCE
        rows.append({"loss": name, "here": f"{value:.6f}", "CPU": f"{others[name]:.6f}", "apart": f"{difference:.0e}"})
    return markdown_table(rows), equal


def main(argv: list[str]) -> int:
    """Print the losses, or the table, and return the exit code."""
    losses = first_losses()
    if not argv:
        print(json.dumps(losses))
        return 0
    table, equal = differences(losses, json.loads(Path(argv[0]).read_text()))
    print("\n".join(table))
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
