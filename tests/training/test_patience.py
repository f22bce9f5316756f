"""`patience` stops a run whose validation score no longer improves, and says why."""

import copy
import json

import keras
import pytest

from keras_gen import load_run
from keras_gen.errors import InputError
from keras_gen.run.kinds import DCGANRun, VAERun
from keras_gen.training.patience import out_of_patience
from tests.small import assert_same_runs, stop_after, train_small

pytestmark = pytest.mark.usefixtures("no_pictures")
nan = float("nan")


@pytest.fixture
def scores(monkeypatch):
    """Let a run of either kind measure given validation scores, by its epoch."""

    def use(values):
        for kind in (VAERun, DCGANRun):
            measure = lambda run, *_: lambda run: {run.criterion: values[run.epoch - 1]}  # noqa: E731
            monkeypatch.setattr(kind, "validation_measure", measure)

    return use


@pytest.mark.parametrize(
    ("kind", "engine"),
    [
        ("vae", "train_on_batch"),
        pytest.param("vae", "compiled", marks=pytest.mark.slow),
        pytest.param("dcgan", "train_on_batch", marks=pytest.mark.slow),
    ],
)
def test_a_run_stops_when_its_score_has_not_improved_and_resumes_alike(
    kind, engine, tmp_path, image_sets, scores, eagerly
):
    scores([5.0, 3.0, 3.0, nan, 2.0, 1.0])
    options = {"epochs": 6, "patience": 2, "evaluate_every": 1, "engine": engine}
    said = []
    whole = train_small(kind, *image_sets(), folder=tmp_path / "whole", say=said.append, **options)
    assert (whole.epoch, whole.status) == (4, "stopped")
    assert said[-1].startswith("Stopped early: the ") and said[-1].endswith("not improved 2 times since epoch 2 (3)")
    assert any(line.startswith("Stops   when the ") and "measured every epoch" in line for line in said)
    facts = json.loads((tmp_path / "whole" / "run.json").read_text())
    assert said[-1] == f"Stopped early: {facts['stop_reason']}"
    assert load_run(tmp_path / "whole", best=True).epoch == 2

    parts = {"folder": tmp_path / "parts"} | options
    train_small(kind, *image_sets(), **parts, callbacks=[stop_after(6)])
    assert_same_runs(whole, train_small(kind, **parts, resume=True))

    with pytest.raises(InputError, match=r"has stopped: the .* since epoch 2 .*; give a higher `patience`"):
        train_small(kind, **parts, resume=True)
    longer = train_small(kind, **parts | {"patience": None}, resume=True)
    assert (longer.epoch, longer.status, longer.record["stop_reason"]) == (6, "finished", None)


def test_a_process_killed_after_the_last_epoch_trains_no_further(tmp_path, image_sets, scores, eagerly):
    scores([1.0, 2.0, 0.5])
    options = {"folder": tmp_path / "run", "epochs": 3, "patience": 1}
    run = train_small("vae", *image_sets(), **options)
    run.update(status="running")
    resumed = train_small("vae", **options, resume=True)
    assert (resumed.epoch, resumed.status) == (2, "stopped")


@pytest.mark.parametrize(
    ("patience", "warmup", "rows", "expected"),
    [
        (2, 0, [3.0, 2.0, 2.5], False),
        (2, 0, [3.0, 2.0, 2.5, 2.0], True),
        (2, 0, [3.0, 2.0, 2.5, 1.9], False),
        (1, 0, [nan, nan], True),
        (1, 0, [nan, 4.0], False),
        (2, 2, [1.0, 2.0, 3.0], False),  # the loss of a warm-up counts for little
        (2, 2, [1.0, 2.0, 3.0, 4.0], True),
        (None, 0, [1.0] * 9, False),
    ],
)
def test_when_a_run_is_out_of_patience(patience, warmup, rows, expected, undisturbed):
    run = copy.copy(undisturbed(2))
    run.settings = run.settings.replace(patience=patience, kl_warmup=warmup, epochs=9)
    # epochs that were not measured, as when something else is noted of them, do not count
    run.metrics = [{"epoch": 0, "other": 1.0}] + [
        {"epoch": epoch, "validation_loss": score} for epoch, score in enumerate(rows, start=1)
    ]
    assert out_of_patience(run) is expected


def test_too_few_images_and_a_user_s_callback(tmp_path, image_sets):
    with pytest.raises(InputError, match="`patience` judges by a tenth of the training images, which of 40 are 4, and"):
        train_small("vae", *image_sets(train=40), patience=3, folder=tmp_path / "run")
    assert not (tmp_path / "run").exists()

    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = True

    said = []
    run = train_small("vae", *image_sets(), patience=3, callbacks=[Stop()], say=said.append)
    assert (run.status, run.record["stop_reason"]) == ("stopped", None)
    assert said[-1].startswith("Best") or "Stopped by a callback" in said[-1]
