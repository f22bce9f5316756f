"""Checksums of a run's files, so that a damaged file, or one from another run, is noticed when it is read.

`checksums.txt` has the lines of `sha256sum`. A line is appended before its file is replaced, and both the last and the
last but one count: a process that is killed between the two, or a disk that refuses, leaves nothing that looks damaged.
A run without the file (of format version 1) is not checked.
"""

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from keras_gen.errors import InputError, WriteError

NAME = "checksums.txt"
ATTEMPTS = 3  # to read a file and its checksum while a run that still trains may replace both


class Checksums:
    """The checksums of the files in a run's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / NAME

    def add(self, path: Path, content: Path) -> None:
        """Note what a file is about to hold, which is in a temporary file yet."""
        if self.path.is_symlink():
            raise InputError(f"{self.path} is a symbolic link and is not written through; remove it")
        name = self._name(path)
        digests = [_sha256(content)]
        known = self._accepted().get(name, [])
        if known[:-1] and path.is_file():
            with suppress(OSError):  # a file that cannot be read can be replaced all the same
                if known[-1] != (present := _sha256(path)) and present in known:
                    digests.insert(0, present)  # the last replacement failed; what is still there must stay known
        line = "".join(f"{digest}  {name}\n" for digest in digests).encode()
        try:
            with self.path.open("ab+") as file:
                if file.tell():
                    file.seek(-1, os.SEEK_END)
                    if file.read() != b"\n":  # a process that was killed here may have left half a line
                        line = b"\n" + line
                file.write(line)
        except OSError as error:
            raise WriteError(error.errno, error.strerror, str(self.path)) from error

    def check(self, path: Path) -> None:
        """Raise InputError if a file is not what the run wrote; one that is not there is no matter of this."""
        for _ in range(ATTEMPTS):
            digest = _readable_sha256(path)  # before its line is looked for, which is older
            accepted = self._accepted().get(self._name(path))
            if digest is None or accepted is None or digest in accepted:
                return
        raise InputError(
            f"{path} is damaged or of another run: its checksum is not the one in {NAME}; put the file back, or remove "
            f"{self.path} to use it as it is"
        )

    def known(self) -> list[Path]:
        """Return the files that the run has written; some may be gone."""
        return [self.folder / name for name in self._accepted()]

    def _accepted(self) -> dict[str, list[str]]:
        """Return the last two checksums of each file."""
        try:
            text = self.path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise InputError(f"{self.path} cannot be read ({error.strerror}); put it back, or remove it") from None
        sums: dict[str, list[str]] = {}
        for line in text.splitlines():
            digest, separator, name = line.partition("  ")
            if separator and len(digest) == 64:
                sums[name] = [*sums.get(name, [])[-1:], digest]
        return sums

    def _name(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()


def _readable_sha256(path: Path) -> str | None:
    """Return a file's checksum, or None if it is not there or no file."""
    try:
        return _sha256(path) if path.is_file() else None
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); allow reading it, or put it back") from None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
