from types import SimpleNamespace

import numpy as np
import pytest

from keras_gen.benchmarks.studies import Study, studies
from keras_gen.benchmarks.study_tables import report
from keras_gen.data import load_dataset
from keras_gen.settings import resolve_settings

ONE, TWO = "the first", "the second"


def study(kind, measured_on, **settings):
    return Study("Title", kind, "mnist", measured_on, settings, [])


def runs_of(**tables):
    """Return runs with these tables: for each trial, for each seed, a number that the rows are made of."""
    runs = {}
    for title, numbers in ((ONE, (1.0, 3.0)), (TWO, (4.0, 8.0))):
        runs[title] = [
            SimpleNamespace(
                timing=[{"epoch": 1, "train_seconds": number}, {"epoch": 2, "train_seconds": 1}],
                **{name: rows_of(number) for name, rows_of in tables.items()},
            )
            for number in numbers
        ]
    return runs


def rows(lines):
    return [line.strip("| ").split(" | ") for line in lines if line.startswith("|")]


@pytest.mark.parametrize("name", studies())
def test_every_trial_resolves_and_differs_from_the_others(name):
    studied = studies()[name]
    trials = studied.rows()
    assert len({trial.name for trial in trials}) == len(trials) >= 2
    resolved = [studied.resolved(trial, 7) for trial in trials]
    assert len(set(resolved)) == len(resolved)
    assert all(settings.training.seed == 7 for settings in resolved)
    assert all(settings.training.evaluate_every > 0 for settings in resolved) or studied.measured_on == "held_out"


@pytest.mark.parametrize("name", ["vae-settings", "vae-20-settings", "cars-settings"])
def test_a_row_that_is_called_tuned_is_the_recipe_as_it_is_today(name):
    studied = studies()[name]
    (trial,) = (trial for trial in studied.rows() if trial.name == "tuned")
    networks = ("filters", "base_filters")  # narrower, for time
    shared = {key: value for key, value in studied.settings.items() if key.endswith(networks) or key == "latent_dim"}
    recipe = resolve_settings(studied.kind, studied.dataset, "tuned", **shared)
    may_differ = ("engine", "evaluate_every", "precision", "epochs")
    assert studied.resolved(trial, 0).differences(recipe, may_differ) == []


def test_a_study_may_start_from_another():
    cars, longer = studies()["cars"], studies()["cars-200"]
    assert longer.settings == cars.settings | {"epochs": 200}
    assert longer.trials == cars.trials and longer.dataset == "cifar10:automobile"
    assert [of.resolved(of.rows()[0], 0).training.epochs for of in (cars, longer)] == [50, 200]


def test_a_study_may_take_the_first_training_images_only():
    few = Study("Title", "vae", "mnist5k", "held_out", {}, [], images=30)
    train, held_out = few.data(None, lambda line: None)
    everything, others = load_dataset("mnist5k", say=lambda line: None)
    np.testing.assert_array_equal(train.images, everything.images[:30])
    assert held_out.fingerprint == others.fingerprint
    assert study("vae", "held_out").data(None, print) == ("mnist",)


def test_settings_are_compared_by_the_last_validation_loss_and_the_time_of_the_first_row():
    runs = runs_of(metrics=lambda n: [{"validation_loss": 99}, {"validation_loss": n}])
    lines = report(study("vae", "validation"), runs)
    assert lines[0] == "## Title"
    assert "Validation images; 2 seeds." in lines[2]
    assert rows(lines)[2:] == [
        ["the first", "2 (1 to 3)", "1.00"],
        ["the second", "6 (4 to 8)", "2.33"],
    ]
    one = report(study("vae", "validation"), {title: of[:1] for title, of in runs.items()})
    assert rows(one)[2] == ["the first", "1", "1.00"]


def metrics(number):
    floor = {"kid_floor": -0.01, "kid_floor_standard_error": 0.2}
    return [
        {"epoch": 10, "kid": number, "kid_standard_error": 0.3} | floor,
        {"epoch": 20, "kid": number / 10, "kid_standard_error": 0.4} | floor,
    ]


def test_a_dcgan_s_settings_are_compared_by_the_last_distance():
    runs = runs_of(metrics=metrics)
    table = rows(report(study("dcgan", "validation"), runs))
    assert table[0][-3:] == ["KID", "its floor", "time"]
    # The error of a mean of two: the root of the sum of squares, halved.
    assert table[2] == ["the first", "0.200 ± 0.283", "-0.010 ± 0.141", "1.00"]
    for run in runs[ONE]:  # of a version that did not measure the floor
        run.metrics = [{"epoch": 20, "kid": 1, "kid_standard_error": 0.3}]
    assert rows(report(study("dcgan", "validation"), runs))[2][-2] == "–"


def test_results_are_of_the_held_out_images():
    losses = runs_of(
        history=lambda n: [{"held_out_loss": n, "held_out_reconstruction": n - 1, "held_out_kl": 1, "loss": 77}],
    )
    table = rows(report(study("vae", "held_out"), losses))
    assert table[2] == ["the first", "2 (1 to 3)", "1 (0 to 2)", "1 (1 to 1)", "1.00"]


def test_a_dcgan_s_results_tell_of_distance_classes_and_copies():
    def scores(value):
        kid = {"value": value, "standard_error": 0.01, "p_value": 0.5}  # the last of few images only
        return {"kid": kid, "precision": 0.5, "recall": 0.25}

    runs = runs_of()
    for number, run in enumerate(runs[ONE] + runs[TWO]):
        found = {
            "images": {"generated": scores(0.1), "floor": scores(0.0)},
            "memorising": {"pixels": {"memorising": False}, "features": {"memorising": number == 1}},
        }
        if number != 2:
            found["classes"] = {"shares": {"0": 1.0, "1": 0.0}, "missing": [1]}
        run.folder = SimpleNamespace(read_scores=lambda found=found: found)
    table = rows(report(study("dcgan", "held_out"), runs))
    floor, share = "0.000 ± 0.007", ["0.5 (0.5 to 0.5)", "0.25 (0.25 to 0.25)"]
    assert table[2] == ["the first", "0.100 ± 0.007", floor, *share, "1 of 2, 1 of 2", "no, yes", "1.00"]
    assert table[3][-3] == "–, 1 of 2"

    for run, number in zip(runs[ONE] + runs[TWO], (8.0, 9.0, 2.0, 5.0), strict=True):
        run.metrics = metrics(number)
    lines = report(study("dcgan", "held_out", evaluate_every=10), runs)
    assert rows(lines)[: len(table)] == table
    # As the second seed has them: 4 by the root of twice 0.3 squared, and a tenth of 4 by that of twice 0.4 squared.
    assert rows(lines)[len(table) :] == [
        ["KID after epoch", "the first", "the second", "apart"],
        ["---"] * 4,
        ["10", "8.500 (8.000 to 9.000)", "3.500 (2.000 to 5.000)", "9.4"],
        ["20", "0.850 (0.800 to 0.900)", "0.350 (0.200 to 0.500)", "0.7"],
    ]
    assert "by seed: -0.010 ± 0.200, -0.010 ± 0.200)" in "".join(lines)
