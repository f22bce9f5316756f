"""The scores of real small runs: what is written, what is printed, and that they say what they should."""

import csv
import json
import shutil

import numpy as np
import pytest

from keras_gen import load_run
from keras_gen.cli import scores
from keras_gen.cli.main import main
from keras_gen.cli.train import train_command
from keras_gen.evaluation import features
from keras_gen.training import RunFolder
from tests.conftest import SMALL_SETTINGS, striped_images


@pytest.fixture(autouse=True)
def quick_features(monkeypatch, tmp_path_factory):
    monkeypatch.setattr(features, "STEPS", 30)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path_factory.getbasetemp() / "keras"))


def evaluated(path, *arguments):
    assert main(["evaluate", str(path), *arguments]) == 0
    return json.loads((path / "metrics.json").read_text())


def test_a_vae_gets_bounds_distances_and_a_verdict_and_the_same_ones_again(command_runs, capsys):
    path = command_runs["vae"]
    quick = ["--samples", "3", "--importance-samples", "50"]
    first = evaluated(path, *quick)
    printed = capsys.readouterr().out
    assert evaluated(path, *quick) == first
    likelihood = first["likelihood"]
    assert (likelihood["likelihood"], likelihood["images"]) == ("bernoulli", 8)
    elbo, bound = likelihood["elbo"], likelihood["importance_weighted_bound"]
    assert elbo["value"] == pytest.approx(-(likelihood["reconstruction"] + likelihood["kl"]))
    assert bound["value"] > elbo["value"]
    assert f"{elbo['value']:.2f} ± {elbo['standard_error']:.2f} nats" in printed
    assert "no likelihood of grey images" in printed
    assert sum(likelihood["kl_per_dimension"]) == pytest.approx(likelihood["kl"], rel=1e-4)
    images = first["images"]
    assert (images["features"], images["count"]) == ("own", 8)
    for name in ("fid", "precision", "recall", "density", "coverage"):
        assert f"{images['generated'][name]:.4f}" in printed
        assert f"{images['floor'][name]:.4f}" in printed
    assert set(first["memorising"]) == {"pixels", "features"}
    assert first["memorising"]["pixels"]["verdict"] in printed
    assert (path / "figures" / "nearest.png").stat().st_size > 500


def test_the_kl_of_the_dimensions_is_that_of_the_pixels_that_are_drawn(tmp_path):
    """The encoder of a binarized run never sees the grey ones."""
    images, _ = striped_images(40, size=16)
    np.savez(tmp_path / "stripes.npz", images=images // 2)
    path = tmp_path / "run"
    flags = ["--dataset", str(tmp_path / "stripes.npz"), "--batch-size", "8", "--epochs", "2", "--out", str(path)]
    assert train_command("vae", [*flags, "--likelihood", "binarized", *SMALL_SETTINGS["vae"]]) == 0
    run = load_run(path)
    found = scores.likelihood_scores(run, run.datasets()[1].images, 1, 2, run.settings.seed)
    assert sum(found["kl_per_dimension"]) == pytest.approx(found["kl"], rel=1e-4)


def test_the_elbo_of_one_sample_is_the_held_out_loss_of_training(command_runs):
    folder = RunFolder(command_runs["vae"])
    run = load_run(folder.path)
    _, held_out = run.datasets()
    measured = scores.likelihood_scores(run, held_out.images, 1, 2, run.settings.seed)
    with (folder.path / "history.csv").open() as file:
        last = list(csv.DictReader(file))[-1]
    assert -measured["elbo"]["value"] == pytest.approx(float(last["held_out_loss"]), rel=1e-5)
    assert measured["reconstruction"] == pytest.approx(float(last["held_out_reconstruction"]), rel=1e-5)


def test_a_dcgan_gets_no_likelihood_and_another_seed_other_scores(command_runs):
    first, second = (evaluated(command_runs["dcgan"], "--seed", seed)["images"]["generated"] for seed in "01")
    assert first != second
    assert "likelihood" not in evaluated(command_runs["dcgan"])


def test_a_generator_that_replays_training_images_is_flagged(command_runs, tmp_path, monkeypatch, capsys):
    path = tmp_path / "replay"
    images, labels = striped_images(600, size=16)
    np.savez(tmp_path / "many.npz", images=images, labels=labels)
    arguments = ["--dataset", str(tmp_path / "many.npz"), "--epochs", "1", "--out", str(path)]
    assert train_command("dcgan", [*arguments, *SMALL_SETTINGS["dcgan"]]) == 0
    train, _ = load_run(path).datasets()
    copies = np.random.default_rng(0).integers(0, len(train), 60)
    monkeypatch.setattr("keras_gen.training.TrainedRun.generate", lambda *_: train.images[copies])
    found = evaluated(path, "--count", "60")["memorising"]["pixels"]
    assert found["memorising"]
    assert "Memorising: about" in capsys.readouterr().out
    assert found["share"]["value"] > 0.9


@pytest.mark.parametrize("kind", ["vae", "dcgan"])
def test_measuring_while_training_sets_images_aside_and_keeps_the_best(tmp_path, kind, capsys):
    images, labels = striped_images(200, size=16)
    np.savez(tmp_path / "stripes.npz", images=images, labels=labels)
    path = tmp_path / "run"
    arguments = ["--dataset", str(tmp_path / "stripes.npz"), "--batch-size", "24", "--evaluate-every", "2"]
    assert train_command(kind, [*arguments, "--epochs", "5", "--out", str(path), *SMALL_SETTINGS[kind]]) == 0
    printed = capsys.readouterr().out
    assert "162 training, 18 validation and 20 held-out images" in printed
    assert (path / "figures" / "scores.png").stat().st_size > 500
    rows = read_metrics(path)
    assert [row["epoch"] for row in rows] == ["2", "4", "5"]
    by = {"vae": "validation_loss", "dcgan": "kid"}[kind]
    best = min(rows, key=lambda row: float(row[by]))
    assert f"Best    epoch {best['epoch']}, {by.replace('_', ' ')} {float(best[by]):.4g}" in printed
    facts = RunFolder(path).read()
    assert facts["best"] == {"epoch": int(best["epoch"]), "by": by, "value": float(best[by])}
    assert facts["dataset"]["train"]["count"] == 162
    if kind == "dcgan":  # striped images are striped images, and those of five epochs are not yet
        ((floor, error),) = {(float(row["kid_floor"]), float(row["kid_floor_standard_error"])) for row in rows}
        assert abs(floor) < 4 * error
        assert facts["best"]["value"] > floor + error
    run, last = load_run(path, best=True), load_run(path)
    train, held_out = run.datasets()  # the very images it trained on, without those set aside
    assert (len(train), len(held_out)) == (162, 20)
    same = np.array_equal(run.generate(4), last.generate(4))
    assert same == (best["epoch"] == "5")
    assert evaluated(path, "--best", "--importance-samples", "5")["models"] == "best"
    assert f"Metrics of the best models, epoch {best['epoch']}" in (path / "report.html").read_text()  # renewed

    def array_of(*command):
        file = tmp_path / f"{len(list(tmp_path.iterdir()))}.npy"
        assert main([*command, "--npy", str(file)]) == 0
        return np.load(file)

    generate, traverse = ("generate", str(path), "--count", "4"), ("latent", str(path), "traverse")
    assert np.array_equal(array_of(*generate, "--best"), run.generate(4))
    assert np.array_equal(array_of(*traverse), array_of(*traverse, "--best")) == same
    drawn = sorted(file.stem for file in (path / "figures").glob("traversal*.png"))
    assert drawn[1] == f"{drawn[0]}-best"
    assert main(["explore", str(path), "--best"]) == 0
    assert ((path / "explorer-best.html").read_text() != explorer(path)) != same


def explorer(path):
    """Return the page of a run's last models."""
    assert main(["explore", str(path)]) == 0
    return (path / "explorer.html").read_text()


def read_metrics(path):
    with (path / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def test_a_resumed_run_measures_as_one_that_was_not_interrupted(tmp_path):
    images, labels = striped_images(200, size=16)
    np.savez(tmp_path / "stripes.npz", images=images, labels=labels)
    common = ["--dataset", str(tmp_path / "stripes.npz"), "--batch-size", "24", "--evaluate-every", "1"]
    for name, epochs in (("whole", "4"), ("parts", "2")):
        arguments = [*common, "--epochs", epochs, "--out", str(tmp_path / name), *SMALL_SETTINGS["vae"]]
        assert train_command("vae", arguments) == 0
    assert train_command("vae", ["--resume", str(tmp_path / "parts"), "--epochs", "4"]) == 0
    assert read_metrics(tmp_path / "parts") == read_metrics(tmp_path / "whole")
    assert RunFolder(tmp_path / "parts").read()["best"] == RunFolder(tmp_path / "whole").read()["best"]


def test_a_run_without_best_models_says_what_keeps_them(command_runs, tmp_path, capsys):
    path = tmp_path / "run"
    shutil.copytree(command_runs["vae"], path)
    assert main(["evaluate", str(path), "--best"]) == 2
    assert "only --evaluate-every keeps it" in capsys.readouterr().err
