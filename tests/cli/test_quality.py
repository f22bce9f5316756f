import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from keras_gen.benchmarks.studies import STUDIES, Study, Trial
from keras_gen.cli import quality
from keras_gen.cli.main import main
from keras_gen.cli.train import train_parser
from keras_gen.training.recipes import resolve_settings
from keras_gen.training.run_folder import RunFolder
from keras_gen.training.settings import SETTINGS

SMALL = {"epochs": 1, "intermediate_dim": 4, "recipe": "chapter"}
STUDY = Study(
    "A small one", "vae", "mnist5k", SMALL, (Trial("one", "one"), Trial("two", "two", {"latent_dim": 3})), False
)
GAN = Study("Another", "dcgan", "mnist5k", {}, (Trial("one", "one"),), validated=False)


def write_run(path, status, *flags, kind="vae"):
    """Write a run folder that has a checkpoint."""
    (path / "checkpoints").mkdir(parents=True, exist_ok=True)
    (path / "checkpoints" / "epoch-000001-step-00000000.npz").touch()
    given = vars(train_parser(kind).parse_args([*flags]))
    names = [field.name for field in dataclasses.fields(SETTINGS[kind]) if field.name in given]
    settings = resolve_settings(kind, "mnist5k", **{name: given[name] for name in names})
    RunFolder(path).write(kind=kind, settings=settings.as_dict(), dataset={"name": "mnist5k"}, status=status)


@pytest.fixture
def trained(monkeypatch):
    """Replace the processes by one that writes a finished run; returns their arguments."""
    asked = []

    def python(arguments):
        asked.append(arguments)
        run = Path(arguments[-1])
        if arguments[0] == "-m":
            kid = {"kid": {"value": 0.1, "standard_error": 0.01}, "precision": 1, "recall": 1}
            epoch = RunFolder(run).read()["settings"]["epochs"]
            images = {"generated": kid, "floor": kid}
            scores = {"models": "last", "epoch": epoch, "images": images, "memorising": {}}
            (run / "metrics.json").write_text(json.dumps(scores))
            return 0
        if "--resume" not in arguments:
            write_run(run, "finished", *arguments[1:], kind=arguments[0][len("train_") : -len(".py")])
        (run / "history.csv").write_text("held_out_loss,held_out_reconstruction,held_out_kl\n150,144,6\n")
        (run / "timing.csv").write_text("train_seconds\n2\n")
        return 0

    monkeypatch.setattr(quality, "_python", python)
    monkeypatch.setitem(STUDIES, "small", STUDY)
    monkeypatch.setitem(STUDIES, "gan", GAN)
    return asked


def test_each_trial_is_run_with_each_seed_once_and_the_table_is_kept(trained, tmp_path, capsys):
    flags = ["benchmark", "--quality", "small", "--out", str(tmp_path / "q"), "--seeds", "0,1", "--data-dir", "here"]
    assert main(flags) == 0
    names = [Path(arguments[-1]).name for arguments in trained]
    assert names == ["small-one-seed-0", "small-two-seed-0", "small-one-seed-1", "small-two-seed-1"]
    assert trained[1] == [
        *["train_vae.py", "--dataset", "mnist5k", "--seed", "0", "--data-dir", str(Path("here").absolute())],
        *["--epochs", "1", "--intermediate-dim", "4", "--recipe", "chapter", "--latent-dim", "3"],
        *["--out", str(tmp_path / "q" / "small-two-seed-0")],
    ]
    printed = capsys.readouterr().out
    assert "| one | 150 (150 to 150) | 144 (144 to 144) | 6 (6 to 6) | 1.00 |" in printed
    assert (tmp_path / "q" / "tables.md").read_text().strip() == printed.strip()
    assert main(flags) == 0
    assert len(trained) == 4


def test_a_gan_is_measured_by_evaluate_once(trained, tmp_path):
    flags = ["benchmark", "--quality", "gan", "--out", str(tmp_path)]
    assert main(flags) == 0
    assert main(flags) == 0
    assert [arguments[:3] for arguments in trained[1:]] == [["-m", "keras_gen", "evaluate"]]


@pytest.mark.parametrize("other", [{"models": "best"}, {"epoch": 1}])
def test_a_gan_is_measured_again_when_others_than_its_last_models_were(trained, tmp_path, other):
    flags = ["benchmark", "--quality", "gan", "--out", str(tmp_path)]
    assert main(flags) == 0
    path = tmp_path / "gan-one-seed-0" / "metrics.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | other))
    assert main(flags) == 0
    assert [arguments[2] for arguments in trained[1:]] == ["evaluate", "evaluate"]


def test_a_run_that_was_stopped_goes_on_from_its_checkpoint(trained, tmp_path):
    run = tmp_path / "small-one-seed-0"
    write_run(run, "interrupted", "--epochs", "1", "--intermediate-dim", "4")
    assert main(["benchmark", "--quality", "small", "--out", str(tmp_path)]) == 0
    assert trained[0] == ["train_vae.py", "--resume", str(run)]


def test_a_run_that_is_stopped_ends_the_command_and_one_that_fails_is_an_error(trained, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(quality, "_python", lambda arguments: 130)
    assert main(["benchmark", "--quality", "small", "--out", str(tmp_path)]) == 130
    assert not (tmp_path / "tables.md").exists()
    monkeypatch.undo()
    monkeypatch.setitem(STUDIES, "small", Study("", "vae", "nothing-there", {}, (Trial("", "x"),), False))
    assert main(["benchmark", "--quality", "small", "--out", str(tmp_path / "fails")]) == 1
    assert "error: this ended with exit code 2: python train_vae.py --dataset nothing-there" in capsys.readouterr().err


def test_a_run_with_other_settings_is_refused_before_any_other_is_trained(trained, tmp_path, capsys):
    run = tmp_path / "small-two-seed-0"
    write_run(run, "finished", "--epochs", "1", "--intermediate-dim", "5", "--latent-dim", "3")
    assert main(["benchmark", "--quality", "small", "--out", str(tmp_path)]) == 2
    line = f"error: {run} was made with other settings: --intermediate-dim was 5, now 4; remove it, or name another "
    assert capsys.readouterr().err == f"{line}folder with --out\n"
    assert not trained


def test_sigterm_ends_the_run_under_way_too(tmp_path):
    """What SIGTERM reaches is the command alone, not the process that trains for it."""
    there = tmp_path / "there"
    child = "import os, sys, time; open(sys.argv[1], 'w').write(f'{os.getpid()} '); time.sleep(99)"
    program = (
        "from keras_gen.cli.command import run_command\n"
        "from keras_gen.cli.quality import _python\n"
        f"raise SystemExit(run_command(lambda: _python(['-c', {child!r}, {str(there)!r}])))\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program])
    while not there.exists() or not there.read_text().endswith(" "):
        assert parent.poll() is None
        time.sleep(0.02)
    parent.terminate()
    assert parent.wait(timeout=30) == 143
    with pytest.raises(ProcessLookupError):
        os.kill(int(there.read_text()), 0)


def test_a_run_without_a_checkpoint_is_left_to_the_user(trained, tmp_path, capsys):
    run = tmp_path / "small-one-seed-0"
    run.mkdir()
    assert main(["benchmark", "--quality", "small", "--out", str(tmp_path)]) == 2
    line = f"error: {run} was stopped before its first checkpoint; remove it, and give the command again\n"
    assert capsys.readouterr().err == line
    assert not trained and run.exists()


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        (["--quality", "best"], "--quality must be some of vae,digits,"),
        (
            ["--quality", "vae", "--seeds", "some"],
            "--seeds must be whole numbers and ranges such as 0-63,100, each once",
        ),
        (["--quality", "vae", "--out", __file__], f"--out {__file__} is a file; name a folder for the runs"),
    ],
)
def test_mistakes_get_one_line(trained, capsys, flags, line):
    assert main(["benchmark", *flags]) == 2
    assert capsys.readouterr().err.startswith(f"error: {line}")
    assert not trained


@pytest.mark.slow
def test_real_runs_stop_by_ctrl_c_go_on_and_make_a_table(tmp_path):
    program = (
        "from keras_gen.benchmarks.studies import STUDIES\n"
        "from tests.cli.test_quality import STUDY\n"
        "from keras_gen.cli.main import main\n"
        "STUDIES['small'] = STUDY\n"
        f"raise SystemExit(main(['benchmark', '--quality', 'small', '--out', {str(tmp_path)!r}]))\n"
    )
    first = subprocess.Popen([sys.executable, "-c", program], start_new_session=True)
    run = tmp_path / "small-one-seed-0"
    while not (run / "figures" / "data.png").exists():
        assert first.poll() is None
        time.sleep(0.02)
    time.sleep(0.5)
    os.killpg(first.pid, signal.SIGINT)
    assert first.wait() == 130
    subprocess.run([sys.executable, "-c", program], check=True)
    assert "| two |" in (tmp_path / "tables.md").read_text()
    assert json.loads((run / "run.json").read_text())["status"] == "finished"
