"""The scores of real small runs: what is written, and that they say what they should."""

import errno
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from keras_gen.cli.evaluate import score_lines
from keras_gen.data import ImageSet
from keras_gen.errors import InputError, WriteError
from keras_gen.evaluation import paired_differences
from keras_gen.evaluation import scores as scores_module
from keras_gen.evaluation.distances import random_indices
from keras_gen.evaluation.likelihood import elbo_terms
from keras_gen.evaluation.paired import IDENTITY
from keras_gen.evaluation.scores import features_for, likelihood_scores
from keras_gen.pages import report
from keras_gen.run import Run, load_run
from tests.conftest import striped_images, train_small, without_pictures

pytestmark = pytest.mark.usefixtures("quick_features")


@pytest.fixture
def copied(command_runs, tmp_path):
    """Load a copy of one of the small runs."""

    def load(name):
        shutil.copytree(command_runs[name], tmp_path / name)
        return load_run(tmp_path / name)

    return load


def quiet(line):
    pass


def test_a_vae_gets_bounds_distances_and_a_verdict_and_the_same_ones_again(copied, monkeypatch):
    run = copied("vae")
    scores = run.evaluate(samples=3, importance_samples=50, say=quiet)
    assert run.folder.read_scores() == json.loads(json.dumps(scores))
    without_pictures(monkeypatch)
    assert run.evaluate(samples=3, importance_samples=50, say=quiet) == scores
    bounds, images = scores["likelihood"], scores["images"]
    assert (bounds["likelihood"], bounds["images"], scores["epoch"]) == ("bernoulli", 8, 2)
    assert bounds["elbo"]["value"] == pytest.approx(-(bounds["reconstruction"] + bounds["kl"]))
    assert bounds["importance_weighted_bound"]["value"] > bounds["elbo"]["value"]
    assert sum(bounds["kl_per_dimension"]) == pytest.approx(bounds["kl"], rel=1e-4)
    assert (images["features"], images["count"]) == ("own", 8)
    assert "Metrics of the last models, epoch 2" in (run.folder.path / "report.html").read_text()
    assert (run.folder.figures / "nearest.png").stat().st_size > 500
    printed = "\n".join(score_lines(scores, 2, run.class_names))
    assert f"{bounds['elbo']['value']:.2f} ± {bounds['elbo']['standard_error']:.2f} nats" in printed
    for column in ("generated", "floor"):
        for name in ("fid", "precision", "recall", "density", "coverage"):
            assert f"{images[column][name]:.4f}" in printed
        for name in ("clipped_density", "clipped_coverage"):
            assert f"{images[column][name]:.4f}" in printed
        assert f"(p = {images[column]['kid']['p_value']:.3f})" in printed  # few images
    assert scores["memorising"]["pixels"]["verdict"] in printed
    assert "(of fewer than 50 images these scores say little)" in printed
    few = bounds["too_few_effective_samples"]
    assert f"{bounds['effective_samples']:.1f} (median; " in printed
    assert (f"below 10 for {few} images" if few else "enough: 10 or more") in printed
    images = run.datasets()[1].images
    off = run.decode(run.encode(images)).astype(float) - images
    error = np.sqrt(np.mean(off.reshape(len(images), -1) ** 2, axis=1)).mean()
    assert bounds["reconstruction_error"]["value"] == pytest.approx(error, rel=1e-5)
    assert f"{error:.2f} ± {bounds['reconstruction_error']['standard_error']:.2f} grey levels of 255" in printed
    with np.load(run.folder.path / "scores.npz") as values:
        assert np.mean(values["elbo"]) == pytest.approx(bounds["elbo"]["value"])
        assert np.mean(values["kid"]) == pytest.approx(scores["images"]["generated"]["kid"]["value"])
        assert len(values["effective_samples"]) == bounds["images"]


def test_the_kl_of_the_dimensions_is_that_of_the_pixels_that_are_drawn(tmp_path, no_pictures):
    """The encoder of a binarized run never sees the grey ones."""
    np.savez(tmp_path / "stripes.npz", images=striped_images(40, size=16)[0] // 2)
    settings = {"likelihood": "binarized", "batch_size": 8}
    run = load_run(train_small("vae", tmp_path / "stripes.npz", tmp_path / "run", **settings))
    found, _ = likelihood_scores(run, run.datasets()[1].images, 1, 2, run.settings.training.seed)
    assert sum(found["kl_per_dimension"]) == pytest.approx(found["kl"], rel=1e-4)


def test_the_elbo_of_one_sample_is_the_held_out_loss_of_training(command_runs):
    run = load_run(command_runs["vae"])
    images = run.datasets()[1].images
    measured, _ = likelihood_scores(run, images, 1, 2, run.settings.training.seed)
    last = run.history[-1]
    assert -measured["elbo"]["value"] == pytest.approx(last["held_out_loss"], rel=1e-5)
    assert measured["reconstruction"] == pytest.approx(last["held_out_reconstruction"], rel=1e-5)
    run.settings = run.settings.replace(likelihood="continuous_bernoulli")  # a density
    measured, _ = likelihood_scores(run, images, 1, 2, 0)
    exact, _ = elbo_terms(run.model("encoder"), run.model("decoder"), images, "continuous_bernoulli", 1, 0)
    assert measured["gain_at_exact_levels"] == pytest.approx(measured["reconstruction"] - exact.mean(), rel=1e-4)


def test_copies_are_flagged_and_images_that_the_data_has_twice_left_out(copied, monkeypatch, no_pictures):
    run = copied("dcgan")
    train, _ = run.datasets()
    many = type(train)(*striped_images(900, size=16), train.class_names, "many")
    images = many.images.copy()
    images[[1, 800]] = images[0]  # one image that both sets have
    images[3] = images[2]
    many = replace(many, images=images)
    run._datasets = many[:600], many[600:]
    copies = images[np.random.default_rng(0).permutation(600)[:100]]
    copies[:40] ^= 1  # nearly, so that others are shown
    monkeypatch.setattr(run, "generate", lambda count, seed: copies[:count])
    drawn, table = [], scores_module.image_table
    monkeypatch.setattr(scores_module, "image_table", lambda *parts: drawn.append(parts) or table(*parts))
    scores = run.evaluate(count=60, say=quiet)
    ((pictures, columns, rows),) = drawn
    assert rows == ["generated, by pixels", "training image", "generated, by features", "training image"]
    generated, nearest = pictures[: 2 * len(columns)].reshape(2, -1, 16, 16, 1)
    np.testing.assert_array_equal(generated, nearest)  # each beside the image that it copies
    with np.load(run.folder.path / "scores.npz") as values:
        np.testing.assert_array_equal(values[IDENTITY], random_indices(300, 60, 0))
    found = scores["memorising"]["pixels"]
    assert found["memorising"] and found["p_value"] < 1e-4
    assert "Memorising: about" in found["verdict"]
    assert scores["dropped"] == {"train": 2, "held_out": 0, "both": 1, "generated": 0}
    assert "2 training images are there more than once" in "\n".join(score_lines(scores, 20, ()))


def test_mirrored_copies_are_looked_for_where_training_mirrors(copied, monkeypatch, no_pictures):
    run = copied("dcgan")
    images = np.random.default_rng(0).integers(0, 256, (900, 16, 16, 1), np.uint8)
    many = ImageSet(images)
    run._datasets = many[:600], many[600:]
    monkeypatch.setattr(run, "generate", lambda count, seed: images[:count, :, ::-1])
    assert not run.evaluate(count=60, say=quiet)["memorising"]["pixels"]["memorising"]
    run.settings = with_augment(run.settings, "mirror")
    found = run.evaluate(count=60, say=quiet)["memorising"]
    assert found["pixels"]["memorising"] and found["features"]["memorising"]


def with_augment(settings, augment):
    return replace(settings, training=replace(settings.training, augment=augment))


def test_another_seed_gives_other_scores_in_the_same_features_and_the_floor_is_of_images_they_have_not_seen(
    copied, monkeypatch, no_pictures
):
    run, measured = copied("dcgan"), []
    real_scores = scores_module.image_scores
    monkeypatch.setattr(scores_module, "image_scores", lambda *a: measured.append(a[0]) or real_scores(*a))
    first = run.evaluate(count=8, say=quiet)
    assert "likelihood" not in first  # of a DCGAN
    train, _ = run.datasets()
    features_of = features_for("own", train, quiet)
    np.testing.assert_allclose(measured[1], features_of(train.images[features_of.unseen[:8]]), atol=1e-5)
    said = []
    second = run.evaluate(count=8, seed=5, say=said.append)
    assert said == []  # no other network is trained
    assert first["images"]["generated"] != second["images"]["generated"]


def test_two_runs_are_compared_image_by_image(copied, command_runs, tmp_path, no_pictures):
    runs = [copied("vae"), load_run(shutil.copytree(command_runs["vae3"], tmp_path / "other"))]
    scores = [run.evaluate(samples=1, importance_samples=20, say=quiet) for run in runs]
    found = paired_differences(*runs)
    elbos = [score["likelihood"]["elbo"] for score in scores]
    assert found["elbo"].value == pytest.approx(elbos[0]["value"] - elbos[1]["value"])
    one, other = (np.load(run.folder.path / "scores.npz")["elbo"] for run in runs)
    assert found["elbo"].standard_error == pytest.approx(np.std(one - other, ddof=1) / np.sqrt(len(one)))
    assert found["kid"].value == pytest.approx(np.subtract(*(s["images"]["generated"]["kid"]["value"] for s in scores)))
    runs[1].evaluate(samples=1, importance_samples=20, seed=1, say=quiet)
    with pytest.raises(InputError, match="were measured on other held-out images"):
        paired_differences(*runs)
    (runs[1].folder.path / "scores.npz").unlink()
    with pytest.raises(InputError, match=r"other has no values of single images; measure it with run.evaluate\(\)"):
        paired_differences(*runs)


def test_the_report_shows_the_nearest_pairs_or_no_training_image_at_all(copied, monkeypatch):
    run = copied("dcgan")
    sections = []
    monkeypatch.setattr(report, "render", lambda name, **parts: sections.append(parts["sections"]) or "page")
    for training_images in (True, False):
        run.evaluate(count=8, training_images=training_images, say=quiet)
    run.report(training_images=False)
    texts = [[picture["text"] for pictures in page.values() for picture in pictures] for page in sections]
    of_training_images = [text for name in report.OF_TRAINING_IMAGES for text in shown_text(name)]
    assert set(texts[0]) >= set(of_training_images)
    assert texts[1] == texts[2] == [text for text in texts[0] if text not in of_training_images]


def shown_text(name):
    return [texts[name] for texts in report.PICTURES.values() if name in texts]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"count": 5}, "`count` must be a whole number from 6 to 50000; received 5"),
        ({"inception_size": 96}, "`inception_size` must be one of 299, 75; received 96"),
        ({"features": "mine"}, "`features` must be one of own, inception; received 'mine'"),
    ],
)
def test_mistakes_are_named_by_the_argument(command_runs, options, message):
    with pytest.raises(InputError, match=message):
        load_run(command_runs["vae"]).evaluate(**options)


def test_a_folder_that_cannot_be_written_is_named_before_anything_is_measured(copied, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EROFS, "Read-only file system")

    run = copied("vae")
    monkeypatch.setattr(Path, "touch", refuse)
    monkeypatch.setattr(run, "datasets", lambda: pytest.fail("images are read"))
    with pytest.raises(WriteError) as error:
        run.evaluate()
    assert error.value.filename == str(run.folder.path / "metrics.json")


def test_a_run_without_held_out_images_gets_one_line(copied):
    run = copied("dcgan")
    train, held_out = run.datasets()
    assert scores_module._comparable(run, range(20), range(12)) == 10  # the other half is for the floor
    for sets, found in (((train, held_out[:0]), "0 held-out images"), ((train[:9], held_out), "9 training images")):
        run._datasets = sets
        with pytest.raises(InputError, match=f"has {found}; 6 held-out and 12 training images are the least"):
            run.evaluate(say=quiet)


@pytest.mark.parametrize("kind", [pytest.param("vae", marks=pytest.mark.slow), "dcgan"])
def test_measuring_while_training_splits_images_off_and_saves_the_best(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(Run, "draw_epoch", lambda run: None)
    images, labels = striped_images(200, size=16)
    np.savez(tmp_path / "stripes.npz", images=images, labels=labels)
    path = train_small(kind, tmp_path / "stripes.npz", tmp_path / "run", evaluate_every=2, epochs=3)
    best, last = load_run(path, best=True), load_run(path)
    assert (path / "figures" / "scores.png").stat().st_size > 500
    assert [row["epoch"] for row in last.metrics] == [2, 3]
    criterion = {"vae": "validation_loss", "dcgan": "kid"}[kind]
    row = min(last.metrics, key=lambda row: row[criterion])
    assert last.record["best"] == {"epoch": row["epoch"], "by": criterion, "value": row[criterion]}
    if kind == "dcgan":  # striped images are striped images, and those of three epochs are not yet
        ((floor, error),) = {(row["kid_floor"], row["kid_floor_standard_error"]) for row in last.metrics}
        assert abs(floor) < 4 * error
        assert row["kid"] > floor + error
    assert [len(images) for images in best.datasets()] == [162, 20]  # without those that were split off
    same = row["epoch"] == 3
    assert np.array_equal(best.generate(4), last.generate(4)) == same
    assert (best.models_text, last.models_text) == (f"best, epoch {row['epoch']}", "epoch 3")
    if kind == "vae":
        return  # what is made of the models is alike
    scores = best.evaluate(importance_samples=5, say=quiet)
    assert (scores["models"], scores["epoch"]) == ("best", row["epoch"])
    traversals = [run.view("traverse") for run in (best, last)]
    assert np.array_equal(*(view.array for view in traversals)) == same
    assert traversals[0].save()[0].stem == f"{traversals[1].save()[0].stem}-best"
    pages = [run.explore() for run in (best, last)]
    assert [page.name for page in pages] == ["explorer-best.html", "explorer.html"]
    best_page, last_page = (page.read_text(encoding="utf-8") for page in pages)
    assert best_page.count("project IMAGE --best") == last_page.count("project IMAGE")  # a DCGAN's names the command
    assert (best_page.replace(" --best</pre>", "</pre>") == last_page) == same


def test_a_resumed_run_measures_as_one_that_was_not_interrupted(tmp_path, no_pictures, eagerly):
    from keras_gen import train_vae

    images, labels = striped_images(200, size=16)
    np.savez(tmp_path / "stripes.npz", images=images, labels=labels)
    for name, epochs in (("whole", 2), ("parts", 1)):
        train_small("vae", tmp_path / "stripes.npz", tmp_path / name, evaluate_every=1, epochs=epochs)
    train_vae(folder=tmp_path / "parts", resume=True, epochs=2, say=quiet)
    parts, whole = load_run(tmp_path / "parts"), load_run(tmp_path / "whole")
    assert (parts.metrics, parts.record["best"]) == (whole.metrics, whole.record["best"])


def test_a_run_without_best_models_says_what_saves_them(command_runs):
    with pytest.raises(InputError, match="only `evaluate_every` or `patience` saves them"):
        load_run(command_runs["vae"], best=True)
