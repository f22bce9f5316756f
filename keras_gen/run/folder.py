"""The folder that a run leaves behind, and the only code that writes into it.

run.json  checksums.txt  history.csv  timing.csv  images/  latents/  figures/  models/  checkpoints/
report.html  metrics.csv  metrics.json  prior.npz
"""

from __future__ import annotations

import csv
import io
import json
import os
import shlex
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from filelock import FileLock, Timeout

from keras_gen import files
from keras_gen.errors import InputError
from keras_gen.run import networks
from keras_gen.run.arguments import as_path
from keras_gen.run.checkpoints import PATTERN
from keras_gen.run.integrity import Checksums
from keras_gen.run.new_folder import file_name, make_folder, new_id
from keras_gen.run.record import FORMAT_VERSION, read_record

if TYPE_CHECKING:
    import keras

DAMAGED = (EOFError, ValueError, KeyError, AttributeError, TypeError, RuntimeError, zipfile.BadZipFile, zlib.error)


class RunFolder:
    """One run's folder, and the checksums of the files in it."""

    def __init__(self, path: str | Path) -> None:
        self._path, self._working_folder = as_path("path", path), _working_folder()

    @property
    def path(self) -> Path:
        """The folder's path: as it was given, or an absolute one once the working folder is another (`%cd`)."""
        if self._path.is_absolute() or self._working_folder in (None, _working_folder()):
            return self._path
        return self._working_folder / self._path

    @property
    def argument(self) -> str:
        """The path as a word of a command line: quoted, and never a flag."""
        path = str(self.path)
        return shlex.quote(f"./{path}" if path.startswith("-") else path)

    @property
    def checksums(self) -> Checksums:
        """The checksums of its files."""
        return Checksums(self.path)

    @classmethod
    def create(
        cls,
        out: str | Path | None,
        kind: str,
        dataset: str,
        root: str | Path = "runs",
        facts: dict[str, object] | None = None,
    ) -> RunFolder:
        """Make a run's folder; nothing that exists is ever written over.

        Args:
            out: Its path; None numbers it under `root`, as in `runs/0007-dcgan-cifar10-automobile`.
            kind: `vae` or `dcgan`.
            dataset: Name of the data set.
            root: Where numbered folders go.
            facts: What run.json says from the first moment on.
        """

        def prepare(path: Path) -> None:
            for name in ("images", "figures", "models"):
                (path / name).mkdir()
            cls(path).write(**{"id": new_id()} | (facts or {}))

        return cls(make_folder(out, f"{kind}-{file_name(dataset)}", root, prepare))

    @property
    def figures(self) -> Path:
        """Where the figures of the whole run go; made again if someone removed it."""
        path = self.path / "figures"
        path.mkdir(exist_ok=True)
        return path

    @property
    def checkpoints(self) -> Path:
        """Where checkpoints are; made when the first is written."""
        return self.path / "checkpoints"

    def epoch_image(self, epoch: int) -> Path:
        """Return the path of one epoch's grid of images."""
        return self.path / "images" / f"epoch-{epoch:04d}.png"

    def epoch_codes(self, epoch: int) -> Path:
        """Return the path of where held-out images lay in the latent space after one epoch."""
        return self.path / "latents" / f"epoch-{epoch:04d}.npz"

    def epochs_with(self, path_of: Callable[[int], Path]) -> list[int]:
        """Return the epochs that have a file, rising; `path_of` is `epoch_image` or `epoch_codes`."""
        example = path_of(0)
        names = (path.stem.removeprefix("epoch-") for path in example.parent.glob(f"epoch-*{example.suffix}"))
        return sorted(int(name) for name in names if name.isdecimal())

    @contextmanager
    def replacing(self, path: Path) -> Iterator[Path]:
        """Give a temporary path to write to; on leaving, note the checksum of a file in here and rename it."""
        absolute, folder = Path(os.path.abspath(path)), Path(os.path.abspath(self.path))
        with files.replacing(path) as temporary:
            yield temporary
            if absolute.is_relative_to(folder):
                self.checksums.add(self.path / absolute.relative_to(folder), temporary)

    def write_text(self, name: str | Path, text: str) -> None:
        """Make or replace a text file; its name may be an absolute path, too."""
        files.write_text(self.path / name, text, self.replacing)

    def checked(self, path: Path) -> Path:
        """Return the path of a file of this folder, or raise InputError if it is not what the run wrote."""
        self.checksums.check(path)
        return path

    def write_codes(self, epoch: int, z_mean: np.ndarray, labels: np.ndarray | None) -> None:
        """Keep the codes of held-out images after an epoch: float32 (n, latent_dim), and labels or None."""
        self.write_arrays(self.epoch_codes(epoch), z_mean=z_mean, **({} if labels is None else {"labels": labels}))

    def read_codes(self, epoch: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Return what `write_codes` kept."""
        arrays = self.read_arrays(self.epoch_codes(epoch), {"z_mean"}, "remove it")
        return arrays["z_mean"], arrays.get("labels")

    def write_arrays(self, path: Path, **arrays: object) -> None:
        """Make or replace an .npz of this folder."""
        with self.replacing(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **arrays)

    def read_arrays(self, path: Path, needed: set[str], remedy: str) -> dict[str, np.ndarray]:
        """Return the arrays of an .npz of this folder, or raise InputError with a remedy; some are needed."""
        self.checksums.check(path)
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
                arrays = dict(content)
            if not needed <= arrays.keys():
                raise ValueError(f"it has no {min(needed - arrays.keys())}")
            return arrays
        except (OSError, *DAMAGED) as error:
            raise InputError(f"{path} cannot be read ({error}); {remedy}") from None

    def read(self) -> dict:
        """Return run.json, in the form of the present version."""
        record = read_record(self.path / "run.json")
        self.checksums.check(self.path / "run.json")
        return record

    def write(self, **facts: object) -> None:
        """Set fields of run.json, keeping the others."""
        path = self.path / "run.json"
        record = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        self.write_text("run.json", json.dumps(record | {"format_version": FORMAT_VERSION} | facts, indent=2) + "\n")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from training here; the lock goes with the process, however that ends."""
        lock = FileLock(self.path / ".lock", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise InputError(f"{self.path} is being trained by another process; wait for it, or stop it") from None
        except (OSError, NotImplementedError):  # a file system without locks
            pass
        try:
            yield
        finally:
            lock.release()

    @property
    def has_checkpoint(self) -> bool:
        """Whether there is anything to resume from."""
        return any(self.checkpoints.glob(PATTERN))

    @property
    def used(self) -> bool:
        """Whether a run has been written here."""
        return (self.path / "history.csv").exists() or self.checkpoints.exists()

    def missing(self, *names: str) -> list[Path]:
        """Return those of the files that the run has written and that are no longer there."""
        written = set(self.checksums.known())
        return [path for name in names if (path := self.path / name) in written and not path.is_file()]

    def write_table(self, name: str, rows: list[dict[str, float]]) -> None:
        """Write a row for each epoch: history.csv, timing.csv or metrics.csv.

        The history has no clock times, so that equal runs have equal files.
        """
        columns = list(dict.fromkeys(name for row in rows for name in row))  # not each epoch has each score
        self.write_text(name, files.csv_text([columns, *([row.get(column, "") for column in columns] for row in rows)]))

    def read_table(self, name: str) -> list[dict[str, float]]:
        """Return the rows of history.csv, timing.csv or metrics.csv; none if it has not been written.

        An epoch is an int, all else a float; an empty cell, as of a score that was not measured, is left out.
        """
        path = self.path / name
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as error:
            raise InputError(f"{path} cannot be read ({error}); put it back, or remove it") from None
        self.checksums.check(path)
        try:
            rows = [_numbers(row) for row in csv.DictReader(io.StringIO(text))]
            if not all("epoch" in row for row in rows):
                raise KeyError
            return rows
        except (ValueError, TypeError, KeyError, csv.Error):
            raise InputError(f"{path} is damaged; put it back, or remove it") from None

    def read_scores(self) -> dict:
        """Return metrics.json; nothing if it has not been written."""
        path = self.path / "metrics.json"
        try:
            scores = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(scores, dict):
                raise ValueError("it holds no scores")
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise InputError(f"{path} cannot be read ({error}); remove it, or run evaluate again") from None
        self.checksums.check(path)
        return scores

    def write_scores(self, scores: dict) -> None:
        """Write metrics.json: what `evaluate` measured on held-out images."""
        self.write_text("metrics.json", json.dumps(scores, indent=2) + "\n")

    def model_path(self, name: str, best: bool = False) -> Path:
        """Return the path of one saved model: of the last ones, or of the best."""
        return networks.model_path(self._models(best), name)

    def save_models(self, models: dict[str, keras.Model], best: bool = False, **facts: object) -> None:
        """Save models by name as the last ones or as the best, replacing earlier ones once all new ones are whole.

        The files say of themselves the `facts`: `run`, `epoch` and `step`.
        """
        networks.save_models(self._models(best), models, facts, self.checksums)

    def load_model(self, name: str, best: bool = False) -> tuple[keras.Model, dict]:
        """Load a saved model in safe mode, and what its file says of itself."""
        path = self.model_path(name, best)
        if not path.is_file():
            why = (
                "only `evaluate_every` or `patience` saves it"
                if best
                else "the run may not have got far enough to save its models"
            )
            raise InputError(f"{path} is missing; {why}")
        if path.parent.name != networks.NEW:
            self.checksums.check(path)
        return networks.load_model(path, self.read().get("id"))

    def _models(self, best: bool) -> Path:
        return self.path / "models" / ("best" if best else "")


def _working_folder() -> Path | None:
    """Return the working folder, or None if it has been removed."""
    try:
        return Path.cwd()
    except OSError:
        return None


def _numbers(row: dict[str, str]) -> dict[str, float]:
    return {name: int(text) if name == "epoch" else float(text) for name, text in row.items() if text != ""}
