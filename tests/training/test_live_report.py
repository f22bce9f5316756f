"""The report grows while a run trains, costs little, and leaves the run as it would have been."""

from types import SimpleNamespace

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


def test_a_report_waits_until_its_share_of_the_time_pays_for_it(monkeypatch):
    clock, written = [0.0], []

    def write(left, seconds):
        written.append((clock[0], left, seconds))
        clock[0] += 2

    monkeypatch.setattr(callbacks.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(callbacks, "FIRST_COST", 1.0)
    run = SimpleNamespace(epoch=1, resumed_after=0, report_progress=write)
    report = callbacks.LiveReport(run, SimpleNamespace(timed=0))
    report.set_params({"epochs": 1000})
    for clock[0] in range(0, 200, 5):
        report.on_epoch_end(0)
    # At a cost of 1 s after 33 s; as it took 2 s, the next after 4 s / 0.03.
    assert [now for now, *_ in written] == [35, 135]
    assert written[0][1] is None and written[0][2] == 35
