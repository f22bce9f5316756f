"""Published numbers: the rows and their networks, and `benchmark --published` from its start to its table."""

import itertools
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from keras_gen import ImageSet, RunFolder, load_run
from keras_gen.benchmarks import published as module
from keras_gen.benchmarks import studies
from keras_gen.benchmarks.published import PAGE, Row, published
from keras_gen.cli.main import main
from keras_gen.evaluation import Estimate, importance_sampling
from keras_gen.models import build_decoder, build_encoder
from tests.conftest import striped_images

TINY = {"intermediate_dim": 4, "jit": "off", "batch_size": 16, "engine": "train_on_batch"}
BINARIZED = TINY | {"likelihood": "binarized", "epochs": 2}


def test_the_networks_have_the_published_sizes():
    def sizes(name):
        settings = published()[name].resolved(seed=0)
        classes = 10 if settings.training.conditional else None
        networks = build_encoder, build_decoder
        groups = settings.encoder, settings.decoder
        pairs = zip(networks, groups, strict=True)
        return [build((28, 28, 1), group, classes=classes).count_params() for build, group in pairs]

    def dense(*widths):
        return sum(before * after + after for before, after in itertools.pairwise(widths))

    assert sizes("keras-io") == [69_076, 65_089]  # as its page prints them
    assert sizes("pythae") == [dense(784, 400, 2 * 40), dense(40, 400, 784)]
    assert sizes("iwae-1") == sizes("iwae-50") == [dense(784, 200, 200, 2 * 50), dense(50, 200, 200, 784)]
    assert sizes("conditional") == [dense(794, 200, 200, 2 * 100), dense(110, 200, 200, 784)]


def test_the_rows_are_trained_as_published():
    rows = {name: row.resolved(seed=3) for name, row in published().items()}
    trainings = {name: settings.training for name, settings in rows.items()}
    assert {training.seed for training in trainings.values()} == {3}
    assert [trainings[name].epochs for name in ("chapter", "keras-io", "pythae", "iwae-1")] == [50, 30, 500, 3280]
    assert [trainings[name].batch_size for name in ("keras-io", "pythae", "iwae-1")] == [128, 100, 20]
    assert [trainings[name].importance_samples for name in ("iwae-1", "iwae-50", "conditional")] == [1, 50, 1]
    for name in ("iwae-1", "iwae-50", "conditional"):
        assert (trainings[name].adam_epsilon, trainings[name].learning_rate_schedule) == (1e-4, "stepped")
        assert (rows[name].encoder.activation, rows[name].decoder.likelihood) == ("tanh", "binarized")
    assert rows["pythae"].data.binarize


def test_the_page_has_a_line_for_each_row_with_its_published_number():
    lines = [line.strip("| ").split(" | ") for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]
    assert [(line[0], line[5]) for line in lines[2:]] == [(row.title, row.published) for row in published().values()]


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """Rows of tiny networks on 64 images, and a page; returns what runs the command."""
    parts = [striped_images(count, seed=seed) for seed, count in enumerate((64, 16))]
    arrays = {"x_train": parts[0][0], "y_train": parts[0][1], "x_test": parts[1][0], "y_test": parts[1][1]}
    np.savez(tmp_path / "stripes.npz", **arrays)
    data = str(tmp_path / "stripes.npz")
    rows = {
        "bound": Row("A bound", "chapter", "86", 5, data, BINARIZED, short_epochs=1, short_images=12, note="a note"),
        "all": Row("On all", "chapter", "147", 0, data, TINY | {"epochs": 1}, all_images=True),
        "loss": Row("A loss", "chapter", "151", 1, data, TINY | {"epochs": 1, "conditional": True}),
    }
    (tmp_path / "page.md").write_text(
        "# Title\n\n| model | x |\n| --- | --- |\n| A bound | old |\n| Other | 1 |\n\nEnd.\n"
    )
    monkeypatch.setattr(module, "published", lambda: rows)
    monkeypatch.setattr(module, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(module, "BLOCK", 6)
    return lambda *flags: main(["benchmark", "--out", str(tmp_path / "runs"), "--published", *flags])


def test_blocks_are_measured_once_and_fill_a_line_of_the_page(tiny, tmp_path, monkeypatch, capsys):
    """Of runs that were trained already, and images whose losses are their means; the next test trains and measures."""
    held_out, folder = ImageSet(striped_images(16, seed=1)[0]), tmp_path / "trained"
    folder.mkdir()
    trained, measured = [], []

    def train(kind, data, path, options, at_least, settings):
        trained.append((path.name, at_least))
        facts = {"settings": settings, "folder": RunFolder(folder), "timing": [{"train_seconds": 30.0}]}
        return SimpleNamespace(**facts, datasets=lambda: (None, held_out), labels_of=lambda images: None)

    def measure(run, samples, images, labels, seed):
        measured.append(seed)
        if len(measured) == 2:
            raise KeyboardInterrupt
        return images.mean(axis=(1, 2, 3)), np.full(len(images), 4.0)

    monkeypatch.setattr(module, "train_or_resume", train)
    monkeypatch.setattr(module, "_measured", measure)
    assert tiny("bound") == 130
    assert "| A bound | old |" in (tmp_path / "page.md").read_text()
    assert tiny("bound") == 0
    assert (trained, measured) == ([("bound-seed-0", 1)] * 2, [0, 6, 6])  # the first image of each block
    spread = held_out.images[[0, 5, 10, 15, 1, 6, 11, 2, 7, 12, 3, 8]].mean(axis=(1, 2, 3))
    line = capsys.readouterr().out.splitlines()[-1]
    note = "1 of 2 epochs; 12 test images, 5 samples each, of which 4 are effective (median); a note"
    cells = ("A bound", "`benchmark --published bound`", "0", "30 s", str(Estimate.of_mean(spread)), "86", note)
    assert line == f"| {' | '.join(cells)} |"
    page = (tmp_path / "page.md").read_text().splitlines()
    assert page[4] == line and page[5:] == ["| Other | 1 |", "", "End."]
    for damage, blocks in ((None, [0, 6, 12]), (None, []), (b"PK damaged", [0, 6, 12])):  # a full run is another
        measured[:] = [None] * 2
        if damage:
            (folder / "losses-5.npz").write_bytes(damage)
        assert tiny("bound", "--full") == 0
        assert (trained[-1], measured[2:]) == (("bound-seed-0", 2), blocks)
    assert "| `benchmark --published bound --full` |" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.usefixtures("no_pictures")
def test_a_row_is_trained_and_measured_once_goes_on_where_it_was_stopped_and_fills_its_line(
    tiny, tmp_path, monkeypatch, capsys
):
    measured, measure = [], module._measured

    def stopped_in_the_second_block(*arguments):
        measured.append(arguments[-1])
        if len(measured) == 2:
            raise KeyboardInterrupt
        return measure(*arguments)

    monkeypatch.setattr(module, "_measured", stopped_in_the_second_block)
    assert tiny("bound") == 130
    assert "| A bound | old |" in (tmp_path / "page.md").read_text()
    assert tiny("bound") == 0
    assert measured == [0, 6, 6]  # the first image of each block
    printed = capsys.readouterr().out
    assert printed.count("Weights") == 1
    run = load_run(tmp_path / "runs" / "bound-seed-0")
    images = run.datasets()[1].images[[0, 5, 10, 15, 1, 6, 11, 2, 7, 12, 3, 8]]
    blocks = [(images[:6], 0), (images[6:], 6)]
    networks = run.model("encoder"), run.model("decoder")
    expected = -np.concatenate(
        [importance_sampling(*networks, part, "binarized", 5, seed, grow=False).bounds for part, seed in blocks]
    )
    title, command, seeds, _, obtained, *rest = printed.splitlines()[-1].strip("| ").split(" | ")
    assert (title, command, seeds) == ("A bound", "`benchmark --published bound`", "0")
    assert obtained == str(Estimate.of_mean(expected))
    assert rest[0] == "86" and rest[1].startswith("1 of 2 epochs; 12 test images, 5 samples each, of which ")
    page = (tmp_path / "page.md").read_text().splitlines()
    assert page[4] == printed.splitlines()[-1] and page[5:] == ["| Other | 1 |", "", "End."]

    assert tiny("bound", "--full") == 0  # goes on from the first epoch, and measures all images anew
    assert measured[3:] == [0, 6, 12]
    printed = capsys.readouterr().out
    assert "Resume  from the end of epoch 1 of 2" in printed and "Weights" not in printed
    assert "| `benchmark --published bound --full` |" in printed and "| 16 test images, 5 samples" in printed
    assert tiny("bound", "--full") == 0
    assert len(measured) == 6
    (run.folder.path / "losses-5.npz").write_bytes(b"PK damaged")
    assert tiny("bound", "--full") == 0
    assert len(measured) == 9


@pytest.mark.slow
@pytest.mark.usefixtures("no_pictures")
def test_losses_without_a_bound_are_those_of_the_training_and_where_there_is_no_page_they_are_printed(
    tiny, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(module, "PAGE", tmp_path / "none.md")
    assert tiny("all,loss", "--seeds", "0,1") == 0
    lines = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    runs = {name: [load_run(tmp_path / "runs" / f"{name}-seed-{seed}") for seed in (0, 1)] for name in ("all", "loss")}
    assert [len(run.datasets()[0]) for run in (*runs["all"], *runs["loss"])] == [80, 80, 64, 64]
    losses = [run.history[-1]["loss"] for run in runs["all"]]
    assert lines[2][4] == f"{np.mean(losses):.2f} ({min(losses):.2f} to {max(losses):.2f})"
    mean, error = lines[3][4].split(" (")[0].split(" ± ")
    held_out = np.mean([run.history[-1]["held_out_loss"] for run in runs["loss"]])
    assert float(mean) == pytest.approx(held_out, abs=1) and 0 < float(error) < 10
    assert not (tmp_path / "none.md").exists()


def test_the_error_of_several_seeds_is_that_of_the_test_images():
    losses, row = np.random.default_rng(0).normal(100, 5, (2, 50)), Row("A loss", "chapter", "151", 1)
    run = SimpleNamespace(settings=row.resolved(0), timing=[{"train_seconds": 1.0}])
    line = module._line("loss", row, [0, 1], [run, run], [(part, np.ones(50)) for part in losses])
    low, high = sorted(losses.mean(axis=1))
    assert line["obtained"] == f"{Estimate.of_mean(losses.mean(axis=0))} ({low:.2f} to {high:.2f})"


def test_mistakes_get_one_line(tiny, tmp_path, monkeypatch, capsys):
    assert tiny("vae") == 2
    assert (
        capsys.readouterr().err
        == "error: --published must be some of bound,all,loss, with commas between; received vae\n"
    )
    usage = type("Usage", (), {"free": 3e6})
    monkeypatch.setattr(studies.shutil, "disk_usage", lambda path: usage)
    assert tiny("loss") == 2
    out = tmp_path / "runs"
    assert capsys.readouterr().err == (
        f"error: {out} has room for 3 MB, and a run may need 200 MB; make room, or name a folder on another disk with "
        "--out\n"
    )
    assert not Path(out).exists()
