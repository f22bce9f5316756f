"""Write files whole or not at all: a crash, a full disk or a power cut leaves what was there before."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PARTIAL = ".partial-"  # in front of the name of a file that is being written


@contextmanager
def replacing(path: Path, shared: bool = False) -> Iterator[Path]:
    """Give a temporary path to write to; on leaving, force it to the disk and rename it to `path`.

    Args:
        path: The file to make or replace; its folder must exist.
        shared: Whether another process may write the same file at the same time, as in a cache. What a process leaves
            behind that is killed while it writes is then not written over by the next one.

    Yields:
        A path in the same folder, with the same suffix.

    Raises:
        OSError: The disk refuses; `path` is as it was, and the temporary file is gone.
    """
    temporary = path.with_name(PARTIAL + (f"{os.getpid()}-" if shared else "") + path.name)
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_text(path: Path, text: str) -> None:
    """Make or replace a file of text in UTF-8, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="replace")  # names of files may be no text at all


def sync_folder(folder: Path) -> None:
    """Force a folder's new entries to the disk, where the system can (Windows cannot)."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
