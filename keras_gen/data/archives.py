"""Images in a .zip or .tar, found and read as those of a folder are; nothing is unpacked to the disk."""

import bz2
import contextlib
import gzip
import io
import lzma
import os
import re
import stat
import tarfile
import tempfile
import threading
import zipfile
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

from keras_gen.data.decoding import Unusable
from keras_gen.data.finding import ENDINGS as IMAGE_ENDINGS
from keras_gen.data.finding import Found, is_hidden, is_run, is_wanted
from keras_gen.data.formats import HEAD, LARGE, MAX_PACKED, bomb, reading
from keras_gen.errors import InputError, WriteError
from keras_gen.text import PATH_LENGTH, counted, printable

ZIP = b"PK"
PACKERS = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\0": lzma.open}  # by how their files begin
ENDINGS = r"(\.(zip|tar|tgz|tbz2|txz|gz|bz2|xz))+$"
TAR_PLACE, TAR_MAGIC = 257, b"ustar"
MAX_MEMBER = 2**28  # bytes of an image file
IN_MEMORY = 2**27  # bytes of an unpacked tar; a larger one is kept in a temporary file that has no name
ENCRYPTED = 0x1  # a flag of a zip's member
LINK, OTHER = "link", "other"  # kinds of members that are no files
CHUNK = 2**20


class Entry(NamedTuple):
    """A member of an archive: its name as it is stored, its size, and where it is, or which kind it is instead."""

    name: str
    size: int
    where: object


@dataclass(frozen=True)
class Member:
    """A file in an archive; stands for the path of a file on the disk."""

    archive: "Archive"
    entry: Entry

    def open(self, mode: str) -> BinaryIO:
        """Return its content, to read from."""
        if self.entry.size > MAX_MEMBER:
            raise Unusable(f"has {self.entry.size:,} bytes, too many for an image in an archive")
        return io.BytesIO(self.archive.read(self.entry))


class Archive(ABC):
    """An archive, in the place of a folder; used in a `with`."""

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, printable(path, PATH_LENGTH)
        self.stem = re.sub(ENDINGS, "", path.name, flags=re.IGNORECASE) or path.name
        self._lock = threading.Lock()
        self._repeated, self._remarks = 0, []
        self.entries: dict[Path, Entry] = {}
        with reading(self.name):
            self._file = path.open("rb")
            try:
                for entry in self._listed():
                    self._add(entry)
            except BaseException:
                self._file.close()
                raise

    def __enter__(self) -> "Archive":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @abstractmethod
    def _listed(self) -> Iterable[Entry]:
        """Return all members but folders, in the archive's order."""

    @abstractmethod
    def read(self, entry: Entry) -> bytes:
        """Return the content of a member; several threads may ask."""

    def _add(self, entry: Entry) -> None:
        name = PurePosixPath(entry.name)
        if name.is_absolute() or ".." in name.parts or re.match("[A-Za-z]:/", entry.name):
            raise InputError(
                f"{self.name} has a member that leads out of it ({printable(entry.name)}); pack the folder of images "
                "again, by its relative path"
            )
        if name.parts:
            path = Path(*name.parts)
            self._repeated += path in self.entries
            self.entries[path] = entry

    def find(self) -> Found:
        """Return the images of the archive, by the rules for those of a folder."""
        found = Found(remarks=list(self._remarks))
        if self._repeated:
            found.remarks.append(
                f"Members {counted(self._repeated, 'name')} in {self.name} come again; the last of each is used"
            )
        runs, seen_runs = self._runs(), set()
        for path, entry in self.entries.items():
            if any(is_hidden(part) for part in path.parts):
                continue
            if runs and (inside := runs & set(path.parents)):
                seen_runs |= inside
            elif entry.where is LINK:
                found.links += 1
            elif entry.where is OTHER:
                found.special += 1
            elif is_wanted(self.file(path), path.suffix.lower()):
                found.files.append(path)
            else:
                found.passed[path.suffix.lower()] += 1
        found.runs = len(seen_runs)
        found.files.sort()
        return found

    def _runs(self) -> set[Path]:
        """Return the folders that hold our own output."""
        names: dict[Path, set[str]] = defaultdict(set)
        for path in self.entries:
            names[path.parent].add(path.name)
        for path in list(names):
            for inner, folder in zip([path, *path.parents], path.parents, strict=False):
                names[folder].add(inner.name)
        models = {path.parents[1] for path in self.entries if path.suffix == ".keras" and path.parent.name == "models"}
        return {
            folder
            for folder, inside in names.items()
            if folder in models or is_run(inside, lambda record=folder / "run.json": self._content(record))
        }

    def _content(self, path: Path) -> bytes:
        """Return what is in a member; nothing if it cannot be read, or is a folder."""
        with contextlib.suppress(Exception):  # damage shows in many ways
            return self.file(path).open("rb").read()
        return b""

    def file(self, path: Path) -> Member:
        """Return a member, to open."""
        return Member(self, self.entries[path])

    def states(self, files: list[Path]) -> list[object]:
        """Return what changes when the files do."""
        status = os.stat(self.path)
        return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


class ZipArchive(Archive):
    """A .zip."""

    def _listed(self) -> Iterable[Entry]:
        self._zip = zipfile.ZipFile(self._file)
        files = [info for info in self._zip.infolist() if not info.is_dir()]
        total, packed = sum(info.file_size for info in files), os.fstat(self._file.fileno()).st_size
        if total > max(LARGE, MAX_PACKED * packed):
            raise InputError(bomb(self.name, total))
        if any(info.flag_bits & ENCRYPTED for info in files):
            raise InputError(f"{self.name} is encrypted; unpack it with its password, and name the folder")
        for info in files:
            if info.file_size > max(MAX_MEMBER // 2, MAX_PACKED * info.compress_size):
                raise InputError(bomb(f"{printable(info.filename)} in {self.name}", info.file_size))
            is_link = stat.S_ISLNK(info.external_attr >> 16)
            # Some programs for Windows part folders by backslashes, against the format.
            if not (name := info.filename.replace("\\", "/")).endswith("/"):
                yield Entry(name, info.file_size, LINK if is_link else info)

    def read(self, entry: Entry) -> bytes:
        """Return the content of a member."""
        return self._zip.read(entry.where)


class TarArchive(Archive):
    """A .tar, which may be packed as a whole by gzip, bzip2 or xz; it is then unpacked once."""

    def _listed(self) -> Iterable[Entry]:
        head = self._file.read(HEAD)
        self._file.seek(0)
        for magic, opened in PACKERS.items():
            if head.startswith(magic):
                self._unpack(opened)
        found: dict[str, Entry] = {}
        with self._opened() as archive:
            while (member := archive.next()) is not None:
                archive.members.clear()  # else all would stay in memory
                if member.isdir():
                    continue
                entry = Entry(member.name, member.size, member.offset_data)
                if member.islnk() and member.linkname in found:  # the second name of a file
                    entry = found[member.linkname]._replace(name=member.name)
                elif not member.isreg() or member.sparse is not None:
                    entry = entry._replace(where=LINK if member.issym() or member.islnk() else OTHER)
                found[member.name] = entry
                yield entry
            self._file.seek(archive.offset)
        rest = self._file.read(tarfile.BLOCKSIZE)  # of zeros, at the end
        if rest.strip(b"\0") or 0 < len(rest) < tarfile.BLOCKSIZE:
            raise tarfile.ReadError("unexpected end of data")
        if not rest:
            self._remarks.append(f"Members {self.name} has no end mark; it may be cut short")

    def _opened(self) -> tarfile.TarFile:
        try:
            return tarfile.open(fileobj=self._file, mode="r:")
        except tarfile.ReadError:
            raise InputError(f"{self.name} holds no .tar; unpack it, and name what is in it") from None

    def _unpack(self, opened: Callable[[BinaryIO], BinaryIO]) -> None:
        """Put the tar itself into memory, or into a file without a name."""
        limit = max(LARGE, MAX_PACKED * os.fstat(self._file.fileno()).st_size)
        packed, self._file = self._file, tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115, closed with the archive
        with packed, opened(packed) as content:
            while chunk := content.read(CHUNK):
                try:
                    self._file.write(chunk)
                except OSError as error:
                    raise WriteError(error.errno, error.strerror, tempfile.gettempdir()) from None
                if self._file.tell() > limit:
                    raise InputError(bomb(self.name, self._file.tell()))
        self._file.seek(0)

    def read(self, entry: Entry) -> bytes:
        """Return the content of a member."""
        with self._lock:
            self._file.seek(entry.where)
            content = self._file.read(entry.size)
        if len(content) < entry.size:
            raise Unusable("is cut short")
        return content


def open_archive(path: Path) -> Archive | None:
    """Return the archive that a file is, by its content; None if it is none that can hold images.

    Raises:
        InputError: It is damaged, or would unpack to far more than it is.
    """
    with reading(printable(path, PATH_LENGTH)), path.open("rb") as file:
        head = file.read(HEAD)
    if head.startswith(ZIP):
        return None if path.suffix.lower() == ".npz" else _of_images(ZipArchive(path))
    is_packed = head.startswith(tuple(PACKERS))
    is_tar = head[TAR_PLACE:].startswith(TAR_MAGIC) or (head and path.suffix.lower() == ".tar")
    return TarArchive(path) if is_packed or is_tar else None


def _of_images(archive: ZipArchive) -> ZipArchive | None:
    """Return the archive, unless it is an .npz of another name."""
    endings = {path.suffix.lower() for path in archive.entries}
    if ".npy" in endings and not endings & set(IMAGE_ENDINGS):
        archive.__exit__()
        return None
    return archive
