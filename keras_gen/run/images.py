"""The images of a run: found again, or kept with it when they came from no file."""

import os
from dataclasses import asdict
from pathlib import Path

import numpy as np

from keras_gen.data import ImageSet, load_dataset, validation_split
from keras_gen.errors import InputError
from keras_gen.run.folder import RunFolder
from keras_gen.run.run import Run
from keras_gen.settings import Settings

SAVED_BYTES = 64 * 2**20  # arrays up to this size are saved with the run
NAME = "data.npz"


def split_validation(train: ImageSet, settings: Settings, in_place: bool = False) -> tuple[ImageSet, ImageSet | None]:
    """Return the images to train on and, with `evaluate_every`, those that are split off to validate on.

    With `in_place` the images are rearranged instead of copied, if nobody else holds them.
    """
    if not settings.training.evaluate_every:
        return train, None
    return validation_split(train, settings.training.seed, in_place)


def save_images(folder: RunFolder, train: ImageSet, validation: ImageSet | None, held_out: ImageSet) -> bool:
    """Save arrays that came from no file with their run, if they are small; return whether they were."""
    parts = {"train": train, "validation": validation, "held_out": held_out}
    parts = {name: images for name, images in parts.items() if images is not None}
    if sum(images.images.nbytes for images in parts.values()) > SAVED_BYTES:
        return False
    arrays = {"class_names": np.array(train.class_names, dtype=str)}
    for name, images in parts.items():
        arrays[name] = images.images
        if images.labels is not None:
            arrays[f"{name}_labels"] = images.labels
    folder.write_arrays(folder.path / NAME, **arrays)
    return True


def find_images(
    run: Run, dataset: str | Path | None = None, data_dir: str | Path | None = None
) -> tuple[ImageSet, ImageSet | None, ImageSet]:
    """Load a run's training, validation and held-out images from where they were, or from another place."""
    source = dict(run.record.get("source") or {})
    if dataset is None and not source:
        return _saved_images(run)
    name = source.pop("dataset", None)
    options = {"seed": run.settings.training.seed} | asdict(run.settings.data) | source
    options["max_bad"] = run.settings.data.max_bad  # a resume may have changed it
    if data_dir is not None:
        options["data_dir"] = str(data_dir)
    elif dataset is not None and not os.path.isdir(options.get("data_dir") or ""):
        options["data_dir"] = None  # the folder that the images have left
    try:
        train, held_out = load_dataset(name if dataset is None else dataset, say=lambda line: None, **options)
    except InputError as error:
        raise InputError(
            f"the images of {run.where} cannot be loaded ({error}); put them back, or say where they are with `dataset`"
        ) from None
    return *split_validation(train, run.settings, in_place=True), held_out


def _saved_images(run: Run) -> tuple[ImageSet, ImageSet | None, ImageSet]:
    path = run.folder.path / NAME if run.folder else None
    if path is None or not path.exists():
        raise InputError(
            f"{run.where} was trained on an array that is not saved with it; give the images with `dataset`, as an .npz"
        )
    needed, remedy = {"class_names", "train", "held_out"}, "put it back, or give the images with `dataset`"
    arrays = run.folder.read_arrays(path, needed, remedy)
    names = tuple(map(str, arrays["class_names"]))
    return tuple(
        ImageSet(arrays[part], arrays.get(f"{part}_labels"), names, run.name) if part in arrays else None
        for part in ("train", "validation", "held_out")
    )
