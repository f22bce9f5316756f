"""What watches a training is a Keras callback; users' own work with both models and both engines."""

import csv
import os
import signal
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from keras_gen import VAERun, load_run
from keras_gen.data import ImageSet, epoch_batches
from keras_gen.errors import InputError
from keras_gen.training.loop import Loop
from tests.conftest import striped_images, without_pictures
from tests.small import assert_same_runs, stop_after, train_small, weights_of

pytestmark = pytest.mark.usefixtures("no_pictures")
LOSSES = {
    "vae": {"loss", "reconstruction", "kl"},
    "dcgan": {"discriminator_loss_real", "discriminator_loss_fake", "generator_loss"},
}


@pytest.fixture(
    scope="module",
    params=[
        ("vae", "train_on_batch"),
        ("dcgan", "compiled"),
        pytest.param(("vae", "compiled"), marks=pytest.mark.slow),
        pytest.param(("dcgan", "train_on_batch"), marks=pytest.mark.slow),
    ],
    ids="-".join,
)
def watched(request, tmp_path_factory):
    """A run with the callbacks that Keras users have, and what they saw."""
    kind, engine = request.param
    path = tmp_path_factory.mktemp("watched")
    sets = [ImageSet(*striped_images(count, seed=seed), ("a", "b"), "stripes") for seed, count in enumerate((70, 16))]
    seen = SimpleNamespace(kind=kind, engine=engine, path=path, events=[], epochs=[], batches=[], weights=[])
    spy = keras.callbacks.LambdaCallback(
        on_train_begin=lambda logs: seen.events.append("train begin"),
        on_train_end=lambda logs: seen.events.append("train end"),
        on_epoch_begin=lambda epoch, logs: seen.events.append(f"begin {epoch}"),
        on_epoch_end=lambda epoch, logs: (seen.events.append(f"end {epoch}"), seen.epochs.append(dict(logs))),
        on_train_batch_end=lambda batch, logs: seen.batches.append((batch, dict(logs))),
    )

    class Weights(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.weights.append(self.model.get_weights())

    seen.stopping = keras.callbacks.EarlyStopping(
        monitor="val_loss", min_delta=1e9, patience=1, restore_best_weights=True, mode="min"
    )
    callbacks = [
        spy,
        Weights(),
        keras.callbacks.TensorBoard(path / "board", update_freq="batch"),
        keras.callbacks.CSVLogger(path / "log.csv"),
        keras.callbacks.ModelCheckpoint(path / "{epoch:02d}.keras"),
        seen.stopping,
    ]
    with pytest.MonkeyPatch.context() as patch:
        without_pictures(patch)
        seen.run = train_small(kind, *sets, epochs=4, engine=engine, callbacks=callbacks, folder=path / "run")
    seen.model = spy.model
    return seen


def test_epochs_count_from_0_and_the_callbacks_are_called_as_by_fit(watched):
    assert watched.events == ["train begin", "begin 0", "end 0", "begin 1", "end 1", "train end"]
    assert watched.model.name == {"vae": "vae", "dcgan": "gan"}[watched.kind]
    last = {"vae": 4, "dcgan": 3}[watched.kind]  # 70 images: the VAE trains on the last 6, too
    batches = [batch for batch, _ in watched.batches]
    assert batches.count(last) == 2
    if watched.engine == "train_on_batch":
        assert batches == [*range(last + 1)] * 2
    assert set(watched.batches[0][1]) == LOSSES[watched.kind] | {"loss"}


def test_logs_have_our_names_and_keras_s(watched):
    losses = LOSSES[watched.kind]
    for logs, row in zip(watched.epochs, watched.run.history, strict=True):
        assert logs.items() >= {name: value for name, value in row.items() if name != "epoch"}.items()
        assert set(logs) == {f"{part}{name}" for name in losses | {"loss"} for part in ("", "val_")} | {
            f"held_out_{name}" for name in losses
        }
        ours = "loss" if watched.kind == "vae" else "generator_loss"
        assert (logs["loss"], logs["val_loss"]) == (row[ours], row[f"held_out_{ours}"])
    header = (watched.path / "run" / "history.csv").read_text().splitlines()[0].split(",")
    assert set(header) == {"epoch"} | losses | {f"held_out_{name}" for name in losses}


def test_early_stopping_ends_the_run_and_what_it_restores_is_saved(watched):
    assert watched.stopping.stopped_epoch == 1
    assert (watched.run.epoch, watched.run.status) == (2, "stopped")
    loaded = load_run(watched.path / "run")
    assert (loaded.epoch, loaded.status) == (2, "stopped")
    best, last = watched.weights
    assert any(not np.array_equal(a, b) for a, b in zip(best, last, strict=True))
    for one, two in zip(watched.model.get_weights(), best, strict=True):
        np.testing.assert_array_equal(one, two)
    for one, two in zip(weights_of(watched.run), weights_of(loaded), strict=True):
        np.testing.assert_array_equal(one, two)


def test_loggers_write_every_epoch(watched):
    with (watched.path / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["0", "1"]
    assert [float(row["val_loss"]) for row in rows] == pytest.approx([logs["val_loss"] for logs in watched.epochs])
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(watched.path / "board" / "train"))
    events.Reload()
    assert "epoch_loss" in events.Tags()["tensors"]
    assert {path.name for path in (watched.path / "board").iterdir()} == {"train", "validation"}


def test_model_checkpoints_load_as_the_whole_model(watched):
    import keras_gen.models  # noqa: F401, registers our layers and losses

    loaded = keras.models.load_model(watched.path / "02.keras", safe_mode=True)
    for one, two in zip(loaded.get_weights(), watched.weights[1], strict=True):
        np.testing.assert_array_equal(one, two)
    x = np.zeros((4, *loaded.input_shape[1:]), np.float32)
    assert loaded.predict_on_batch(x).shape == (4, *loaded.output_shape[1:])


def test_validation_scores_are_in_the_logs_before_a_user_s_callbacks_run(tmp_path, image_sets, monkeypatch):
    scores = iter([5.0, 3.0, 4.0])
    monkeypatch.setattr(VAERun, "validation_measure", lambda *_: lambda run: {"validation_loss": next(scores)})
    seen = []
    spy = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(logs["validation_loss"]))
    run = train_small("vae", *image_sets(), epochs=3, evaluate_every=1, callbacks=[spy], folder=tmp_path / "run")
    assert seen == [5, 3, 4]
    rows = [{"epoch": epoch, "validation_loss": score} for epoch, score in enumerate(seen, start=1)]
    assert run.metrics == load_run(tmp_path / "run").metrics == rows
    best = load_run(tmp_path / "run", best=True)
    assert (best.epoch, best.record["best"]) == (2, {"epoch": 2, "by": "validation_loss", "value": 3.0})


def test_a_signal_after_the_last_step_finds_a_finished_run(tmp_path, image_sets, interruptible):
    said = []
    stop = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: os.kill(os.getpid(), signal.SIGINT))
    options = {"folder": tmp_path / "run", "epochs": 1, "say": said.append}
    with pytest.raises(KeyboardInterrupt):
        train_small("vae", *image_sets(), **options, callbacks=stop)  # a single one, as `fit` takes it
    (done,) = (line for line in said if line.startswith("Done: 1 epoch,"))
    assert "since epoch" not in done
    assert load_run(tmp_path / "run").status == "finished"


@pytest.mark.parametrize(
    ("when", "error"),
    [
        ("epoch", OSError),
        pytest.param("batch", KeyboardInterrupt, marks=pytest.mark.slow),  # test_resume.py has signals within an epoch
        pytest.param("batch", ValueError, marks=pytest.mark.slow),
        pytest.param("epoch", ValueError, marks=pytest.mark.slow),
    ],
)
def test_a_callback_that_raises_loses_nothing(when, error, tmp_path, image_sets, undisturbed):
    class Raises(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if when == "batch" and batch == 2:
                raise error("a user's mistake")

        def on_epoch_end(self, epoch, logs=None):
            if when == "epoch":
                self.model.predict_on_batch(np.zeros((1, *self.model.input_shape[1:])))  # which draws noise
                raise error("a user's mistake")

    said = []
    options = {"folder": tmp_path / "run", "say": said.append}
    with pytest.raises(error, match="a user's mistake"):
        train_small("vae", *image_sets(), callbacks=[Raises()], **options)
    assert load_run(tmp_path / "run").status == ("interrupted" if error is KeyboardInterrupt else "failed")
    assert said[-1].startswith("The last good state is saved. To continue from it: python train_vae.py --resume")
    run = train_small("vae", **options, resume=True)
    where = {"batch": "step 3 of epoch 1", "epoch": "the end of epoch 1"}[when]
    assert f"Resume  from {where} of 2" in said
    assert run.status == "finished"
    assert_same_runs(undisturbed(2), run)


def test_a_callback_may_stop_the_training_at_an_epoch_s_end_or_within_one(tmp_path, image_sets):
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = True

    said = []
    run = train_small("vae", *image_sets(), epochs=3, folder=tmp_path / "run", callbacks=[Stop()], say=said.append)
    assert (run.status, run.epoch, run.step) == ("stopped", 1, 0)
    (line,) = (line for line in said if line.startswith("Stopped by a callback after epoch 1 of 3. Held-out loss "))
    assert line.endswith(f" To continue: python train_vae.py --resume {tmp_path / 'run'}")
    run = train_small("vae", folder=tmp_path / "run", resume=True, epochs=3, callbacks=[stop_after(2)])
    assert (run.status, run.epoch, run.step) == ("stopped", 1, 2)


@pytest.mark.parametrize("constant", [0, pytest.param(255, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", ["vae", "dcgan"])
def test_a_black_or_constant_first_batch_gives_no_false_alarm(kind, constant):
    """Of such images some weights have no gradient; the weights are checked at the first step that can tell."""
    images, _ = striped_images(64)
    images[epoch_batches(64, 16, seed=0, epoch=1, drop_last=True)[0]] = constant
    said, checked = [], []
    spy = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: checked.append(any(line.startswith("Weights") for line in said))
    )
    train_small(kind, ImageSet(images), ImageSet(images[:8]), epochs=1, say=said.append, callbacks=[spy])
    assert checked == [False, True, True, True]


def test_a_call_takes_half_a_second_of_steps_whatever_the_callbacks_take(monkeypatch):
    """Else, where pictures take long, the compiled engine would be asked for one step a call."""
    clock = [100.0]
    monkeypatch.setattr("keras_gen.training.loop.time.perf_counter", lambda: clock[0])
    taken = []

    def take_steps(images, batches, step):
        taken.append(len(batches))
        clock[0] += 0.125 * len(batches)

    loop = Loop.__new__(Loop)
    loop.trainer = SimpleNamespace(steps_per_execution=50, compiling_calls=0, train_steps=take_steps)
    loop.train, loop.run = SimpleNamespace(images=None), SimpleNamespace(step=0)
    loop._calls = loop._timed = loop._seconds = 0
    for _ in range(3):
        loop._take_steps([np.arange(4)] * 9 + [np.arange(3)])
        clock[0] += 8
    assert taken == [1, 4, 4]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"callbacks": [print]}, "`callbacks` must be instances of keras.callbacks.Callback; received <built-in"),
        ({"callbacks": keras.callbacks.Callback}, "`callbacks` must be instances of keras.callbacks.Callback"),
        ({"say": "quietly"}, "`say` must be a function that takes a line, such as print; received 'quietly'"),
        ({"save_every": "1"}, "`save_every` must be a number of seconds from 0 to 1e\\+09; received '1'"),
        ({"folder": 7}, "`folder` must be a path; received 7"),
        ({"folder": ""}, "`folder` must be a path; received ''"),
        ({"folder": True, "resume": True}, "resume=True needs the `folder` of the run"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_written(image_sets, options, message, tmp_path):
    with pytest.raises(InputError, match=message):
        train_small("vae", *image_sets(), **{"folder": tmp_path / "run"} | options)
    assert not (tmp_path / "run").exists()
