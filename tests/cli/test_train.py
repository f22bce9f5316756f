import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
from PIL import Image

from keras_gen import RunFolder, resolve_settings, train_vae
from keras_gen.cli.train import train_command, train_parser
from tests.conftest import striped_images

SCRIPTS = {"vae": "train_vae.py", "dcgan": "train_dcgan.py"}
SMALL = {
    "vae": ["--intermediate-dim", "16"],
    "dcgan": [
        *("--latent-dim", "4", "--generator-filters", "4"),
        *("--generator-base-filters", "4", "--discriminator-filters", "4"),
    ],
}


def run(script, *arguments, cwd=None, timeout=300, **env):
    """Run a script of the repository as a user does; returns the ended process."""
    command = [sys.executable, *([script] if script == "-m" else [os.path.abspath(script)]), *map(str, arguments)]
    env = os.environ | {"PYTHONPATH": os.getcwd()} | env
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=timeout)


@pytest.fixture
def stripes(npz_file):
    images, labels = striped_images(80, size=16)
    return npz_file(images=images, labels=labels)


def test_automatic_precision_says_what_it_took_and_why_and_the_run_keeps_what_it_took(stripes, tmp_path, capsys):
    arguments = ["--dataset", str(stripes), "--epochs", "1", "--batch-size", "24", "--intermediate-dim", "8"]
    assert train_command("vae", [*arguments, "--precision", "auto", "--out", str(tmp_path / "run")]) == 0
    assert "cores), float32 (on a CPU small dense networks gain nothing from bfloat16)" in capsys.readouterr().out
    assert json.loads((tmp_path / "run" / "run.json").read_text())["settings"]["precision"] == "float32"


@pytest.mark.parametrize("kind", SCRIPTS)
def test_help_is_quick_complete_and_imports_no_tensorflow(kind):
    started = time.perf_counter()
    done = run(SCRIPTS[kind], "--help")
    assert time.perf_counter() - started < 1
    assert done.returncode == 0
    flags = re.findall(r"^  (--[a-z0-9-]+)", done.stdout, re.MULTILINE)
    assert len(flags) > 12
    defaults = re.sub(r"\s+", " ", done.stdout).count("(default: ")
    assert defaults == len(flags)
    code = f"import sys; from keras_gen.cli.train import train_parser; train_parser({kind!r}).format_help(); "
    done = run("-m", "timeit", "-n1", "-r1", code + "assert not {'tensorflow', 'keras', 'numpy'} & set(sys.modules)")
    assert done.returncode == 0, done.stderr


def test_every_flag_of_the_contract_is_there():
    common = (
        "--dataset --data-dir --image-size --channels --recipe --epochs --batch-size --latent-dim --seed --out "
        "--resume --precision --jit"
    )
    vae = f"{common} --dry-run --architecture --intermediate-dim --optimizer --learning-rate --beta"
    dcgan = (
        f"{common} --dry-run --generator-learning-rate --discriminator-learning-rate --adam-beta-1 --leaky-alpha "
        "--init-stddev --label-smoothing --discriminator-steps --latent-distribution --concatenate-batches --augment"
    )
    for kind, flags in {"vae": vae, "dcgan": dcgan}.items():
        there = {option for action in train_parser(kind)._actions for option in action.option_strings}
        assert set(flags.split()) <= there


def test_help_gives_the_defaults_of_every_recipe_and_data_set():
    text = re.sub(r"\s+", " ", train_parser("dcgan").format_help())
    assert "(default: 200, 20 on cifar10, 20 on mnist, 20 on fashion_mnist, 30 on mnist5k; tuned: 200, 20 on " in text
    assert "; article: 100, 43 on mnist, 43 on fashion_mnist)" in text
    assert "(default: 0.1; article: 0.0)" in text
    assert "(default: no; article: yes)" in text


@pytest.mark.parametrize("kind", SCRIPTS)
def test_a_dry_run_shows_the_plan_and_writes_nothing(kind, stripes, tmp_path):
    done = run(
        SCRIPTS[kind], "--dataset", stripes, "--dry-run", "--epochs", 7, "--batch-size", 24, *SMALL[kind], cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"--epochs +7\n", done.stdout)
    for model in {"vae": ("encoder", "decoder"), "dcgan": ("generator", "discriminator")}[kind]:
        assert f'Model: "{model}"' in done.stdout
    assert {path.name for path in tmp_path.iterdir()} == {"images.npz"}


@pytest.mark.parametrize("kind", SCRIPTS)
def test_a_run_from_the_command_line_to_the_pictures_and_new_images(kind, stripes, tmp_path):
    arguments = ["--dataset", stripes, "--epochs", 2, "--batch-size", 24, *SMALL[kind]]
    done = run(SCRIPTS[kind], *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    first_lines = done.stdout.splitlines()
    assert first_lines[0] == "Data    images: 72 training and 8 held-out images, 16x16x1"
    assert first_lines[1].startswith("Advice  72 training images are few (below 1,000)")
    rest = [line for line in first_lines if not line.startswith(("Advice", "Data"))]
    assert rest[0].startswith("Device  tensorflow 2.")
    assert rest[1] == f"Run     runs/0001-{kind}-images"
    assert rest[2] == f"Preview runs/0001-{kind}-images/figures/data.png"
    with Image.open(tmp_path / "runs" / f"0001-{kind}-images" / "figures" / "data.png") as preview:
        assert preview.size == (8 * 16 * 4 + 7 * 8, 8 * 16 * 4 + 7 * 8)  # 64 images, each pixel four times as large
    assert not re.search(r"oneDNN|absl|cuInit|rebuild TensorFlow|retracing", done.stderr + done.stdout)
    folder = tmp_path / "runs" / f"0001-{kind}-images"
    facts = json.loads((folder / "run.json").read_text())
    assert (facts["status"], facts["findings"]) == ("finished", [])
    assert sorted(path.name for path in (folder / "images").iterdir()) == ["epoch-0001.png", "epoch-0002.png"]
    pictures = re.findall(r"^  (runs/\S+\.png)$", done.stdout, re.MULTILINE)
    assert all((tmp_path / picture).stat().st_size > 200 for picture in pictures)
    names = {os.path.basename(picture) for picture in pictures}
    expected = {"losses.png", "epoch-0002.png"}
    if kind == "vae":
        expected |= {"latent_space.png", "manifold.png", "reconstructions.png"}
    assert names == expected
    made = run(
        "-m",
        "keras_gen",
        "generate",
        folder,
        "--count",
        5,
        "--seed",
        3,
        "--npy",
        "new.npy",
        "--png",
        "new.png",
        cwd=tmp_path,
    )
    assert made.returncode == 0, made.stderr
    images = np.load(tmp_path / "new.npy", allow_pickle=False)
    assert images.shape == (5, 16, 16, 1)
    assert images.dtype == np.uint8
    assert images.std() > 0
    assert (tmp_path / "new.png").stat().st_size > 100
    again = run("-m", "keras_gen", "generate", folder, "--count", 5, "--seed", 3, "--npy", "again.npy", cwd=tmp_path)
    assert again.returncode == 0
    np.testing.assert_array_equal(np.load(tmp_path / "again.npy"), images)


@pytest.mark.parametrize(
    ("latent_dim", "labelled", "count"), [(1, True, 80), (3, True, 80), (1, False, 30), (3, False, 12)]
)
def test_vae_pictures_for_other_latent_sizes_without_labels_and_of_one_held_out_image(
    npz_file, tmp_path, latent_dim, labelled, count
):
    images, labels = striped_images(count, size=16)
    stripes = npz_file(images=images, **({"labels": labels} if labelled else {}))
    done = run(
        "train_vae.py",
        "--dataset",
        stripes,
        "--epochs",
        1,
        "--batch-size",
        8,
        "--latent-dim",
        latent_dim,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert "latent_space.png" in done.stdout
    assert "manifold.png" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--epochs", "0"], "--epochs must be a whole number from 1 to 1000000; received 0"),
        (["--dataset", "minst"], "--dataset minst is not known; choose one of mnist5k, mnist"),
        (["--recipe", "best"], "--recipe best is not known; choose one of chapter, tuned"),
        (["--image-size", "2"], "--image-size must be a whole number from 4 to 1024; received 2"),
        (["--image-size", "30", "--architecture", "conv"], "the networks cannot reach 30 pixels"),
        (["--image-size", "x"], "argument --image-size: invalid int value: 'x'; see train_vae.py --help"),
        (["--epoch", "3"], "unrecognized arguments: --epoch 3; see train_vae.py --help"),
        (["--out", "taken"], "--out taken already exists and is never overwritten"),
        (["--data-dir", "nowhere"], "--data-dir nowhere is not a folder"),
        (["--batch-size", "5000"], "4000 training images are fewer than the 5000 of one step; use --batch-size 1000"),
    ],
)
def test_a_user_s_mistake_gets_one_line_exit_code_2_and_no_files(tmp_path, arguments, message):
    (tmp_path / "taken").mkdir()
    done = run("train_vae.py", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.replace(f"{tmp_path}/", "").startswith(f"error: {message}")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


@pytest.mark.parametrize(
    ("backend", "message"),
    [("mxnet", "KERAS_BACKEND=mxnet is not known; use one of tensorflow, jax, torch")],
)
def test_an_unknown_backend_is_named(tmp_path, backend, message):
    done = run("train_vae.py", cwd=tmp_path, KERAS_BACKEND=backend)
    assert (done.returncode, done.stderr) == (2, f"error: {message}\n")


def run_without_torch(script, tmp_path):
    """Run a script in a Python that cannot import torch; returns the ended process."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Missing:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] == 'torch':\n"
        "            raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')\n"
        "sys.meta_path.insert(0, Missing())\n"
    )
    paths = f"{tmp_path}{os.pathsep}{os.getcwd()}"
    return run(script, cwd=tmp_path, KERAS_BACKEND="torch", PYTHONPATH=paths)


def test_a_backend_that_is_not_installed_is_named(tmp_path):
    done = run_without_torch("train_vae.py", tmp_path)
    assert (done.returncode, done.stderr) == (2, "error: KERAS_BACKEND=torch is not installed; pip install torch\n")


@pytest.mark.parametrize(
    ("signals", "code"), [([signal.SIGINT], 130), ([signal.SIGTERM], 143), ([signal.SIGINT] * 3, 130)]
)
def test_a_signal_ends_the_run_in_order_however_often_it_comes(stripes, tmp_path, signals, code):
    command = [sys.executable, os.path.abspath("train_vae.py"), "--dataset", stripes, "--batch-size", "24"]
    process = subprocess.Popen(
        [*map(str, command), "--epochs", "1000000", "--out", "run"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.getcwd()},
    )
    try:
        history = tmp_path / "run" / "history.csv"
        deadline = time.monotonic() + 120
        while not history.exists() and time.monotonic() < deadline:
            time.sleep(0.2)
        for number in signals:
            process.send_signal(number)
            time.sleep(0.02)
        stdout, stderr = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == code, stderr
    assert "Traceback" not in stderr
    assert "Stopping after this step, and saving" in stderr
    assert list((tmp_path / "run" / "checkpoints").glob("epoch-*.npz"))
    assert re.search(r"(?m)^Stopped in epoch \d+ of 1000000. To go on: python train_vae.py --resume run$", stdout)
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "interrupted"
    assert (tmp_path / "run" / "models" / "decoder.keras").exists()


@pytest.fixture(scope="module")
def finished_run(tmp_path_factory):
    """A VAE's run of two epochs from the command line, beside its data."""
    folder = tmp_path_factory.mktemp("finished")
    images, labels = striped_images(80, size=16)
    np.savez(folder / "images.npz", images=images, labels=labels)
    arguments = ["--dataset", "images.npz", "--epochs", 2, "--batch-size", 24, *SMALL["vae"]]
    done = run("train_vae.py", *arguments, "--out", "run", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "run"


def test_resume_takes_settings_and_data_from_the_run_and_adds_epochs(finished_run, tmp_path):
    path = shutil.copytree(finished_run, tmp_path / "my run")
    first_rows = (path / "history.csv").read_text()
    done = run("train_vae.py", "--resume", "my run", "--epochs", 3, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Resume  from the end of epoch 2 of 3" in done.stdout
    assert (path / "history.csv").read_text().startswith(first_rows)
    assert len((path / "history.csv").read_text().splitlines()) == 4
    assert json.loads((path / "run.json").read_text())["settings"]["epochs"] == 3


def test_more_epochs_than_a_cosine_was_laid_out_for_are_announced(finished_run, tmp_path, capsys):
    path = shutil.copytree(finished_run, tmp_path / "run")
    facts = json.loads((path / "run.json").read_text())
    facts["settings"]["learning_rate_schedule"] = "cosine"
    (path / "run.json").write_text(json.dumps(facts))
    assert train_command("vae", ["--resume", str(path), "--epochs", "3", "--data-dir", str(tmp_path)]) == 0
    line = "Advice  the learning rate falls along a cosine over all epochs: with 3 instead of 2 it goes up again; in a "
    assert f"{line}new run it falls once\n" in capsys.readouterr().out


@pytest.mark.parametrize("kind", SCRIPTS)
def test_every_saved_model_loads_as_any_keras_model_does(kind, command_runs):
    """Without `compile=False` too: no loss of ours may be asked for."""
    files = sorted((command_runs[kind] / "models").glob("*.keras"))
    names = {"vae": ["decoder", "encoder"], "dcgan": ["discriminator", "generator"]}
    assert [file.stem for file in files] == names[kind]
    for file in files:
        model = keras.models.load_model(file)
        assert model.name == file.stem
        assert not model.compiled


def test_what_measuring_needs_is_made_ready_before_the_run(tmp_path, monkeypatch, capsys):
    images, _ = striped_images(80, size=8)
    np.savez(tmp_path / "images.npz", images=images)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    flags = ["--dataset", str(tmp_path / "images.npz"), "--batch-size", "24", "--evaluate-every", "1", *SMALL["dcgan"]]
    assert train_command("dcgan", [*flags, "--epochs", "1", "--out", str(tmp_path / "run")]) == 0
    (features,) = (tmp_path / "keras" / "keras_gen" / "features").iterdir()
    features.write_text("nonsense")
    assert train_command("dcgan", [*flags, "--epochs", "1", "--out", str(tmp_path / "other")]) == 2
    assert f"error: {features} cannot be read" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("script", "arguments", "message"),
    [
        ("vae", ["--resume", "RUN"], "has its 2 epochs; give more with --epochs to go on"),
        ("dcgan", ["--resume", "RUN"], "is a run of train_vae.py; resume it with that"),
        ("vae", ["--resume", "RUN", "--out", "new"], "--out names a new folder and --resume an old one; give one"),
        ("vae", ["--resume", "nowhere"], "nowhere is no run folder (it has no run.json)"),
        (
            "vae",
            ["--resume", "RUN", "--batch-size", "30", "--seed", "1", "--image-size", "8"],
            "a resumed run keeps its settings: --batch-size was 24, now 30; --seed was 0, now 1; "
            "--image-size was None, now 8; leave these out, or start a new run",
        ),
    ],
)
def test_a_resume_that_cannot_be_is_refused_and_changes_nothing(finished_run, tmp_path, script, arguments, message):
    before = {path: path.read_bytes() for path in finished_run.rglob("*") if path.is_file()}
    done = run(SCRIPTS[script], *(str(finished_run) if word == "RUN" else word for word in arguments), cwd=tmp_path)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert message in line
    assert {path: path.read_bytes() for path in finished_run.rglob("*") if path.is_file()} == before
    assert not list(tmp_path.iterdir())


def test_a_data_set_that_has_moved_is_named_anew(finished_run, tmp_path):
    path = shutil.copytree(finished_run, tmp_path / "run")
    shutil.move(shutil.copy(finished_run.parent / "images.npz", tmp_path), tmp_path / "moved.npz")
    done = run("train_vae.py", "--resume", "run", "--epochs", 3, "--dataset", "moved.npz", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads((path / "run.json").read_text())["source"]["dataset"] == str(tmp_path / "moved.npz")


def test_a_run_made_from_python_is_resumed_from_python(tmp_path, image_sets):
    settings = resolve_settings("vae", epochs=1, batch_size=16, intermediate_dim=16)
    folder = RunFolder.create(tmp_path / "run", "vae", "stripes")
    train_vae(*image_sets(), settings, folder=folder, say=lambda _: None)
    done = run("train_vae.py", "--resume", tmp_path / "run", cwd=tmp_path)
    assert done.returncode == 2
    assert "was made from Python; resume it there, with train_vae(..., resume=True)" in done.stderr


def test_a_bug_gets_its_traceback(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import keras_gen.training.recipes as recipes\nrecipes.resolve_settings = lambda *a, **k: 1 / 0\n"
    )
    done = run("train_vae.py", cwd=tmp_path, PYTHONPATH=f"{tmp_path}{os.pathsep}{os.getcwd()}")
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr
    assert "Traceback" in done.stderr
