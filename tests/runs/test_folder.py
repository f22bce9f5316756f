import json
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_gen import RunFolder, resolve_settings, train_vae
from keras_gen.errors import InputError, RunError
from keras_gen.models import build_decoder
from keras_gen.training import VAETrainer

SETTINGS = {"epochs": 2, "batch_size": 16, "intermediate_dim": 8}


def quiet(_):
    pass


def test_folders_are_numbered_and_never_used_twice(tmp_path):
    first = RunFolder.create(None, "vae", "mnist5k", tmp_path / "runs")
    second = RunFolder.create(None, "dcgan", "cifar10:automobile", tmp_path / "runs")
    assert first.path.name == "0001-vae-mnist5k"
    assert second.path.name == "0002-dcgan-cifar10-automobile"
    shutil.rmtree(first.path)
    assert RunFolder.create(None, "vae", "mnist5k", tmp_path / "runs").path.name == "0003-vae-mnist5k"


def test_what_exists_is_never_written_over(tmp_path):
    (tmp_path / "taken").mkdir()
    (tmp_path / "file").write_text("precious")
    for name in ("taken", "file"):
        with pytest.raises(InputError, match=f"--out .*{name} already exists and is never overwritten"):
            RunFolder.create(tmp_path / name, "vae", "mnist5k")
    with pytest.raises(InputError, match="the run folder cannot be made"):
        RunFolder.create(tmp_path / "file" / "run", "vae", "mnist5k")
    assert (tmp_path / "file").read_text() == "precious"


def test_rows_from_a_version_with_fewer_columns_leave_them_empty(tmp_path):
    folder = RunFolder.create(tmp_path / "run", "dcgan", "stripes")
    folder.write_metrics([{"epoch": 1, "kid": 0.5}, {"epoch": 2, "kid": 0.25, "kid_floor": 1e-05}])
    assert (folder.path / "metrics.csv").read_text() == "epoch,kid,kid_floor\n1,0.5,\n2,0.25,1e-05\n"


def test_a_run_writes_what_it_was_and_what_came_of_it(tmp_path, image_sets):
    train, held_out = image_sets()
    folder = RunFolder.create(tmp_path / "run", "vae", "stripes")
    run = train_vae(train, held_out, resolve_settings("vae", **SETTINGS), folder=folder, say=quiet)
    facts = folder.read()
    assert facts["kind"] == "vae"
    assert facts["status"] == "finished"
    assert facts["settings"]["intermediate_dim"] == 8
    assert facts["dataset"]["train"] == {"fingerprint": train.fingerprint, "count": 64, "image_shape": [8, 8, 1]}
    assert facts["dataset"]["held_out"]["fingerprint"] == held_out.fingerprint != train.fingerprint
    assert facts["pixel_range"] == [0.0, 1.0]
    assert facts["backend"] == "tensorflow"
    assert facts["versions"]["keras"] == keras.__version__
    header, *rows = (tmp_path / "run" / "history.csv").read_text().splitlines()
    assert header == "epoch,loss,reconstruction,kl,held_out_loss,held_out_reconstruction,held_out_kl"
    assert [[float(value) for value in row.split(",")] for row in rows] == [list(row.values()) for row in run.history]
    assert "seconds" in (tmp_path / "run" / "timing.csv").read_text()
    z = np.ones((3, 2), np.float32)
    loaded = keras.models.load_model(tmp_path / "run" / "models" / "decoder.keras", safe_mode=True)
    np.testing.assert_allclose(loaded.predict_on_batch(z), run.models["decoder"].predict_on_batch(z), rtol=1e-5)


def test_the_status_tells_how_a_run_ended(tmp_path, image_sets, monkeypatch):
    settings = resolve_settings("vae", **SETTINGS)
    stopped = RunFolder.create(tmp_path / "stopped", "vae", "stripes")
    run = train_vae(*image_sets(), settings, folder=stopped, should_stop=lambda: True, say=quiet)
    assert run.stopped
    assert stopped.read()["status"] == "interrupted"
    assert stopped.model_path("decoder").exists()
    failed = RunFolder.create(tmp_path / "failed", "vae", "stripes")
    monkeypatch.setattr(VAETrainer, "losses", lambda self: (_ for _ in ()).throw(RunError("broken")))
    with pytest.raises(RunError, match="broken"):
        train_vae(*image_sets(), settings, folder=failed, say=quiet)
    assert failed.read()["status"] == "failed"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is no run folder"),
        ("{not json", r"run\.json cannot be read"),
        ('{"format_version": 99}', "has format version 99, this program reads 1"),
        ('{"format_version": 1, "kind": "gan", "settings": {}, "dataset": {}}', r"run\.json is damaged"),
        ('{"format_version": 1, "kind": "vae", "settings": null, "dataset": {}}', r"run\.json is damaged"),
    ],
)
def test_folders_that_are_no_runs_are_refused(tmp_path, content, message):
    if content is not None:
        (tmp_path / "run.json").write_text(content)
    with pytest.raises(InputError, match=message):
        RunFolder(tmp_path).read()


def test_a_model_that_carries_code_is_refused(tmp_path):
    folder = RunFolder.create(tmp_path / "run", "vae", "stripes")
    evil = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda z: z * 2)])
    evil.save(folder.model_path("decoder"))
    with pytest.raises(InputError, match="cannot be loaded safely"):
        folder.load_model("decoder")


def test_missing_and_damaged_models_are_named(tmp_path):
    folder = RunFolder.create(tmp_path / "run", "vae", "stripes")
    with pytest.raises(InputError, match=r"decoder\.keras is missing"):
        folder.load_model("decoder")
    folder.save_models({"decoder": build_decoder((8, 8, 1))})
    content = folder.model_path("decoder").read_bytes()
    folder.model_path("decoder").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"decoder\.keras cannot be loaded safely"):
        folder.load_model("decoder")


def test_run_json_is_replaced_whole(tmp_path):
    folder = RunFolder.create(tmp_path / "run", "vae", "stripes")
    folder.write(status="running", seed=3)
    folder.write(status="finished")
    facts = json.loads((folder.path / "run.json").read_text())
    assert facts == {"format_version": 1, "status": "finished", "seed": 3}
    assert not list(folder.path.rglob("*.partial*"))


def test_a_lock_keeps_others_out_until_its_process_ends(tmp_path):
    folder = RunFolder.create(tmp_path / "run", "vae", "stripes")
    before = sorted(folder.path.iterdir())
    code = f"""
import time
from keras_gen.training.run_folder import RunFolder
with RunFolder({str(folder.path)!r}).locked():
    print("locked", flush=True)
    time.sleep(60)
"""
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "locked\n"
        with pytest.raises(InputError, match="is being trained by another process"), folder.locked():
            pass
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    with folder.locked():
        assert sorted(folder.path.iterdir()) == before
