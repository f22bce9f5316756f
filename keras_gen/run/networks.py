"""The saved models of a run: always two of one epoch, replaced together."""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from keras_gen.errors import InputError, WriteError
from keras_gen.files import PARTIAL, check_links, sync_file, sync_folder
from keras_gen.run.integrity import Checksums
from keras_gen.seeds import own_random_state

if TYPE_CHECKING:
    import keras

MODELS = {"vae": ("encoder", "decoder"), "dcgan": ("generator", "discriminator")}
NO_ROOM = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))  # Windows knows no quota
NEW = ".new"  # folder of a whole pair that is being moved into place; what is in it counts
FACTS = "keras_gen.json"  # a member of each .keras file: run id and epoch


def save_models(folder: Path, models: dict[str, keras.Model], facts: dict, checksums: Checksums) -> None:
    """Replace the models of a folder by others, all of them or none.

    They are written beside the old ones, and count from the moment when the folder `.new` has its name. A process
    that is killed while it moves them into place leaves some of them there, where `model_path` finds them.

    What they were compiled with is not saved: losses of ours, which `keras.models.load_model` would not know, and
    the optimiser's state, which the checkpoints hold.
    """
    staged = folder / f"{PARTIAL}{os.getpid()}"
    check_links(staged)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        finish_moving(folder)
        shutil.rmtree(staged, ignore_errors=True)
        staged.mkdir()
        for name, model in models.items():
            path = staged / f"{name}.keras"
            _bare(model).save(path)
            with zipfile.ZipFile(path, "a") as archive:
                archive.writestr(FACTS, json.dumps(facts))
            sync_file(path)
        for name in models:  # only when all are whole
            checksums.add(folder / f"{name}.keras", staged / f"{name}.keras")
        staged.rename(folder / NEW)
        sync_folder(folder)
        finish_moving(folder)
    except OSError as error:
        shutil.rmtree(staged, ignore_errors=True)
        # A folder may stand in the place of a model; of all else the folder of the models is to blame.
        path = error.filename2 if isinstance(error, IsADirectoryError) and error.filename2 else folder
        raise WriteError(error.errno, error.strerror or str(error), str(path)) from error
    except BaseException:
        shutil.rmtree(staged, ignore_errors=True)
        raise


def finish_moving(folder: Path) -> None:
    """Move a pair of models into place that an earlier process may have left in `.new`."""
    if (folder / NEW).is_dir():
        for path in (folder / NEW).glob("*.keras"):
            os.replace(path, folder / path.name)
        shutil.rmtree(folder / NEW)


def model_path(folder: Path, name: str) -> Path:
    """Return where a model is: in its folder, or on its way there."""
    new = folder / NEW / f"{name}.keras"
    return new if new.exists() else folder / f"{name}.keras"


def _bare(model: keras.Model) -> keras.Model:
    """Return a model without what it was compiled with, that takes and gives plain tensors where it has one of them."""
    import keras

    def alone(tensors: list) -> object:
        return tensors[0] if len(tensors) == 1 else tensors

    return keras.Model(alone(model.inputs), alone(model.outputs), name=model.name)


def load_model(path: Path, run_id: str | None) -> tuple[keras.Model, dict]:
    """Load a saved model of a run, in safe mode, and what its file says of itself.

    Code that hides in the file is refused, not run. A file of an older version says nothing of itself.
    """
    import keras

    import keras_gen.models  # noqa: F401, registers our layers

    try:
        facts = _facts(path)
        with own_random_state(0):  # Keras draws a seed for each initializer, though none is used
            model = keras.models.load_model(path, compile=False, safe_mode=True)
    except MemoryError:
        raise
    except Exception as error:
        if getattr(error, "errno", None) in NO_ROOM:  # Keras unpacks the weights into a temporary file
            raise WriteError(error.errno, error.strerror, tempfile.gettempdir()) from error
        # Keras raises nearly anything on a damaged file
        reason = str(error).split(". ")[0].splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path} cannot be loaded safely ({reason}); put it back, or make the run again") from None
    if run_id and facts.get("run", run_id) != run_id:
        raise InputError(f"{path} is a model of another run; put back the one that belongs there")
    return model, facts


def _facts(path: Path) -> dict:
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read(FACTS)) if FACTS in archive.namelist() else {}


def saved_names(folder: Path) -> Iterator[str]:
    """Yield the names of the models that are there."""
    for names in MODELS.values():
        yield from (name for name in names if model_path(folder, name).is_file())
