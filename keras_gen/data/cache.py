"""Decoded images on the disk: verified before use, shared by processes, limited in size.

An entry is a file of pixels, `KEY.pixels`, and one of their facts, `KEY.json`. Each user of it holds the lock of a
file `KEY.use-...`, which ends with its process; an entry in use is never removed.
"""

import hashlib
import json
import mmap
import os
import shutil
import sys
import tempfile
import time
import uuid
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np
from filelock import FileLock, Timeout

from keras_gen.errors import InputError
from keras_gen.files import PARTIAL, remove_leftovers, write_text
from keras_gen.text import PATH_LENGTH, printable

LIMIT_VARIABLE, LIMIT_GB = "KERAS_GEN_CACHE_GB", 10.0
LOCK_SECONDS = 60  # for the cache's own lock, which is only held for moments
PIXELS, FACTS, IN_USE = ".pixels", ".json", ".use-"  # endings of the files of an entry

Decoder = Callable[[BinaryIO], dict]


class _Unavailable(Exception):
    """The cache cannot be used; the text says why."""


def keras_home() -> Path:
    """The folder of Keras, `$KERAS_HOME` or `~/.keras`; without a home folder, one among the temporary files."""
    try:
        return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    except RuntimeError:  # no HOME, and the system does not know the user
        return Path(tempfile.gettempdir(), "keras")


def own_cache() -> Path:
    """The folder in which we keep what is costly to make again, beside Keras's own."""
    return keras_home() / "keras_gen"


def image_cache() -> Path:
    """The folder of all decoded images."""
    return own_cache() / "images"


def fetch(cache: Path, key: str, decode: Decoder, say: Callable[[str], None]) -> tuple[np.ndarray, dict]:
    """Return the pixels and facts of an entry; decode them if there is none, or a damaged one.

    Args:
        cache: The folder of all entries; where it cannot be used, pixels go to a temporary file instead.
        key: The entry's name, made of all that its content depends on.
        decode: Writes the pixels to a file and returns the facts, as JSON has them.
        say: Takes lines of text for the user.

    Returns:
        uint8 (n,), mapped from a file: what is changed in it never reaches the file; and the facts.
    """
    limit, entry = _limit(), cache / f"{key}{PIXELS}"
    try:
        with _locked(cache):
            remove_leftovers(cache)
            lock = _hold(entry)
    except _Unavailable as reason:
        say(f"Cache   not used ({reason}); images are decoded into a temporary file")
        return _decode_without_cache(decode)
    try:
        facts = _verified(entry)
        if facts is not None:
            _note_use(entry)
        else:
            if os.path.lexists(entry) or os.path.lexists(entry.with_suffix(FACTS)):
                say(f"Cache   {printable(entry, PATH_LENGTH)} is damaged and is made again")
            entry, facts = _make(entry, decode, limit)
            say(f"Cache   {printable(entry, PATH_LENGTH)} ({entry.stat().st_size / 1e6:.1f} MB)")
        with entry.open("rb") as file:
            mapping = _mapping(file)
    except BaseException:
        _release(lock)
        raise
    weakref.finalize(mapping, _release, lock)  # in use until the last array of it is gone
    return np.frombuffer(mapping, np.uint8), facts


def clear_cache(cache: Path | None = None) -> tuple[int, int]:
    """Remove all decoded images that no process uses, of the usual folder or another.

    Returns:
        How many bytes were removed, and how many entries are in use and stay.
    """
    cache = cache or image_cache()
    if not cache.is_dir():
        return 0, 0
    try:
        with _locked(cache):
            return _make_room(cache, -1)
    except _Unavailable as reason:
        raise InputError(f"the cache of images cannot be emptied: {reason}") from None


def _limit() -> float:
    """Return how many bytes the cache may have."""
    text = os.environ.get(LIMIT_VARIABLE) or LIMIT_GB
    with suppress(ValueError):
        if (limit := float(text)) >= 0:
            return limit * 1e9
    raise InputError(f"{LIMIT_VARIABLE} must be a number of gigabytes from 0 up; received {text}")


@contextmanager
def _locked(cache: Path) -> Iterator[None]:
    """Hold the lock of the whole cache, for moments; what goes wrong then makes the cache unavailable."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(cache / ".lock", timeout=LOCK_SECONDS, thread_local=False):
            yield
    except Timeout:
        raise _Unavailable(f"{printable(cache, PATH_LENGTH)} is locked by another process") from None
    except (OSError, NotImplementedError) as error:
        reason = getattr(error, "strerror", None) or error
        raise _Unavailable(f"{printable(cache, PATH_LENGTH)} cannot be written: {reason}") from None


def _hold(entry: Path) -> FileLock:
    """Mark an entry, made or to be made, as used by this process."""
    lock = FileLock(entry.with_suffix(f"{IN_USE}{uuid.uuid4().hex}"), thread_local=False)
    lock.acquire()
    return lock


def _release(lock: FileLock) -> None:
    with suppress(OSError):
        lock.release()
        Path(lock.lock_file).unlink(missing_ok=True)


def _is_used(entry: Path) -> bool:
    for path in entry.parent.glob(f"{entry.stem}{IN_USE}*"):
        lock = FileLock(path, thread_local=False)
        try:
            lock.acquire(blocking=False)
        except (Timeout, OSError, NotImplementedError, RuntimeError):  # also what cannot be told
            return True
        _release(lock)
    return False


def _delete(entry: Path) -> None:
    for path in (entry, entry.with_suffix(FACTS)):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _verified(entry: Path) -> dict | None:
    """Return the facts of an entry if it is as it was written."""
    try:
        if entry.is_file() and entry.with_suffix(FACTS).is_file():  # a pipe would never end
            content = json.loads(entry.with_suffix(FACTS).read_text(encoding="utf-8"))
            if content["checksum"] == _checksum(entry, content["facts"]):
                return content["facts"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        pass
    return None


def _checksum(pixels: Path, facts: dict) -> str:
    with pixels.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    digest.update(json.dumps(facts, sort_keys=True).encode())
    return digest.hexdigest()


def _make(entry: Path, decode: Decoder, limit: float) -> tuple[Path, dict]:
    """Decode into an entry; return its pixels' place and its facts."""
    temporary = entry.with_name(f"{PARTIAL}{os.getpid()}-{uuid.uuid4().hex}")
    try:
        with _naming(temporary), temporary.open("wb") as file:
            facts = decode(file)
        record = json.dumps({"facts": facts, "checksum": _checksum(temporary, facts)})
        with _locked(entry.parent):
            if _verified(entry) is None:  # else another process was quicker
                _delete(entry)
                temporary.rename(entry)
                write_text(entry.with_suffix(FACTS), record)
            temporary.unlink(missing_ok=True)
            _note_use(entry)
            _make_room(entry.parent, limit)
        return entry, facts
    except _Unavailable:  # since the decoding began; what is decoded can be used all the same
        return (temporary if temporary.exists() else entry), facts
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Give an error of the disk the file's name, for writing and closing give none."""
    try:
        yield
    except OSError as error:
        if error.filename or error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from None


def _make_room(cache: Path, limit: float) -> tuple[int, int]:
    """Remove the least recently used entries beyond the limit; return the bytes removed, and how many are in use."""
    entries = _entries(cache)
    total, removed, in_use = sum(status.st_size for status in entries.values()), 0, 0
    for entry in sorted(entries, key=lambda entry: entries[entry].st_mtime_ns):
        if total - removed <= limit:
            break
        if _is_used(entry):
            in_use += 1
        else:
            _delete(entry)
            removed += entries[entry].st_size
    return removed, in_use


def _entries(cache: Path) -> dict[Path, os.stat_result]:
    return {entry: entry.lstat() for entry in cache.glob(f"*{PIXELS}")}


def _note_use(entry: Path) -> None:
    """Make an entry the one that was used last, also where the clock was set back."""
    with suppress(OSError):
        latest = max(status.st_mtime_ns for status in _entries(entry.parent).values())
        now = max(time.time_ns(), latest + 1)
        os.utime(entry, ns=(now, now))


def _mapping(file: BinaryIO) -> mmap.mmap:
    """Map a file copy-on-write: the caller may rearrange images, and the file stays as it is."""
    if sys.platform == "win32":
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    # Without MAP_NORESERVE (which Python 3.11 does not name), Linux wants memory for a copy of the whole file.
    flags = mmap.MAP_PRIVATE | (0x4000 if sys.platform == "linux" else 0)
    return mmap.mmap(file.fileno(), 0, flags=flags, prot=mmap.PROT_READ | mmap.PROT_WRITE)


def _decode_without_cache(decode: Decoder) -> tuple[np.ndarray, dict]:
    """Decode into a file that has no name and goes with the process."""
    try:
        with _naming(Path(tempfile.gettempdir(), "images")), tempfile.TemporaryFile() as file:
            facts = decode(file)
            file.flush()
            return np.frombuffer(_mapping(file), np.uint8), facts
    except FileNotFoundError as error:
        if error.filename is not None:
            raise
        raise InputError(f"images cannot be decoded ({error.strerror or error}); set TMPDIR to one") from None
