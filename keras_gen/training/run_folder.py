"""The folder that a run leaves behind, and the only code that writes into it.

run.json  history.csv  timing.csv  images/  latents/  figures/  models/  checkpoints/
report.html  metrics.csv  metrics.json
"""

from __future__ import annotations

import csv
import io
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from keras_gen.atomic import replacing, write_text
from keras_gen.errors import InputError
from keras_gen.training.settings import NAMES

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

if TYPE_CHECKING:
    import keras
    import numpy as np

    from keras_gen.data import ImageSet

FORMAT_VERSION = 1
CHECKPOINTS = "epoch-*.npz"  # whole ones; another name is one that is being written


def already_exists(out: str | Path) -> InputError:
    """Return the error for a folder that is there before the run that should make it."""
    return InputError(f"--out {out} already exists and is never overwritten; name a folder that does not")


def make_folder(out: str | Path | None, name: str, root: str | Path = "runs") -> Path:
    """Make a new folder; nothing that exists is ever written over.

    Args:
        out: Its path; None numbers it under `root`, `runs/0007-dcgan-cifar10-automobile`.
        name: What it is called behind its number.
        root: Where numbered folders go.

    Raises:
        InputError: The path exists, or cannot be written.
    """
    try:
        if out is None:
            return _make_numbered(Path(root), name)
        Path(out).mkdir(parents=True)
        return Path(out)
    except FileExistsError as error:
        if out is None or Path(error.filename) != Path(out):
            raise InputError(f"{error.filename} is a file; a folder of runs is needed there") from None
        raise already_exists(out) from None
    except OSError as error:
        raise InputError(f"the run folder cannot be made ({error}); name one with --out") from None


def _make_numbered(root: Path, name: str) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    taken = [int(path.name[:4]) for path in root.iterdir() if path.name[:4].isdecimal()]
    number = max(taken, default=0) + 1
    while True:  # another run may take the number first
        try:
            path = root / f"{number:04d}-{name}"
            path.mkdir()
            return path
        except FileExistsError:
            number += 1


class RunFolder:
    """One run's folder.

    Attributes:
        path: The folder.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @classmethod
    def create(cls, out: str | Path | None, kind: str, dataset: str, root: str | Path = "runs") -> RunFolder:
        """Make a run's folder; see `make_folder`."""
        path = make_folder(out, f"{kind}-{dataset.replace(':', '-')}", root)
        for name in ("images", "figures", "models"):
            (path / name).mkdir()
        return cls(path)

    @property
    def figures(self) -> Path:
        """Where the figures of the whole run go; made again if someone removed it."""
        path = self.path / "figures"
        path.mkdir(exist_ok=True)
        return path

    def epoch_image(self, epoch: int) -> Path:
        """Return the path of one epoch's grid of images."""
        return self.path / "images" / f"epoch-{epoch:04d}.png"

    def epoch_codes(self, epoch: int) -> Path:
        """Return the path of where held-out images lay in the latent space after one epoch."""
        return self.path / "latents" / f"epoch-{epoch:04d}.npz"

    def epochs_with(self, path_of: Callable[[int], Path]) -> list[int]:
        """Return the epochs that have a file, rising.

        Args:
            path_of: `epoch_image` or `epoch_codes`.
        """
        some = path_of(0)
        names = (path.stem.removeprefix("epoch-") for path in some.parent.glob(f"epoch-*{some.suffix}"))
        return sorted(int(name) for name in names if name.isdecimal())

    def write_codes(self, epoch: int, z_mean: np.ndarray, labels: np.ndarray | None) -> None:
        """Keep the codes of held-out images after an epoch: float32 (n, latent_dim), and labels or None."""
        import numpy as np

        path = self.epoch_codes(epoch)
        path.parent.mkdir(exist_ok=True)
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez(file, z_mean=z_mean, **({} if labels is None else {"labels": labels}))

    def read_codes(self, epoch: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Return what `write_codes` kept.

        Raises:
            InputError: The file is damaged.
        """
        import numpy as np

        path = self.epoch_codes(epoch)
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return arrays["z_mean"], arrays.get("labels")
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise InputError(f"{path} cannot be read ({error}); remove it") from None

    @property
    def checkpoints(self) -> Path:
        """Where checkpoints are kept; made when the first is written."""
        return self.path / "checkpoints"

    def model_path(self, name: str, best: bool = False) -> Path:
        """Return the path of one saved model: of the last ones, or of the best."""
        return self.path / "models" / ("best" if best else "") / f"{name}.keras"

    def read(self) -> dict:
        """Return run.json.

        Raises:
            InputError: The folder holds no run, or one of a newer version.
        """
        path = self.path / "run.json"
        try:
            run = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise InputError(
                f"{self.path} is no run folder (it has no run.json); name one such as runs/0001-..."
            ) from None
        except (OSError, ValueError) as error:
            raise InputError(f"{path} cannot be read ({error})") from None
        if not isinstance(run, dict) or "format_version" not in run:
            raise InputError(f"{path} is not a run's; name another run folder")
        if run["format_version"] != FORMAT_VERSION:
            raise InputError(
                f"{path} has format version {run['format_version']}, this program reads {FORMAT_VERSION}; "
                "use the version of keras_gen that made it"
            )
        if not {"kind", "settings", "dataset"} <= set(run):
            raise InputError(f"{self.path} was stopped before it began to train; start the run again")
        objects = all(isinstance(run[name], dict) for name in ("settings", "dataset", "source") if name in run)
        if run["kind"] not in NAMES or not objects:
            raise InputError(f"{path} is damaged; put back what was changed in it, or name another run folder")
        return run

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from training here; the lock goes with the process, however that ends.

        Windows has no such lock on a folder, and does without.

        Raises:
            InputError: Another process trains here.
        """
        if fcntl is None:
            yield
            return
        folder = os.open(self.path, os.O_RDONLY)
        try:
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InputError(f"{self.path} is being trained by another process; wait for it, or stop it") from None
            except OSError:  # a file system without locks
                pass
            yield
        finally:
            os.close(folder)

    @property
    def has_checkpoint(self) -> bool:
        """Whether there is anything to resume from."""
        return any(self.checkpoints.glob(CHECKPOINTS))

    @property
    def used(self) -> bool:
        """Whether a run has been written here."""
        return (self.path / "history.csv").exists() or self.checkpoints.exists()

    def foreign_part(self, train: ImageSet, held_out: ImageSet) -> str | None:
        """Return `train` or `held_out`, whichever is not made of the images that the run was trained with."""
        known = self.read()["dataset"]
        for part, images in (("train", train), ("held_out", held_out)):
            # Runs of format version 1 recorded the pixels alone.
            if known[part]["fingerprint"] not in (images.fingerprint, images.pixel_fingerprint):
                return part
        return None

    def write(self, **fields: object) -> None:
        """Set fields of run.json, keeping the others."""
        path = self.path / "run.json"
        run = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"format_version": FORMAT_VERSION}
        write_text(path, json.dumps(run | fields, indent=2) + "\n")

    def write_history(self, history: list[dict[str, float]]) -> None:
        """Write history.csv: epoch and losses, no clock times, so that equal runs have equal files."""
        self._write_table("history.csv", history)

    def write_timing(self, timing: list[dict[str, float]]) -> None:
        """Write timing.csv: what each epoch took; a resumed one counts from the resume."""
        self._write_table("timing.csv", timing)

    def write_metrics(self, metrics: list[dict[str, float]]) -> None:
        """Write metrics.csv: a row for each epoch that was measured on validation images."""
        self._write_table("metrics.csv", metrics)

    def read_table(self, name: str) -> list[dict[str, str]]:
        """Return the rows of history.csv, timing.csv or metrics.csv; none if it has not been written."""
        try:
            with (self.path / name).open(encoding="utf-8", newline="") as file:
                return list(csv.DictReader(file))
        except FileNotFoundError:
            return []

    def write_scores(self, scores: dict) -> None:
        """Write metrics.json: what `evaluate` measured on held-out images."""
        write_text(self.path / "metrics.json", json.dumps(scores, indent=2) + "\n")

    def save_models(self, models: dict[str, keras.Model], best: bool = False) -> None:
        """Save models as the last ones or as the best, replacing earlier ones only once the new ones are whole.

        What they were compiled with stays behind: losses of ours, which `keras.models.load_model` would not know, and
        the optimiser's state, which the checkpoints hold.
        """
        import keras

        for name, model in models.items():
            path = self.model_path(name, best)
            path.parent.mkdir(exist_ok=True)
            bare = keras.Model(model.inputs, model.outputs, name=model.name)
            with replacing(path) as temporary:
                bare.save(temporary)

    def load_model(self, name: str, best: bool = False) -> keras.Model:
        """Load a saved model in safe mode: code that hides in the file is refused, not run.

        Raises:
            InputError: The model is missing, damaged, or carries code.
        """
        import keras

        import keras_gen.models  # noqa: F401, registers our layers

        path = self.model_path(name, best)
        if not path.is_file():
            why = "only --evaluate-every keeps it" if best else "the run may not have got far enough to save its models"
            raise InputError(f"{path} is missing; {why}")
        try:
            return keras.models.load_model(path, compile=False, safe_mode=True)
        except Exception as error:  # Keras raises nearly anything on a damaged file
            reason = str(error).split(". ")[0].splitlines()[0] if str(error) else type(error).__name__
            raise InputError(f"{path} cannot be loaded safely ({reason}); make the run again") from None

    def _write_table(self, name: str, rows: list[dict[str, float]]) -> None:
        text = io.StringIO()
        # A run that an older version began may lack columns in its first rows.
        writer = csv.DictWriter(text, rows[-1], restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_text(self.path / name, text.getvalue())
