import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_gen import RunFolder, load_run, resolve_settings
from keras_gen.errors import InputError
from keras_gen.run.record import describe_images, foreign_part
from tests.small import TRAIN

FIXTURES = Path(__file__).parent.parent / "fixtures"


def test_run_json_says_what_was_trained_on_what_and_with_what(trained_runs):
    record = json.loads((trained_runs["vae"] / "run.json").read_text())
    train, held_out = load_run(trained_runs["vae"]).datasets()
    assert (record["format_version"], record["kind"], record["status"]) == (2, "vae", "finished")
    assert record["settings"]["encoder"]["intermediate_dim"] == 16
    assert record["dataset"]["train"] == {"fingerprint": train.fingerprint, "count": 54, "image_shape": [16, 16, 1]}
    assert record["dataset"]["held_out"]["fingerprint"] == held_out.fingerprint != train.fingerprint
    assert record["source"]["dataset"].endswith("stripes.npz")
    assert (record["pixel_range"], record["backend"]) == ([0.0, 1.0], "tensorflow")
    assert record["versions"]["keras"] == keras.__version__
    assert len(record["id"]) == 32


def test_other_images_of_either_part_are_foreign(image_sets):
    train, held_out = image_sets()
    record = describe_images(train, held_out, None)
    found = [foreign_part(record, *sets) for sets in ((train, held_out), (held_out, held_out), (train, train))]
    assert found == [None, "training", "held-out"]


def test_run_json_is_replaced_whole_and_keeps_its_other_fields(tmp_path):
    folder = RunFolder.create(tmp_path / "run", "vae", "stripes", facts={"id": "a"})
    folder.write(status="running", seed=3)
    folder.write(status="finished")
    facts = json.loads((folder.path / "run.json").read_text())
    assert facts == {"format_version": 2, "id": "a", "status": "finished", "seed": 3}
    assert not list(folder.path.rglob(".partial*"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"is no run folder \(it has no run\.json\)"),
        ("{not json", r"run\.json cannot be read"),
        ("[" * 100_000, r"run\.json cannot be read"),
        (b"\xff\xfe", r"run\.json cannot be read"),
        ("[]", r"run\.json is not a run's"),
        ('{"format_version": 99}', "has format version 99, this program reads up to 2"),
        ('{"format_version": 2, "id": "a"}', "was stopped before it began to train"),
    ],
)
def test_folders_that_are_no_runs_are_refused(tmp_path, content, message):
    if content is not None:
        (tmp_path / "run.json").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=message):
        RunFolder(tmp_path).read()


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (["kind"], "gan"),
        (["settings"], None),
        (["settings", "training"], 7),
        (["settings", "training", "epochs"], "many"),
        (["pixel_range"], [1, 0]),
        (["dataset", "train"], {}),
        (["dataset", "train", "image_shape"], [16, 16]),
        (["dataset", "name"], 7),
        (["dataset", "class_names"], [7]),
        (["source"], "here"),
        (["findings"], [7]),
    ],
    ids=str,
)
def test_a_record_whose_parts_are_of_another_type_is_refused(trained_runs, tmp_path, place, value):
    record = json.loads((trained_runs["vae"] / "run.json").read_text())
    part = record
    for name in place[:-1]:
        part = part[name]
    part[place[-1]] = value
    (tmp_path / "run.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match=r"run\.json|`training.*` must be") as caught:
        load_run(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_setting_of_a_run_that_is_none_is_named_with_its_file(trained_runs, tmp_path):
    shutil.copytree(trained_runs["vae"], tmp_path / "run")
    file = tmp_path / "run" / "run.json"
    record = json.loads(file.read_text())
    record["settings"]["training"]["binarize_inputs"] = "half"
    file.write_text(json.dumps(record))
    with pytest.raises(InputError) as caught:
        load_run(tmp_path / "run")
    assert str(caught.value) == f"{file}: `training.binarize_inputs` must be a number from 0 to 1; received half"


@pytest.mark.parametrize("kind", ["vae", "dcgan"])
def test_a_run_of_format_version_1_loads_resumes_and_is_of_version_2_then(kind, tmp_path, no_pictures):
    path = tmp_path / "old"
    shutil.copytree(FIXTURES / f"version-1-{kind}", path)
    before = json.loads((path / "run.json").read_text())
    assert before["format_version"] == 1
    before["settings"]["jit"] = "off"  # XLA would take ten seconds
    (path / "run.json").write_text(json.dumps(before))
    run = load_run(path)
    epochs = run.epoch
    assert epochs == len(run.history) == before["settings"]["epochs"]
    assert run.settings == resolve_settings(kind, run.name, **before["settings"])

    # Its images are those that its models make of the same latent points.
    model = keras.models.load_model(path / "models" / f"{run.image_model}.keras", compile=False)
    low, high = run.pixel_range
    pixels = (np.asarray(model([run.draw(3, seed=1)])) - low) / (high - low) * 255
    assert np.abs(run.generate(3, seed=1).astype(float) - pixels).max() <= 0.51

    said = []
    resumed = TRAIN[kind](folder=path, resume=True, epochs=epochs + 1, say=said.append)
    assert f"Resume  from the end of epoch {epochs} of {epochs + 1}" in said
    assert any(line.startswith("Done: ") and f" since epoch {epochs}. " in line for line in said)
    assert resumed.history[:epochs] == run.history
    after = load_run(path)
    assert (after.epoch, after.status) == (epochs + 1, "finished")
    record = json.loads((path / "run.json").read_text())
    assert (record["format_version"], set(record["settings"]) >= {"training", "data"}) == (2, True)
    assert set(record["dataset"]["train"]) == {"fingerprint", "count", "image_shape"}
    assert len(record["id"]) == 32
