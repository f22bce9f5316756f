"""Checkpoints: all that a run needs to go on as if it had never stopped.

A checkpoint is one .npz file: the variables of networks and optimisers (with
the states of their random generators), and in `position` as JSON where the run
stood. It is written whole or not at all, and the last two are kept. Nothing in it is code.
"""

from __future__ import annotations

import json
import re
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from keras_gen.errors import InputError, RunError

if TYPE_CHECKING:
    import keras

    from keras_gen.run.folder import RunFolder

MAX_CHECKPOINTS = 2
PATTERN = "epoch-*.npz"  # whole ones; another name is one that is being written


def checkpoint_path(folder: RunFolder, epoch: int, step: int = 0) -> Path:
    """Return the file of a checkpoint, by the epochs that were done and the steps of the one that had begun."""
    return folder.checkpoints / f"epoch-{epoch:06d}-step-{step:08d}.npz"


def save_checkpoint(folder: RunFolder, groups: dict[str, list[keras.Variable]], position: dict) -> Path:
    """Write a checkpoint and return its path, then remove all but the last two.

    The position is what JSON can hold: epoch, step, history and the sums of the epoch so far. Where a variable is not
    finite (RunError), or the disk refuses (OSError), the older checkpoints are untouched.
    """
    import keras

    path = checkpoint_path(folder, position["epoch"], position["step"])
    arrays = {name: keras.ops.convert_to_numpy(variable) for name, variable in _by_name(groups).items()}
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise RunError(f"the weights ({name}) are no longer finite; the last good checkpoint is kept")
    text = np.frombuffer(json.dumps(position).encode(), np.uint8)
    with folder.replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, position=text, **arrays)
    for old in _newest_first(folder.checkpoints)[MAX_CHECKPOINTS:]:
        old.unlink()
    return path


def begun_epochs(folder: RunFolder) -> int:
    """Return how many epochs the newest checkpoint, damaged or not, has begun, by its name; 0 if there is none."""
    name = next((path.name for path in _newest_first(folder.checkpoints)), "")
    match = re.fullmatch(r"epoch-(\d+)-step-(\d+).npz", name)
    return int(match[1]) + (int(match[2]) > 0) if match else 0


def newest_written(folder: RunFolder) -> Path | None:
    """Return the newest checkpoint that the run has written, or was about to, there or not."""
    return max((path for path in folder.checksums.known() if path.parent == folder.checkpoints), default=None)


def load_checkpoint(
    folder: RunFolder, groups: dict[str, list[keras.Variable]], say: Callable[[str], None] = print
) -> dict:
    """Read the newest checkpoint that is whole, set the variables from it, and return its position.

    The variables are grouped as for `save_checkpoint`; `say` is told of each damaged checkpoint that is passed over.
    """
    paths, newest = _newest_first(folder.checkpoints), newest_written(folder)
    if paths and newest and newest.name > paths[0].name:
        say(f"{newest} is not there; trying the one before it")
    for path in paths:
        try:
            folder.checksums.check(path)
            with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
                arrays = {name: content[name] for name in content.files}  # all, so that every checksum is compared
            position = json.loads(arrays.pop("position").tobytes())
        except (OSError, ValueError, KeyError, EOFError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            if path != paths[-1]:
                say(f"{path} is damaged ({reason}); trying the one before it")
            continue
        _assign(arrays, groups, path)
        return position
    if paths:
        raise InputError(f"{path} is damaged ({reason}), and there is no other checkpoint; start the run again")
    raise InputError(f"{folder.checkpoints} holds no checkpoint; start the run again")


def _assign(arrays: dict[str, np.ndarray], groups: dict[str, list[keras.Variable]], path: Path) -> None:
    variables = _by_name(groups)
    shapes = {name: tuple(variable.shape) for name, variable in variables.items()}
    if shapes != {name: array.shape for name, array in arrays.items()}:
        raise InputError(f"{path} does not fit the networks that run.json describes; one of the two was changed")
    for name, variable in variables.items():
        variable.assign(arrays[name])


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob(PATTERN), reverse=True)


def _by_name(groups: dict[str, list[keras.Variable]]) -> dict[str, keras.Variable]:
    return {f"{group}/{index}": variable for group, members in groups.items() for index, variable in enumerate(members)}
