"""What both robustness tools share: tiny trainings, and what two runs must have in common."""

import hashlib
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

SETTINGS = {
    "vae": ["--set", "encoder.intermediate_dim=8", "--jit", "off"],  # XLA would take most of the time
    "dcgan": [
        *("--set", "generator.latent_dim=20", "--set", "generator.filters=4"),
        *("--set", "generator.base_filters=4", "--set", "discriminator.filters=4"),
    ],
}
CLOCK = re.compile(r"\d[\d.,]*( |&nbsp;)?(s|ms|min|h|seconds|steps/s)\b|\d\d:\d\d(:\d\d)?|\d{4}-\d\d-\d\d")
ADDRESS = re.compile(rb'"shared_object_id": \d+')  # of a layer in memory
RESUME = re.compile(r"\n[^\n<]*--resume [^\n<]*")
IDENTITY = re.compile(r"\b[0-9a-f]{32,64}\b")  # a run's id, a checksum


def write_images(path: Path) -> Path:
    """Write 80 striped images of 16 pixels as an .npz and return its path."""
    from tests.conftest import striped_images

    images, labels = striped_images(80, size=16)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, images=images, labels=labels)
    return path


def training(kind: str, data: Path, epochs: int = 2, seed: int = 0) -> list[str]:
    """Return the command of a tiny training, but for its folder."""
    own = ["--recipe", "chapter", "--batch-size", "24", "--evaluate-every", "1", *SETTINGS[kind]]
    return [f"train-{kind}", "--dataset", str(data), "--epochs", str(epochs), "--seed", str(seed), *own]


def plain(text: str, folder: Path) -> str:
    """Return a text without what may differ from run to run: times, paths, checksums and ids."""
    text = text.replace(str(folder), "RUN").replace(str(folder.parent), "FOLDER")
    return IDENTITY.sub("ID", CLOCK.sub("TIME", text))


def content(path: Path, folder: Path) -> str:
    """Return what a file of a run folder holds, without what may differ from run to run, as a text to compare."""
    try:
        return _digest(path, folder)
    except PermissionError:
        return "not readable"
    except Exception:  # a damaged file, of any kind
        return hashlib.sha256(path.read_bytes()).hexdigest()


def _digest(path: Path, folder: Path) -> str:
    if path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            config, weights = (archive.read(name) for name in ("config.json", "model.weights.h5"))
        return hashlib.sha256(ADDRESS.sub(b"", config) + weights).hexdigest()
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as arrays:
            texts = [f"{name} {hashlib.sha256(arrays[name].tobytes()).hexdigest()}" for name in sorted(arrays)]
        return "\n".join(text for text in texts if not text.startswith("position"))
    if path.name == "checksums.txt":
        return "\n".join(sorted({line.partition("  ")[2] for line in path.read_text().splitlines()}))
    if path.name == "timing.csv":
        return "\n".join(line.partition(",")[0] for line in path.read_text().splitlines())
    if path.name == "run.json":
        record = json.loads(path.read_text())
        return plain(json.dumps({name: record[name] for name in record if name != "commands"}, indent=1), folder)
    if path.suffix == ".html":  # a report lists the commands of the run, of which a resumed one has more
        return plain(RESUME.sub("", path.read_text(encoding="utf-8")), folder)
    if path.suffix in (".csv", ".json", ".txt", ".toml"):
        return plain(path.read_text(encoding="utf-8"), folder)
    if path.suffix == ".png":
        from PIL import Image

        with Image.open(path) as image:
            return hashlib.sha256(f"{image.size} {image.mode}".encode() + image.tobytes()).hexdigest()
    return hashlib.sha256(path.read_bytes()).hexdigest()


def contents(folder: Path) -> dict[str, str]:
    """Return `content` of each file in a folder, by its name; temporary and lock files are left out."""
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith("."))
    return {path.relative_to(folder).as_posix(): content(path, folder) for path in paths}


def differing_lines(one: str, other: str) -> set[int]:
    """Return the numbers of the lines that differ between two texts; all of them if there are more in one."""
    first, second = one.splitlines(), other.splitlines()
    if len(first) != len(second):
        return set(range(max(len(first), len(second))))
    return {number for number, (a, b) in enumerate(zip(first, second, strict=True)) if a != b}


def same_but(volatile: set[int], one: str, other: str) -> bool:
    """Return whether two texts are equal, but for lines that differ from run to run anyway."""
    same_length = len(one.splitlines()) == len(other.splitlines())
    return one == other or (same_length and differing_lines(one, other) <= volatile)


def finished_lines(path: Path, is_whole: Callable[[dict], bool] = bool) -> list[dict]:
    """Return the rows of a JSON-lines file of progress; a line that was cut off is left out."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    return [row for row in rows if is_whole(row)]


def append_line(path: Path, row: dict) -> None:
    """Add a row to a JSON-lines file of progress."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row, ensure_ascii=False) + "\n")


def markdown(rows: list[list[str]]) -> str:
    """Return rows of cells, the titles first, as a table in Markdown."""
    lines = [f"| {' | '.join(map(str, row))} |" for row in rows]
    return "\n".join([lines[0], f"|{' --- |' * len(rows[0])}", *lines[1:]])
