"""An interrupted and resumed run ends as an uninterrupted one: the same weights, the same history."""

import os

import numpy as np
import pytest

from keras_gen import RunFolder, resolve_settings, train_dcgan, train_vae
from keras_gen.errors import InputError, RunError
from keras_gen.training import VAETrainer, checkpoints
from tests.conftest import values_of

SETTINGS = {
    "vae": {"epochs": 3, "batch_size": 16, "intermediate_dim": 16},
    "dcgan": {
        "epochs": 3,
        "batch_size": 16,
        "latent_dim": 4,
        "generator_filters": 4,
        "generator_base_filters": 4,
        "discriminator_filters": 4,
    },
}
TRAIN = {"vae": train_vae, "dcgan": train_dcgan}


class StopAfter:
    """Asks to stop after some steps, as a signal would."""

    def __init__(self, steps):
        self.left = steps

    def __call__(self):
        self.left -= 1
        return self.left <= 0


def train(kind, sets, path, resume=False, should_stop=None, say=lambda _: None, save_every=60, **overrides):
    folder = RunFolder(path) if resume else RunFolder.create(path, kind, "stripes")
    settings = resolve_settings(kind, **SETTINGS[kind] | overrides)
    return TRAIN[kind](
        *sets, settings, folder=folder, resume=resume, should_stop=should_stop, say=say, save_every=save_every
    )


def weights_of(run):
    return values_of(variable for model in run.models.values() for variable in model.variables)


def assert_same(one, other):
    assert (one.folder.path / "history.csv").read_bytes() == (other.folder.path / "history.csv").read_bytes()
    for a, b in zip(weights_of(one), weights_of(other), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("kind", TRAIN)
@pytest.mark.parametrize(
    "stops", [[4], [2, 3, 5], *(pytest.param(stops, marks=pytest.mark.slow) for stops in ([1], [6]))], ids=str
)
def test_a_resumed_run_is_the_uninterrupted_one(kind, stops, tmp_path, image_sets):
    """Four steps an epoch: stops within an epoch, at its last step, and several times."""
    sets = image_sets(size=16)
    whole = train(kind, sets, tmp_path / "whole")
    run = train(kind, sets, tmp_path / "parts", should_stop=StopAfter(stops[0]))
    for steps in stops[1:]:
        run = train(kind, sets, tmp_path / "parts", resume=True, should_stop=StopAfter(steps))
        assert run.stopped
    run = train(kind, sets, tmp_path / "parts", resume=True)
    assert not run.stopped
    assert_same(whole, run)


@pytest.mark.parametrize(
    "overrides",
    [
        {"recipe": "article"},
        {"discriminator_steps": 2, "optimizer": "rmsprop"},
        {"augment": "color,translation,cutout,mirror"},
        {"engine": "compiled", "share_fakes": True},
        pytest.param({"engine": "compiled"}, marks=pytest.mark.slow),
    ],
)
def test_other_dcgan_loops_resume_too(overrides, tmp_path, image_sets):
    sets = image_sets(size=16)
    whole = train("dcgan", sets, tmp_path / "whole", **overrides)
    train("dcgan", sets, tmp_path / "parts", should_stop=StopAfter(3), **overrides)
    assert_same(whole, train("dcgan", sets, tmp_path / "parts", resume=True, **overrides))


DEEP = {"intermediate_dim": "16,8", "kl_warmup": 3, "learning_rate_schedule": "cosine", "optimizer": "adam"}


@pytest.mark.parametrize("stop", [3, pytest.param(4, marks=pytest.mark.slow)])
def test_a_warm_up_and_a_schedule_resume_too(stop, tmp_path, image_sets):
    sets = image_sets(size=16)
    whole = train("vae", sets, tmp_path / "whole", **DEEP)
    train("vae", sets, tmp_path / "parts", should_stop=StopAfter(stop), **DEEP)
    assert_same(whole, train("vae", sets, tmp_path / "parts", resume=True, **DEEP))


@pytest.mark.parametrize("overrides", [{"likelihood": "binarized"}, DEEP, pytest.param({}, marks=pytest.mark.slow)])
def test_a_compiled_vae_resumes_too(overrides, tmp_path, image_sets):
    sets = image_sets(size=16)
    whole = train("vae", sets, tmp_path / "whole", engine="compiled", **overrides)
    train("vae", sets, tmp_path / "parts", should_stop=StopAfter(3), engine="compiled", **overrides)
    assert_same(whole, train("vae", sets, tmp_path / "parts", resume=True, engine="compiled", **overrides))


def test_a_finished_run_goes_on_with_more_epochs(tmp_path, image_sets):
    whole = train("vae", image_sets(), tmp_path / "whole", epochs=4)
    train("vae", image_sets(), tmp_path / "parts", epochs=2)
    with pytest.raises(InputError, match="has its 2 epochs; give more with --epochs to go on"):
        train("vae", image_sets(), tmp_path / "parts", resume=True, epochs=2)
    assert_same(whole, train("vae", image_sets(), tmp_path / "parts", resume=True, epochs=4))


def test_a_run_that_was_killed_behind_its_last_step_is_ended_in_order(tmp_path, image_sets):
    whole = train("vae", image_sets(), tmp_path / "whole")
    folder = whole.folder
    folder.write(status="running")
    before = folder.read()
    run = train("vae", image_sets(), folder.path, resume=True)
    assert run.history == whole.history
    assert folder.read() == before | {"status": "finished"}


def test_a_run_that_was_killed_goes_on_from_its_last_checkpoint(tmp_path, image_sets):
    whole = train("vae", image_sets(), tmp_path / "whole")

    def killed():
        if killed.left == 0:
            raise SystemError("as if by kill -9: nothing is saved on the way out")
        killed.left -= 1

    killed.left = 6
    with pytest.raises(SystemError):
        train("vae", image_sets(), tmp_path / "parts", should_stop=killed, save_every=0)
    assert_same(whole, train("vae", image_sets(), tmp_path / "parts", resume=True))


@pytest.mark.parametrize("damage", ["truncate", "flip", "empty"])
def test_a_damaged_checkpoint_is_reported_and_the_one_before_is_used(damage, tmp_path, image_sets):
    whole = train("vae", image_sets(), tmp_path / "whole")
    train("vae", image_sets(), tmp_path / "parts", should_stop=StopAfter(6), save_every=0)
    older, newest = sorted((tmp_path / "parts" / "checkpoints").iterdir())
    content = bytearray(newest.read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 0xFF
    newest.write_bytes({"truncate": content[:-100], "flip": content, "empty": b""}[damage])
    said = []
    run = train("vae", image_sets(), tmp_path / "parts", resume=True, say=said.append)
    assert f"{newest} is damaged" in said[0]
    assert older.name < newest.name
    assert_same(whole, run)


def test_two_checkpoints_are_kept_and_nothing_half_written(tmp_path, image_sets):
    train("vae", image_sets(), tmp_path / "run", save_every=0)
    (tmp_path / "run" / "checkpoints" / ".partial-of-a-killed-process.npz").touch()
    train("vae", image_sets(), tmp_path / "run", resume=True, epochs=4, save_every=0)
    names = sorted(path.name for path in (tmp_path / "run" / "checkpoints").iterdir())
    assert names == ["epoch-000003-step-00000004.npz", "epoch-000004-step-00000000.npz"]


def test_a_full_disk_leaves_the_last_good_state(tmp_path, image_sets, monkeypatch):
    train("vae", image_sets(), tmp_path / "run", should_stop=StopAfter(3))
    before = {path.name: path.read_bytes() for path in (tmp_path / "run" / "checkpoints").iterdir()}

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        train("vae", image_sets(), tmp_path / "run", resume=True)
    monkeypatch.undo()
    assert {path.name: path.read_bytes() for path in (tmp_path / "run" / "checkpoints").iterdir()} == before
    whole = train("vae", image_sets(), tmp_path / "whole")
    assert_same(whole, train("vae", image_sets(), tmp_path / "run", resume=True))


def test_weights_that_are_not_finite_are_never_saved(tmp_path):
    trainer = VAETrainer((8, 8, 1), resolve_settings("vae", **SETTINGS["vae"]))
    trainer.models["decoder"].get_layer("hidden").bias.assign(np.full(16, np.inf))
    with pytest.raises(RunError, match="no longer finite; the last good checkpoint is kept"):
        checkpoints.save_checkpoint(tmp_path / "checkpoints", trainer.variables, {"epoch": 0, "step": 1})
    assert not list((tmp_path / "checkpoints").iterdir())


def test_a_loss_that_is_not_finite_keeps_the_last_good_checkpoint(tmp_path, image_sets, monkeypatch):
    train("vae", image_sets(), tmp_path / "run", should_stop=StopAfter(5))
    before = {path.name for path in (tmp_path / "run" / "checkpoints").iterdir()}
    original = VAETrainer.train_step

    def explode(self, images, epoch, step):
        if (epoch, step) == (3, 2):
            self.models["decoder"].get_layer("hidden").bias.assign(np.full(16, np.nan))
        return original(self, images, epoch, step)

    monkeypatch.setattr(VAETrainer, "train_step", explode)
    with pytest.raises(RunError, match="the loss became nan at step 2 of epoch 3"):
        train("vae", image_sets(), tmp_path / "run", resume=True)
    assert {path.name for path in (tmp_path / "run" / "checkpoints").iterdir()} == before
    assert RunFolder(tmp_path / "run").read()["status"] == "failed"


def test_what_cannot_be_gone_on_with_is_refused(tmp_path, image_sets):
    train("vae", image_sets(), tmp_path / "run", should_stop=StopAfter(6))
    with pytest.raises(InputError, match=r"keeps its settings: --seed was 0, now 1; --beta was 1.0, now 2.0"):
        train("vae", image_sets(), tmp_path / "run", resume=True, seed=1, beta=2.0)
    with pytest.raises(InputError, match="is in epoch 2 already; give at least as many with --epochs"):
        train("vae", image_sets(), tmp_path / "run", resume=True, epochs=1)
    settings = resolve_settings("vae", **SETTINGS["vae"])
    with pytest.raises(InputError, match="needs the folder of the run"):
        train_vae(*image_sets(), settings, resume=True, say=lambda _: None)
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    with pytest.raises(InputError, match="holds a run already; make a new folder, or go on with it by resume=True"):
        train_vae(*image_sets(), settings, folder=RunFolder(tmp_path / "run"), say=lambda _: None)
    assert {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()} == before


def test_whoever_looks_at_a_run_does_not_change_it(image_sets):
    """The encoder draws noise at inference too; what a callback draws must not shift what training draws."""
    settings = resolve_settings("vae", **SETTINGS["vae"])
    train_images, held_out = image_sets()

    def look(run):
        run.models["encoder"].predict_on_batch(held_out.images / np.float32(255))

    runs = [
        train_vae(train_images, held_out, settings, on_epoch_end=callback, say=lambda _: None)
        for callback in (None, look)
    ]
    assert runs[0].history == runs[1].history


def test_other_data_another_backend_and_other_nets_are_refused(tmp_path, image_sets):
    train("vae", image_sets(), tmp_path / "run", should_stop=StopAfter(3))
    facts = RunFolder(tmp_path / "run").read()
    other = resolve_settings("vae", **SETTINGS["vae"] | {"intermediate_dim": 9})
    with pytest.raises(InputError, match=r"the train images are not those of .* fingerprint differs"):
        train("vae", image_sets(train=65), tmp_path / "run", resume=True)
    with pytest.raises(InputError, match="the held-out images are not those"):
        train("vae", image_sets(held_out=17), tmp_path / "run", resume=True)
    with pytest.raises(InputError, match="does not fit the networks"):
        RunFolder(tmp_path / "run").write(settings=other.as_dict())
        train("vae", image_sets(), tmp_path / "run", resume=True, intermediate_dim=9)
    RunFolder(tmp_path / "run").write(settings=facts["settings"])
    RunFolder(tmp_path / "run").write(backend="jax")
    with pytest.raises(InputError, match="was trained by jax; set KERAS_BACKEND=jax to resume it"):
        train("vae", image_sets(), tmp_path / "run", resume=True)


def test_a_run_without_a_checkpoint_cannot_be_resumed(tmp_path, image_sets):
    train("vae", image_sets(), tmp_path / "run", should_stop=StopAfter(3))
    for path in (tmp_path / "run" / "checkpoints").iterdir():
        path.unlink()
    with pytest.raises(InputError, match="holds no checkpoint that can be read"):
        train("vae", image_sets(), tmp_path / "run", resume=True)
