"""The saved models of a run: of one epoch, replaced together, and such that Keras's tools take them."""

import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_gen.models  # noqa: F401, registers our layers
from keras_gen import RunFolder, load_run
from keras_gen.errors import InputError, WriteError
from keras_gen.models import build_decoder
from keras_gen.run import networks
from tests.conftest import untraced, without_pictures
from tests.small import train_small


@pytest.fixture
def folder(trained_runs, tmp_path):
    shutil.copytree(trained_runs["vae"], tmp_path / "run")
    folder = RunFolder(tmp_path / "run")
    folder.write(id="a")
    return folder


def pair(value):
    """Two models that give a number."""
    models = {}
    for name in ("encoder", "decoder"):
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)], name=name)
        model.layers[0].kernel.assign(np.full((2, 1), value))
        models[name] = model
    return models


def numbers(folder):
    """What the saved models give for ones, and the epochs that their files say."""
    loaded = [folder.load_model(name) for name in ("encoder", "decoder")]
    return [float(model(np.ones((1, 2)))[0, 0]) for model, _ in loaded], [facts["epoch"] for _, facts in loaded]


def test_both_models_are_replaced_together_and_carry_run_and_epoch(folder):
    for epoch in (1, 2):
        folder.save_models(pair(epoch), run="a", epoch=epoch, step=0)
    assert numbers(folder) == ([4, 4], [2, 2])
    assert folder.load_model("decoder")[1] == {"run": "a", "epoch": 2, "step": 0}
    assert sorted(path.name for path in (folder.path / "models").iterdir()) == ["decoder.keras", "encoder.keras"]


@pytest.mark.parametrize("moved", [(), ("encoder",), ("encoder", "decoder")])
def test_a_kill_between_the_two_renames_leaves_models_of_one_epoch(folder, moved, monkeypatch):
    folder.save_models(pair(1), run="a", epoch=1, step=0)
    monkeypatch.setattr(networks, "finish_moving", lambda folder: None)
    folder.save_models(pair(2), run="a", epoch=2, step=0)
    monkeypatch.undo()
    for name in moved:
        (folder.path / "models" / ".new" / f"{name}.keras").replace(folder.path / "models" / f"{name}.keras")
    assert numbers(folder) == ([4, 4], [2, 2])
    folder.save_models(pair(3), run="a", epoch=3, step=0)
    assert numbers(folder) == ([6, 6], [3, 3])
    assert not (folder.path / "models" / ".new").exists()


def test_a_kill_while_they_are_written_keeps_the_old_ones(folder, monkeypatch):
    folder.save_models(pair(1), run="a", epoch=1, step=0)
    original = keras.Model.save

    def killed(self, path, *args, **kwargs):
        original(self, path, *args, **kwargs)
        if self.name == "decoder":
            raise SystemError

    monkeypatch.setattr(keras.Model, "save", killed)
    with pytest.raises(SystemError):
        folder.save_models(pair(2), run="a", epoch=2, step=0)
    assert numbers(folder) == ([2, 2], [1, 1])


def test_models_of_different_epochs_are_not_mixed(trained_runs, tmp_path):
    shutil.copytree(trained_runs["vae"], tmp_path / "run")
    run = load_run(tmp_path / "run")
    run.model("decoder")
    other = load_run(tmp_path / "run")
    other.folder.save_models(other.models, run=run.record["id"], epoch=2, step=0)
    with pytest.raises(InputError, match="are of different epochs"):
        run.model("encoder")
    assert load_run(tmp_path / "run").epoch == 1  # history.csv says so until the models are asked for
    run = load_run(tmp_path / "run")
    run.model("encoder")
    assert run.epoch == 2


def test_missing_damaged_and_unsafe_models_are_named(folder):
    folder.model_path("decoder").unlink()
    with pytest.raises(InputError, match=r"decoder\.keras is missing; the run may not have got far enough"):
        folder.load_model("decoder")
    folder.save_models({"decoder": build_decoder((8, 8, 1), intermediate_dim=4)}, run="a", epoch=1, step=0)
    path = folder.model_path("decoder")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"decoder\.keras is damaged"):
        folder.load_model("decoder")
    folder.checksums.path.unlink()
    with pytest.raises(InputError, match=r"decoder\.keras cannot be loaded safely"):
        folder.load_model("decoder")
    keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda z: z * 2)]).save(path)
    with pytest.raises(InputError, match="cannot be loaded safely"):
        folder.load_model("decoder")


@pytest.fixture(scope="module")
def saved(trained_runs, tmp_path_factory):
    """Every kind of network: dense and convolutional VAEs, and DCGANs with and without what adds layers."""
    root = tmp_path_factory.mktemp("networks")
    data = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), np.uint8)
    conv = {"architecture": "conv", "filters": 2, "layer_norm": True, "latent_dim": 5}
    other = {"ema": 0.9, "spectral_norm": True, "augment": "cutout", "upsampling": "resize"}
    with pytest.MonkeyPatch.context() as patch, untraced():
        without_pictures(patch)
        train_small("vae", data, folder=root / "conv", epochs=1, **conv)
        train_small("dcgan", data, folder=root / "other", epochs=1, **other)
    return [*trained_runs.values(), root / "conv", root / "other"]


def test_saved_models_take_and_give_plain_tensors_and_can_be_built_upon(saved, tmp_path):
    for folder in saved:
        run = load_run(folder)
        z = run.draw(3)
        images = np.zeros((3, *run.image_shape), np.float32)
        for path in sorted((folder / "models").glob("*.keras")):
            model = keras.models.load_model(path, safe_mode=True)
            x = z if path.stem in ("generator", "decoder") else images
            expected = model(x)
            assert isinstance(expected, tuple | list) == (path.stem == "encoder")
            assert not isinstance(model.input, list)
            layered = keras.Model(inputs := keras.Input(x.shape[1:]), model(inputs))
            again = layered(x)
            if path.stem == "encoder":
                expected, again = expected[0], again[0]  # z_mean; z is drawn anew
            else:
                assert keras.Sequential([keras.Input(x.shape[1:]), model])(x).shape == expected.shape
            np.testing.assert_allclose(again, expected, atol=1e-6)
            paths = [variable.path for variable in model.variables]
            assert len(set(paths)) == len(paths), path


def test_a_saved_generator_can_be_exported_and_served(trained_runs, tmp_path):
    for kind, name in (("vae", "decoder"), ("dcgan", "generator")):
        model = keras.models.load_model(trained_runs[kind] / "models" / f"{name}.keras")
        z = load_run(trained_runs[kind]).draw(3)
        model.export(tmp_path / name, verbose=False)
        served = tf.saved_model.load(tmp_path / name)
        np.testing.assert_allclose(served.serve(z), model(z), atol=1e-6)


def test_a_folder_in_the_place_of_a_model_is_named(folder):
    path = folder.path / "models" / "best" / "encoder.keras"
    folder.save_models(pair(1), best=True, run="a", epoch=1, step=0)
    path.unlink()
    path.mkdir()
    with pytest.raises(WriteError) as caught:
        folder.save_models(pair(2), best=True, run="a", epoch=2, step=0)
    assert caught.value.filename == str(path)
