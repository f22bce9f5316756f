from types import SimpleNamespace

import numpy as np
from PIL import Image

from keras_gen.data import ImageSet
from keras_gen.run import RunFolder, images
from keras_gen.run.images import find_images, save_images
from keras_gen.run.record import describe_images, foreign_part
from keras_gen.settings import resolve_settings


def test_a_resumed_run_may_allow_more_bad_images_than_before(tmp_path):
    for number in range(10):
        Image.fromarray(np.full((16, 16), 20 * number, np.uint8)).save(tmp_path / f"{number}.png")
    (tmp_path / "since.png").write_text("no image")
    source = {"dataset": str(tmp_path), "max_bad": 0, "image_size": 8}  # an ImageSet's own size, not the run's
    settings = resolve_settings("vae", "photos", max_bad=1)
    run = SimpleNamespace(record={"source": source}, settings=settings, where="the run")
    train, validation, held_out = find_images(run)
    assert [len(train), validation, len(held_out), train.image_shape] == [9, None, 1, (8, 8, 1)]


def numbered(count, first=0):
    return ImageSet(np.arange(first, first + 4 * count, dtype=np.uint8).reshape(count, 2, 2, 1), np.arange(count) % 2)


def test_arrays_are_kept_with_their_validation_images_and_told_from_others(tmp_path):
    folder = RunFolder.create(tmp_path / "run", "vae", "mine")
    run = SimpleNamespace(record={"source": None}, folder=folder, name="mine", where="the run")
    train, validation, held_out = numbered(9), numbered(3, 100), numbered(2, 200)
    assert save_images(folder, train, validation, held_out)
    for found, saved in zip(find_images(run), (train, validation, held_out), strict=True):
        assert found.fingerprint == saved.fingerprint
    assert save_images(folder, train, None, held_out) and find_images(run)[1] is None
    record = describe_images(train, held_out, None)
    parts = [foreign_part(record, *sets) for sets in ((train, held_out), (held_out, held_out), (train, train))]
    assert parts == [None, "training", "held-out"]


def test_the_folder_of_the_data_is_searched_as_long_as_it_is_there(tmp_path, monkeypatch):
    asked = []

    def load(name, say, **options):
        asked.append((name, options["data_dir"]))
        return numbered(9), numbered(2)

    monkeypatch.setattr(images, "load_dataset", load)
    settings = resolve_settings("vae", "mnist")
    for folder in (tmp_path, tmp_path / "gone"):
        source = {"dataset": "mnist", "data_dir": str(folder)}
        run = SimpleNamespace(record={"source": source}, settings=settings, where="the run")
        for options in ({}, {"dataset": "./mnist"}, {"data_dir": "new"}):
            find_images(run, **options)
    here, gone = str(tmp_path), str(tmp_path / "gone")
    assert asked[:3] == [("mnist", here), ("./mnist", here), ("mnist", "new")]
    assert asked[3:] == [("mnist", gone), ("./mnist", None), ("mnist", "new")]
