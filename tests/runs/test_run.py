import shutil

import numpy as np
import pytest

import keras_gen
from keras_gen import RunFolder, load_run, resolve_settings, train_dcgan, train_vae
from keras_gen.cli.train import SOURCE
from keras_gen.errors import InputError
from tests.conftest import striped_images


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A finished run of each kind on the same .npz, and the runs themselves."""
    root = tmp_path_factory.mktemp("runs")
    images, labels = striped_images(60, size=16)
    np.savez(root / "stripes.npz", images=images, labels=labels)
    sets = keras_gen.load_dataset(str(root / "stripes.npz"))
    small = {
        "vae": {"intermediate_dim": 16},
        "dcgan": {"latent_dim": 5, "generator_filters": 4, "generator_base_filters": 4, "discriminator_filters": 4},
    }
    trained = {}
    for kind, train in (("vae", train_vae), ("dcgan", train_dcgan)):
        settings = resolve_settings(kind, epochs=1, batch_size=18, **small[kind])
        folder = RunFolder.create(root / kind, kind, "stripes")
        folder.write(source=SOURCE | {"dataset": str(root / "stripes.npz")})
        trained[kind] = train(*sets, settings, folder=folder, say=lambda _: None)
    return trained


@pytest.mark.parametrize("kind", ["vae", "dcgan"])
def test_a_loaded_run_makes_images_of_its_kind_from_a_seed(runs, kind):
    run = load_run(runs[kind].folder.path)
    images = run.generate(5, seed=3)
    assert images.shape == (5, 16, 16, 1)
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(run.generate(70, seed=3)[:5], images)
    np.testing.assert_array_equal(run.decode(run.draw(5, seed=3)), images)
    assert not np.array_equal(run.generate(5, seed=4), images)


def test_a_run_that_was_stopped_in_its_first_epoch_has_models_of_none(runs, tmp_path):
    path = tmp_path / "stopped"
    shutil.copytree(runs["vae"].folder.path, path)
    assert load_run(path).epoch == 1
    (path / "history.csv").unlink()
    assert load_run(path).epoch == 0


def test_encoding_and_decoding_are_those_of_the_trained_networks(runs):
    run = load_run(runs["vae"].folder.path)
    images = runs["vae"].held_out.images
    codes = run.encode(images)
    z_mean, z_log_var, _ = runs["vae"].models["encoder"].predict_on_batch(images / np.float32(255))
    np.testing.assert_allclose(codes, z_mean, atol=1e-5)
    np.testing.assert_allclose(run.encode_distribution(images)[1], z_log_var, atol=1e-5)
    decoded = runs["vae"].models["decoder"].predict_on_batch(z_mean)
    assert np.abs(run.decode(codes).astype(float) - 255 * decoded).max() <= 0.51


def test_a_walk_starts_and_ends_at_its_two_points(runs):
    for kind in ("vae", "dcgan"):
        run = load_run(runs[kind].folder.path)
        start, end = run.draw(2)
        walk = run.interpolate(start, end, 4)
        np.testing.assert_array_equal(walk[[0, -1]], run.decode(np.stack([start, end])))
        assert run.method == {"vae": "linear", "dcgan": "spherical"}[kind]


def test_the_images_it_was_trained_on_are_found_again_or_refused(runs, tmp_path):
    run = load_run(runs["vae"].folder.path)
    train, held_out = run.datasets()
    assert (train.fingerprint, held_out.fingerprint) == (
        runs["vae"].train.fingerprint,
        runs["vae"].held_out.fingerprint,
    )
    images, _ = striped_images(60, size=16, seed=9)
    np.savez(tmp_path / "other.npz", images=images)
    before = run.folder.read()["source"]
    run.folder.write(source=before | {"dataset": str(tmp_path / "other.npz")})
    with pytest.raises(InputError, match=r"other\.npz are no longer those of"):
        load_run(run.folder.path).datasets()
    run.folder.write(source=before)


def test_what_a_dcgan_cannot_do_and_what_is_no_run_is_said(runs, tmp_path):
    with pytest.raises(InputError, match="is a DCGAN's run, which cannot encode images"):
        load_run(runs["dcgan"].folder.path).encode(runs["dcgan"].held_out.images)
    with pytest.raises(InputError, match="is no run folder"):
        load_run(tmp_path)
    with pytest.raises(InputError, match=r"encoder\.keras is missing"):
        load_run(runs["dcgan"].folder.path).model("encoder")
