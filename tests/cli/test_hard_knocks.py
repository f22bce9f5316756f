"""Real training processes, killed at random moments or out of disk space, go on as if nothing had happened."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.cli.test_train import SCRIPTS, SMALL, run
from tests.conftest import striped_images, values_of

ARGUMENTS = ["--dataset", "images.npz", "--batch-size", "24", "--save-every", "0"]
EPOCHS_A_KILL = 3  # enough that no process comes to the end before it is killed


@pytest.fixture
def stripes_here(tmp_path):
    images, labels = striped_images(80, size=16)
    np.savez(tmp_path / "images.npz", images=images, labels=labels)
    return tmp_path


def start(script, *arguments, cwd):
    command = [sys.executable, os.path.abspath(script), *map(str, arguments)]
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


@pytest.mark.parametrize(
    ("kind", "kills"),
    [("vae", 2), pytest.param("vae", 20, marks=pytest.mark.slow), pytest.param("dcgan", 20, marks=pytest.mark.slow)],
)
def test_a_run_killed_at_random_moments_ends_as_one_that_never_was(kind, kills, stripes_here):
    arguments = [*ARGUMENTS, *SMALL[kind], "--epochs", EPOCHS_A_KILL * kills]
    whole = run(SCRIPTS[kind], *arguments, "--save-every", 60, "--out", "whole", cwd=stripes_here)
    assert whole.returncode == 0, whole.stderr
    moments, folder = random.Random(kills), stripes_here / "parts"
    for kill in range(kills):
        there = any(folder.glob("checkpoints/epoch*"))
        again = ["--resume", "parts", "--save-every", "0"] if there else [*arguments, "--out", "parts"]
        process = start(SCRIPTS[kind], *again, cwd=stripes_here)
        try:
            wait_for_progress(process, folder)
            time.sleep(moments.uniform(0, 0.5))
        finally:
            process.send_signal(signal.SIGKILL)
            process.communicate()
        assert process.returncode == -signal.SIGKILL, f"it ended by itself before kill {kill}: train for longer"
    done = run(SCRIPTS[kind], "--resume", "parts", "--save-every", "0", cwd=stripes_here)
    assert done.returncode == 0, done.stderr
    assert_same(stripes_here / "whole", folder)


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
@pytest.mark.parametrize("kind", SCRIPTS)
def test_a_disk_that_fills_up_stops_the_run_and_keeps_the_last_good_state(kind, small_disk, stripes_here):
    arguments = [*ARGUMENTS, *SMALL[kind], "--epochs", 15]
    folder = small_disk / "run"
    process = start(SCRIPTS[kind], *arguments, "--out", folder, cwd=stripes_here)
    wait_for_progress(process, folder)
    fill(small_disk / "filler")
    _, error = process.communicate(timeout=120)
    assert process.returncode == 1, error
    assert "Traceback" not in error
    assert "cannot be written (No space left on device); make room" in error
    (small_disk / "filler").unlink()
    done = run(SCRIPTS[kind], "--resume", folder, cwd=stripes_here)
    assert done.returncode == 0, done.stderr
    whole = run(SCRIPTS[kind], *arguments, "--out", "whole", cwd=stripes_here)
    assert whole.returncode == 0, whole.stderr
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
