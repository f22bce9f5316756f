import csv
import json
from dataclasses import replace

import pytest

from keras_gen.benchmarks.studies import STUDIES, Study, Trial, report
from keras_gen.cli.train import train_parser
from keras_gen.training.recipes import resolve_settings
from keras_gen.training.run_folder import RunFolder

ONE, TWO = Trial("the first", "first"), Trial("the second", "second", {"latent_dim": 3})


def write_table(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def runs_of(tmp_path, **tables):
    """Make run folders with these tables: for each trial, for each seed, a number that the rows are made of."""
    folders = {}
    for trial, numbers in ((ONE, (1.0, 3.0)), (TWO, (4.0, 8.0))):
        folders[trial] = [RunFolder(tmp_path / f"{trial.name}-{number}") for number in numbers]
        for number, run in zip(numbers, folders[trial], strict=True):
            write_table(
                run.path / "timing.csv", [{"epoch": 1, "train_seconds": number}, {"epoch": 2, "train_seconds": 1}]
            )
            for name, rows_of in tables.items():
                write_table(run.path / f"{name}.csv", rows_of(number))
    return folders


def rows(lines):
    return [line.strip("| ").split(" | ") for line in lines if line.startswith("|")]


@pytest.mark.parametrize("name", STUDIES)
def test_every_trial_is_a_command_that_the_parser_takes_and_its_settings_are_in_bounds(name):
    study = STUDIES[name]
    names = [trial.name for trial in study.trials]
    assert len(set(names)) == len(names)
    resolved = []
    for trial in study.trials:
        program, *flags = study.command(trial, 7, "/data")
        assert program == f"train_{study.kind}.py"
        given = vars(train_parser(study.kind).parse_args(flags))
        assert (given["dataset"], given["data_dir"]) == (study.dataset, "/data")
        wanted = study.settings | trial.settings | {"seed": 7}
        asked = {key: given[key] for key in wanted}
        assert resolve_settings(study.kind, study.dataset, **asked) == resolve_settings(
            study.kind, study.dataset, **wanted
        )
        resolved.append(resolve_settings(study.kind, study.dataset, **asked))
    assert len(set(resolved)) == len(resolved)  # every row differs from the others
    assert all(settings.evaluate_every > 0 for settings in resolved) or not study.validated


def test_settings_are_compared_by_the_last_validation_loss_and_the_time_of_the_first_row(tmp_path):
    study = Study("Title", "vae", "mnist", {}, (ONE, TWO), validated=True)
    folders = runs_of(tmp_path, metrics=lambda n: [{"validation_loss": 99}, {"validation_loss": n}])
    lines = report(study, folders)
    assert lines[0] == "## Title"
    assert "Validation images; 2 seeds." in lines[2]
    assert rows(lines)[2:] == [
        ["the first", "2 (1 to 3)", "1.00"],
        ["the second", "6 (4 to 8)", "2.33"],
    ]
    one = report(study, {trial: runs[:1] for trial, runs in folders.items()})
    assert rows(one)[2] == ["the first", "1", "1.00"]


def metrics(number):
    floor = {"kid_floor": -0.01, "kid_floor_standard_error": 0.2}
    return [
        {"epoch": 10, "kid": number, "kid_standard_error": 0.3} | floor,
        {"epoch": 20, "kid": number / 10, "kid_standard_error": 0.4} | floor,
    ]


def test_a_dcgan_s_settings_are_compared_by_the_last_distance(tmp_path):
    study = Study("Title", "dcgan", "mnist", {}, (ONE, TWO), validated=True)
    folders = runs_of(tmp_path, metrics=metrics)
    table = rows(report(study, folders))
    assert table[0][-3:] == ["KID", "its floor", "time"]
    # The error of a mean of two: the root of the sum of squares, halved.
    assert table[2] == ["the first", "0.200 ± 0.283", "-0.010 ± 0.141", "1.00"]
    for run in folders[ONE]:  # of a version that did not measure the floor
        write_table(run.path / "metrics.csv", [{"epoch": 20, "kid": 1, "kid_standard_error": 0.3}])
    assert rows(report(study, folders))[2][-2] == "–"


def test_results_are_of_the_held_out_images(tmp_path):
    losses = runs_of(
        tmp_path,
        history=lambda n: [{"held_out_loss": n, "held_out_reconstruction": n - 1, "held_out_kl": 1, "loss": 77}],
    )
    study = Study("Title", "vae", "mnist", {}, (ONE, TWO), validated=False)
    table = rows(report(study, losses))
    assert table[2] == ["the first", "2 (1 to 3)", "1 (0 to 2)", "1 (1 to 1)", "1.00"]


def test_a_dcgan_s_results_tell_of_distance_classes_and_copies(tmp_path):
    def scores(value):
        return {"kid": {"value": value, "standard_error": 0.01}, "precision": 0.5, "recall": 0.25}

    folders = runs_of(tmp_path)
    for number, run in enumerate(folders[ONE] + folders[TWO]):
        found = {
            "images": {"generated": scores(0.1), "floor": scores(0.0)},
            "memorising": {"pixels": {"memorising": False}, "features": {"memorising": number == 1}},
        }
        if number != 2:
            found["classes"] = {"shares": {"0": 1.0, "1": 0.0}, "missing": [1]}
        (run.path / "metrics.json").write_text(json.dumps(found))
    study = Study("Title", "dcgan", "mnist", {}, (ONE, TWO), validated=False)
    table = rows(report(study, folders))
    floor, share = "0.000 ± 0.007", ["0.5 (0.5 to 0.5)", "0.25 (0.25 to 0.25)"]
    assert table[2] == ["the first", "0.100 ± 0.007", floor, *share, "1 of 2, 1 of 2", "no, yes", "1.00"]
    assert table[3][-3] == "–, 1 of 2"

    for trial, runs in folders.items():
        for number, run in zip((8.0, 9.0) if trial == ONE else (2.0, 5.0), runs, strict=True):
            write_table(run.path / "metrics.csv", metrics(number))
    lines = report(replace(study, settings={"evaluate_every": 10}), folders)
    assert rows(lines)[: len(table)] == table
    # As the second seed has them: 4 by the root of twice 0.3 squared, and a tenth of 4 by that of twice 0.4 squared.
    assert rows(lines)[len(table) :] == [
        ["KID after epoch", "the first", "the second", "apart"],
        ["---"] * 4,
        ["10", "8.500 (8.000 to 9.000)", "3.500 (2.000 to 5.000)", "9.4"],
        ["20", "0.850 (0.800 to 0.900)", "0.350 (0.200 to 0.500)", "0.7"],
    ]
    assert "by seed: -0.010 ± 0.200, -0.010 ± 0.200)" in "".join(lines)
