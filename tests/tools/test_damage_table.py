import os
import shutil

import pytest

from tests.tools.damage_table import (
    BAD,
    DAMAGES,
    LINE,
    NAMED,
    SILENT,
    TRACEBACK,
    UNAFFECTED,
    VAGUE,
    Outcome,
    Table,
    Trial,
    classify,
    run_trials,
    table,
)

FEW = [
    Trial("vae", "models/decoder.keras", "flipped bytes", "generate"),
    Trial("vae", "models/decoder.keras", "from another run", "generate"),
    Trial("vae", "run.json", "cut in half", "report"),
    Trial("vae", "history.csv", "another type", "report"),
    Trial("vae", "history.csv", "from another run", "report"),  # which a checksum alone tells
    Trial("vae", "latents/epoch-0001.npz", "empty", "film"),
    Trial("vae", "history.csv", "flipped bytes", "generate"),  # which does not open it
]


def outcome(code=0, out="Picture RUN/a.png\n", err="", **files):
    return Outcome(code, out, err, {"a.png": "grid", "history.csv": "1", "report.html": "as ever"} | files)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (outcome(), UNAFFECTED),
        (outcome(**{"history.csv": "damaged"}), UNAFFECTED),  # as it was damaged, and nothing else came of it
        (outcome(2, "", "error: RUN/history.csv is damaged; put it back\n"), LINE),
        (outcome(2, "", "error: something is damaged\n"), VAGUE),
        (outcome(2, "", "error: history.csv\nerror: history.csv\n"), TRACEBACK),
        (outcome(3, "", "error: history.csv\n"), TRACEBACK),
        (outcome("Traceback ...\nKeyError: 'loss'"), TRACEBACK),
        (outcome(**{"a.png": "other pixels"}), SILENT),
        (outcome(out="Picture RUN/b.png\n"), SILENT),
        (outcome(out="Picture RUN/a.png\nLeft out: history.csv is damaged\n", **{"a.png": "other pixels"}), NAMED),
    ],
)
def test_an_outcome_is_told_by_exit_code_lines_and_files(found, expected):
    assert classify(found, outcome(), outcome(), "history.csv", written=False)[0] == expected


def test_what_differs_between_undamaged_runs_is_no_matter_and_what_a_command_writes_itself_is():
    first, second = outcome(**{"report.html": "a\nin 1"}), outcome(**{"report.html": "a\nin 2"})
    assert classify(outcome(**{"report.html": "a\nin 3"}), first, second, "x", False)[0] == UNAFFECTED
    assert classify(outcome(**{"report.html": "b\nin 3"}), first, second, "x", False)[0] == SILENT
    assert classify(outcome(**{"report.html": "b\nin 3"}), first, second, "report.html", False)[0] == UNAFFECTED
    assert classify(outcome(**{"report.html": "b\nin 3"}), first, second, "report.html", True)[0] == SILENT


@pytest.mark.parametrize("damage", DAMAGES)
def test_each_damage_changes_a_file_so_that_it_cannot_be_used(tmp_path, damage):
    path, other = tmp_path / "run.json", tmp_path / "other.json"
    path.write_text('{"kind": "vae"}'), other.write_text('{"kind": "dcgan"}')
    DAMAGES[damage](path, other)
    try:
        assert path.read_text(errors="replace") != '{"kind": "vae"}'
    except OSError:
        assert damage in ("missing", "a folder", "unreadable")
    finally:
        from tests.tools import damage_table

        damage_table._blocked.clear()


def check(rows, count):
    assert len(rows) == count
    bad = [row for row in rows if row["outcome"] in BAD]
    assert not bad, "\n" + table(bad)


def test_a_damaged_file_gives_one_line_or_no_difference(tmp_path, monkeypatch, command_runs, trained_runs):
    monkeypatch.setenv("KERAS_HOME", os.environ.get("KERAS_HOME", ""))  # the table sets its own
    for number, folder in enumerate((command_runs["vae"], trained_runs["vae"])):
        shutil.copytree(folder, tmp_path / f"vae-{number}")
    runs = Table(tmp_path, kinds=("vae",))
    assert set(FEW) <= set(runs.trials())
    monkeypatch.setattr(runs, "trials", lambda seed: FEW)
    rows = run_trials(runs, processes=0)
    check(rows, len(FEW))
    assert [row["outcome"] for row in rows[:5]] == [LINE] * 5
    assert rows[-1]["outcome"] == UNAFFECTED and "does not open" in rows[-1]["detail"]
    done = (tmp_path / "progress.jsonl").read_text()
    assert run_trials(runs, processes=0) == rows
    assert (tmp_path / "progress.jsonl").read_text() == done  # nothing is done twice


@pytest.mark.slow
def test_a_large_sample_of_damages(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", os.environ.get("KERAS_HOME", ""))
    check(run_trials(Table(tmp_path), 300, seed=1, processes=2), 300)
