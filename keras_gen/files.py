"""Write files whole or not at all: a crash, a full disk or a power cut leaves what was there before."""

import csv
import errno
import io
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from keras_gen.errors import InputError, WriteError
from keras_gen.text import nearest

PARTIAL = ".partial-"  # in front of the name of a file that is being written; the process's number follows
ABANDONED = 600  # seconds without a change, after which the file of a process that has ended is removed
# What systems answer that cannot force a file or a folder to the disk; the file is written nevertheless.
CANNOT_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EBADF}


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path to write to; on leaving, force it to the disk and rename it to `path`.

    The temporary name is unique, so that two processes may write the same file: the last one's is kept, whole.
    A missing folder is made, a folder above it is not.

    Raises:
        InputError: A symbolic link leads out of the run folder that `path` is in.
        WriteError: The disk refuses; `path` is as it was, and the temporary file is gone.
    """
    path = Path(path)
    check_links(path)
    temporary = _temporary(path)
    try:
        path.parent.mkdir(exist_ok=True)
        yield temporary
        sync_file(temporary)
        os.replace(temporary, path)
        sync_folder(path.parent)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename in (None, str(temporary), str(path.parent)):
            raise WriteError(error.errno, error.strerror or str(error), str(path)) from error
        raise


def check_writable(path: Path) -> None:
    """Raise WriteError if no file can be made beside `path`: before the work that would be lost."""
    probe = _temporary(path)
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise WriteError(error.errno, error.strerror, str(path)) from error


def _temporary(path: Path) -> Path:
    """Return a path beside another that no other process uses, and that `remove_leftovers` knows."""
    return path.with_name(f"{PARTIAL}{os.getpid()}-{os.urandom(4).hex()}{path.suffix}")


def write_text(path: Path, text: str, replacing: Callable = replacing) -> None:
    """Make or replace a file of text in UTF-8, whole or not at all.

    `replacing` is how the file is written; a run folder has a way of its own, `RunFolder.replacing`.
    """
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="replace")  # names of files may be no text at all


def write_csv(path: Path, rows: Iterable[Sequence[object]]) -> None:
    """Make or replace a table, whole or not at all."""
    write_text(path, csv_text(rows))


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    """Return rows of cells as the lines of a CSV file."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def save_array(path: Path, array: object, replacing: Callable = replacing) -> None:
    """Write an array to an .npy file; see `write_text` for `replacing`."""
    import numpy as np

    with replacing(path) as temporary, temporary.open("wb") as file:
        np.save(file, array, allow_pickle=False)


def sync_file(path: Path) -> None:
    """Force a file's content to the disk, where the system can."""
    with path.open("rb+") as file:
        _sync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Force a folder's new entries to the disk, where the system can (Windows cannot)."""
    if os.name == "posix":
        with suppress(PermissionError):  # a folder that may be written and not read
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                _sync(descriptor)
            finally:
                os.close(descriptor)


def _sync(descriptor: int) -> None:
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in CANNOT_SYNC:
            raise


def check_links(path: Path) -> None:
    """Refuse a file in a run folder whose own folder is a symbolic link that leads out of the run folder.

    A run folder is one that holds a run.json. The file itself may be a link: it is replaced, not followed.
    """
    folder = Path(os.path.abspath(path)).parent
    real = Path(os.path.realpath(folder))
    for parent in (folder, *folder.parents):
        if os.path.lexists(parent / "run.json") and not real.is_relative_to(os.path.realpath(parent)):
            raise InputError(
                f"{path} is not written: a symbolic link leads out of the run folder, to {real}; "
                "replace the link with a folder"
            )


def folder_bytes(folder: Path) -> int:
    """Return the bytes of all files in a folder and below, but of those that are removed meanwhile."""
    files = (Path(root, name) for root, _, names in os.walk(folder) for name in names)
    return sum(file.lstat().st_size for file in files if os.path.lexists(file))


def remove_leftovers(folder: Path, abandoned: float = ABANDONED) -> None:
    """Remove what processes left in a folder, and in those below, that were killed while they wrote.

    It must not have changed for some seconds: a process of another machine may be writing it.
    """
    for leftover in Path(folder).rglob(f"{PARTIAL}*"):
        with suppress(OSError):  # another process may have removed it
            idle = time.time() - leftover.lstat().st_mtime
            if idle >= abandoned and not _alive(leftover.name.removeprefix(PARTIAL).partition("-")[0]):
                shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()


def _alive(number: str) -> bool:
    """Tell whether another process has this number. Windows, which keeps open files, need not be asked."""
    if not number.isdecimal() or int(number) == os.getpid() or os.name != "posix":
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        pass
    return True


def nearest_run(folder: Path) -> Path | None:
    """Return the run folder beside this one, or in runs/, of nearly the same name; the beginning of a name will do."""
    parents = (Path("runs"), folder.parent)
    runs = {file.parent.name: file.parent for parent in parents for file in parent.glob("*/run.json")}
    return runs.get(nearest(folder.name, runs))
