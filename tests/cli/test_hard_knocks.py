"""A training process whose disk fills up is resumed as if nothing had happened; tests/tools kills processes."""

import contextlib
import os
import subprocess
import sys
import time
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.conftest import small_flags, striped_images, values_of

ARGUMENTS = ["--dataset", "images.npz", "--batch-size", "24", "--save-every", "0"]
KINDS = ("vae", "dcgan")


@pytest.fixture
def stripes_here(tmp_path):
    images, labels = striped_images(80, size=16)
    np.savez(tmp_path / "images.npz", images=images, labels=labels)
    return tmp_path


def start(kind, *arguments, cwd):
    command = [sys.executable, os.path.abspath(f"train_{kind}.py"), *map(str, arguments)]
    env = os.environ | {"PYTHONPATH": os.getcwd()}
    return subprocess.Popen(command, cwd=cwd, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def progress(folder):
    """What changes on the disk with every step."""
    found = []
    for path in folder.glob("checkpoints/epoch*"):
        with contextlib.suppress(FileNotFoundError):  # the run has just removed an old one
            found.append((path.name, path.stat().st_mtime_ns))
    return sorted(found)


def wait_for_progress(process, folder):
    before, deadline = progress(folder), time.monotonic() + 120
    while progress(folder) == before and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)


def results(folder):
    models = sorted((folder / "models").glob("*.keras"))
    weights = [value for path in models for value in values_of(keras.models.load_model(path).weights)]
    return (folder / "history.csv").read_text(), weights


def assert_same(one, other):
    (history, weights), (other_history, other_weights) = results(one), results(other)
    assert history == other_history
    for a, b in zip(weights, other_weights, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.fixture
def small_disk(tmp_path):
    """Mount a file system of 4 MB, which takes root."""
    path = tmp_path / "disk"
    path.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", path], capture_output=True).returncode:
        warnings.warn("NOT TESTED: a full disk; only root can mount a small one", stacklevel=1)
        pytest.skip("NOT TESTED: a full disk; only root can mount a small one")
    yield path
    subprocess.run(["umount", "-l", path], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_disk_that_fills_up_stops_the_run_and_keeps_the_last_good_state(kind, small_disk, stripes_here):
    arguments = [*ARGUMENTS, *small_flags(kind), "--epochs", 15]
    folder = small_disk / "run"
    process = start(kind, *arguments, "--out", folder, cwd=stripes_here)
    wait_for_progress(process, folder)
    fill(small_disk / "filler")
    _, error = process.communicate(timeout=120)
    assert process.returncode == 1, error
    assert "Traceback" not in error
    assert "cannot be written (No space left on device); make room" in error
    (small_disk / "filler").unlink()
    for words in (["--resume", folder], [*arguments, "--out", "whole"]):
        process = start(kind, *words, cwd=stripes_here)
        _, error = process.communicate(timeout=300)
        assert process.returncode == 0, error
    assert_same(stripes_here / "whole", folder)


def fill(path: Path):
    """Write until nothing more fits."""
    with path.open("wb", buffering=0) as file:
        for size in (65_536, 512, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
