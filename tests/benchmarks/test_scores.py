"""The tables that say what the scores see."""

import json

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from keras_gen.benchmarks import copies, corruptions
from keras_gen.cli import benchmark
from keras_gen.cli.main import main
from keras_gen.data import ImageSet


@pytest.fixture
def small(monkeypatch):
    """Few small images instead of the data sets; returns what was loaded."""
    loaded = []

    def load(name, data_dir=None, say=print):
        loaded.append(name)
        images = np.random.default_rng(0).integers(0, 256, (400, 8, 8, 3), np.uint8)
        return ImageSet(images[:300]), ImageSet(images[300:])

    monkeypatch.setattr(copies, "load_dataset", load)
    monkeypatch.setattr(copies, "CASES", (("noise", 80, 120, 4, 2),))
    monkeypatch.setattr(copies, "SHARES", (0.0125, 0.5))
    return loaded


def test_the_table_of_copies_has_false_alarms_and_power_and_goes_on_where_it_stopped(
    small, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(benchmark, "start_backend", lambda: None)
    command = ["benchmark", "--scores", "copies", "--out", str(tmp_path / "out")]
    assert main(command) == 0
    row = "| noise | 80 | 120 | 0 of 4 | 0.00, 1.00 | 0.00, 1.00 | 0.00, 1.00 |"
    assert row in capsys.readouterr().out
    path = tmp_path / "out" / "copies.jsonl"
    lines = path.read_text().splitlines()
    assert len(lines) == 4 + 3 * 2 * 2
    changed = json.loads(lines[0])
    path.write_text("\n".join([json.dumps([*changed[:-1], 1e-9]), *lines[1:-3]]) + "\n")
    assert main(command) == 0
    assert row.replace("0 of 4", "1 of 4") in capsys.readouterr().out
    assert len(path.read_text().splitlines()) == len(lines)
    assert len(small) == 2
    assert main(command) == 0
    assert len(small) == 2  # nothing is left to do


def test_every_corruption_changes_images_more_with_its_strength():
    smooth = gaussian_filter(np.random.default_rng(0).normal(size=(40, 32, 32, 3)), (0, 2, 2, 0))
    images = np.clip(128 + 300 * smooth, 0, 255).astype(np.uint8)
    for name, (spoil, strengths) in corruptions.CORRUPTIONS.items():
        spoiled = [spoil(images, strength, np.random.default_rng(0)) for strength in strengths]
        assert all(each.dtype == np.uint8 and each.shape == images.shape for each in spoiled), name
        changes = [np.abs(each.astype(float) - images).mean() for each in spoiled]
        assert 0 < changes[0] < changes[1] < changes[2], name


@pytest.mark.parametrize("channels", [1, 3])
def test_the_table_of_corruptions_has_a_row_for_each_that_the_images_can_have(channels):
    images = np.random.default_rng(0).integers(0, 256, (60, 16, 16, channels), np.uint8)
    rows = corruptions.corruption_rows(images[:30], images[30:], lambda each: each.reshape(len(each), -1)[:, :20] / 255)
    assert len(rows) == (1 + len(corruptions.CORRUPTIONS) if channels == 3 else 12)
    assert all(" ± " in row["weak"] for row in rows)
    assert all(" ± " in row["strong"] for row in rows[1:])


def test_mistakes_get_one_line(capsys):
    assert main(["benchmark", "--scores", "kid"]) == 2
    line = "error: --scores must be some of copies,corruptions, with commas between; received kid"
    assert capsys.readouterr().err.startswith(line)
