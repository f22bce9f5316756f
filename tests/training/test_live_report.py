"""The report grows while a run trains, costs little, and leaves the run as it would have been."""

import pytest

import keras_gen
from keras_gen.run import Run
from keras_gen.training import callbacks
from tests.conftest import SMALL_SETTINGS, without_pictures


@pytest.fixture
def train(image_sets, tmp_path, monkeypatch, tiny_pictures):
    """Train a small VAE; return its run, and what each page that was written meanwhile said of its state."""

    def trained(name, seconds=0.0, share=100.0):
        monkeypatch.setattr(callbacks, "REPORT_SECONDS", seconds)
        monkeypatch.setattr(callbacks, "REPORT_SHARE", share)
        states, progress = [], Run.report_progress

        def write(run, *arguments):
            page = progress(run, *arguments)
            states.append(page.read_text(encoding="utf-8").split("<strong>")[1].split("</strong>")[0])
            return page

        monkeypatch.setattr(Run, "report_progress", write)
        folder = tmp_path / name
        options = SMALL_SETTINGS["vae"] | {"recipe": "chapter", "epochs": 3, "batch_size": 16}
        run = keras_gen.train_vae(*image_sets(), folder=folder, **options)
        monkeypatch.setattr(Run, "report_progress", progress)
        return run, states

    return trained


def test_the_report_is_written_after_each_epoch_but_the_last_and_then_stands_alone(train, capsys, monkeypatch):
    run, states = train("run")
    first, second = states
    assert first.startswith("training, epoch 2 of 3, ") and " left. Written 20" in first
    assert second.startswith("training, epoch 3 of 3, ")
    page = (run.folder.path / "report.html").read_text(encoding="utf-8")
    assert "3 of 3 epochs: it finished." in page
    assert '"live": null' in page
    assert capsys.readouterr().out.count("shows the run while it trains") == 1
    without_pictures(monkeypatch)
    quiet, none = train("quiet", share=0.0)
    assert none == []
    assert run.history == quiet.history
    assert train("rare", seconds=60)[1] == []


def test_a_page_that_cannot_be_written_does_not_end_the_training(train, monkeypatch):
    calls = []

    def fail(*_):
        calls.append(True)
        raise PermissionError("open in another program")

    monkeypatch.setattr(Run, "report_progress", fail)
    run, states = train("run")
    assert len(calls) == 2
    assert states == []
    assert run.status == "finished"
