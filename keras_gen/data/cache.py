"""Decoded images on the disk: verified before use, shared by processes, limited in size.

An entry is a folder with pixels and their facts. Its users hold locks of files in it, which end with their processes.
"""

import json
import mmap
import os
import shutil
import sys
import tempfile
import time
import uuid
import weakref
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np
from filelock import FileLock, Timeout

from keras_gen.data.finding import LONGEST_PATH, shown
from keras_gen.errors import InputError
from keras_gen.files import PARTIAL, write_text

LIMIT_VARIABLE, LIMIT_GB = "KERAS_GEN_CACHE_GB", 10.0
LOCK_SECONDS, BLOCK = 60, 2**24  # for the cache's own lock, only held for moments; bytes read at a time
PIXELS, FACTS, IN_USE = "images.u8", "facts.json", "use-"

Decoder = Callable[[BinaryIO], dict]


class _Unavailable(Exception):
    """The cache cannot be used; the text says why."""


def image_cache() -> Path | None:
    """Return the folder of decoded images, `$KERAS_HOME/keras_gen/images` or below `~/.keras`; None without a home."""
    try:
        return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "keras_gen" / "images"
    except RuntimeError:  # no HOME, and the system does not know the user
        return None


def fetch(cache: Path | None, key: str, decode: Decoder, say: Callable[[str], None]) -> tuple[np.ndarray, dict]:
    """Return the pixels and facts of an entry; decode them if there is none, or a damaged one.

    Args:
        cache: The folder of all entries; where it cannot be used, pixels go to a temporary file instead.
        key: The entry's name, made of all that its content depends on.
        decode: Writes the pixels to a file and returns the facts, as JSON has them.
        say: Takes lines of text for the user.

    Returns:
        uint8 (n,), mapped from a file: what is changed in it never reaches the file; and the facts.
    """
    limit = _limit()
    try:
        if cache is None:
            raise _Unavailable("there is no home folder; KERAS_HOME can name another")
        found = _read(cache, cache / key, say)
        if found is None:
            folder, lock = _begin(cache)
    except _Unavailable as reason:
        say(f"Cache   not used ({reason}); images are decoded into a temporary file")
        return _decode_without_cache(decode)
    if found is not None:
        return found
    try:
        facts = _write(folder, decode)
        place, lock = _publish(cache, folder, cache / key, lock, limit)
    except BaseException:
        lock.release()
        shutil.rmtree(folder, ignore_errors=True)
        raise
    pixels = _mapped_while_locked(place, lock)
    say(f"Cache   {shown(place, LONGEST_PATH)} ({pixels.size / 1e6:.1f} MB)")
    return pixels, facts


def clear_cache(cache: Path | None = None) -> tuple[int, int]:
    """Remove all decoded images that no process uses.

    Args:
        cache: The folder of all entries; None is the usual one.

    Returns:
        How many bytes were removed, and how many entries are in use and stay.
    """
    cache = cache or image_cache()
    if cache is None or not cache.is_dir():
        return 0, 0
    try:
        with _locked(cache):
            sizes = {entry: _size(entry) for entry in _entries(cache)}
            removed = [size for entry, size in sizes.items() if _remove(entry)]
    except _Unavailable as reason:
        raise InputError(f"the cache of images cannot be emptied: {reason}") from None
    return sum(removed), len(sizes) - len(removed)


def _limit() -> float:
    """Return how many bytes the cache may have."""
    text = os.environ.get(LIMIT_VARIABLE) or LIMIT_GB
    try:
        limit = float(text)
    except ValueError:
        limit = -1
    if not limit >= 0:
        raise InputError(f"{LIMIT_VARIABLE} must be a number of gigabytes from 0 up; received {text}")
    return limit * 1e9


@contextmanager
def _locked(cache: Path) -> Iterator[None]:
    """Hold the lock of the whole cache, for moments; what goes wrong then makes the cache unavailable."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(cache / ".lock", timeout=LOCK_SECONDS, thread_local=False):
            yield
    except Timeout:
        raise _Unavailable(f"{shown(cache, LONGEST_PATH)} is locked by another process") from None
    except (OSError, NotImplementedError) as error:
        reason = getattr(error, "strerror", None) or error
        raise _Unavailable(f"{shown(cache, LONGEST_PATH)} cannot be written: {reason}") from None


def _hold(folder: Path) -> FileLock:
    """Mark an entry as used by this process."""
    lock = FileLock(folder / f"{IN_USE}{uuid.uuid4().hex}", thread_local=False)
    lock.acquire()
    return lock


def _release(lock: FileLock) -> None:
    with suppress(OSError):
        lock.release()
        Path(lock.lock_file).unlink(missing_ok=True)


def _is_used(folder: Path) -> bool:
    for path in folder.glob(f"{IN_USE}*"):
        lock = FileLock(path, thread_local=False)
        try:
            lock.acquire(blocking=False)
        except (Timeout, OSError, NotImplementedError, RuntimeError):  # also what cannot be told
            return True
        _release(lock)
    return False


def _remove(entry: Path) -> bool:
    """Remove an entry unless it is used; tell whether it was removed."""
    if _is_used(entry):
        return False
    shutil.rmtree(_set_aside(entry), ignore_errors=True)
    return True


def _set_aside(entry: Path) -> Path:
    """Rename an entry to a leftover, which is removed as soon as nobody uses it."""
    return entry.rename(entry.with_name(f"{PARTIAL}{uuid.uuid4().hex}"))


def _read(cache: Path, place: Path, say: Callable[[str], None]) -> tuple[np.ndarray, dict] | None:
    """Return a whole entry, held; a damaged one is set aside."""
    with _locked(cache):
        if not os.path.lexists(place):
            return None
        lock = _hold(place) if place.is_dir() else None
    if lock is not None and (facts := _verified(place)) is not None:
        stamp = max([time.time_ns(), *(_last_use(entry) + 1 for entry in cache.iterdir())])  # clocks are set back
        with suppress(OSError):
            os.utime(place / FACTS, ns=(stamp, stamp))
        return _mapped_while_locked(place, lock), facts
    say(f"Cache   {shown(place, LONGEST_PATH)} is damaged and is made again")
    with _locked(cache):
        if lock is not None:
            _release(lock)
        if os.path.lexists(place):
            _set_aside(place) if lock else place.unlink()
    return None


def _verified(place: Path) -> dict | None:
    """Return the facts of an entry if it is as it was written."""
    try:
        if not ((place / FACTS).is_file() and (place / PIXELS).is_file()):  # a pipe would never end
            return None
        content = json.loads((place / FACTS).read_text(encoding="utf-8"))
        facts = content["facts"]
        return facts if content["checksum"] == _checksum(facts, place / PIXELS) else None
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def _checksum(facts: dict, pixels: Path) -> list[int]:
    """Return checksums of an entry's two parts, and the size."""
    total = size = 0
    with pixels.open("rb") as file:
        while block := file.read(BLOCK):
            total, size = zlib.crc32(block, total), size + len(block)
    return [zlib.crc32(json.dumps(facts, sort_keys=True).encode()), total, size]


def _begin(cache: Path) -> tuple[Path, FileLock]:
    """Make a folder to decode into, held, and remove what killed processes left."""
    with _locked(cache):
        for leftover in cache.glob(f"{PARTIAL}*"):
            if leftover.is_dir() and not _is_used(leftover):
                shutil.rmtree(leftover, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=PARTIAL, dir=cache))
        return folder, _hold(folder)


def _write(folder: Path, decode: Decoder) -> dict:
    try:
        with (folder / PIXELS).open("wb") as file:
            facts = decode(file)
        write_text(folder / FACTS, json.dumps({"facts": facts, "checksum": _checksum(facts, folder / PIXELS)}))
    except OSError as error:
        raise _named(error, folder / PIXELS) from None
    return facts


def _named(error: OSError, path: Path) -> OSError:
    """Return the error with a file's name: writing itself gives none."""
    return error if error.filename or error.errno is None else OSError(error.errno, error.strerror, str(path))


def _publish(cache: Path, folder: Path, place: Path, lock: FileLock, limit: float) -> tuple[Path, FileLock]:
    """Give a finished entry its name; return where it is, and the lock that holds it."""
    try:
        with _locked(cache):
            _release(lock)  # Windows renames no folder with an open file
            if place.is_dir():  # another process was quicker
                shutil.rmtree(folder, ignore_errors=True)
            else:
                folder.rename(place)
            lock = _hold(place)
            _make_room(cache, limit)
        return place, lock
    except _Unavailable:  # since the decoding began; what is decoded can be used all the same
        return (place if place.is_dir() else folder), lock


def _make_room(cache: Path, limit: float) -> None:
    """Remove entries until the rest is within the limit, the least recently used first."""
    entries = [entry for entry in _entries(cache) if not entry.name.startswith(PARTIAL)]
    total = sum(map(_size, entries))
    for entry in sorted(entries, key=_last_use):
        size = _size(entry)
        if total > limit and _remove(entry):
            total -= size


def _entries(cache: Path) -> set[Path]:  # the user may name a folder that holds other things, too
    return {path.parent for name in (PIXELS, FACTS) for path in cache.glob(f"*/{name}")}


def _size(entry: Path) -> int:
    return sum(path.stat().st_size for path in entry.glob("*") if path.is_file())


def _last_use(entry: Path) -> int:
    return max((path.stat().st_mtime_ns for path in entry.glob(FACTS)), default=0)


def _mapped_while_locked(place: Path, lock: FileLock) -> np.ndarray:
    """Map an entry's pixels; it counts as used until the last array of them is gone."""
    with (place / PIXELS).open("rb") as file:
        mapping = _mapping(file)
    weakref.finalize(mapping, _release, lock)
    return np.frombuffer(mapping, np.uint8)


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
        with tempfile.TemporaryFile() as file:
            facts = decode(file)
            file.flush()
            return np.frombuffer(_mapping(file), np.uint8), facts
    except FileNotFoundError as error:
        if error.filename is not None:
            raise
        raise InputError(f"images cannot be decoded ({error.strerror or error}); set TMPDIR to one") from None
    except OSError as error:
        raise _named(error, Path(tempfile.gettempdir(), "images")) from None
