"""Several devices train as one; real processes train together, and go on after one of them was killed."""

import contextlib
import csv
import json
import os
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

from keras_gen.errors import InputError
from keras_gen.training.distribution import is_chief, strategy, workers
from tests.conftest import striped_images


def check(*cases):
    """Run the comparisons in a process of its own, for devices are set up before TensorFlow computes."""
    command = [sys.executable, "-m", "tests.training.distribution_check", *cases]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def report():
    return check("dcgan", "resumed")


def test_two_devices_have_the_weights_of_one_with_the_same_global_batch(report):
    """BatchNormalization takes its statistics over both; noise is drawn for the whole batch and shared out."""
    assert_equal_to_one_device(report["dcgan"])


@pytest.mark.slow
def test_two_devices_equal_one_in_other_loops_too():
    for found in check("vae", "article", "averaged", "shared", "conditional", "conditional vae").values():
        assert_equal_to_one_device(found)


def assert_equal_to_one_device(found):
    assert found["devices"] == [1, 2]
    assert found["difference"] < 1e-6
    assert found["losses"][0] == pytest.approx(found["losses"][1], rel=1e-6)
    assert found["checks"][0] == found["checks"][1]


def test_a_run_on_two_devices_resumes_as_if_never_stopped(report):
    assert report["resumed"] == {"history": True, "weights": True, "epochs": 2}


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("localhost", 0))
        return [one.getsockname()[1] for one in sockets]


def start_workers(folder, *arguments):
    """Start two processes that train together on loopback."""
    cluster = {"worker": [f"localhost:{port}" for port in free_ports(2)]}
    command = [sys.executable, os.path.abspath("train_vae.py"), "--engine", "compiled", "--distribute", "multiworker"]
    children = []
    for index in range(2):
        config = json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})
        children.append(
            subprocess.Popen(
                [*command, *map(str, arguments)],
                cwd=folder,
                env=os.environ | {"PYTHONPATH": os.getcwd(), "TF_CONFIG": config},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    return children


def wait_for_a_checkpoint(folder, children):
    deadline = time.monotonic() + 120
    while not list(folder.glob("checkpoints/*.npz")):
        assert all(child.poll() is None for child in children), [child.communicate() for child in children]
        assert time.monotonic() < deadline
        time.sleep(0.05)


def ends(children):
    return [(child.communicate(timeout=120), child.returncode) for child in children]


@pytest.fixture
def stripes_here(tmp_path):
    images, labels = striped_images(80, size=16)
    np.savez(tmp_path / "images.npz", images=images, labels=labels)
    return tmp_path


SMALL = ["--dataset", "images.npz", "--batch-size", "24", "--intermediate-dim", "16", "--save-every", "0.2"]


@pytest.mark.slow
def test_two_workers_train_stop_together_when_one_is_killed_and_go_on(stripes_here):
    run = stripes_here / "run"
    children = start_workers(stripes_here, *SMALL, "--epochs", "100000", "--out", "run")
    wait_for_a_checkpoint(run, children)
    children[1].send_signal(signal.SIGKILL)
    ((said, errors), code), _ = ends(children)
    assert code == 1
    assert errors.splitlines()[-1].startswith("error: another worker is gone or cannot be reached; when all can")
    assert f"To continue from it: python {os.path.abspath('train_vae.py')} --resume" in said
    assert json.loads((run / "run.json").read_text())["status"] == "failed"

    with np.load(max((run / "checkpoints").glob("*.npz"))) as arrays:
        reached = json.loads(arrays["position"].tobytes())["epoch"]
    children = start_workers(stripes_here, "--resume", "run", "--epochs", str(reached + 5))
    ((said, _), code), ((followed, _), other) = ends(children)
    assert (code, other) == (0, 0)
    assert "Resume  from" in said and "Resume  from" in followed
    assert "Split   each batch of 24 over 2 devices" in said
    assert "Worker  worker 1 of 2; the first of them writes the run" in followed
    rows = list(csv.DictReader((run / "history.csv").read_text().splitlines()))
    assert [int(row["epoch"]) for row in rows] == list(range(1, reached + 6))
    assert (run / "report.html").exists()


@pytest.mark.slow
def test_ctrl_c_at_one_worker_stops_all_in_order(stripes_here):
    children = start_workers(stripes_here, *SMALL, "--epochs", "100000", "--out", "run")
    wait_for_a_checkpoint(stripes_here / "run", children)
    children[1].send_signal(signal.SIGINT)
    ((said, _), code), ((followed, _), other) = ends(children)
    assert (code, other) == (130, 130)
    assert f"To continue: python {os.path.abspath('train_vae.py')} --resume run" in said
    assert "Stopped in epoch" in followed


@pytest.mark.parametrize(
    ("config", "chief", "name"),
    [
        ({"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 0}}, True, "worker 0 of 2"),
        ({"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 1}}, False, "worker 1 of 2"),
        (
            {"cluster": {"chief": ["c:1"], "worker": ["a:1"]}, "task": {"type": "worker", "index": 0}},
            False,
            "worker 0 of 2",
        ),
        (
            {"cluster": {"chief": ["c:1"], "worker": ["a:1"]}, "task": {"type": "chief", "index": 0}},
            True,
            "chief 0 of 2",
        ),
    ],
)
def test_one_of_the_workers_is_the_chief(config, chief, name, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    assert is_chief("multiworker") is chief
    assert workers() == name
    assert is_chief("none") and is_chief("mirrored")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "TF_CONFIG is not set"),
        ("{", "TF_CONFIG cannot be used"),
        ('{"cluster": {"worker": ["a:1"]}}', "TF_CONFIG has no 'task'"),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}', "TF_CONFIG cannot be used"),
        ("[]", "TF_CONFIG cannot be used"),
    ],
)
def test_what_is_wrong_with_the_description_of_the_workers(text, problem, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if text is not None:
        monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(InputError, match=problem):
        strategy("multiworker")
