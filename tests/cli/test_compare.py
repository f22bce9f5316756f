"""The commands compare and collection, as a user calls them."""

import csv
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from keras_gen.cli.main import main
from keras_gen.run import RunFolder
from keras_gen.run.listing import _kid, list_runs
from keras_gen.training import train_vae
from tests.data.test_duplicates import photos


def rows_of(path):
    return list(csv.reader(path.read_text(encoding="utf-8").splitlines()))


def test_two_runs_are_compared_in_the_terminal_on_a_page_and_in_a_table(command_runs, tmp_path, capsys):
    out, table = tmp_path / "page.html", tmp_path / "table.csv"
    runs = [str(command_runs[name]) for name in ("vae", "vae3")]
    assert main(["compare", *runs, "--out", str(out), "--csv", str(table)]) == 0
    printed = capsys.readouterr().out
    assert "  encoder.latent_dim  2  3" in printed
    assert "Verdict held-out loss: " in printed
    assert f"python -m keras_gen compare {' '.join(runs)} --evaluate" in printed
    assert out.exists() and ["setting", "encoder.latent_dim", "2", "3"] in rows_of(table)


def test_runs_are_listed_without_a_name_and_from_a_folder(command_runs, tmp_path, capsys, monkeypatch):
    root = command_runs["vae"].parent
    assert main(["compare", str(root), "--csv", str(tmp_path / "runs.csv")]) == 0
    printed = capsys.readouterr().out
    assert [line.split()[:5] for line in printed.splitlines()[1:4]] == [
        [name, name.rstrip("3"), "stripes", "chapter", "2"] for name in ("dcgan", "vae", "vae3")
    ]
    assert "3 runs in" in printed
    rows = rows_of(tmp_path / "runs.csv")
    assert len(rows) == 4 and rows[1][0] == str(root / "dcgan")
    assert rows[2][5:7] == [f"{list_runs(root)[1].held_out_loss:.9g}", ""]  # no KID was measured
    monkeypatch.chdir(tmp_path)
    assert main(["compare"]) == 2
    assert "runs holds no runs (" in capsys.readouterr().err


def test_a_run_under_way_is_listed_with_its_own_epochs_findings_and_size(command_runs, tmp_path):
    path = shutil.copytree(command_runs["vae"], tmp_path / "runs" / "one")
    folder = RunFolder(path)
    folder.write_table("history.csv", folder.read_table("history.csv")[:1])
    findings = [{"name": name, "epoch": 1, "text": "", "resolved": end} for name, end in (("open", None), ("over", 1))]
    folder.write(status="running", findings=findings)
    (found,) = list_runs(tmp_path / "runs")
    assert (found.epochs, found.planned_epochs, found.status, found.findings) == (1, 2, "running", ("open",))
    assert found.bytes == sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


@pytest.mark.parametrize(("scores", "kid"), [({}, 0.2), ({"images": {"generated": {"kid": {"value": 0.1}}}}, 0.1)])
def test_the_kid_of_the_list_is_that_of_evaluate_or_else_the_last_of_the_training(scores, kid):
    metrics = [{"kid": 0.5}, {"kid": 0.2}, {"augment_probability": 0.1}]
    assert _kid(SimpleNamespace(folder=SimpleNamespace(read_scores=lambda: scores), metrics=metrics)) == kid


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["RUN"], "is one run; name two runs or more, or none to list all that are in runs"),
        (["missing"], "missing is no run folder"),
        (["RUN", "RUN"], "is named twice; compare different runs"),
        (["--evaluate"], "--out and --evaluate compare runs; name two runs or more"),
        (["RUN", "RUN", "--csv", "x.html"], "--csv x.html must end in .csv"),
    ],
)
def test_what_cannot_be_compared_is_one_line(command_runs, tmp_path, capsys, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    assert main(["compare", *(word.replace("RUN", str(command_runs["vae"])) for word in words)]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_collection_is_written_and_its_copies_are_counted(tmp_path, capsys):
    for number, image in enumerate([*photos(20), photos(20)[3]]):
        Image.fromarray(image).save(tmp_path / f"{number}.png")
    (tmp_path / "broken.png").write_bytes(b"no image")
    assert main(["collection", str(tmp_path), "--out", str(tmp_path / "page.html")]) == 0
    printed = capsys.readouterr().out
    assert "Unused  1 file: the page says why" in printed
    assert "Copies  1 exact and 0 nearly so, in 1 group" in printed
    assert (tmp_path / "page.html").stat().st_size < 1e6
    assert main(["collection", str(tmp_path), "--count", "3"]) == 2
    assert "--count must be a whole number from 4 to 10000; received 3" in capsys.readouterr().err
    np.save(tmp_path / "few.npy", photos(3))
    assert main(["collection", str(tmp_path / "few.npy")]) == 2


@pytest.mark.parametrize("copies", [0, 3])
def test_a_training_says_which_images_are_there_more_than_once(copies, no_pictures):
    images = photos(40, size=16)
    said = []
    both = np.concatenate([images, images[:copies]])
    train_vae(
        both,
        photos(8, seed=1, size=16),
        recipe="chapter",
        intermediate_dim=4,
        epochs=1,
        batch_size=20,
        jit="off",
        say=said.append,
    )
    lines = [line for line in said if line.startswith("Copies")]
    assert len(lines) == (copies > 0)
    assert all("3 of 51 images are exact copies of others, 0 nearly so; to see them" in line for line in lines)
