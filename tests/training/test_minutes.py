"""`minutes` is turned into epochs once, by a rehearsal that leaves no trace; `--dry-run` tells what it found."""

from types import SimpleNamespace

import pytest

from keras_gen import load_run
from keras_gen.errors import InputError
from keras_gen.models.exporting import multiply_adds
from keras_gen.settings import resolve_settings, to_toml
from keras_gen.training import rehearsal
from keras_gen.training.expectation import build, costs
from keras_gen.training.rehearsal import Pace
from tests.small import NETS, TRAIN, assert_same_runs, quiet, stop_after

pytestmark = pytest.mark.usefixtures("no_pictures")
SCHEDULES = {"kl_warmup": 4, "learning_rate_schedule": "cosine", "optimizer": "adam", "likelihood": "binarized"}


@pytest.mark.parametrize(
    ("kind", "engine"),
    [
        ("vae", "compiled"),
        pytest.param("dcgan", "train_on_batch", marks=pytest.mark.slow),
        pytest.param("vae", "train_on_batch", marks=pytest.mark.slow),
        pytest.param("dcgan", "compiled", marks=pytest.mark.slow),
    ],
)
def test_the_same_run_can_be_had_by_its_epochs(kind, engine, tmp_path, image_sets, monkeypatch, eagerly):
    real = rehearsal.rehearse

    def rehearse(*arguments):  # really, but a slow machine must not change the number of epochs
        pace = real(*arguments)
        assert pace.step > 0 and pace.epoch_end > 0
        return Pace(4, 1.0, 1.0, 0.0, {})

    monkeypatch.setattr(rehearsal, "rehearse", rehearse)
    monkeypatch.setattr(rehearsal.time, "monotonic", lambda: 7.0)
    said = []
    options = NETS[kind] | {
        "recipe": "chapter",
        "engine": engine,
        "batch_size": 16,
        "evaluate_every": 2 if kind == "vae" else 0,
    }
    options |= SCHEDULES if kind == "vae" else {"ema": 0.9, "augment": "mirror"}
    folder = tmp_path / "run"
    TRAIN[kind](*image_sets(), folder=folder, minutes=0.26, callbacks=stop_after(5), say=said.append, **options)
    (line,) = [line for line in said if line.startswith("Time    0.26 min are 3 epochs here")]
    assert line.endswith("give `epochs=3`")
    loaded = load_run(folder)
    assert (loaded.settings.training.epochs, loaded.settings.training.minutes) == (3, None)
    assert loaded.record["time_budget"] == {"minutes": 0.26, "epochs": 3, "seconds_per_epoch": 5.0}
    with pytest.raises(InputError, match=r"`minutes` fixes the epochs of a new run, and .* has 3; leave it out"):
        TRAIN[kind](folder=folder, resume=True, say=quiet, minutes=1)
    resumed = TRAIN[kind](folder=folder, resume=True, say=quiet)
    assert resumed.status == "finished"
    assert_same_runs(resumed, TRAIN[kind](*image_sets(), epochs=3, say=quiet, **options))
    again = resolve_settings(kind, recipe=str(folder))  # `--recipe RUN` is the same run, too
    assert (again.training.epochs, again.training.minutes) == (3, None)


@pytest.mark.parametrize(
    ("seconds", "epochs", "words"),
    [
        (7.0, 1, "0.1 min are too short for one epoch here, which takes 7 s; one is trained"),
        (1e-9, 1_000_000, "epochs here, of 1e-09 s each; to"),
    ],
)
def test_at_least_one_epoch_is_trained_and_not_too_many(seconds, epochs, words, image_sets, monkeypatch):
    monkeypatch.setattr(rehearsal, "rehearse", lambda *_: Pace(1, seconds, 0.0, 0.0, {}))
    said = []
    settings = resolve_settings("vae", minutes=0.1, **NETS["vae"])
    plan = SimpleNamespace(settings=settings)
    trainer = SimpleNamespace(settings=settings)
    rehearsal.fix_epochs(plan, trainer, said.append)
    assert plan.settings.training.epochs == trainer.settings.training.epochs == epochs
    assert words in said[0]


def test_what_the_rehearsal_takes_is_not_there_for_epochs(monkeypatch):
    clock = iter((0.0, 2.0))
    monkeypatch.setattr(rehearsal, "rehearse", lambda *_: Pace(1, 1.0, 0.0, 0.0, {}))
    monkeypatch.setattr(rehearsal.time, "monotonic", lambda: next(clock))
    settings = resolve_settings("vae", minutes=0.1, **NETS["vae"])
    plan = SimpleNamespace(settings=settings)
    rehearsal.fix_epochs(plan, SimpleNamespace(settings=settings), quiet)
    assert plan.settings.training.epochs == 4


def test_what_is_expected_counts_the_multiplications_of_every_layer():
    networks = build("vae", (16, 16, 1), resolve_settings("vae", architecture="conv"), None)
    assert costs(networks).multiplications == sum(map(multiply_adds, networks.values()))


def test_epochs_and_minutes_contradict_each_other_and_the_later_one_counts():
    with pytest.raises(InputError, match="`epochs` and `minutes` both say how long to train"):
        resolve_settings("vae", epochs=3, minutes=1)
    timed = resolve_settings("dcgan", minutes=1.5)
    assert timed.training.minutes == 1.5
    assert "epochs = " not in to_toml(timed)
    assert timed.replace(epochs=4).training.minutes is None


@pytest.mark.parametrize("value", [0, -1, "nan", "inf", 1e9, "", True, "soon"])
@pytest.mark.parametrize("name", ["minutes", "patience"])
def test_values_that_mean_nothing_are_refused(name, value):
    with pytest.raises(InputError, match=f"`training.{name}` must be a"):
        resolve_settings("vae", **{name: value})
    with pytest.raises(InputError, match=f'`{name}` cannot be used with `distribute="multiworker"`'):
        resolve_settings("vae", engine="compiled", distribute="multiworker", **{name: 1})
