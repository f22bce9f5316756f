import json
import os
import re
import shutil
import signal
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from PIL import Image

from keras_gen.cli import train
from keras_gen.cli.flags import replace_old_flags
from keras_gen.cli.main import main
from keras_gen.cli.train import train_command, train_parser
from keras_gen.errors import InputError
from keras_gen.evaluation import features
from keras_gen.run import Run, RunFolder
from keras_gen.settings import fields_of, resolve_settings
from tests.conftest import small_flags, striped_images

KINDS = ("vae", "dcgan")
COMMON_FLAGS = (
    "--dataset --data-dir --image-size --channels --recipe --set --epochs --batch-size --latent-dim --conditional "
    "--minutes --patience --start-from --seed --out --resume --precision --engine --distribute --evaluate-every "
    "--tensorboard --dry-run --help --help-all"
)
FLAGS = {
    "vae": "--architecture --learning-rate --beta --likelihood",
    "dcgan": "--generator-learning-rate --discriminator-learning-rate --label-smoothing --augment --ema --share-fakes",
}


@pytest.fixture
def stripes(command_runs):
    """The data set of the session's runs."""
    return str(command_runs["vae"].parent / "stripes.npz")


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def help_all(kind, capsys):
    with pytest.raises(SystemExit) as stopped:
        train_command(kind, ["--help-all"])
    assert stopped.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("kind", KINDS)
def test_help_fits_on_two_screens_and_gives_every_default(kind):
    text = train_parser(kind).format_help()
    lines = text.splitlines()
    assert len(lines) <= 70
    assert max(map(len, lines)) <= 100
    (example,) = [line for line in lines if f"  python train_{kind}.py --resume runs/0001-{kind}-mnist5k  " in line]
    assert lines.index(example) < lines.index("what to train on:")
    flags = set(re.findall(r"^  (?:-h, )?(--[a-z-]+)", text, re.MULTILINE))
    assert flags == {*COMMON_FLAGS.split(), *FLAGS[kind].split()}
    assert re.sub(r"\s+", " ", text).count("(default: ") == len(flags) - 2  # the two helps


@pytest.mark.parametrize("kind", KINDS)
def test_the_long_help_has_every_setting_with_bounds_default_and_unit(kind, capsys):
    text = re.sub(r"\s+", " ", help_all(kind, capsys))
    flags = train_parser(kind)._option_string_actions
    for group, field in fields_of(kind):
        flag = f"--{field.name.replace('_', '-')}"
        if group != "decoder" or field.name == "likelihood":
            assert f" {flag} " in text if flag in flags else f" {group}.{field.name} " in text
    assert {"--max-bad", "--save-every", "--no-doctor", "--jit", "--balance-classes"} <= set(
        re.findall(r"--[a-z-]+", text)
    )
    setting = (
        "a whole number from 1 to 15, in pixels (default: 5)" if kind == "dcgan" else "(conv only); a whole number"
    )
    assert setting in text


def test_a_default_that_depends_on_the_recipe_says_so():
    text = re.sub(r"\s+", " ", train_parser("dcgan").format_help())
    assert "average of the generator's weights: its decay, such as 0.999 (default: by recipe; 0.999 on mnist5k)" in text
    assert "numbers in a latent point (default: 100)" in text


@pytest.mark.parametrize(
    ("kind", "words", "new", "line"),
    [
        ("vae", ["--epochs", "3", "--beta=2"], ["--epochs", "3", "--beta=2"], None),
        (
            "vae",
            ["--intermediate-dim", "8"],
            ["--set", "encoder.intermediate_dim=8"],
            "--intermediate-dim is now --set enc",
        ),
        (
            "vae",
            ["--clip-norm=none"],
            ["--set", "training.clip_norm=none"],
            "--clip-norm is now --set training.clip_norm=no",
        ),
        (
            "vae",
            ["--layer-norm", "--jit", "on"],
            ["--set", "encoder.layer_norm=true", "--jit", "on"],
            "--layer-norm is now",
        ),
        (
            "dcgan",
            ["--generator-filters", "4"],
            ["--set", "generator.filters=4"],
            "--generator-filters is now --set generator.filters=4",
        ),
        (
            "dcgan",
            ["--kernel-size", "4"],
            ["--set", "generator.kernel_size=4", "--set", "discriminator.kernel_size=4"],
            "--kernel-size is now --set generator.kernel_size=4 --set discriminator.kernel_size=4",
        ),
        (
            "dcgan",
            ["--no-discriminator-batch-norm", "--no-doctor", "--no-share-fakes"],
            ["--set", "discriminator.batch_norm=false", "--no-doctor", "--set", "training.share_fakes=false"],
            "--no-discriminator-batch-norm is now --set discriminator.batch_norm=false",
        ),
        ("dcgan", ["--dropout"], ["--set", "discriminator.dropout="], "--dropout is now --set discriminator.dropout="),
        ("dcgan", ["--no-dropout", "--color"], ["--no-dropout", "--color"], None),
    ],
)
def test_flags_of_version_1_are_understood_and_told_what_replaces_them(kind, words, new, line):
    result, lines = replace_old_flags(kind, words)
    assert result == new
    assert lines[0].startswith(line) if line else lines == []


@pytest.mark.parametrize("kind", [pytest.param("vae", marks=pytest.mark.slow), "dcgan"])
def test_a_dry_run_is_a_recipe_file_with_the_same_settings_and_writes_nothing(
    kind, stripes, tmp_path, monkeypatch, capsys, eagerly
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")  # as in a pipe
    words = ["--dataset", stripes, "--dry_run", "--epochs", "7", "--batch_size", "24", *small_flags(kind)]
    assert train_command(kind, words) == 0
    text = capsys.readouterr().out
    models = {"vae": ("encoder", "decoder"), "dcgan": ("generator", "discriminator")}[kind]
    assert all(f'Model: "{model}"' in text for model in models)
    assert text.count("Param #") == 2
    assert re.search(r"# +16x16 +\d+ s +\d\.\d GB +\d MB\n# +32x32 .* estimated", text)
    assert "Flags" not in text  # underscores for dashes need no word
    assert "# Data    stripes: 72 training and 8 held-out images, 16x16x1\n# Recipe  chapter\n" in text
    assert list(tmp_path.iterdir()) == []
    Path("mine.toml").write_text(text)
    expected = resolve_settings(
        kind,
        "stripes",
        epochs=7,
        batch_size=24,
        **train._overrides(kind, vars(train_parser(kind).parse_args(small_flags(kind)))),
    )
    assert tomllib.loads(text)["training"]["epochs"] == 7
    assert resolve_settings(kind, "stripes", "mine.toml").explicit() == expected.explicit()


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_from_the_command_line_to_the_pictures(kind, command_runs):
    folder = command_runs[kind]
    printed = (folder.parent / f"{kind}.txt").read_text()
    lines = printed.splitlines()
    assert lines[0] == "Data    stripes: 72 training and 8 held-out images, 16x16x1"
    assert lines[1] == "Recipe  chapter"
    few = "Advice  72 training images are few (below 1,000): expect them to be memorised; use "
    assert lines[2] == few + {"vae": "--patience", "dcgan": "--augment auto"}[kind] + " or more images"
    rest = [line for line in lines[3:] if not line.startswith(("Advice", "Batches"))]
    assert rest[0].startswith("Device  tensorflow 2.")
    assert rest[1:3] == [f"Run     {folder}", f"Preview {folder}/figures/data.png"]
    facts = json.loads((folder / "run.json").read_text())
    assert (facts["status"], facts["findings"]) == ("finished", [])
    assert facts["commands"][0].startswith(f"python train_{kind}.py --dataset {folder.parent}/stripes.npz --epochs 2 ")
    assert sorted(path.name for path in (folder / "images").iterdir()) == ["epoch-0001.png", "epoch-0002.png"]
    with Image.open(folder / "figures" / "data.png") as preview:
        assert preview.size == (8 * 16 * 4 + 7 * 8, 8 * 16 * 4 + 7 * 8)  # 64 images, each pixel four times as large
    pictures = [Path(path) for path in re.findall(r"^  (/\S+\.png)$", printed, re.MULTILINE)]
    expected = {"vae": {"latent_space.png", "manifold.png", "reconstructions.png"}, "dcgan": set()}[kind]
    assert {path.name for path in pictures} == expected | {"losses.png", "epoch-0002.png"}
    assert all(path.stat().st_size > 200 for path in pictures)
    assert lines[-1] == f"All of it on one page: {folder}/report.html"


@pytest.mark.parametrize(("latent_dim", "labelled", "count"), [(1, True, 80), (3, False, 12)])
def test_vae_pictures_of_a_line_and_of_one_held_out_image_without_labels(
    npz_file, tmp_path, monkeypatch, capsys, latent_dim, labelled, count
):
    images, labels = striped_images(count, size=16)
    path = npz_file(images=images, **({"labels": labels} if labelled else {}))
    monkeypatch.chdir(tmp_path)
    words = ["--dataset", str(path), "--epochs", "1", "--batch-size", "8", "--latent-dim", str(latent_dim)]
    assert train_command("vae", [*words, *small_flags("vae")]) == 0
    printed = capsys.readouterr().out
    assert "Run     runs/0001-vae-images\n" in printed
    assert "latent_space.png" in printed
    assert "manifold.png" not in printed


def test_automatic_precision_says_what_it_took_and_why(stripes, capsys, no_xla, eagerly):
    words = ["--dataset", stripes, "--batch-size", "24", *small_flags("vae"), "--precision", "auto", "--dry-run"]
    assert train_command("vae", words) == 0
    printed = capsys.readouterr().out
    assert "cores), float32 (on a CPU small dense networks gain nothing from bfloat16)" in printed
    assert '\nprecision = "float32"\n' in printed


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--epochs", "0"], "--epochs must be a whole number from 1 to 1000000; received 0"),
        (["--set", "data.max_bad=-1"], "--max-bad must be a whole number from 0 to 1000000000; received -1"),
        (["--image-size", "x"], "--image-size must be a whole number from 4 to 1024, or two as HEIGHTxWIDTH, or none;"),
        (["--epoch", "3"], "--epoch is not known; did you mean --epochs?; see python train_vae.py --help"),
        (["--zzz"], "--zzz is not known; see python train_vae.py --help"),
        (["more"], "more is not known; see python train_vae.py --help"),
        (["--set"], "argument --set: expected one argument; see python train_vae.py --help"),
        (["--set", "training.epochs"], "--set training.epochs has no value; write training.epochs=VALUE"),
        (["--set", "encoder.widht=3"], "encoder.widht is not a setting; "),
        (["--set", "training.seed=1", "--set", "training.seed=2"], "--set training.seed is given twice; give it once"),
        (
            ["--latent-dim", "2", "--set", "encoder.latent_dim=3"],
            "--latent-dim and --set encoder.latent_dim are the same setting; give one of them",
        ),
        (["--recipe", "mine.toml"], "mine.toml cannot be read (No such file or directory); name a recipe file"),
        (["--engine", "fast"], "--engine must be one of train_on_batch, compiled; received fast"),
        (["--save-every", "-1"], "--save-every must be a number of seconds from 0 to 1e+09; received -1"),
        (["--tensorboard"], "--tensorboard needs the package tensorboard; run: pip install tensorboard"),
        (["--image-size", "30", "--architecture", "conv"], "the networks cannot reach 30 pixels"),
        (["--out", "taken"], "--out taken already exists and is never overwritten"),
        (["--resume", "RUN", "--out", "new"], "--out names a new folder and --resume an old one; give one of the two"),
        (["--resume", "nowhere"], "nowhere is no run folder (it has no run.json)"),
        (["--resume", "RUN"], "RUN has its 2 epochs; give more with --epochs to continue"),
        (
            ["--resume", "RUN", "--batch-size", "30", "--seed", "1", "--image-size", "8"],
            "a resumed run keeps its settings: --image-size was none, now 8; --batch-size was 24, now 30; "
            "--seed was 0, now 1; leave these out, or start a new run",
        ),
    ],
)
def test_a_mistake_gets_one_line_exit_code_2_and_writes_nothing(
    command_runs, tmp_path, monkeypatch, capsys, words, message
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(train.importlib.util, "find_spec", lambda name: None)
    Path("taken").mkdir()
    run = command_runs["vae"]
    before = contents(run)
    assert train_command("vae", [str(run) if word == "RUN" else word for word in words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.replace(str(run), "RUN").startswith(f"error: {message}")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
    assert contents(run) == before


def test_the_other_model_s_run_is_refused(command_runs, capsys):
    assert train_command("dcgan", ["--resume", str(command_runs["vae"]), "--epochs", "3"]) == 2
    assert "is a vae run; resume it with python train_vae.py --resume " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "count", "code"),
    [("SIGINT", 3, 130), pytest.param("SIGTERM", 1, 143, marks=pytest.mark.slow), ("SIGHUP", 1, 129)],
)
def test_a_signal_ends_the_run_in_order_however_often_it_comes(
    stripes, tmp_path, monkeypatch, no_pictures, capfd, name, count, code
):
    number = getattr(signal, name)
    before = signal.getsignal(number)
    monkeypatch.setattr(signal, "SIG_IGN", None)  # this process may be under nohup

    def draw_and_interrupt(run):
        for _ in range(count):
            signal.raise_signal(number)

    monkeypatch.setattr(Run, "draw_epoch", draw_and_interrupt)
    folder = tmp_path / "my run"
    words = ["--dataset", stripes, "--batch-size", "24", "--epochs", "9", "--out", str(folder), *small_flags("vae")]
    assert train_command("vae", words, "keras-gen train-vae") == code
    printed = capfd.readouterr()
    assert printed.err.count("Stopping after this step, and saving") == 1
    assert f"\nStopped in epoch 2 of 9. To continue: keras-gen train-vae --resume '{folder}'\n" in printed.out
    assert json.loads((folder / "run.json").read_text())["status"] == "interrupted"
    assert len(list((folder / "checkpoints").glob("epoch-*.npz"))) == 1
    assert (folder / "models" / "decoder.keras").exists()
    assert signal.getsignal(number) == before


def test_a_run_goes_on_without_a_reader_and_ends_with_a_line_on_stderr(
    stripes, tmp_path, monkeypatch, no_pictures, capfd
):
    """As with `| tee log`, which Ctrl-C ends before the run is saved; test_command.py has `| head -1`."""
    reader, writer = os.pipe()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(signal, "SIG_IGN", None)  # this process may be under nohup
    monkeypatch.setattr(Run, "draw_data", lambda run: os.close(reader))
    monkeypatch.setattr(Run, "draw_epoch", lambda run: run.epoch == 1 and signal.raise_signal(signal.SIGINT))
    words = ["--dataset", stripes, "--batch-size", "24", "--epochs", "9", "--out=-run", *small_flags("vae")]
    with open(writer, "w") as output:
        monkeypatch.setattr(sys, "stdout", output)
        assert train_command("vae", words) == 130
    error = "\nStopping after this step, and saving ...\nStopped. To continue: python train_vae.py --resume ./-run\n"
    assert capfd.readouterr().err == error
    assert json.loads((tmp_path / "-run" / "run.json").read_text())["status"] == "interrupted"


def test_resume_takes_settings_from_the_run_data_that_has_moved_and_adds_epochs(
    command_runs, stripes, tmp_path, monkeypatch, no_pictures, capsys
):
    path = shutil.copytree(command_runs["vae"], tmp_path / "my run")
    folder = RunFolder(path)
    facts = folder.read()
    facts["settings"]["training"]["learning_rate_schedule"] = "cosine"
    facts["source"]["dataset"] = "/gone/stripes.npz"
    folder.write(**facts)
    shutil.copy(stripes, tmp_path / "stripes.npz")
    monkeypatch.chdir(tmp_path)
    first_rows = (path / "history.csv").read_text()
    assert train_command("vae", ["--resume", "my run", "--epochs", "3", "--dataset", "stripes.npz"]) == 0
    printed = capsys.readouterr().out
    assert "Resume  from the end of epoch 2 of 3" in printed
    line = "Advice  the learning rate falls along a cosine over all epochs: with 3 instead of 2 it goes up again; in a "
    assert f"{line}new run it falls once\n" in printed
    history = (path / "history.csv").read_text()
    assert history.startswith(first_rows)
    assert len(history.splitlines()) == 4
    facts = json.loads((path / "run.json").read_text())
    assert facts["settings"]["training"]["epochs"] == 3
    assert facts["source"]["dataset"] == str(tmp_path / "stripes.npz")
    assert [command.split(" --")[1].split()[0] for command in facts["commands"]] == ["dataset", "resume"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_saved_model_loads_as_any_keras_model_does(kind, command_runs):
    """Without `compile=False` too: no loss of ours may be asked for."""
    files = sorted((command_runs[kind] / "models").glob("*.keras"))
    names = {"vae": ["decoder", "encoder"], "dcgan": ["discriminator", "generator"]}
    assert [file.stem for file in files] == names[kind]
    for file in files:
        model = keras.models.load_model(file)
        assert model.name == file.stem
        assert not model.compiled


def test_tensorboard_writes_into_the_run_folder(stripes, tmp_path, monkeypatch, no_pictures):
    written = []

    class Recorder(keras.callbacks.Callback):
        def __init__(self, path):
            super().__init__()
            self.path = path

        def on_epoch_end(self, epoch, logs=None):
            written.append((self.path, epoch, "val_loss" in logs))

    monkeypatch.setattr(train.importlib.util, "find_spec", lambda name: name == "tensorboard")
    monkeypatch.setattr(keras.callbacks, "TensorBoard", Recorder)
    words = [
        "--dataset",
        stripes,
        "--batch-size",
        "24",
        "--epochs",
        "1",
        "--out",
        str(tmp_path / "run"),
        "--tensorboard",
    ]
    assert train_command("vae", [*words, *small_flags("vae")]) == 0
    assert written == [(tmp_path / "run" / "tensorboard", 0, True)]


def test_what_measuring_needs_is_made_ready_before_the_run(tmp_path, monkeypatch, no_pictures, no_xla, capsys):
    monkeypatch.setattr(features, "STEPS", 3)
    images, _ = striped_images(80, size=8)
    np.savez(tmp_path / "images.npz", images=images)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    flags = ["--dataset", str(tmp_path / "images.npz"), "--batch-size", "24", "--evaluate-every", "1"]
    flags += ["--epochs", "1", *small_flags("dcgan"), "--out"]
    assert train_command("dcgan", [*flags, str(tmp_path / "run")]) == 0
    (network,) = (tmp_path / "keras" / "keras_gen" / "features").iterdir()
    network.write_text("nonsense")
    assert train_command("dcgan", [*flags, str(tmp_path / "other")]) == 2
    assert f"error: {network} cannot be read" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


def test_a_bug_gets_its_traceback(monkeypatch):
    monkeypatch.setattr(train, "resolve_settings", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        train_command("vae", [])


def test_a_setting_s_flag_and_set_do_not_meet_unnoticed():
    options = vars(train_parser("vae").parse_args(["--architecture", "conv", "--set", "decoder.architecture=dense"]))
    assert train._overrides("vae", options) == {
        "encoder": {"architecture": "conv"},
        "decoder": {"architecture": "dense"},
    }
    options = vars(train_parser("vae").parse_args(["--epochs", "3", "--set", "training.epochs=3"]))
    with pytest.raises(InputError, match=r"`training.epochs` and `set` training.epochs are the same setting"):
        train._overrides("vae", options)


def test_what_the_flags_say_reaches_the_training(monkeypatch, tmp_path):
    call, folder = {}, str(tmp_path / "new run")

    def plan(kind, data, say, **options):
        call.update(kind=kind, data=data, **options)

    def run(plan, trainer, out, **options):
        call.update(out=out, **options)
        return SimpleNamespace(stopped_by=None)

    monkeypatch.setattr("keras_gen.training.planning.make_plan", plan)
    monkeypatch.setattr("keras_gen.training.start.prepare", lambda plan, say: SimpleNamespace(chief=True))
    monkeypatch.setattr("keras_gen.training.start.run_plan", run)
    words = ["train-dcgan", "--epochs", "3", "--save-every", "5", "--no-doctor", "--data-dir", "here"]
    assert main([*words, "--dataset", "mnist", "--out", folder]) == 0
    assert (call["kind"], call["data"], call["data_dir"], call["out"]) == (
        "dcgan",
        "mnist",
        "here",
        folder,
    )
    assert (call["save_every"], call["doctor"], call["resume"], call["callbacks"]) == (
        5,
        False,
        None,
        (),
    )
    assert call["training"] == {"epochs": "3"}
    assert call["command"] == f"python -m keras_gen {' '.join(words)} --dataset mnist --out '{folder}'"
