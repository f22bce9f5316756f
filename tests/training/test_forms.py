"""Runs on images of any form and shape: folders and archives, rectangles, transparency."""

import zipfile

import numpy as np
import pytest
from PIL import Image

import keras_gen
from keras_gen.training.planning import make_plan
from keras_gen.transparency import premultiplied
from tests.conftest import striped_images
from tests.small import NETS, assert_same_runs, quiet, train_small


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))


def save(images, folder):
    folder.mkdir()
    for number, image in enumerate(images):
        Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(folder / f"{number:02d}.png")
    return folder


def packed(folder):
    with zipfile.ZipFile(folder.with_suffix(".zip"), "w") as archive:
        for path in reversed(sorted(folder.iterdir())):
            archive.write(path, f"{folder.name}/{path.name}")
    return folder.with_suffix(".zip")


def test_a_folder_a_zip_and_an_array_of_the_same_images_give_the_same_weights(tmp_path, eagerly):
    images, _ = striped_images(40)
    folder = save(images, tmp_path / "few")
    np.save(tmp_path / "few.npy", images)
    first = train_small("vae", folder, epochs=1)
    run = train_small("vae", packed(folder), epochs=1)
    assert_same_runs(run, first)
    assert run.record["dataset"]["train"] == first.record["dataset"]["train"]
    for data in (tmp_path / "few.npy", images):
        plan = make_plan("vae", data, recipe="chapter", batch_size=16, say=quiet, **NETS["vae"])
        for one, two in zip((plan.train, plan.held_out), first.datasets(), strict=True):
            assert one.fingerprint == two.fingerprint


@pytest.mark.parametrize("kind", ["vae", pytest.param("dcgan", marks=pytest.mark.slow)])
def test_transparent_rectangles_are_trained_on_resumed_and_shown(kind, tmp_path):
    images, _ = striped_images(40, 16, 4)
    images[:, :5, :, 3] = 0
    folder = save(images[:, :8], tmp_path / "few")
    options = {"architecture": "conv", "filters": 2} if kind == "vae" else {}
    run = train_small(kind, folder, epochs=1, folder=tmp_path / "run", image_size="8x12", channels=4, **options)
    assert run.image_shape == (8, 12, 4)
    assert run.generate(3).shape == (3, 8, 12, 4)
    assert run.record["settings"]["data"]["image_size"] == "8x12"
    with Image.open(run.folder.epoch_image(1)) as grid:
        assert grid.mode == "RGB"
        assert grid.width > 1.3 * grid.height
    originals = run.datasets()[1].images[:2]
    view = run.view("project", images=originals, starts=1, steps=1)
    found = run.project(originals, starts=1, steps=1)
    unlike = (premultiplied(found.images).astype(float) - premultiplied(originals)) / 255  # invisible colours are none
    np.testing.assert_allclose(found.errors, np.mean(unlike**2, axis=(1, 2, 3)), rtol=1e-4)
    rows = view.picture.axes[0].images[0].get_array()[:28, :12].reshape(-1, 12, 3).astype(int)  # 2 pixels between them
    np.testing.assert_array_equal(rows[20:], np.abs(rows[:8] - rows[10:18]))  # opaque, so that it is seen
    collected = keras_gen.collection(run, say=quiet).page(tmp_path / "collection.html")
    assert "images, 8 x 12 pixels, colour" in collected.read_text()  # height x width, as everywhere
    assert kind == "dcgan" or "It becomes 8 x 12 pixels." in run.explore().read_text()
    archive = packed(folder)
    for path in folder.iterdir():
        path.unlink()
    again = keras_gen.load_run(tmp_path / "run")
    again.use_datasets(archive)
    assert again.datasets()[0].fingerprint == run.datasets()[0].fingerprint
    if kind == "vae":
        assert run.encode(again.datasets()[1].images).shape == (4, 2)
