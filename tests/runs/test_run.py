import random
import shutil
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras.src.random.seed_generator import global_seed_generator

import keras_gen
from keras_gen import ImageSet, RunFolder, load_run
from keras_gen.errors import InputError
from keras_gen.figures.grids import image_grid
from keras_gen.run import DCGANRun, Run, VAERun
from keras_gen.run.arguments import as_images
from keras_gen.run.drawing import RunDraws
from keras_gen.training.planning import make_plan
from tests.conftest import striped_images, values_of
from tests.small import NETS, assert_same_runs, quiet, train_small


@pytest.mark.parametrize("kind", ["vae", "dcgan"])
def test_a_run_makes_images_of_its_kind_from_a_seed(trained_runs, kind):
    run = load_run(trained_runs[kind])
    images = run.generate(5, seed=3)
    assert images.shape == (5, 16, 16, 1)
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(run.generate(70, seed=3)[:5], images)
    np.testing.assert_array_equal(run.decode(run.draw(5, seed=3)), images)
    np.testing.assert_array_equal(run.decode(run.draw_seeds([3, 4])), [images[0], run.generate(1, seed=4)[0]])
    assert not np.array_equal(run.generate(5, seed=4), images)
    (shown,) = run.grid(5, seed=3).axes[0].images
    np.testing.assert_array_equal(shown.get_array(), image_grid(images, 3)[..., 0])


def test_an_epoch_is_counted_by_the_models_and_before_they_are_loaded_by_the_history(trained_runs, tmp_path):
    path = tmp_path / "stopped"
    shutil.copytree(trained_runs["vae"], path)
    assert load_run(path).epoch == 1
    (path / "history.csv").unlink()
    run = load_run(path)
    assert run.epoch == 0
    assert run.model("decoder") and run.epoch == 1


def test_encoding_and_decoding_are_those_of_the_trained_networks(trained_runs):
    run = load_run(trained_runs["vae"])
    images = run.datasets()[1].images
    codes = run.encode(images)
    x = images / np.float32(255)
    z_mean, z_log_var, _ = run.models["encoder"].predict_on_batch(x)
    np.testing.assert_allclose(codes, z_mean, atol=1e-5)
    np.testing.assert_allclose(run.encode_distribution(images)[1], z_log_var, atol=1e-5)
    decoded = run.models["decoder"].predict_on_batch(z_mean)
    assert np.abs(run.decode(codes).astype(float) - 255 * decoded).max() <= 0.51
    np.testing.assert_allclose(run.encode(x), codes, atol=1e-5)
    np.testing.assert_allclose(run.encode(images[0, ..., 0]), codes[:1], atol=1e-5)
    np.testing.assert_array_equal(run.encode(images > 99), run.encode((images > 99).astype(np.uint8) * np.uint8(255)))


def test_floats_between_two_levels_go_to_the_nearer_one():
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    for shift in (-0.4, 0.4):
        np.testing.assert_array_equal(as_images(np.clip(levels + shift, 0, 255) / 255, (16, 16, 1)), levels)


def test_bits_per_dimension_count_every_channel():
    settings = SimpleNamespace(decoder=SimpleNamespace(likelihood="discretized_logistic"))
    history = [{"held_out_reconstruction": 10 * np.log(2), "held_out_kl": 2 * np.log(2)}]
    run = SimpleNamespace(settings=settings, history=history, image_shape=(2, 2, 3))
    assert VAERun.held_out_bits.fget(run) == pytest.approx(1)


def test_the_models_in_use_are_named_by_epoch_and_step():
    facts = {"best": True, "epoch": 3, "step": 0}
    texts = [Run.models_text.fget(SimpleNamespace(_model_facts=said, **facts)) for said in ({}, {"step": 1})]
    assert texts == ["best, epoch 3", "best, epoch 3 and 1 step"]


@pytest.mark.parametrize(
    ("distribution", "latent_dim", "length"), [("normal", 15, None), ("normal", 16, 4.0), ("uniform", 16, None)]
)
def test_draws_have_one_length_from_sixteen_dimensions_on(distribution, latent_dim, length):
    settings = SimpleNamespace(latent_distribution=distribution, latent_dim=latent_dim)
    assert DCGANRun.typical_length.fget(SimpleNamespace(settings=settings)) == length
    moved = RunDraws.at_typical_length(SimpleNamespace(typical_length=length), np.full((1, latent_dim), 0.5))
    assert np.linalg.norm(moved) == pytest.approx(length or np.sqrt(latent_dim) / 2)


IMAGES = np.zeros((2, 16, 16, 1), np.uint8)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda run: run.encode(IMAGES + 0.5 * 255), "images are floats from 127.5 to 127.5; give uint8 from 0 to 255"),
        (lambda run: run.encode(IMAGES - 0.5), "images are floats from -0.5"),
        (lambda run: run.encode(IMAGES + np.nan), "images hold values that are not finite"),
        (lambda run: run.encode(IMAGES.astype(int) + 256), "images are whole numbers from 256 to 256"),
        (lambda run: run.encode(IMAGES.astype(int) - 1), "images are whole numbers from -1"),
        (lambda run: run.encode(IMAGES + np.uint8(1)), "whole numbers of 0 and 1, which are nearly black"),
        (lambda run: run.encode(IMAGES.astype(str)), "images have dtype <U3"),
        (lambda run: run.encode(IMAGES[:, 1:]), r"images have shape \(2, 15, 16, 1\); this run takes \(n, 16, 16, 1\)"),
        (lambda run: run.encode(IMAGES[:0]), r"images have shape \(0, 16, 16, 1\)"),
        (lambda run: run.encode(7), r"images have shape \(\)"),
        (lambda run: run.decode(np.zeros((2, 3))), r"latents must have shape \(n, 2\) .*; received \(2, 3\)"),
        (lambda run: run.decode([[np.inf, 0]]), "latents must be finite numbers"),
        (lambda run: run.decode([[1e300, 0]]), "latents must be finite numbers"),
        (lambda run: run.decode([["a", "b"]]), "latents must be numbers; received dtype <U1"),
        (lambda run: run.decode([[0, 0], [1]]), "latents must be one array; received list"),
        (lambda run: run.encode([IMAGES[0], IMAGES[0, :8]]), "images must be one array; received list"),
        (lambda run: run.draw_seeds(3), "`seeds` must be whole numbers from 0 to 2147483647; received 3"),
        (lambda run: run.draw_seeds([]), r"`seeds` must be whole numbers .* received \[\]"),
        (lambda run: run.explore(3), "`out` must be a path; received 3"),
        (lambda run: run.explore(dimensions=3), "`dimensions` must be two below 2, such as 0,1; received 3"),
        (lambda run: run.explore(dimensions=(0.0, 1)), "`dimensions` must be two below 2, such as 0,1; received 0.0,1"),
        (lambda run: run.report("page.txt"), "`out` must be a path that ends in .html; received page.txt"),
        (lambda run: run.film("film.mp4"), "`out` must be a path that ends in .gif; received film.mp4"),
        (lambda run: run.view("manifold").save("a.jpg"), "`path` must be a path that ends in .png; received a.jpg"),
        (lambda run: load_run(None), "`path` must be a path; received None"),
        (lambda run: load_run("a\0b"), "`path` must be a path"),
        (lambda run: run.generate(0), "`count` must be a whole number from 1 to 2147483647; received 0"),
        (lambda run: run.generate(2.0), "`count` must be a whole number"),
        (lambda run: run.generate(2, seed=-1), "`seed` must be a whole number from 0 to 2147483647; received -1"),
        (lambda run: run.interpolate([0, 0], [1, 1], steps=1), "`steps` must be a whole number from 2"),
        (lambda run: run.interpolate([0, 0], [1, 1], method="cubic"), "`method` must be one of"),
        (lambda run: run.interpolate([0, 0, 0], [1, 1]), r"`start` must have shape .*; received \(3,\)"),
        (lambda run: run.model("generator"), "a vae run has no model generator; it has encoder and decoder"),
    ],
)
def test_wrong_arguments_fail_at_the_call_in_their_own_terms(trained_runs, call, message):
    with pytest.raises(InputError, match=message):
        call(load_run(trained_runs["vae"]))


def test_labels_are_drawn_as_often_as_in_training():
    run = SimpleNamespace(conditional=True, label_counts=(np.array([0, 2]), np.array([30, 10])))
    drawn = RunDraws.draw_labels(run, 4000)
    assert set(drawn) == {0, 2} and np.mean(drawn == 0) == pytest.approx(0.75, abs=0.03)
    assert not np.array_equal(*(RunDraws.draw_labels(run, 50, seed) for seed in (1, 2)))
    for classes in (100, 101):  # of more, a mixture for each would take too long
        run = SimpleNamespace(conditional=False, encodes=True, label_counts=(np.arange(classes), np.full(classes, 2)))
        assert (RunDraws.draw_labels(run, 3, prior="mixture") is None) == (classes == 101)


def test_a_walk_starts_and_ends_at_its_two_points(trained_runs):
    for kind, method in (("vae", "linear"), ("dcgan", "spherical")):
        run = load_run(trained_runs[kind])
        start, end = run.draw(2)
        walk = run.interpolate(start, end, 4)
        np.testing.assert_array_equal(walk[[0, -1]], run.decode(np.stack([start, end])))
        assert run.method == method


def test_what_a_dcgan_cannot_do_and_what_is_not_there_is_said(trained_runs, tmp_path):
    with pytest.raises(InputError, match="is a DCGAN's run, which cannot encode images"):
        load_run(trained_runs["dcgan"]).encode(IMAGES)
    with pytest.raises(InputError, match="has no best models; only `evaluate_every` or `patience` saves them"):
        load_run(trained_runs["vae"], best=True)
    with pytest.raises(InputError, match="is no run folder"):
        load_run(tmp_path)


def test_the_images_it_was_trained_on_are_found_again_moved_or_refused(trained_runs, tmp_path):
    run = load_run(trained_runs["vae"])
    train, held_out = run.datasets()
    assert (len(train), len(held_out)) == (54, 6)
    shutil.copytree(trained_runs["vae"], tmp_path / "run")
    shutil.copy(trained_runs["vae"].parent / "stripes.npz", tmp_path / "moved.npz")
    np.savez(tmp_path / "other.npz", images=striped_images(60, size=16, seed=9)[0])
    run = load_run(tmp_path / "run")
    gone = {"dataset": str(tmp_path / "gone.npz"), "data_dir": str(tmp_path / "gone")}
    run.folder.write(source=run.record["source"] | gone)
    run = load_run(tmp_path / "run")
    with pytest.raises(InputError, match=r"cannot be loaded .*; put them back, or say where they are with `dataset`"):
        run.datasets()
    with pytest.raises(InputError, match=r"the training images of .*other.* are not those of"):
        run.use_datasets(tmp_path / "other.npz")
    run.use_datasets(tmp_path / "moved.npz")
    assert run.datasets()[0].fingerprint == train.fingerprint


def array(count=40):
    return striped_images(count)[0]


@pytest.mark.usefixtures("no_pictures")
def test_an_array_a_path_and_an_image_set_are_trained_on_with_and_without_held_out_images(tmp_path):
    np.savez(tmp_path / "stripes.npz", images=array())
    run = train_small("vae", array(), epochs=1)
    assert [len(part) for part in run.datasets()] == [36, 4]
    assert run.history[0]["held_out_loss"] > 0
    for data in ((tmp_path / "stripes.npz",), (ImageSet(array()),), (array(), array(8))):
        plan = make_plan("vae", *data, recipe="chapter", batch_size=16, say=quiet, **NETS["vae"])
        assert (len(plan.train), len(plan.held_out)) == ((40, 8) if data[1:] else (36, 4))
    with pytest.raises(InputError, match="`held_out` goes with an array or an ImageSet"):
        train_small("vae", tmp_path / "stripes.npz", array(8))


@pytest.mark.usefixtures("no_pictures")
def test_a_small_array_is_saved_with_the_run_and_a_large_one_asked_for(tmp_path, monkeypatch, eagerly):
    images, labels = striped_images(60)
    data = ImageSet(images, labels, ("upright", "lying"), "mine")
    folder = RunFolder.create(tmp_path / "small", "vae", "mine")  # a folder may be given as an object, too
    run = train_small("vae", data, epochs=1, folder=folder, evaluate_every=0)
    for one, two in zip(run.datasets(), load_run(tmp_path / "small").datasets(), strict=True):
        assert (one.fingerprint, one.name, one.class_names) == (two.fingerprint, "mine", ("upright", "lying"))
    monkeypatch.setattr("keras_gen.run.images.SAVED_BYTES", images.nbytes - 1)
    said = []
    train_small("vae", data, epochs=1, folder=tmp_path / "large", say=said.append)
    assert any("too many to be saved with the run; keep them, to resume or evaluate it" in line for line in said)
    assert not (tmp_path / "large" / "data.npz").exists()
    large = load_run(tmp_path / "large")
    with pytest.raises(InputError, match="an array that is not saved with it; give the images with `dataset`"):
        large.datasets()
    assert train_small("vae", data, epochs=2, folder=tmp_path / "large", resume=True).epoch == 2
    content = (tmp_path / "small" / "data.npz").read_bytes()
    (tmp_path / "small" / "data.npz").write_bytes(content[:-50])
    with pytest.raises(InputError, match=r"data\.npz is damaged"):
        load_run(tmp_path / "small").datasets()
    (tmp_path / "small" / "checksums.txt").unlink()
    with pytest.raises(InputError, match=r"data\.npz cannot be read .*; put it back, or give the images"):
        load_run(tmp_path / "small").datasets()


@pytest.mark.usefixtures("tiny_pictures")
@pytest.mark.parametrize("kind", ["vae", pytest.param("dcgan", marks=pytest.mark.slow)])
def test_the_user_s_random_states_are_the_same_after_each_call(kind, trained_runs, tmp_path, eagerly):

    def states():
        return random.getstate(), str(np.random.get_state()), values_of([global_seed_generator().state])[0].tolist()

    run = load_run(trained_runs[kind])
    z = run.draw(2)
    calls = {
        "train": lambda: train_small(kind, array(), epochs=1, folder=tmp_path / "run", doctor=True),
        "resume": lambda: train_small(kind, epochs=2, folder=tmp_path / "run", resume=True),
        "load": lambda: load_run(trained_runs[kind]).models,
        "generate": lambda: run.generate(2),
        "interpolate": lambda: run.interpolate(*z, 3),
        "datasets": lambda: load_run(trained_runs[kind]).datasets(),
        "encode": lambda: kind == "vae" and run.encode(IMAGES),
        "grid": lambda: run.grid(4),
    }
    keras.utils.set_random_seed(7)
    states()  # Keras makes its global generator when it is first asked for, from Python's
    for name, call in calls.items():
        before = states()
        call()
        assert states() == before, name


@pytest.mark.usefixtures("tiny_pictures")
def test_a_run_without_figures_is_completed_by_a_resume(tmp_path, monkeypatch):
    """Killed after the last epoch, while the figures were drawn."""
    with monkeypatch.context() as patch:
        patch.setattr(keras_gen.Run, "draw_figures", lambda self: (_ for _ in ()).throw(SystemError))
        patch.setattr("keras_gen.training.start._fail", lambda *_: None)
        with pytest.raises(SystemError):
            train_small("vae", array(), folder=tmp_path / "run", epochs=1)
    run = load_run(tmp_path / "run")
    assert (run.status, run.epoch) == ("running", 1)
    assert not (tmp_path / "run" / "report.html").exists()
    resumed = train_small("vae", folder=tmp_path / "run", resume=True, epochs=1)
    assert_same_runs(run, resumed)
    assert load_run(tmp_path / "run").status == "finished"
    assert not resumed.missing_pictures()
    figure = tmp_path / "run" / "figures" / "losses.png"
    figure.unlink()
    train_small("vae", folder=tmp_path / "run", resume=True, epochs=1)  # a picture that is gone is drawn again
    assert figure.exists() and (tmp_path / "run" / "report.html").exists()
    with pytest.raises(InputError, match="has its 1 epoch; give more with `epochs` to continue"):
        train_small("vae", folder=tmp_path / "run", resume=True, epochs=1)


def test_a_live_run_and_the_loaded_one_are_alike(tmp_path, no_pictures):
    live = train_small("vae", array(), epochs=1, doctor=True, folder=tmp_path / "run")
    loaded = load_run(tmp_path / "run")
    assert_same_runs(live, loaded)
    assert type(live) is type(loaded)
    for name in ("kind", "settings", "status", "epoch", "timing", "metrics", "findings", "record", "pixel_range"):
        assert getattr(live, name) == getattr(loaded, name), name
    np.testing.assert_array_equal(live.generate(3), loaded.generate(3))
