import csv
import json
import subprocess
import sys

import numpy as np
import pytest

from keras_gen import minimal_runs
from keras_gen.cli.main import main
from keras_gen.minimal import faces, sine
from tests.conftest import gif_frames

PICTURES = {
    "trend": {"losses", "moments", "network", "real-and-generated", "sigmoid"},
    "faces": {"faces", "generated", "losses", "network", "noise"},
    "sine": {"losses", "signals"},
}


@pytest.mark.parametrize("system", PICTURES)
def test_each_system_writes_its_history_weights_pictures_and_an_animation_that_moves(
    system, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr("keras_gen.minimal_runs.FRAMES", 3)
    measured, score = [], minimal_runs._sine_score
    monkeypatch.setattr(minimal_runs, "_sine_score", lambda rows: measured.append(rows) or score(rows[:99]))
    out = tmp_path / "run"
    assert main(["minimal", system, "--epochs", "60", "--animate", "--out", str(out)]) == 0
    assert {path.stem for path in out.glob("*.png")} == PICTURES[system]
    assert all(path.stat().st_size > 2000 for path in out.glob("*.png"))
    rows = list(csv.DictReader((out / "history.csv").read_text().splitlines()))
    assert [int(row["epoch"]) for row in rows] == list(range(60))
    assert list(rows[0]) == ["epoch", "discriminator_loss", "generator_loss"]
    if system == "sine":
        real, generated = measured
        np.testing.assert_array_equal(real, sine.draw_signals(np.random.RandomState(43), 1000))  # the seed, and one
        assert generated.shape == (1000, 10) and len(np.unique(generated.round(9), axis=0)) > 990
        scores = json.loads((out / "score.json").read_text())
        assert scores["real"]["median_explained"] > 0.999 > scores["generated"]["median_explained"]
    assert str(out / "losses.png") in capsys.readouterr().out
    frames, _ = gif_frames(out / "training.gif")
    assert len(frames) == 3
    assert np.abs(frames[0].astype(int) - frames[-1]).max() > 100


@pytest.fixture
def no_figures(monkeypatch):
    """Draw nothing."""
    for name in ("save_figure", "tiny_images", "side_by_side", "trend_network", "faces_network", "two_losses"):
        monkeypatch.setattr(minimal_runs, name, lambda *_, **__: None)


def test_trend_and_faces_replay_the_published_numbers_in_their_files(tmp_path, no_figures):
    assert main(["minimal", "trend", "--epochs", "5001", "--out", str(tmp_path / "trend")]) == 0
    rows = (tmp_path / "trend" / "history.csv").read_text().splitlines()
    for epoch, published in ((0, (1.3433, 0.6666)), (5000, (1.0994, 0.7903))):
        number, *losses = rows[epoch + 1].split(",")
        assert int(number) == epoch
        assert [float(loss) for loss in losses] == pytest.approx(published, abs=5e-5)
    assert main(["minimal", "faces", "--out", str(tmp_path / "faces")]) == 0
    weights = json.loads((tmp_path / "faces" / "weights.json").read_text())
    np.testing.assert_allclose(
        weights["generator_weights"], (0.70702123, 0.03720449, -0.45703394, 0.79375751), atol=6e-9
    )
    np.testing.assert_allclose(
        weights["generator_biases"], (2.48490157, -3.36725912, -2.90139211, 2.8172726), atol=6e-9
    )
    expected = (0.60175083, -0.29127513, -0.40093314, 0.37759987)
    np.testing.assert_allclose(weights["discriminator_weights"], expected, atol=6e-9)
    assert weights["discriminator_bias"] == pytest.approx(-0.89551030, abs=6e-9)


def test_flags_change_the_run(tmp_path, no_figures):
    histories = []
    for number, flags in enumerate(([], [], ["--seed", "7"], ["--learning-rate", "0.1"])):
        out = tmp_path / str(number)
        assert main(["minimal", "faces", "--epochs", "5", "--out", str(out), *flags]) == 0
        histories.append((out / "history.csv").read_text())
    assert histories[0] == histories[1]
    assert len(set(histories)) == 3


def test_planes_of_verdicts_lie_as_their_axes_are_named():
    right_below = {system: plane[0, -1] for system, plane in minimal_runs.PLANES.items()}
    assert right_below["trend"].tolist() == [0, 0.5, 1]  # the last pixel across, the first up
    assert right_below["faces"].tolist() == [1, 0, 0, 1]  # the main diagonal across
    np.testing.assert_allclose(right_below["sine"], 0.65 * np.sin(-1 + 1.8 * np.arange(10)))  # f across, x0 up
    left_above = {system: plane[-1, 0] for system, plane in minimal_runs.PLANES.items()}
    assert (left_above["trend"].tolist(), left_above["faces"].tolist()) == ([1, 0.5, 0], [0, 1, 1, 0])
    np.testing.assert_allclose(left_above["sine"], 0.65 * np.sin(2 + 0.9 * np.arange(10)))


def test_examples_lie_in_their_planes_as_the_axes_are_named():
    plane, history = np.zeros((2, 2)), np.zeros((3, 2))
    real, generated = np.array([[0.9, 0.5, 0.1]]), np.array([[0.2, 0.3, 0.4]])
    frames = {"trend": minimal_runs._trend_frame(1, generated, plane, real, history)}
    expected = {"trend": ([[0.1, 0.9]], [[0.4, 0.2]])}
    images = np.arange(40).reshape(10, 4) / 40
    frames["faces"] = minimal_runs._faces_frame(1, images, plane, history)
    halves = np.array([[0.5, 0], [0, 0.5], [0, 0.5], [0.5, 0]])  # of both diagonals
    expected["faces"] = (faces.FACES @ halves, images @ halves)
    signals = 0.6 * np.sin(0.5 + 1.2 * np.arange(10))[np.newaxis]
    fits = {"f": np.array([1.0]), "x0": np.array([-0.5])}
    frames["sine"] = minimal_runs._sine_frame(1, signals, plane, fits, history)
    expected["sine"] = ([[1.0, -0.5]], [[1.2, 0.5]])
    for system, figure in frames.items():
        drawn = [line.get_xydata() for line in figure.axes[-2].lines]
        for points, wanted in zip(drawn, expected[system], strict=True):
            np.testing.assert_allclose(points, wanted, atol=1e-3)
    images_axes = frames["trend"].axes[0]
    assert (images_axes.get_title(), images_axes.get_ylabel()) == (
        "generated images, a row each",
        "latent number, 0.4 to 1",
    )


def test_the_networks_are_looked_at_evenly_from_the_first_to_the_last_epoch():
    history, seen = minimal_runs._watch(iter([(1.0, 2.0)] * 10), 10, 3, lambda: "state")
    assert history == [(1.0, 2.0)] * 10 and seen == [(0, "state"), (5, "state"), (9, "state")]


def test_no_keras_is_imported():
    code = (
        "import sys; from keras_gen.cli.main import main; import keras_gen.cli.minimal; "
        "assert not {'keras', 'tensorflow', 'jax', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["circles"], "'circles' is no minimal GAN; choose one of trend, faces, sine"),
        (["trend", "--epochs", "0"], "--epochs must be a whole number from 1 to 10000000; received 0"),
        (["faces", "--learning-rate", "-1"], "--learning-rate must be a number above 0 and up to 10; received -1"),
        (["faces", "--learning-rate", "nan"], "--learning-rate must be a number above 0 and up to 10; received nan"),
        (["sine", "--batch-size", "0"], "--batch-size must be a whole number from 1 to 65536; received 0"),
        (["trend", "--seed", "-1"], "--seed must be a whole number from 0 to 4294967294; received -1"),
        (["trend", "--out", "TAKEN"], "already exists and is never overwritten"),
    ],
)
def test_mistakes_get_one_line_and_exit_code_2(arguments, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").mkdir()
    assert main(["minimal", *(str(tmp_path / "taken") if each == "TAKEN" else each for each in arguments)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert message in line
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
