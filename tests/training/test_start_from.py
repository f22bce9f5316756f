"""`start_from` takes the weights of another run, or of one saved model, as far as they fit."""

import shutil

import keras
import numpy as np
import pytest

from keras_gen import load_run, resolve_settings
from keras_gen.errors import InputError
from keras_gen.training.planning import make_plan
from keras_gen.training.start import prepare
from keras_gen.training.starting_weights import matching_layers
from tests.small import NETS, TRAIN, assert_same_runs, quiet, stop_after, train_small

pytestmark = pytest.mark.usefixtures("no_pictures")


def begin(kind, images, say=quiet, **options):
    """Return the trainer of a run that is about to begin."""
    return prepare(make_plan(kind, *images, recipe="chapter", batch_size=16, say=quiet, **NETS[kind] | options), say)


def layers_of(model):
    return [layer for layer in model.layers if layer.weights]


@pytest.mark.parametrize(
    ("kind", "engine"),
    [
        ("vae", "compiled"),
        pytest.param("dcgan", "train_on_batch", marks=pytest.mark.slow),
        pytest.param("dcgan", "compiled", marks=pytest.mark.slow),
    ],
)
def test_networks_begin_with_a_run_s_weights_and_a_resumed_run_is_the_same(
    kind, engine, trained_runs, tmp_path, image_sets, monkeypatch
):
    said, images = [], image_sets(size=16)
    old = load_run(trained_runs[kind])
    options = {"engine": engine} | ({"ema": 0.9} if kind == "dcgan" else {})
    trainer = begin(kind, images, said.append, start_from=trained_runs[kind], **options)
    for name, network in trainer.networks.items():
        for one, two, three in zip(
            network.get_weights(), trainer.models[name].get_weights(), old.models[name].get_weights(), strict=True
        ):
            np.testing.assert_array_equal(one, three)
            np.testing.assert_array_equal(two, three)  # and the moving average
    assert all(float(optimizer.iterations) == 0 for optimizer in trainer.optimizers.values())
    (line,) = [line for line in said if line.startswith("Start ")]
    assert "(epoch 1): " in line and line.count(" all ") == 2

    monkeypatch.chdir(trained_runs[kind].parent)
    options |= {"start_from": kind}  # a path from here; the run is resumed elsewhere
    whole = train_small(kind, *images, **options)
    parts = tmp_path / "parts"
    train_small(kind, *images, folder=parts, callbacks=stop_after(3), **options)
    monkeypatch.chdir(tmp_path)
    assert_same_runs(whole, TRAIN[kind](folder=parts, resume=True, say=quiet))
    facts = load_run(parts).record["start_from"]
    assert facts["path"] == str(trained_runs[kind]) and set(facts["layers"]) == set(old.models)
    again = resolve_settings(kind, recipe=str(parts))
    assert again.training.start_from == str(trained_runs[kind])


def test_one_network_from_a_file_and_the_other_from_random_weights(trained_runs, image_sets):
    images, file = image_sets(size=16), trained_runs["vae"] / "models" / "decoder.keras"
    old, new, fresh = load_run(trained_runs["vae"]), begin("vae", images, start_from=file), begin("vae", images)
    expected = {"encoder": fresh.networks["encoder"], "decoder": old.model("decoder")}
    for name, model in expected.items():
        for one, two in zip(new.networks[name].get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    ("kind", "left_out"),
    [
        ("vae", {"encoder": ["hidden"], "decoder": ["pixels"]}),
        (
            "dcgan",
            {
                "generator": ["conv_transpose_1", "batch_norm_2", "conv_transpose_2"],
                "discriminator": ["conv_3", "batch_norm_3", "logits"],
            },
        ),
    ],
)
def test_of_another_size_the_layers_that_fit_are_taken(kind, left_out, trained_runs, image_sets):
    said = []
    trainer = begin(kind, image_sets(size=32), said.append, start_from=trained_runs[kind])
    (line,) = [line for line in said if line.startswith("Start ")]
    for name, layers in left_out.items():
        count = len(layers_of(trainer.networks[name]))
        assert f"{name} {count - len(layers)} of {count} layers, not {', '.join(layers)}" in line


def test_layers_are_matched_in_order_by_what_they_are():
    def network(*widths):
        return keras.Sequential([keras.Input((2,)), *(keras.layers.Dense(width) for width in widths)]).layers

    old, new = network(3, 4, 5, 4), network(3, 7, 4, 5, 4)
    pairs = matching_layers(old, new)
    assert [(old.index(one), new.index(two)) for one, two in pairs] == [(0, 0), (2, 3), (3, 4)]


def test_a_run_stopped_before_its_first_step_begins_from_the_same_weights_again(
    trained_runs, tmp_path, image_sets, monkeypatch
):
    source, folder = shutil.copytree(trained_runs["vae"], tmp_path / "source"), tmp_path / "run"
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("keras_gen.Run.draw_data", lambda run: (_ for _ in ()).throw(KeyboardInterrupt))
        train_small("vae", *image_sets(size=16), folder=folder, start_from=source)
    whole = train_small("vae", *image_sets(size=16), start_from=trained_runs["vae"])
    later = shutil.copytree(folder, tmp_path / "later")
    assert_same_runs(whole, train_small("vae", folder=folder, resume=True))

    train_small("vae", folder=source, resume=True, epochs=2)  # the weights to start from are others now
    with pytest.raises(InputError, match="source has changed since the run began from it; put it back, or start"):
        train_small("vae", folder=later, resume=True)


def test_what_cannot_be_started_from_is_refused_and_nothing_is_written(trained_runs, tmp_path, image_sets):
    def refused(message, path, kind="vae", **options):
        with pytest.raises(InputError, match=message) as caught:
            train_small(kind, *image_sets(size=16), folder=tmp_path / "run", start_from=path, **options)
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "run").exists()

    vae, dcgan = trained_runs["vae"], trained_runs["dcgan"]
    refused("is a run of a DCGAN; `start_from` needs one of a variational autoencoder", dcgan)
    refused("is a model generator; `start_from` needs the encoder or decoder", dcgan / "models" / "generator.keras")
    refused("is a model decoder; `start_from` needs the gen", vae / "models" / "decoder.keras", kind="dcgan")
    refused("does not exist; `start_from` takes the folder of a run, or a .keras file", tmp_path / ("n" * 300))
    refused("is no run folder", tmp_path)
    refused("is no .keras file; `start_from` takes one", vae / "run.json")
    half = tmp_path / "half.keras"
    half.write_bytes((vae / "models" / "decoder.keras").read_bytes()[:1000])
    refused("half.keras cannot be loaded safely", half)
    code = tmp_path / "code.keras"
    keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x + 1)]).save(code)
    refused("code.keras cannot be loaded safely", code)
    damaged = shutil.copytree(vae, tmp_path / "damaged")
    (damaged / "models" / "encoder.keras").write_bytes(b"")
    refused("encoder.keras is damaged or of another run", damaged)
    shutil.rmtree(damaged / "models")
    refused(r"encoder.keras is missing", damaged)
    refused("no layer of .* fits these networks", vae / "models" / "decoder.keras", intermediate_dim=9, latent_dim=3)
