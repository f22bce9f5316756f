import json
import os
import signal
import subprocess
import sys
import time

import keras
import pytest

import keras_gen
from keras_gen.benchmarks import studies as studies_module
from keras_gen.benchmarks.studies import Study
from keras_gen.cli.main import main
from keras_gen.errors import RunError
from keras_gen.run import RunFolder
from keras_gen.settings import resolve_settings

SMALL = {"epochs": 1, "intermediate_dim": 4, "recipe": "chapter"}
TRIALS = [{"title": "one", "name": "one"}, {"title": "two", "name": "two", "latent_dim": 3}]
STUDIES = {
    "small": Study("A small one", "vae", "mnist5k", "held_out", SMALL, TRIALS),
    "gan": Study("Another", "dcgan", "mnist5k", "held_out", {"recipe": "chapter"}, TRIALS[:1]),
}


def write_run(path, status, kind="vae", **overrides):
    settings = resolve_settings(kind, "mnist5k", **overrides)
    images = {"count": 10, "image_shape": [28, 28, 1], "fingerprint": "0"}
    facts = {
        "kind": kind,
        "settings": settings.as_dict(),
        "dataset": {"name": "mnist5k", "class_names": [], "train": images, "held_out": images},
        "pixel_range": [0, 1],
        "source": None,
        "status": status,
    }
    RunFolder.create(path, kind, "mnist5k", facts=facts)
    folder = RunFolder(path)
    folder.write_table(
        "history.csv", [{"epoch": 1, "held_out_loss": 150, "held_out_reconstruction": 144, "held_out_kl": 6}]
    )
    folder.write_table("timing.csv", [{"epoch": 1, "train_seconds": 2}])


@pytest.fixture
def trained(monkeypatch):
    """Replace training and measuring by what writes a finished run; returns what was done."""
    done = []

    def train(kind):
        def train(data=None, *, folder, resume=False, data_dir=None, say=print, **overrides):
            done.append((folder.name, resume, data_dir))
            if resume:
                RunFolder(folder).write(status="finished")
            else:
                write_run(folder, "finished", kind, **overrides)

        return train

    def evaluate(run, say):
        done.append((run.folder.path.name, "evaluate"))
        kid = {"kid": {"value": 0.1, "standard_error": 0.01}, "precision": 1, "recall": 1}
        scores = {"images": {"generated": kid, "floor": kid}, "memorising": {}}
        run.folder.write_scores(scores | {"models": "last", "epoch": run.settings.training.epochs})

    monkeypatch.setattr(keras.utils, "clear_session", lambda: None)  # which collects the garbage of all tests
    monkeypatch.setattr(keras_gen, "train_vae", train("vae"), raising=False)
    monkeypatch.setattr(keras_gen, "train_dcgan", train("dcgan"), raising=False)
    monkeypatch.setattr(keras_gen.Run, "evaluate", evaluate, raising=False)
    monkeypatch.setattr(studies_module, "studies", lambda: STUDIES)
    return done


def test_each_trial_is_run_with_each_seed_once_and_the_table_is_kept(trained, tmp_path, capsys):
    flags = ["benchmark", "--quality", "small", "--out", str(tmp_path / "q"), "--seeds", "0,1", "--data-dir", "here"]
    assert main(flags) == 0
    names = ["small-one-seed-0", "small-two-seed-0", "small-one-seed-1", "small-two-seed-1"]
    assert [name for name, *_ in trained] == names
    assert {(resume, data_dir.name) for _, resume, data_dir in trained} == {(False, "here")}
    runs = [keras_gen.load_run(tmp_path / "q" / name) for name in names]
    assert [(run.settings.latent_dim, run.settings.training.seed) for run in runs] == [(2, 0), (3, 0), (2, 1), (3, 1)]
    printed = capsys.readouterr().out
    assert "| one | 150 (150 to 150) | 144 (144 to 144) | 6 (6 to 6) | 1.00 |" in printed
    assert (tmp_path / "q" / "tables.md").read_text().strip() in printed
    assert main(flags) == 0
    assert len(trained) == 4


def test_a_gan_is_measured_by_evaluate_once(trained, tmp_path):
    flags = ["benchmark", "--quality", "gan", "--out", str(tmp_path)]
    assert main(flags) == 0
    assert main(flags) == 0
    assert trained[1:] == [("gan-one-seed-0", "evaluate")]


@pytest.mark.parametrize("other", [{"models": "best"}, {"epoch": 1}])
def test_a_gan_is_measured_again_when_others_than_its_last_models_were(trained, tmp_path, other):
    flags = ["benchmark", "--quality", "gan", "--out", str(tmp_path)]
    assert main(flags) == 0
    folder = RunFolder(tmp_path / "gan-one-seed-0")
    folder.write_scores(folder.read_scores() | other)
    assert main(flags) == 0
    assert [what for _, what, *_ in trained[1:]] == ["evaluate", "evaluate"]


def test_a_run_that_was_stopped_goes_on_from_its_checkpoint(trained, tmp_path):
    write_run(tmp_path / "small-one-seed-0", "interrupted", **SMALL)
    assert main(["benchmark", "--quality", "small", "--out", str(tmp_path)]) == 0
    assert trained[0][:2] == ("small-one-seed-0", True)


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt(), 130), (RunError("the loss is not finite"), 1)])
def test_a_run_that_is_stopped_or_fails_ends_the_command(trained, tmp_path, monkeypatch, error, code):
    def train(*arguments, **options):
        raise error

    monkeypatch.setattr(keras_gen, "train_vae", train)
    assert main(["benchmark", "--quality", "small", "--out", str(tmp_path)]) == code
    assert not (tmp_path / "tables.md").exists()


def test_a_run_with_other_settings_is_refused_before_any_other_is_trained(trained, tmp_path, capsys):
    run = tmp_path / "small-two-seed-0"
    write_run(run, "finished", **SMALL | {"intermediate_dim": 5, "latent_dim": 3})
    assert main(["benchmark", "--quality", "small", "--out", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {run} was made with other settings: ") and "intermediate" in error
    assert error.count("\n") == 1
    assert not trained


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        (["--quality", "best"], "--quality must be some of small,gan"),
        (["--quality", "small", "--seeds", "some"], "--seeds must be whole numbers and ranges such as 0-63,100, each"),
        (["--quality", "small", "--out", __file__], f"--out {__file__} is a file; name a folder for the runs"),
    ],
)
def test_mistakes_get_one_line(trained, capsys, flags, line):
    assert main(["benchmark", *flags]) == 2
    assert capsys.readouterr().err.startswith(f"error: {line}")
    assert not trained


@pytest.mark.slow
def test_real_runs_stop_by_ctrl_c_go_on_and_make_a_table(tmp_path):
    program = (
        "from keras_gen.benchmarks import studies\n"
        "from tests.cli.test_quality import STUDIES\n"
        "from keras_gen.cli.main import main\n"
        "studies.studies = lambda: STUDIES\n"
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
