"""Values of single images, kept by `evaluate`, so that two runs can be compared on the same images."""

import numpy as np

from keras_gen.errors import InputError
from keras_gen.evaluation.estimate import Estimate
from keras_gen.run import Run

NAME = "scores.npz"
IDENTITY = "real_images"  # which held-out images were compared, in order


def read_values(run: Run) -> dict[str, np.ndarray]:
    """Return the values of single images that `evaluate` has written.

    Raises:
        InputError: The run has not been measured, or the file is damaged.
    """
    path = run.folder.path / NAME if run.folder else None
    if path is None or not path.exists():
        raise InputError(f"{run.where} has no values of single images; measure it with run.evaluate() first")
    return run.folder.read_arrays(path, {IDENTITY}, "run evaluate again")


def paired_differences(one: Run, other: Run) -> dict[str, Estimate]:
    """Return by how much one run's scores exceed another's, with the standard errors of the differences.

    Both have been measured on the same held-out images, so that what these images contribute to the errors cancels.

    Args:
        one: A run that `evaluate` has measured.
        other: Another one, on the same data, measured with the same `count` and `seed`.

    Returns:
        The differences by name: `elbo`, `importance_weighted_bound` and so on of two VAEs, `kid`.

    Raises:
        InputError: The runs were measured on other images, or not at all.
    """
    values = [read_values(run) for run in (one, other)]
    prints = {run.record["dataset"]["held_out"].get("fingerprint") for run in (one, other)}
    if len(prints) > 1 or not np.array_equal(*(found[IDENTITY] for found in values)):
        raise InputError(f"{one.where} and {other.where} were measured on other held-out images than each other")
    names = [name for name in values[0] if name in values[1] and name != IDENTITY]
    return {name: Estimate.of_mean(values[0][name] - values[1][name]) for name in names}
