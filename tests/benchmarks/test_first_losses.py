import json
import subprocess
from pathlib import Path

import pytest

from keras_gen.benchmarks import first_losses
from tests.benchmarks.test_loops import TASKS

SCRIPT = Path(__file__).parents[2] / "docs" / "gpu_check.sh"


def test_losses_are_compared_with_a_file_of_others_and_the_exit_code_says_if_they_differ(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(first_losses, "TASKS", tuple(TASKS.values()))
    assert first_losses.main([]) == 0
    losses = json.loads(capsys.readouterr().out)
    assert len({value for name, value in losses.items() if name.startswith("vae") and name.endswith(", loss")}) == 3
    assert "dcgan, step 2, generator_loss" in losses
    path = tmp_path / "cpu.json"
    for change, code in ((5e-5, 0), (5e-4, 1)):
        path.write_text(json.dumps(losses | {"vae, step 1, kl": losses["vae, step 1, kl"] + change}))
        assert first_losses.main([str(path)]) == code
        assert capsys.readouterr().out.count("\n") == len(losses) + 2
        monkeypatch.setattr(first_losses, "first_losses", lambda: losses)  # which are the same, as was just seen


@pytest.mark.skipif(not SCRIPT.exists(), reason="the docs are not here")
def test_the_script_ends_with_one_line_where_there_is_no_gpu():
    ended = subprocess.run(["bash", SCRIPT], env={"PATH": "/usr/bin:/bin", "PYTHON": "false"}, capture_output=True)
    assert (ended.returncode, ended.stdout, ended.stderr.count(b"\n")) == (2, b"", 1)
