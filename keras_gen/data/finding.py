"""Which files below a folder are images; own output, other kinds of files and special files are passed over."""

import json
import os
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from keras_gen.data.decoding import File, can_read_heif, is_image
from keras_gen.errors import InputError
from keras_gen.text import PATH_LENGTH, printable

ENDINGS = (".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".mpo", ".webp", ".bmp", ".dib", ".gif", ".tif")
ENDINGS += (".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".avif")
HEIF_ENDINGS = (".heic", ".heif", ".hif")
REMEDIES = {  # of files that are pictures, or hold some, in a form that is not read
    "pip install pillow-heif to read them": "heic heif hif",
    "save them as PNG or JPEG": "dng nef cr2 cr3 arw raf orf rw2 pef srw svg psd pdf eps jp2 j2k jxl tga exr ico dcm",
    "save their frames as PNG": "mp4 mov avi mkv webm m4v",
    "unpack them": "zip tar gz tgz 7z rar bz2 xz",
    "name one with `dataset`": "npz npy h5 hdf5",
}
REMEDY = {f".{ending}": remedy for remedy, endings in REMEDIES.items() for ending in endings.split()}
SILENT = {"__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "@eadir", "$recycle.bin", "lost+found"}
RUN_FILES = {"run.json", "history.csv", "timing.csv", "losses.png"}  # two of them are no accident
KINDS_SHOWN, LONGEST_ENDING = 6, 12


@dataclass
class Found:
    """What lies below a folder.

    Attributes:
        files: The images, sorted, relative to the folder.
        passed: Number of other files, by their ending.
        runs: Number of folders that hold our own output.
        special: Number of named pipes, sockets and devices.
        links: Number of links in an archive.
        remarks: Lines for the user.
    """

    files: list[Path] = field(default_factory=list)
    passed: Counter = field(default_factory=Counter)
    runs: int = 0
    special: int = 0
    links: int = 0
    remarks: list[str] = field(default_factory=list)

    def describe_passed(self) -> str:
        """Say what was passed over, by ending, with the remedy; empty if nothing was."""
        parts, rest = [], self.passed.total()
        for ending, count in self.passed.most_common(KINDS_SHOWN):
            kind = printable(ending, LONGEST_ENDING) if ending else "without an ending"
            parts.append(f"{count:,} {kind}" + (f" ({REMEDY[ending]})" if ending in REMEDY else ""))
            rest -= count
        parts += [f"{rest:,} with other endings"] * (rest > 0)
        parts += [_plural(self.special, "pipe, socket or device", "pipes, sockets or devices")] * (self.special > 0)
        parts += [_plural(self.links, "link", "links")] * (self.links > 0)
        parts += [_plural(self.runs, "run folder", "run folders")] * (self.runs > 0)
        return ", ".join(parts)


class Folder:
    """A folder of images; an archive has the same methods."""

    def __init__(self, path: Path) -> None:
        self.path, self.name, self.stem = path, printable(path, PATH_LENGTH), path.resolve().name

    def __enter__(self) -> "Folder":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def find(self) -> Found:
        """Look through the folder and all below, except hidden ones and run folders, each once however it is linked.

        Raises:
            InputError: A folder cannot be read, or the folder itself is a run.
        """
        found, seen = Found(), set()
        around = os.path.realpath(self.path)
        folders, links = [self.path], []
        while folders or links:
            is_link = not folders
            folder = links.pop(0) if is_link else folders.pop()
            real = os.path.realpath(folder)
            if real in seen or (is_link and Path(around).is_relative_to(real)):
                continue
            seen.add(real)
            entries = _entries(folder)
            names = {entry.name for entry in entries}
            has_models = "models" in names and any(folder.glob("models/*.keras"))
            if has_models or is_run(
                names, lambda record=folder / "run.json": record.read_bytes() if record.is_file() else b""
            ):
                if folder == self.path:
                    which = "a run folder" if "run.json" in names else "a run folder without run.json"
                    raise InputError(f"{self.name} is {which}; name the folder of the images to train on")
                found.runs += 1
                continue
            for entry in entries:
                path = Path(entry.path)
                if os.path.isdir(path):
                    # What lies there itself comes before what links bring, so that it keeps its own class.
                    (links if entry.is_symlink() else folders).append(path)
                elif os.path.exists(path) and not os.path.isfile(path):
                    found.special += 1
                elif is_wanted(path, path.suffix.lower()):
                    found.files.append(path.relative_to(self.path))
                else:
                    found.passed[path.suffix.lower()] += 1
        found.files.sort()
        return found

    def file(self, path: Path) -> Path:
        """Return one of the files found, to open."""
        return self.path / path

    def states(self, files: list[Path]) -> list[object]:
        """Return what changes when the files do."""
        return [_state(self.path / file) for file in files]


def _state(path: Path) -> tuple[int, ...] | None:
    try:
        status = path.stat()
    except OSError:  # a link to nowhere, or a file that has gone
        return None
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def is_wanted(file: File, ending: str) -> bool:
    """Tell whether a file is an image that can be read, by its ending or else by its content."""
    if ending in HEIF_ENDINGS:
        return can_read_heif()
    return ending in ENDINGS or (ending not in REMEDY and is_image(file))


def _entries(folder: Path) -> list[os.DirEntry]:
    try:
        with os.scandir(folder) as entries:
            visible = [entry for entry in entries if not is_hidden(entry.name)]
    except OSError as error:
        raise InputError(
            f"{printable(folder, PATH_LENGTH)} cannot be read ({error.strerror}); allow reading it, or move it away"
        ) from None
    return sorted(visible, key=lambda entry: entry.name)


def is_hidden(name: str) -> bool:
    """Tell whether a file or a folder is one that systems hide, or leave behind."""
    return name.startswith(".") or name.lower() in SILENT


def is_run(names: set[str], read_record: Callable[[], bytes]) -> bool:
    """Tell by what is in a folder that it is our own output: a run, also a damaged one, or one of the minimal GANs."""
    if len(names & RUN_FILES) > 1 or {"run.json", "checkpoints"} <= names:
        return True
    with suppress(OSError, ValueError, RecursionError):
        return "run.json" in names and "format_version" in json.loads(read_record())
    return False


def _plural(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"
