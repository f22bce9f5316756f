import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tools.kill_runs import Kills, table
from tests.tools.tiny_runs import finished_lines


def test_the_table_counts_runs_that_came_out_the_same():
    row = {"kind": "vae", "signal": "SIGTERM", "problem": ""}
    text = table([row, row | {"problem": "history.csv"}, row | {"kind": "dcgan", "signal": "SIGKILL"}])
    assert "| vae | 0 of 0 | 1 of 2 | 0 of 0 | 0 of 0 |\n| dcgan | 1 of 1 |" in text
    assert "history.csv" in text.splitlines()[-1]


def test_each_difference_from_the_undisturbed_run_is_named(tmp_path):
    kills = Kills.__new__(Kills)
    kills.undisturbed = {
        "vae": (
            {"history.csv": "1\n2", "report.html": "in 1\nall"},
            {"history.csv": "1\n2", "report.html": "in 2\nall"},
        )
    }
    run = tmp_path / "run"
    run.mkdir()
    (run / "history.csv").write_text("1\n2")
    (run / "report.html").write_text("in 3\nall")
    assert kills.compare("vae", run) == ""
    (run / "history.csv").write_text("1\n3")
    (run / "more.txt").write_text("")
    (run / "report.html").unlink()
    assert kills.compare("vae", run) == "history.csv, more.txt (more), report.html (missing)"


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
def test_killed_runs_end_as_undisturbed_ones(tmp_path):
    """In the plain tests tests/training/test_resume.py kills one."""
    # A process of its own: it forks, which one in which TensorFlow has started cannot do.
    command = [sys.executable, "-m", "tests.tools.kill_runs", "--out", str(tmp_path), "--count", "40"]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "| vae |" in (tmp_path / "table.md").read_text()
    assert len(finished_lines(tmp_path / "progress.jsonl")) == 40
