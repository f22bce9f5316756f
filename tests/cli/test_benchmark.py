import contextlib
import os
import subprocess
import sys

import pytest

from keras_gen.benchmarks import photos, speed
from keras_gen.benchmarks.runner import Result
from keras_gen.cli import benchmark
from keras_gen.cli.main import main
from keras_gen.errors import InputError

HELP = """
import sys
from keras_gen.cli.main import main
try:
    main(["benchmark", "--help"])
except SystemExit:
    pass
assert not {"tensorflow", "torch", "jax", "keras"} & set(sys.modules)
"""


@pytest.fixture
def measured(monkeypatch):
    """Replace all measuring; returns the tasks that were measured."""
    tasks_run = []

    def run_in_turns(workers, task, rounds, tick):
        tasks_run.append(task)
        for worker in workers:
            tick(worker.title)
        return [Result(worker, 1.0, [1.0] * rounds, 10**8) for worker in workers], []

    @contextlib.contextmanager
    def started(title, program, tasks):
        facts = {"machine": "CPU", "versions": "1", "load": "0.1", "gpu": False}
        yield lambda: facts | {"operations": [[10**9, 10**9] for _ in tasks]}

    monkeypatch.setattr(speed, "run_in_turns", run_in_turns)
    monkeypatch.setattr(speed, "started", started)
    monkeypatch.setattr(speed, "first_pictures", lambda kind: [1.0, 2.0])
    for name, value in (("PHOTOS", 3), ("DIFFERENT", 1), ("WIDTH", 80), ("HEIGHT", 60)):
        monkeypatch.setattr(photos, name, value)
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    return tasks_run


def test_a_backend_that_is_missing_is_told_before_anything_that_needs_it(monkeypatch, capsys):
    def refuse():
        raise InputError("KERAS_BACKEND=jax is not installed")

    monkeypatch.setattr(benchmark, "start_backend", refuse)
    for name in ("copies", "corruptions"):
        monkeypatch.setitem(sys.modules, f"keras_gen.benchmarks.{name}", None)  # an import of it raises
    assert main(["benchmark", "--scores"]) == 2
    assert capsys.readouterr().err == "error: KERAS_BACKEND=jax is not installed\n"


def test_a_table_for_each_model_and_precision_and_the_first_pictures(measured, capsys):
    assert main(["benchmark"]) == 0
    printed = capsys.readouterr().out
    assert [(task.kind, task.batch_size, task.steps) for task in measured] == [
        *[("vae", 100, 600)] * 2,
        *[("vae", 100, 50)] * 2,
        *[("dcgan", 128, 6)] * 2,
    ]
    for title in (
        "VAE, 28x28x1, batch 100, float32",
        "Convolutional VAE, 28x28x1, batch 100, mixed_bfloat16",
        "DCGAN, 32x32x3, batch 128, mixed_bfloat16",
        "Seconds from",
        "Reading",
    ):
        assert f"\n## {title}" in printed
    assert "ours, compiled, shared fakes" in printed
    assert "What bounds a step" not in printed
    assert "| ours | " in printed.partition("Reading photos, 80x60 JPEG to 64x64")[2]


def test_batch_and_image_sizes_are_combined_and_judged(measured, capsys):
    flags = ["--only", "dcgan", "--precision", "float32", "--batch-size", "128,1024", "--image-size", "32,64"]
    assert main(["benchmark", *flags, "--rounds", "1"]) == 0
    assert [(task.image_shape[0], task.batch_size, task.steps) for task in measured] == [
        *[(32, 128, 6), (32, 1024, 2)],
        *[(64, 128, 6), (64, 1024, 2)],
    ]
    printed = capsys.readouterr().out
    assert printed.count("bound by |") == 2
    assert "train_vae.py" not in printed


def test_what_cannot_take_part_is_left_out_and_named(measured, monkeypatch, capsys):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setattr(benchmark.importlib.util, "find_spec", lambda name: name != "torch")
    assert main(["benchmark", "--only", "vae"]) == 0
    printed = capsys.readouterr().out
    assert "PyTorch is not installed; its rows are left out (pip install torch).\n" in printed
    assert "The compiled engine runs on TensorFlow, not on jax; its rows are left out.\n" in printed
    assert "| PyTorch" not in printed
    assert "| ours, compiled" not in printed


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        (["--rounds", "0"], "--rounds must be a whole number from 1 to 1000; received 0"),
        (
            ["--only", "vae,gan"],
            "--only must be some of vae,conv-vae,dcgan,photos,growth,pages, with commas between; received vae,gan",
        ),
        (["--precision", ""], "--precision must be some of float32,mixed_bfloat16, with commas between; received "),
        (["--batch-size", "1"], "--batch-size must be a whole number from 2 to 65536; received 1"),
        (["--batch-size", "some"], "--batch-size must be whole numbers and ranges such as 0-63,100, each once; "),
        (["--image-size", "30"], "the networks cannot reach 30 pixels"),
    ],
)
def test_mistakes_get_one_line(measured, capsys, flags, line):
    assert main(["benchmark", *flags]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {line}".strip())
    assert error.count("\n") == 1
    assert not measured


@pytest.mark.parametrize(
    ("backend", "line"), [("paint", "KERAS_BACKEND=paint is not known"), ("jax", "KERAS_BACKEND=jax is not installed")]
)
def test_a_wrong_backend_gets_one_line(measured, monkeypatch, capsys, backend, line):
    monkeypatch.setenv("KERAS_BACKEND", backend)
    monkeypatch.setattr(benchmark.importlib.util, "find_spec", lambda name: None)
    assert main(["benchmark"]) == 2
    assert capsys.readouterr().err.startswith(f"error: {line}")


def test_help_imports_no_backend():
    subprocess.run([sys.executable, "-c", HELP], check=True, env=os.environ, stdout=subprocess.DEVNULL)
