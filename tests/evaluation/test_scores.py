"""The scores of real small runs: what is written, and that they say what they should."""

import json
import shutil

import numpy as np
import pytest

from keras_gen.cli.evaluate import score_lines
from keras_gen.errors import InputError
from keras_gen.evaluation import features
from keras_gen.evaluation.scores import likelihood_scores
from keras_gen.run import load_run
from tests.conftest import striped_images, train_small


@pytest.fixture(autouse=True)
def quick_features(monkeypatch, tmp_path_factory):
    monkeypatch.setattr(features, "STEPS", 30)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path_factory.getbasetemp() / "keras"))


@pytest.fixture
def copied(command_runs, tmp_path):
    """Load a copy of one of the small runs."""

    def load(name):
        shutil.copytree(command_runs[name], tmp_path / name)
        return load_run(tmp_path / name)

    return load


def quiet(line):
    pass


def test_a_vae_gets_bounds_distances_and_a_verdict_and_the_same_ones_again(copied):
    run = copied("vae")
    scores = run.evaluate(samples=3, importance_samples=50, say=quiet)
    assert run.folder.read_scores() == json.loads(json.dumps(scores))
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
    assert scores["memorising"]["pixels"]["verdict"] in printed


def test_the_kl_of_the_dimensions_is_that_of_the_pixels_that_are_drawn(tmp_path):
    """The encoder of a binarized run never sees the grey ones."""
    np.savez(tmp_path / "stripes.npz", images=striped_images(40, size=16)[0] // 2)
    run = load_run(train_small("vae", tmp_path / "stripes.npz", tmp_path / "run", likelihood="binarized", batch_size=8))
    found = likelihood_scores(run, run.datasets()[1].images, 1, 2, run.settings.training.seed)
    assert sum(found["kl_per_dimension"]) == pytest.approx(found["kl"], rel=1e-4)


def test_the_elbo_of_one_sample_is_the_held_out_loss_of_training(command_runs):
    run = load_run(command_runs["vae"])
    measured = likelihood_scores(run, run.datasets()[1].images, 1, 2, run.settings.training.seed)
    last = run.history[-1]
    assert -measured["elbo"]["value"] == pytest.approx(last["held_out_loss"], rel=1e-5)
    assert measured["reconstruction"] == pytest.approx(last["held_out_reconstruction"], rel=1e-5)


def test_a_dcgan_gets_no_likelihood_another_seed_other_scores_and_copies_are_flagged(copied, monkeypatch):
    run = copied("dcgan")
    first, second = (run.evaluate(seed=seed, say=quiet) for seed in (0, 1))
    assert first["images"]["generated"] != second["images"]["generated"]
    assert "likelihood" not in first
    train, _ = run.datasets()
    many = type(train)(*striped_images(600, size=16), train.class_names, "many")
    run._datasets = many[:500], many[500:]
    copies = many.images[np.random.default_rng(0).integers(0, 500, 100)]
    monkeypatch.setattr(run, "generate", lambda count, seed: copies[:count])
    found = run.evaluate(count=60, say=quiet)["memorising"]["pixels"]
    assert found["memorising"]
    assert found["share"]["value"] > 0.9
    assert "Memorising: about" in found["verdict"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"count": 5}, "`count` must be a whole number from 6 to 50000; received 5"),
        ({"features": "mine"}, "`features` must be one of own, inception; received 'mine'"),
    ],
)
def test_mistakes_are_named_by_the_argument(command_runs, options, message):
    with pytest.raises(InputError, match=message):
        load_run(command_runs["vae"]).evaluate(**options)


@pytest.mark.parametrize("kind", ["vae", "dcgan"])
def test_measuring_while_training_splits_images_off_and_saves_the_best(tmp_path, kind):
    images, labels = striped_images(200, size=16)
    np.savez(tmp_path / "stripes.npz", images=images, labels=labels)
    path = train_small(kind, tmp_path / "stripes.npz", tmp_path / "run", evaluate_every=2, epochs=5)
    best, last = load_run(path, best=True), load_run(path)
    assert (path / "figures" / "scores.png").stat().st_size > 500
    assert [row["epoch"] for row in last.metrics] == [2, 4, 5]
    criterion = {"vae": "validation_loss", "dcgan": "kid"}[kind]
    row = min(last.metrics, key=lambda row: row[criterion])
    assert last.record["best"] == {"epoch": row["epoch"], "by": criterion, "value": row[criterion]}
    if kind == "dcgan":  # striped images are striped images, and those of five epochs are not yet
        ((floor, error),) = {(row["kid_floor"], row["kid_floor_standard_error"]) for row in last.metrics}
        assert abs(floor) < 4 * error
        assert row["kid"] > floor + error
    assert [len(images) for images in best.datasets()] == [162, 20]  # without those that were split off
    same = row["epoch"] == 5
    assert np.array_equal(best.generate(4), last.generate(4)) == same
    assert (best.models_text, last.models_text) == (f"best, epoch {row['epoch']}", "epoch 5")
    scores = best.evaluate(importance_samples=5, say=quiet)
    assert (scores["models"], scores["epoch"]) == ("best", row["epoch"])
    traversals = [run.view("traverse") for run in (best, last)]
    assert np.array_equal(*(view.array for view in traversals)) == same
    assert traversals[0].save()[0].stem == f"{traversals[1].save()[0].stem}-best"
    pages = [run.explore() for run in (best, last)]
    assert [page.name for page in pages] == ["explorer-best.html", "explorer.html"]
    assert (pages[0].read_text() == pages[1].read_text()) == same


def test_a_resumed_run_measures_as_one_that_was_not_interrupted(tmp_path):
    from keras_gen import train_vae

    images, labels = striped_images(200, size=16)
    np.savez(tmp_path / "stripes.npz", images=images, labels=labels)
    for name, epochs in (("whole", 4), ("parts", 2)):
        train_small("vae", tmp_path / "stripes.npz", tmp_path / name, evaluate_every=1, epochs=epochs)
    train_vae(folder=tmp_path / "parts", resume=True, epochs=4, say=quiet)
    parts, whole = load_run(tmp_path / "parts"), load_run(tmp_path / "whole")
    assert (parts.metrics, parts.record["best"]) == (whole.metrics, whole.record["best"])


def test_a_run_without_best_models_says_what_saves_them(command_runs):
    with pytest.raises(InputError, match="only `evaluate_every` saves them"):
        load_run(command_runs["vae"], best=True)
