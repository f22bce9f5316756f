"""Two runs side by side: what differs, which is better, and what cannot be compared."""

import csv
import json
import shutil

import numpy as np
import pytest

import keras_gen
from keras_gen.evaluation import side_by_side
from keras_gen.evaluation.paired import IDENTITY, NAME
from keras_gen.run import RunFolder, load_run


def measured(source, path, shift=0.0, noise=0.1, **changes):
    """Copy a run, and write scores into it as `evaluate` does: the bound and the KID are shifted."""
    run = load_run(shutil.copytree(source, path))
    random = np.random.default_rng(int(1000 * noise))
    per_image = np.random.default_rng(0).normal(0, 10, 400)  # what images contribute to both runs
    values = {IDENTITY: np.arange(400)}
    bounds = per_image - 100 + shift + random.normal(0, noise, 400)
    if run.kind == "vae":
        values |= {"elbo": bounds - 1, "importance_weighted_bound": bounds, "reconstruction_error": -bounds / 10}
    values["kid"] = 0.05 + (per_image - 10 * shift + random.normal(0, noise, 400)) / 1000
    run.folder.write_arrays(run.folder.path / NAME, **values)

    def estimate(name):
        return {"value": float(values[name].mean()), "standard_error": float(values[name].std() / 20)}

    generated = {"kid": estimate("kid"), "fid": 3.0, "precision": 0.8, "recall": 0.5, "coverage": 0.7}
    scores = {"models": "last", "epoch": 2, "images": {"features": "own", "count": 400, "generated": generated}}
    if run.kind == "vae":
        names = ("elbo", "importance_weighted_bound", "reconstruction_error")
        scores["likelihood"] = {name: estimate(name) for name in names} | {
            "likelihood": "bernoulli",
            "kl": 5.0,
            "active_units": 2,
        }
    run.folder.write_scores(scores | changes)
    return path


def change_settings(path, group, **values):
    folder = RunFolder(path)
    settings = folder.read()["settings"]
    folder.write(settings=settings | {group: settings[group] | values})


def row(comparison, name):
    return next(found for found in comparison.scores if found.name == name)


def test_the_better_run_is_named_with_the_paired_error_of_the_difference(command_runs, tmp_path):
    one = measured(command_runs["vae"], tmp_path / "one")
    two = measured(command_runs["vae"], tmp_path / "two", shift=3.0, noise=0.2)
    change_settings(two, "training", learning_rate=0.5)
    comparison = keras_gen.compare(one, two)
    assert comparison.settings == [("training.learning_rate", ["0.001", "0.5"])]
    bound = row(comparison, "importance-weighted bound")
    assert bound.best == 1
    assert bound.values[0].standard_error > 0.4  # of one run: what the images contribute
    assert bound.differences[0].value == pytest.approx(3, abs=0.05)
    assert bound.differences[0].standard_error < 0.02
    assert bound.verdict == f"B is better by {bound.differences[0]} nats"
    off = row(comparison, "reconstruction error")
    assert off.verdict == f"B is better by {off.differences[0]} grey levels"
    kid = row(comparison, "KID")
    assert kid.values[1].value < kid.values[0].value
    assert kid.verdict == f"B is better by {kid.differences[0]}"
    assert kid.differences[0].value > 0
    assert comparison.notes == []
    assert not comparison.unmeasured


def test_no_difference_beyond_the_error_and_three_runs(command_runs, tmp_path):
    paths = [
        measured(command_runs["vae"], tmp_path / name, shift, noise)
        for name, shift, noise in (("one", 0, 0.1), ("two", 0, 0.3), ("three", -2, 0.2))
    ]
    bound = row(keras_gen.compare(*paths), "importance-weighted bound")
    best, equal = "AB"[bound.best], "BA"[bound.best]
    assert f"{best} is better than C by " in bound.verdict
    assert f"; no difference beyond the error between {best} and {equal} (" in bound.verdict


@pytest.mark.parametrize(
    ("change", "note", "missing"),
    [
        ({"likelihood": "gaussian"}, "the likelihoods differ", "importance-weighted bound"),
        ({"count": 300}, "of another number of images", "KID"),
        ({"features": "inception 75"}, "other features", "KID"),
        ({"epoch": 1}, "its scores are of its last models of epoch 1", None),
    ],
)
def test_scores_without_a_common_scale_are_not_compared(command_runs, tmp_path, change, note, missing):
    one, two = (measured(command_runs["vae"], tmp_path / name, noise=noise) for name, noise in (("a", 0.1), ("b", 0.2)))
    folder = RunFolder(two)
    scores = folder.read_scores()
    for part in (scores, scores["images"], scores["likelihood"]):
        part |= {name: value for name, value in change.items() if name in part and not isinstance(part[name], dict)}
    folder.write_scores(scores)
    comparison = keras_gen.compare(one, two)
    assert any(note in text for text in comparison.notes)
    assert missing not in [found.name for found in comparison.scores]
    assert row(comparison, "reconstruction error").verdict  # has the same scale under any likelihood
    assert comparison.verdicts


def test_scores_of_before_the_reconstruction_error_ask_for_new_ones(command_runs, tmp_path):
    one, two = (measured(command_runs["vae"], tmp_path / name, noise=noise) for name, noise in (("a", 0.1), ("b", 0.2)))
    scores = RunFolder(two).read_scores()
    del scores["likelihood"]["reconstruction_error"]
    RunFolder(two).write_scores(scores)
    comparison = keras_gen.compare(one, two)
    assert "reconstruction error" not in [found.name for found in comparison.scores]
    assert comparison.notes == ["the scores of B have no reconstruction error yet; evaluate again to compare it"]
    assert row(comparison, "ELBO").verdict


def test_features_of_other_training_images_are_other_features(command_runs, tmp_path):
    one, two = (measured(command_runs["vae"], tmp_path / name, noise=noise) for name, noise in (("a", 0.1), ("b", 0.2)))
    folder = RunFolder(two)
    data = folder.read()["dataset"]
    folder.write(dataset=data | {"train": data["train"] | {"fingerprint": "0" * 64}})
    comparison = keras_gen.compare(one, two)
    assert "KID" not in [found.name for found in comparison.scores]
    assert row(comparison, "ELBO").verdict
    folder.write(dataset=data | {"held_out": data["held_out"] | {"fingerprint": "0" * 64}, "name": "other"})
    comparison = keras_gen.compare(one, two)
    assert comparison.scores == []
    assert (
        "the runs were trained on different data (stripes, other), so they have no scores in common" in comparison.notes
    )


def test_a_vae_and_a_dcgan_share_the_kid_but_no_curves(command_runs, tmp_path):
    one, two = measured(command_runs["vae"], tmp_path / "a"), measured(command_runs["dcgan"], tmp_path / "b", 1.0, 0.2)
    comparison = keras_gen.compare(one, two)
    assert row(comparison, "KID").verdict.startswith("B is better by")
    assert [note.partition(",")[0] for note in comparison.notes] == [
        "a VAE and a DCGAN have different losses",
        "a DCGAN has no likelihood",
    ]


def test_without_scores_the_held_out_losses_are_all_that_is_known(command_runs, tmp_path):
    for name in ("a", "b"):
        shutil.copytree(command_runs["vae"], tmp_path / name)
    change_settings(tmp_path / "b", "training", beta=4.0)
    folder = RunFolder(tmp_path / "b")
    rows = [entry | {"held_out_reconstruction": 50.0, "held_out_kl": 2.0} for entry in folder.read_table("history.csv")]
    folder.write_table("history.csv", rows)
    comparison = keras_gen.compare(tmp_path / "a", tmp_path / "b")
    (found,) = comparison.scores
    assert found.values[1] == 52  # whatever the weight of the KL term is
    assert found.verdict.startswith("B has the lowest, by ")
    folder.write_table("history.csv", RunFolder(tmp_path / "a").read_table("history.csv"))
    assert keras_gen.compare(tmp_path / "a", tmp_path / "b").scores[0].verdict.startswith("the lowest two are equal")
    assert comparison.unmeasured
    assert any("the weight of the KL term differs" in note for note in comparison.notes)


@pytest.mark.parametrize("name", ["metrics.json", "scores.npz", "history.csv"])
def test_what_is_damaged_is_left_out_and_named(command_runs, tmp_path, name):
    one, two = (measured(command_runs["vae"], tmp_path / path, noise=noise) for path, noise in (("a", 0.1), ("b", 0.2)))
    (two / name).write_bytes((two / name).read_bytes()[:-20])
    comparison = keras_gen.compare(one, two)
    assert any(str(two / name) in note for note in comparison.notes)
    assert bool(comparison.verdicts) == (name != "scores.npz")
    assert comparison.page(tmp_path / "page.html").exists()


@pytest.mark.parametrize("content", ['{"images": 3, "models": "last"}', '{"models": "last"}', "{}", '{"a": {}}'])
def test_scores_of_another_form_are_no_scores(command_runs, tmp_path, content):
    one, two = measured(command_runs["vae"], tmp_path / "a"), measured(command_runs["vae"], tmp_path / "b")
    RunFolder(two).write_scores(json.loads(content))
    comparison = keras_gen.compare(one, two)
    assert comparison.unmeasured
    assert [found.name for found in comparison.scores] == ["held-out loss"]


def test_a_run_without_an_epoch_has_nothing_to_measure(command_runs, tmp_path, monkeypatch):
    one, two = measured(command_runs["vae"], tmp_path / "a"), shutil.copytree(command_runs["vae"], tmp_path / "b")
    assert keras_gen.compare(one, two).command.endswith(f"compare {one} {two} --evaluate")
    monkeypatch.setattr(side_by_side, "finished_epochs", lambda run: int(run.folder.path.name == "a"))
    assert keras_gen.compare(one, two).command is None


def test_missing_scores_are_measured_when_asked_for(command_runs, tmp_path, monkeypatch):
    paths = [measured(command_runs["vae"], tmp_path / "a"), shutil.copytree(command_runs["vae"], tmp_path / "b")]
    paths.append(measured(command_runs["vae"], tmp_path / "c", noise=0.2, epoch=1))  # before it was trained on
    asked = []
    monkeypatch.setattr("keras_gen.run.results.RunResults.evaluate", lambda run, **_: asked.append(run.title))
    said = []
    keras_gen.compare(*paths, evaluate=True, say=said.append)
    assert asked == ["b", "c"]
    assert said == ["Measuring B  b", "Measuring C  c"]
    with pytest.raises(keras_gen.InputError, match=r"/b cannot be loaded \(nowhere/gone.npz does not"):
        keras_gen.compare(*paths, evaluate=True, dataset="nowhere/gone.npz", say=said.append)


def test_the_csv_has_settings_scores_and_verdicts(command_runs, tmp_path):
    one, two = measured(command_runs["vae"], tmp_path / "a"), measured(command_runs["vae"], tmp_path / "b", 3.0, 0.2)
    change_settings(two, "training", epochs=9)
    comparison = keras_gen.compare(one, two)
    with comparison.csv(tmp_path / "table.csv").open() as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["part", "name", str(one), str(two)]
    assert ["setting", "training.epochs", "2", "9"] in rows
    bound = row(comparison, "importance-weighted bound")
    assert ["score", bound.name, *(str(value.value) for value in bound.values)] in rows
    assert ["B is better by", bound.name, str(bound.differences[0].value), ""] in rows
    assert ["verdict", bound.name, bound.verdict] in rows


def test_runs_that_cannot_be_compared_at_all(command_runs, tmp_path):
    run = command_runs["vae"]
    for runs, message in (
        ([run], "compare takes 2 to 8 runs, each an argument of its own; received 1"),
        ([[run, run]], "compare takes 2 to 8 runs, each an argument of its own; received one list"),
        ([run, run / "."], "is named twice; compare different runs"),
        ([run, tmp_path], "is no run folder"),
    ):
        with pytest.raises(keras_gen.InputError, match=message):
            keras_gen.compare(*runs)


def test_a_list_of_runs_says_how_far_each_came_and_which_are_damaged(command_runs, tmp_path):
    measured(command_runs["dcgan"], tmp_path / "0001-dcgan")
    shutil.copytree(command_runs["vae"], tmp_path / "0002-vae")
    findings = [{"name": name, "epoch": 1, "text": "x", "resolved": end} for name, end in (("dead", None), ("old", 2))]
    RunFolder(tmp_path / "0002-vae").write(findings=findings, status="interrupted")
    shutil.copytree(command_runs["vae"], tmp_path / "0003")
    (tmp_path / "0003" / "run.json").write_text("{")
    (tmp_path / "no run").mkdir()
    gan, vae, broken = keras_gen.list_runs(tmp_path)
    assert (gan.kind, gan.epochs, gan.planned_epochs, gan.held_out_loss) == ("dcgan", 2, 2, None)
    assert gan.kid == load_run(tmp_path / "0001-dcgan").folder.read_scores()["images"]["generated"]["kid"]["value"]
    assert vae.held_out_loss == load_run(tmp_path / "0002-vae").history[-1]["held_out_loss"]
    assert (vae.kid, vae.status, vae.findings) == (None, "interrupted", ("dead",))
    assert vae.bytes == sum(path.stat().st_size for path in (tmp_path / "0002-vae").rglob("*") if path.is_file())
    assert "run.json cannot be read" in broken.problem
    with pytest.raises(keras_gen.InputError, match="holds no runs"):
        keras_gen.list_runs(tmp_path / "no run")


def test_tables_that_are_gone_are_named(command_runs, tmp_path):
    one = measured(command_runs["vae"], tmp_path / "one")
    two = measured(command_runs["vae"], tmp_path / "two")
    (one / "history.csv").unlink()
    (one / "timing.csv").unlink()
    comparison = keras_gen.compare(one, two)
    assert comparison.notes[:2] == [
        f"the curves of A from {one / name} are left out: it is missing" for name in ("history.csv", "timing.csv")
    ]
    assert not comparison.settings  # both have finished as many epochs
