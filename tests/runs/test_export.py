"""Exported networks give what Keras gives."""

import importlib.util
import shutil

import keras
import numpy as np
import pytest

from keras_gen import RunFolder
from keras_gen.cli.main import main
from keras_gen.errors import InputError
from keras_gen.models import build_decoder, build_discriminator, build_generator
from keras_gen.models.numpy_network import Network
from keras_gen.run import export, load_run

SHAPE = (12, 12, 3)
BUILT = {
    "dense decoder": lambda: build_decoder(SHAPE, latent_dim=3, intermediate_dim=9),
    "normalized decoder": lambda: build_decoder(SHAPE, latent_dim=3, intermediate_dim=9, layer_norm=True),
    "conv decoder": lambda: build_decoder(SHAPE, latent_dim=3, architecture="conv", filters=4, intermediate_dim=9),
    "generator": lambda: build_generator(SHAPE, latent_dim=3, filters=4, base_filters=5),
    "even kernels": lambda: build_generator(SHAPE, latent_dim=3, filters=4, base_filters=5, kernel_size=4),
    "small kernels": lambda: build_generator(SHAPE, latent_dim=3, filters=4, base_filters=5, kernel_size=1),
    "discriminator": lambda: build_discriminator(SHAPE, filters=4),
    "even discriminator": lambda: build_discriminator(SHAPE, filters=4, kernel_size=4, extra_layers=1),
}


def with_other_statistics(network):
    """Give all weights values that no initializer gives, so that each of them counts."""
    random = np.random.default_rng(0)
    for weight in network.weights:
        if weight.dtype == "float32":
            weight.assign(
                random.uniform(0.1, 0.5, weight.shape) * random.choice([-1, 1]) ** ("variance" not in weight.path)
            )
    return network


@pytest.mark.parametrize("name", BUILT)
def test_numpy_computes_what_keras_computes(name, tmp_path):
    network = with_other_statistics(BUILT[name]())
    x = np.random.default_rng(1).uniform(-1, 1, (5, *network.input_shape[1:])).astype(np.float32)
    export._write_numpy(network, tmp_path / "network.npz")
    expected = network.predict_on_batch(x)
    np.testing.assert_allclose(Network(tmp_path / "network.npz")(x), expected, rtol=1e-5, atol=1e-5)
    assert np.ptp(expected) > 0.01


def test_an_encoder_gives_mean_and_log_variance(trained_runs, tmp_path):
    run = load_run(trained_runs["vae"])
    folder = run.export("numpy", tmp_path / "out")
    images, _ = run.datasets()
    x = images.images[:6] / np.float32(255)
    for name, expected in zip(("mean", "log_var"), run.encode_distribution(images.images[:6]), strict=True):
        np.testing.assert_allclose(Network(folder / f"encoder_{name}.npz")(x), expected, atol=1e-5)
    pixels = Network(folder / "decoder.npz")(run.draw(3))
    np.testing.assert_array_equal(np.rint(pixels * 255).astype(np.uint8), run.generate(3))


def test_the_file_beside_the_weights_needs_numpy_alone(trained_runs, tmp_path):
    run = load_run(trained_runs["dcgan"])
    folder = run.export("numpy", tmp_path / "out")
    spec = importlib.util.spec_from_file_location("alone", folder / "numpy_network.py")
    alone = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(alone)
    x = run.draw(2)
    expected = run.model("generator").predict_on_batch(x)
    np.testing.assert_allclose(alone.Network(folder / "generator.npz")(x), expected, atol=1e-5)
    card = (folder / "README.md").read_text(encoding="utf-8")
    for text in (
        "# DCGAN of stripes",
        run.record["id"],
        "epoch 1",
        "License",
        "54 of stripes, 16 x 16 x 1; 6 held out",
        "(n, 4) to",
    ):
        assert text in card, card
    assert 'Network("generator.npz")(x)' in card
    assert "batch_size = 16" in card


def test_the_command_says_that_a_card_has_no_scores(trained_runs, tmp_path, capsys):
    run = shutil.copytree(trained_runs["vae"], tmp_path / "run")
    for number, scores in enumerate(({}, {"seed": 0})):
        if scores:
            RunFolder(run).write_scores(scores)
        assert main(["export", str(run), "--to", "numpy", "--out", str(tmp_path / f"out{number}")]) == 0
        assert ("No scores are in the model card" in capsys.readouterr().out) == (not scores)


def test_a_saved_model_is_served_as_plain_tensors(trained_runs, tmp_path):
    run = load_run(trained_runs["vae"])
    folder = run.export("saved_model", tmp_path / "out")
    served = keras.layers.TFSMLayer(folder / "decoder", call_endpoint="serve")
    z = run.draw(3)
    np.testing.assert_allclose(served(z), run.model("decoder").predict_on_batch(z), atol=1e-5)


def test_what_cannot_be_exported_is_refused_and_nothing_is_left(trained_runs, tmp_path, monkeypatch):
    run = load_run(shutil.copytree(trained_runs["dcgan"], tmp_path / "run"))
    with pytest.raises(InputError, match="`to` must be one of onnx, saved_model, litert, numpy; received 'pdf'"):
        run.export("pdf")
    monkeypatch.setattr(export.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"onnx needs a package that is not installed; pip install onnx tf2onnx"):
        run.export("onnx")
    run._models["generator"] = build_generator(run.image_shape, latent_dim=4, filters=4, classes=2)
    with pytest.raises(InputError, match="generator takes labels, too, and cannot be exported to numpy; use another"):
        run.export("numpy")
    card = export._card(run, "onnx", run.models)
    assert "- `generator`: float32 (n, 4) and labels, int32 (n), to (n, 16, 16, 1)\n" in card
    assert not (tmp_path / "run" / "exports" / "numpy").exists()
    (tmp_path / "taken").mkdir()
    with pytest.raises(InputError, match="already exists"):
        run.export("numpy", tmp_path / "taken")
