"""An interrupted and resumed run ends as an uninterrupted one: the same weights, the same history."""

import os
import shutil
import signal

import keras
import numpy as np
import pytest

from keras_gen import load_run
from keras_gen.errors import InputError, RunError
from keras_gen.training import VAETrainer, adaptive
from tests.conftest import values_of, without_pictures
from tests.small import TRAIN, assert_same_runs, quiet, small_settings, stop_after, train_small

pytestmark = pytest.mark.usefixtures("no_pictures")

DEEP = {"intermediate_dim": "16,8", "kl_warmup": 3, "learning_rate_schedule": "cosine", "optimizer": "adam"}
AUGMENTED = {"augment": "mirror,auto", "augment_target": -0.9, "discriminator_steps": 2, "optimizer": "rmsprop"}
slow = pytest.mark.slow


@pytest.mark.parametrize(
    ("kind", "stops", "overrides"),
    [
        ("vae", [4], DEEP | {"binarize_inputs": 0.5}),  # at the last step of an epoch
        ("vae", [3], {"engine": "compiled", "likelihood": "binarized", "conditional": True}),
        ("dcgan", [3], AUGMENTED | {"conditional": True, "balance_classes": True, "ema": 0.9}),
        pytest.param("vae", [3], {"conditional": True, "likelihood": "discretized_logistic"}, marks=slow),
        pytest.param("vae", [3], {"importance_samples": 3, "learning_rate_schedule": "stepped"}, marks=slow),
        pytest.param("dcgan", [3], {"engine": "compiled", "share_fakes": True, "ema": 0.9}, marks=slow),
        pytest.param("dcgan", [3, 1], {"ema": 0.9}, marks=slow),
        pytest.param("vae", [1, 5], {}, marks=slow),
        pytest.param("vae", [4], DEEP | {"engine": "compiled"}, marks=slow),
        pytest.param("dcgan", [6], {"recipe": "article"}, marks=slow),
        pytest.param("dcgan", [1], {"engine": "compiled"}, marks=slow),
    ],
    ids=str,
)
def test_a_resumed_run_is_the_uninterrupted_one(kind, stops, overrides, tmp_path, image_sets, monkeypatch):
    """Four steps an epoch, or two."""
    monkeypatch.setattr(adaptive, "RISE_IMAGES", 400)
    whole = train_small(kind, *image_sets(), epochs=3, **overrides)
    parts = {"folder": tmp_path / "parts", "epochs": 3} | overrides
    for number, steps in enumerate(stops):
        data = () if number else image_sets()
        run = train_small(kind, *data, **parts, resume=number > 0, callbacks=[stop_after(steps)])
        assert run.status == load_run(tmp_path / "parts").status == "stopped"
    run = TRAIN[kind](folder=tmp_path / "parts", resume=True, say=quiet)  # its settings and images are the run's own
    assert run.status == "finished"
    assert_same_runs(whole, run)
    loaded = load_run(tmp_path / "parts")
    assert_same_runs(whole, loaded)
    assert whole.metrics == loaded.metrics
    assert not overrides.get("augment") or loaded.metrics[-1]["augment_probability"] > 0


def test_an_epoch_that_goes_on_with_a_smaller_batch_is_traced_as_the_uninterrupted_one(tmp_path, image_sets):
    """A trace that leaves the number of images open rounds otherwise, and TensorFlow takes such a one second."""
    shapes, original = [], VAETrainer.trace_first

    def traced(trainer, *arguments):
        step = trainer.vae.compute_loss
        trainer.vae.compute_loss = lambda x, *rest, **options: shapes.append(x.shape[0]) or step(x, *rest, **options)
        before = values_of(trainer.vae.variables)
        original(trainer, *arguments)
        for one, two in zip(before, values_of(trainer.vae.variables), strict=True):
            np.testing.assert_array_equal(one, two)

    options = {"folder": tmp_path / "run", "epochs": 2, "batch_size": 24}
    train_small("vae", *image_sets(), **options, callbacks=[stop_after(2)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(VAETrainer, "trace_first", traced)
        run = train_small("vae", resume=True, **options)
    assert shapes[0] == 24 and set(shapes[1:]) <= {24, 16, None}
    assert_same_runs(train_small("vae", *image_sets(), epochs=2, batch_size=24), run)


class Sends(keras.callbacks.Callback):
    """Sends this process a signal after some steps."""

    def __init__(self, number, steps):
        super().__init__()
        self.number, self.left = number, steps

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), self.number)


def test_a_signal_while_the_last_epoch_is_saved_leaves_a_finished_run(tmp_path, image_sets, interruptible):
    late = keras.callbacks.LambdaCallback(on_train_end=lambda logs: os.kill(os.getpid(), signal.SIGINT))
    said = []
    with pytest.raises(KeyboardInterrupt):
        train_small("vae", *image_sets(), folder=tmp_path / "run", epochs=1, callbacks=late, say=said.append)
    assert load_run(tmp_path / "run").status == "finished"
    assert not any(line.startswith("Stopped") for line in said)


def test_a_run_interrupted_before_its_first_step_says_how_to_go_on(tmp_path, image_sets, monkeypatch):
    said = []
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("keras_gen.Run.draw_data", lambda run: (_ for _ in ()).throw(KeyboardInterrupt))
        train_small("vae", *image_sets(), folder=tmp_path / "run", epochs=1, say=said.append)
    assert said[-1].startswith("Stopped before the first step was saved. To start again: python train_vae.py --resume")
    assert load_run(tmp_path / "run").status == "interrupted"
    assert train_small("vae", folder=tmp_path / "run", resume=True, epochs=1).epoch == 1


def test_a_link_out_of_the_run_folder_is_refused_before_an_epoch_is_trained(tmp_path, stopped):
    (stopped / "checkpoints").rename(tmp_path / "elsewhere")
    (stopped / "checkpoints").symlink_to(tmp_path / "elsewhere")
    trained = []
    epochs = keras.callbacks.LambdaCallback(on_epoch_begin=lambda *_: trained.append(1))
    with pytest.raises(InputError, match="a symbolic link leads out of the run folder"):
        train_small("vae", folder=stopped, resume=True, callbacks=epochs)
    assert not trained


def test_each_signal_stops_and_saves_and_the_run_goes_on_as_if_undisturbed(undisturbed, tmp_path, image_sets, capfd):
    whole = undisturbed(3)
    folder, received, said = tmp_path / "run", [], []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
        with pytest.raises(KeyboardInterrupt):
            options = {"folder": folder, "epochs": 3, "say": said.append}
            train_small("vae", *image_sets(), callbacks=[Sends(signal.SIGINT, 2)], **options)
        assert load_run(folder).status == "interrupted"
        assert any(
            line.startswith("Stopped in epoch 1 of 3. To continue: python train_vae.py --resume") for line in said
        )
        assert "Stopping after this step, and saving" in capfd.readouterr().err
        for number in (signal.SIGTERM, signal.SIGHUP):  # they reach whoever asked for them when all is saved
            signal.signal(number, lambda number, _: received.append((number, load_run(folder).status)))
            train_small("vae", folder=folder, resume=True, epochs=3, callbacks=[Sends(number, 3)])
        assert received == [(signal.SIGTERM, "interrupted"), (signal.SIGHUP, "interrupted")]

        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as under nohup
        run = train_small("vae", folder=folder, resume=True, epochs=3, callbacks=[Sends(signal.SIGHUP, 1)])
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert run.status == "finished"
    assert_same_runs(whole, run)


@pytest.fixture(scope="module")
def stopped_run(tmp_path_factory, striped_sets):
    folder = tmp_path_factory.mktemp("stopped") / "run"
    with pytest.MonkeyPatch.context() as patch:
        without_pictures(patch)
        train_small("vae", *striped_sets, folder=folder, save_every=0, callbacks=[stop_after(6)])
    return folder


@pytest.fixture
def stopped(stopped_run, tmp_path):
    """The folder of a run of two epochs that was stopped in the second, after checkpoints at each step."""
    return shutil.copytree(stopped_run, tmp_path / "run")


def checkpoints_of(folder):
    return {path.name: path.read_bytes() for path in (folder / "checkpoints").iterdir()}


def test_a_finished_run_goes_on_with_more_epochs_and_is_left_alone_without(undisturbed, tmp_path, image_sets):
    whole = undisturbed(3)
    train_small("vae", *image_sets(), folder=tmp_path / "run", epochs=1)
    with pytest.raises(InputError, match="has its 1 epoch; give more with `epochs` to continue"):
        train_small("vae", folder=tmp_path / "run", resume=True, epochs=1)
    assert_same_runs(whole, train_small("vae", folder=tmp_path / "run", resume=True, epochs=3))


def test_a_run_that_was_killed_continues_from_its_last_checkpoint(undisturbed, tmp_path, image_sets, monkeypatch):
    """As if by kill -9: nothing is saved on the way out."""
    whole = undisturbed(2)
    original = VAETrainer.train_step

    def killed(self, images, classes):
        if (self.epoch, self.step) == (2, 3):
            raise SystemError
        return original(self, images)

    monkeypatch.setattr(VAETrainer, "train_step", killed)
    with pytest.raises(SystemError):
        train_small("vae", *image_sets(), folder=tmp_path / "run", save_every=0)
    assert max(checkpoints_of(tmp_path / "run")) == "epoch-000001-step-00000002.npz"
    monkeypatch.undo()
    staged = tmp_path / "run" / "models" / "best" / f".partial-{2**22 + 1}"  # no process has a number so high
    staged.mkdir(parents=True)
    killed_run = load_run(tmp_path / "run")  # what it had written after its last checkpoint
    later = [{"name": name, "text": "", "epoch": epoch, "resolved": 2} for name, epoch in (("old", 1), ("later", 2))]
    killed_run.folder.write(findings=later)
    killed_run.folder.write_table("history.csv", [*killed_run.history, killed_run.history[0] | {"epoch": 2}])
    run = train_small("vae", folder=tmp_path / "run", resume=True, callbacks=[stop_after(1)])
    assert not staged.exists()
    assert run.findings == load_run(tmp_path / "run").findings == [later[0] | {"resolved": None}]
    assert load_run(tmp_path / "run").history == run.history == killed_run.history
    assert_same_runs(whole, train_small("vae", folder=tmp_path / "run", resume=True))


def test_a_run_that_was_killed_before_its_first_checkpoint_begins_again(undisturbed, tmp_path, image_sets, monkeypatch):
    whole = undisturbed(2)
    monkeypatch.setattr(VAETrainer, "train_step", lambda self, images, classes: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        train_small("vae", *image_sets(), folder=tmp_path / "run")
    monkeypatch.undo()
    said = []
    run = train_small("vae", folder=tmp_path / "run", resume=True, say=said.append)
    assert "Resume  from the beginning: the run was stopped before anything was saved" in said
    assert_same_runs(whole, run)


@pytest.mark.parametrize(
    "damage", ["flip", pytest.param("truncate", marks=slow), pytest.param("empty", marks=slow)]
)  # test_checkpoints.py has others
def test_a_damaged_checkpoint_is_reported_and_the_one_before_is_used(damage, stopped, undisturbed):
    newest = max((stopped / "checkpoints").iterdir())
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 0xFF
    newest.write_bytes({"truncate": content[:-100], "flip": content, "empty": b""}[damage])
    said = []
    run = train_small("vae", folder=stopped, resume=True, say=said.append)
    assert any(f"{newest} is damaged" in line for line in said)
    assert "Resume  from step 1 of epoch 2 of 2" in said
    assert_same_runs(undisturbed(2), run)


def test_a_full_disk_leaves_the_last_good_state(stopped, monkeypatch):
    before = checkpoints_of(stopped)

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("keras_gen.files.os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        train_small("vae", folder=stopped, resume=True)
    monkeypatch.undo()
    assert checkpoints_of(stopped) == before
    assert train_small("vae", folder=stopped, resume=True).epoch == 2


def test_a_loss_that_is_not_finite_keeps_the_last_good_checkpoint(stopped, monkeypatch):
    before, original = checkpoints_of(stopped), VAETrainer.train_step

    def explode(self, images, classes):
        if self.step == 4:
            self.models["decoder"].get_layer("hidden").bias.assign(np.full(16, np.nan))
        return original(self, images)

    monkeypatch.setattr(VAETrainer, "train_step", explode)
    with pytest.raises(RunError, match="the loss became nan at step 4 of epoch 2"):
        train_small("vae", folder=stopped, resume=True)
    assert checkpoints_of(stopped) == before
    assert load_run(stopped).status == "failed"


def test_what_cannot_be_continued_is_refused_and_nothing_is_written(stopped, image_sets):
    before = {path: path.read_bytes() for path in stopped.rglob("*") if path.is_file()}

    def refused(message, *data, kind="vae", **options):
        with pytest.raises(InputError, match=message):
            train_small(kind, *data, **{"folder": stopped, "resume": True} | options)

    refused(r"keeps its settings: `training.seed` was 0, now 1; `training.beta` was 1.0, now 2.0", seed=1, beta=2.0)
    refused(r'`training.engine` was "?train_on_batch"?, now "?compiled"?', engine="compiled")
    refused("`recipe` was chapter, now tuned", recipe="tuned")
    refused("Received: NoneType and ndarray", None, np.zeros((8, 8, 8, 1), np.uint8))
    refused("is in epoch 2 already; give at least as many with `epochs`", epochs=1)
    refused(r"resume=True needs the `folder` of the run", folder=None)
    refused(r"the training images of stripes are not those of .* fingerprint differs", *image_sets(train=65))
    refused("the held-out images of stripes are not those", *image_sets(held_out=17))
    refused("is a vae run; resume it with python train_vae.py --resume", kind="dcgan")
    refused("is no run folder", folder=stopped.parent)
    refused("already exists and is never overwritten", *image_sets(), resume=False)
    after = {path: path.read_bytes() for path in stopped.rglob("*") if path.is_file()}
    assert {path.name for path in after if after[path] != before.get(path)} <= {"run.json", "checksums.txt"}


def test_checkpoints_that_fit_other_networks_or_cannot_be_read_are_refused(stopped):
    folder = load_run(stopped).folder
    facts = folder.read()
    folder.write(settings=small_settings("vae", intermediate_dim=9).as_dict())
    with pytest.raises(InputError, match=r"does not fit the networks that run\.json describes"):
        train_small("vae", folder=stopped, resume=True, intermediate_dim=9)
    folder.write(settings=facts["settings"])
    for path in (stopped / "checkpoints").iterdir():
        path.write_bytes(b"")
    with pytest.raises(InputError, match=r"is damaged .* and there is no other checkpoint"):
        train_small("vae", folder=stopped, resume=True)


def test_whoever_looks_at_a_run_does_not_change_it(image_sets, undisturbed):
    """The encoder draws noise at inference too; what a callback draws must not shift what training draws."""
    train, held_out = image_sets()

    class Looks(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            assert self.model.name == "vae"
            self.model.predict_on_batch(held_out.images / np.float32(255))

    assert_same_runs(train_small("vae", train, held_out, callbacks=[Looks()]), undisturbed(2))
