"""Checkpoints: all that a run needs to go on as if it had never stopped.

A checkpoint is one .npz file: the variables of networks and optimisers (with
the states of their random generators), and in `position` as JSON where the run
stood. It is written whole or not at all, and the last two are kept. Nothing in it is code.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from keras_gen.errors import InputError, RunError
from keras_gen.files import remove_leftovers, replacing
from keras_gen.training.run_folder import CHECKPOINTS

if TYPE_CHECKING:
    import keras

KEPT = 2


def save_checkpoint(folder: Path, groups: dict[str, list[keras.Variable]], position: dict) -> Path:
    """Write a checkpoint, then remove all but the last two.

    Args:
        folder: Where checkpoints are kept; it is made if need be.
        groups: Variables by the name of their group, in an order that does not change.
        position: What JSON can hold: epoch, step, history and the sums of the epoch so far.

    Returns:
        The file.

    Raises:
        RunError: A variable is not finite.
        OSError: The disk refuses, for one when it is full; the older checkpoints are untouched.
    """
    folder.mkdir(exist_ok=True)
    path = folder / f"epoch-{position['epoch']:06d}-step-{position['step']:08d}.npz"
    arrays = {
        f"{group}/{index}": _to_numpy(variable)
        for group, variables in groups.items()
        for index, variable in enumerate(variables)
    }
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise RunError(f"the weights ({name}) are no longer finite; the last good checkpoint is kept")
    text = np.frombuffer(json.dumps(position).encode(), np.uint8)
    remove_leftovers(folder)
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, position=text, **arrays)
    for old in _newest_first(folder)[KEPT:]:
        old.unlink()
    return path


def load_checkpoint(folder: Path, groups: dict[str, list[keras.Variable]], say: Callable[[str], None] = print) -> dict:
    """Read the newest checkpoint that is whole, and set the variables from it.

    Args:
        folder: Where checkpoints are kept.
        groups: Variables as they were given to `save_checkpoint`.
        say: Told of each checkpoint that is damaged and passed over.

    Returns:
        The position.

    Raises:
        InputError: There is no checkpoint, none is whole, or it does not fit the networks.
    """
    for path in _newest_first(folder):
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
                arrays = {
                    name: content[name] for name in content.files
                }  # reads all, so that every checksum is compared
            position = json.loads(arrays.pop("position").tobytes())
        except (OSError, ValueError, KeyError, EOFError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            say(f"{path} is damaged ({reason}); trying the one before it")
            continue
        _assign(arrays, groups, path)
        return position
    raise InputError(f"{folder} holds no checkpoint that can be read; start the run again")


def _assign(arrays: dict[str, np.ndarray], groups: dict[str, list[keras.Variable]], path: Path) -> None:
    variables = {f"{group}/{index}": each for group, some in groups.items() for index, each in enumerate(some)}
    shapes = {name: tuple(each.shape) for name, each in variables.items()}
    if shapes != {name: array.shape for name, array in arrays.items()}:
        raise InputError(f"{path} does not fit the networks that run.json describes; one of the two was changed")
    for name, variable in variables.items():
        variable.assign(arrays[name])


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob(CHECKPOINTS), reverse=True)


def _to_numpy(variable: keras.Variable) -> np.ndarray:
    import keras

    return keras.ops.convert_to_numpy(variable)
