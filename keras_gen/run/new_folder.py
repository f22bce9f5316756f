"""Makes a folder for a new run, whole or not at all; nothing that exists is ever written over."""

import os
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

from keras_gen.errors import InputError, WriteError
from keras_gen.files import PARTIAL
from keras_gen.run.arguments import as_path


def new_id() -> str:
    """Return an identifier for a run, which its models carry too."""
    return uuid.uuid4().hex


def make_folder(
    out: str | Path | None,
    name: str,
    root: str | Path = "runs",
    prepare: Callable[[Path], None] = lambda path: None,
) -> Path:
    """Make a new folder, with what `prepare` puts into it while it has a temporary name, or nothing at all.

    `out` is its path; None numbers it under `root`, with a name behind the number.
    """
    out = None if out is None else as_path("out", out)
    parent = Path(root) if out is None else out.parent
    temporary = parent / f"{PARTIAL}{os.getpid()}-{uuid.uuid4().hex[:8]}"
    try:
        if out is not None and os.path.lexists(out):
            raise already_exists(out)
        temporary.mkdir(parents=True)
        prepare(temporary)
        return _named(temporary, out, name, Path(root))
    except FileExistsError as error:
        raise InputError(f"{error.filename} is a file; a folder of runs is needed there") from None
    except NotADirectoryError as error:
        raise InputError(f"{error.filename} is inside a file; name a folder that can be made") from None
    except PermissionError as error:
        where = parent if out is None else out
        raise InputError(f"{where} cannot be made ({error.strerror}); name another folder with `out`") from None
    except OSError as error:
        if isinstance(error, WriteError):
            raise
        raise WriteError(error.errno, error.strerror or str(error), str(out or parent)) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _named(temporary: Path, out: str | Path | None, name: str, root: Path) -> Path:
    """Give a folder its name, the next free number's if none is asked for."""
    if out is not None:
        try:
            return temporary.rename(out)
        except OSError:
            if os.path.lexists(out):
                raise already_exists(out) from None
            raise
    heads = (path.name.partition("-")[0] for path in root.iterdir())
    number = max((int(head) for head in heads if head.isdecimal() and len(head) >= 4), default=0)
    while True:  # another run may take the number first
        number += 1
        path = root / f"{number:04d}-{name}"
        try:
            if not os.path.lexists(path):
                return temporary.rename(path)
        except OSError:
            if not os.path.lexists(path):
                raise


def already_exists(out: str | Path) -> InputError:
    """Return the error for a folder that is there before the run that should make it."""
    return InputError(f"`out={out}` already exists and is never overwritten; name a folder that does not")


def file_name(text: str) -> str:
    """Return a name that every file system takes: letters, digits, dots and dashes, at most 60."""
    plain = "".join(letter if letter.isalnum() or letter in "._" else "-" for letter in text).strip("-.")
    return plain[:60] or "images"
