"""Which files below a folder are images; own output, other kinds of files and special files are passed over."""

import json
import os
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from keras_gen.data.decoding import can_read_heif, is_image
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
    "name one with `dataset`": "npz",
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
    """

    files: list[Path] = field(default_factory=list)
    passed: Counter = field(default_factory=Counter)
    runs: int = 0
    special: int = 0

    def describe_passed(self) -> str:
        """Say what was passed over, by ending, with the remedy; empty if nothing was."""
        parts, rest = [], self.passed.total()
        for ending, count in self.passed.most_common(KINDS_SHOWN):
            kind = printable(ending, LONGEST_ENDING) if ending else "without an ending"
            parts.append(f"{count:,} {kind}" + (f" ({REMEDY[ending]})" if ending in REMEDY else ""))
            rest -= count
        parts += [f"{rest:,} with other endings"] * (rest > 0)
        parts += [_plural(self.special, "pipe, socket or device", "pipes, sockets or devices")] * (self.special > 0)
        parts += [_plural(self.runs, "run folder", "run folders")] * (self.runs > 0)
        return ", ".join(parts)


def find_images(root: Path) -> Found:
    """Look through a folder and its sub-folders, except hidden ones and run folders, each once however it is linked.

    Raises:
        InputError: A folder cannot be read, or the folder itself is a run.
    """
    found, seen = Found(), set()
    around = os.path.realpath(root)
    folders, links = [root], []
    while folders or links:
        is_link = not folders
        folder = links.pop(0) if is_link else folders.pop()
        real = os.path.realpath(folder)
        if real in seen or (is_link and Path(around).is_relative_to(real)):
            continue
        seen.add(real)
        entries = _entries(folder)
        if _is_run(folder, {entry.name for entry in entries}):
            if folder == root:
                where = printable(root, PATH_LENGTH)
                raise InputError(f"{where} is a run folder; name the folder of the images to train on")
            found.runs += 1
            continue
        for entry in entries:
            path = Path(entry.path)
            if os.path.isdir(path):
                # What lies there itself comes before what links bring, so that it keeps its own class.
                (links if entry.is_symlink() else folders).append(path)
            elif os.path.exists(path) and not os.path.isfile(path):
                found.special += 1
            elif _is_wanted(path):
                found.files.append(path.relative_to(root))
            else:
                found.passed[path.suffix.lower()] += 1
    found.files.sort()
    return found


def _is_wanted(path: Path) -> bool:
    ending = path.suffix.lower()
    if ending in HEIF_ENDINGS:
        return can_read_heif()
    return ending in ENDINGS or (ending not in REMEDY and is_image(path))


def _entries(folder: Path) -> list[os.DirEntry]:
    try:
        with os.scandir(folder) as entries:
            visible = [entry for entry in entries if not (entry.name.startswith(".") or entry.name.lower() in SILENT)]
    except OSError as error:
        raise InputError(
            f"{printable(folder, PATH_LENGTH)} cannot be read ({error.strerror}); allow reading it, or move it away"
        ) from None
    return sorted(visible, key=lambda entry: entry.name)


def _is_run(folder: Path, names: set[str]) -> bool:
    """Tell whether a folder holds our own output: a run, also a damaged one, or a run of the minimal GANs."""
    if len(names & RUN_FILES) > 1 or {"run.json", "checkpoints"} <= names or any(folder.glob("models/*.keras")):
        return True
    with suppress(OSError, ValueError, RecursionError):
        return os.path.isfile(folder / "run.json") and "format_version" in json.loads(
            (folder / "run.json").read_bytes()
        )
    return False


def _plural(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"
