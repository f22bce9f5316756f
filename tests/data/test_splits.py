from pathlib import Path

import pytest

from keras_gen.data.splits import arrange
from keras_gen.errors import InputError


def arranged(*counts):
    """Arrange folders such as `train/cat:3`; returns counts of training and held-out images, classes and lines."""
    files = []
    for text in counts:
        folder, _, count = text.partition(":")
        files += [Path(folder, f"{number}.png") for number in range(int(count))]
    layout = arrange(Path("photos"), sorted(files))
    return len(layout.train), len(layout.held_out), layout.classes, "\n".join(layout.said)


ANIMALS = {"cat", "dog"}


@pytest.mark.parametrize(
    ("folders", "train", "held_out", "classes", "said"),
    [
        (["train/cat:3", "train/dog:4", "test/cat:1", "test/dog:2"], 7, 3, ANIMALS, "train/ is trained on (7 images)"),
        (["Training/cat:3", "Training/dog:4", "VALID/cat:1", "VALID/dog:2"], 7, 3, ANIMALS, "VALID/ is held out (3)"),
        (["train:5", "testing:2"], 5, 2, None, "testing/ is held out (2)"),
        (["train:5", "test:2", "val:3"], 5, 2, None, "val/ is left out (3)"),
        (["train/cat:3", "train/dog:4"], 7, 0, ANIMALS, "train/ is trained on (7 images), a part of it is held out"),
        (["data/train/cat:3", "data/train/dog:3", "data/test/cat:1"], 6, 1, ANIMALS, "test/ has no images of dog"),
        (["a/b/train:3", "a/b/test:1", ".:1"], 3, 1, None, "1 image beside the folder of the splits left out: 0.png"),
        (["cat/train:3", "cat/test:1", "dog/train:4", "dog/test:2"], 7, 3, ANIMALS, "test/ is held out (3)"),
        (["cat:3", "dog:4", "test:2"], 9, 0, {*ANIMALS, "test"}, "test/ taken for a class"),
        (["train:3", "car:4", "bus:2"], 9, 0, {"train", "car", "bus"}, "train/ taken for a class"),
        (["train:3", "test:1", "extra:5"], 3, 1, None, "5 images in folders beside the splits left out: extra/0.png"),
        (["train:3", "test:1", ".:1"], 3, 1, None, "1 image beside the splits left out: 0.png"),
        ([".:5", "test:2"], 5, 2, None, "test/ is held out (2)"),
        (["test/cat:3", "test/dog:2"], 5, 0, ANIMALS, ""),
        (["cat:3", "dog:4", ".:1"], 7, 0, ANIMALS, "1 image beside the class folders left out: 0.png"),
        (["cat:1", "dog:1", ".:5"], 7, 0, None, "none, since 5 of 7 images are in no sub-folder"),
        (["cat:1", "dog:1", ".:2"], 4, 0, None, "none, since 2 of 4 images are in no sub-folder"),
        (["more:9", ".:2"], 11, 0, None, "none, since 2 of 11 images are in no sub-folder"),
        (["all/cat:3", "all/dog:2"], 5, 0, ANIMALS, ""),
        (["cat/2020:3", "cat/2021:2", "dog/old:1"], 6, 0, ANIMALS, ""),
        (["cat:3"], 3, 0, None, ""),
        (["train/cat:3", "train/dog:3", "train:1", "test/cat:1", "test/dog:1"], 6, 2, ANIMALS, "left out: train/0.png"),
        # Kaggle's: test images without classes, or all in one folder of no class
        (
            ["train/cat:3", "train/dog:3", "test:4"],
            6,
            0,
            ANIMALS,
            "test/ is left out (4), for it has none of the classes",
        ),
        (["train/cat:3", "train/dog:3", "test/unknown:4", "val/cat:2", "val/dog:1"], 6, 3, ANIMALS, "val/ is held out"),
        (["train/cat:3", "train/dog:3", "test/cat:2", "test/cow:4"], 6, 2, ANIMALS, "4 images in test/ are left out"),
        (["train/images:3", "test:2"], 3, 2, None, "test/ is held out (2)"),
        (["train:3", "test/cat:2", "test/dog:2"], 3, 4, None, "test/ is held out (4)"),
        # Other names with the word in them, and folders inside that are no classes
        (["Training Set/cat:3", "Training Set/dog:3", "test set/cat:1"], 6, 1, ANIMALS, "test set/ is held out (1)"),
        (["x_train/x_train/cat:3", "x_train/x_train/dog:1", "x_test/x_test/cat:2"], 4, 2, ANIMALS, "x_test/ is held"),
        (["train2017:3", "val2017:1", "pred2017:2"], 3, 1, None, "2 images in folders beside the splits left out"),
        (["train/images/cat:3", "train/images/dog:3", "test/images/cat:1"], 6, 1, ANIMALS, "test/ is held out (1)"),
        (["train_station:3", "test_site:2"], 5, 0, {"train_station", "test_site"}, ""),
        (["steam_train:3", "freight_train:2"], 5, 0, {"steam_train", "freight_train"}, ""),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_folders_are_sorted_into_splits_and_classes(folders, train, held_out, classes, said):
    layout = arranged(*folders)
    assert layout[:2] == (train, held_out)
    assert (set(layout[2].values()) if layout[2] else None) == classes
    assert said in layout[3]
    assert bool(said) == bool(layout[3])


def test_parts_to_measure_on_without_one_to_train_on_are_refused():
    with pytest.raises(InputError, match="photos has test and val but no images to train on; put those into train/"):
        arranged("test:3", "val:2")


def test_labels_are_the_same_in_all_parts():
    layout = arrange(Path("photos"), [Path("train/cat/0.png"), Path("train/dog/0.png"), Path("test/dog/0.png")])
    assert layout.classes[Path("test/dog/0.png")] == "dog"
