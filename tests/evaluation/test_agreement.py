import shutil
from dataclasses import asdict
from types import SimpleNamespace

import numpy as np
import pytest

from keras_gen.cli.evaluate import _agreement_lines
from keras_gen.data import ImageSet
from keras_gen.evaluation import agreement
from keras_gen.evaluation.agreement import agreement_scores, kid_by_class, label_agreement, prior_scores
from keras_gen.evaluation.distances import kid
from keras_gen.run import load_run
from tests.evaluation.test_classes import features_of


def test_agreement_counts_the_labels_that_were_asked_for_and_names_what_is_confused(monkeypatch):
    monkeypatch.setattr(agreement, "MAX_TRAINED", 60)
    train, held_out = np.repeat([0, 1, 2], 40), np.repeat([0, 1, 2], 10)
    wanted = np.repeat([0, 1, 2], 20)
    made = wanted.copy()
    made[20:25] = 2  # a quarter of the 1s look like 2s
    made[0] = 1
    wrong = held_out.copy()
    wrong[0] = 1
    found = label_agreement(features_of(made), wanted, features_of(train, 1), train, features_of(held_out, 2), wrong)
    assert found.overall.value == pytest.approx(54 / 60)
    assert found.overall.standard_error == pytest.approx(np.sqrt(54 / 60 * 6 / 60 / 59))
    assert {label: estimate.value for label, estimate in found.by_class.items()} == {0: 0.95, 1: 0.75, 2: 1.0}
    assert found.confused == [(1, 2, 0.25), (0, 1, 0.05)]
    assert found.ceiling.value == pytest.approx(29 / 30)


def test_lines_of_agreement_name_the_classes():
    certain, ceiling = ({"value": value, "standard_error": 0.008} for value in (0.931, 0.98))
    scores = {"ceiling": ceiling, "overall": certain, "by_class": {0: certain, 1: certain}, "count": 200}
    distance = {"value": 0.0214, "standard_error": 0.0031}
    scores |= {"confused": [(1, 0, 0.07)], "kid_by_class": {"generated": {0: distance, 1: distance}, "floor": {}}}
    lines = list(_agreement_lines(scores, ("cat", "dog")))
    assert lines == [
        "Labels  93.1% ± 0.8% of 200 generated images have the label that was asked for (the ceiling, held-out real "
        "images: 98.0% ± 0.8%)",
        "  by class        cat: 93.1% ± 0.8%, dog: 93.1% ± 0.8%",
        "  KID             cat: 0.021 ± 0.003, dog: 0.021 ± 0.003",
        "  most confused   dog taken for cat (7%)",
    ]


def test_evaluate_measures_labels_and_priors_of_a_vae(command_runs, tmp_path, quick_features, no_pictures):
    run = load_run(shutil.copytree(command_runs["vae"], tmp_path / "run"))
    scores = run.evaluate(count=10, samples=2, importance_samples=2, say=lambda _: None)
    assert scores["agreement"]["count"] == 200
    assert set(scores["agreement"]["by_class"]) == {0, 1}
    assert set(scores["agreement"]["kid_by_class"]) == {"generated", "floor"}
    assert set(scores["priors"]) == {"normal", "mixture", "reconstructions"}
    assert not scores["likelihood"]["conditional"]


def test_the_kid_of_a_class_is_large_where_its_images_are_of_another():
    real, labels = np.repeat([0, 1, 2], 40), np.repeat([0, 1, 2], 30)
    made = np.where(labels == 1, 2, labels)
    labels[-25:] = 5  # five of class 2 are left
    found = kid_by_class((features_of(real), real), (features_of(made, 1), labels), np.array([0, 1, 2]), seed=0)
    assert set(found) == {0, 1}  # of five images nothing is said
    assert abs(found[0]["value"]) < 3 * found[0]["standard_error"]
    assert found[1]["value"] > 5 * found[1]["standard_error"]


def test_each_prior_and_each_label_is_measured_by_its_own_images(monkeypatch):
    random = np.random.default_rng(0)
    sets = {name: random.normal(shift, 1, (30, 4)) for shift, name in enumerate((None, "mixture", "rebuilt", "real"))}
    labels = np.array([0, 1, 2] * 10)
    run = SimpleNamespace(
        label_counts=(np.arange(3), np.array([9, 9, 1])),
        generate=lambda count, seed, prior=None, label=None: sets[prior] if label is None else label[:, np.newaxis],
        labels_of=lambda images, indices: None,
        encode=lambda images, labels: images,
        decode=lambda codes, labels: sets["rebuilt"],
    )
    train = ImageSet(np.zeros((30, 2, 2, 1), np.uint8), labels)
    found = prior_scores(run, np.asarray, sets["real"], sets[None], train, 0)
    for name, images in (("normal", None), ("mixture", "mixture"), ("reconstructions", "rebuilt")):
        assert found[name] == asdict(kid(sets["real"], sets[images]))
    compared = []
    monkeypatch.setattr(agreement, "kid_by_class", lambda real, others, labels, seed: compared.append((real, others)))
    same = kid(sets["real"], sets["real"])
    monkeypatch.setattr(agreement, "label_agreement", lambda *parts: found.update(parts=parts) or same)
    features_of = type("Features", (), {"__call__": lambda self, images: images, "unseen": np.array([29, 4, 9])})()
    agreement_scores(run, features_of, (train, train), (sets["real"], sets["rebuilt"]), 0)
    generated, wanted, *_ = found["parts"]
    assert wanted.tolist() == [0, 1] * agreement.IMAGES_PER_CLASS  # of one image nothing can be fitted
    np.testing.assert_array_equal(generated[:, 0], wanted)
    (real, generated), (_, floor) = compared
    np.testing.assert_array_equal(generated[1], wanted)
    assert real[0] is sets["rebuilt"] and floor[1].tolist() == [2, 1, 0]
    np.testing.assert_array_equal(floor[0], sets["real"][[29, 4, 9]])
