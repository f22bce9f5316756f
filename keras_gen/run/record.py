"""run.json: the one module that reads it, checks it, and knows its versions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from keras_gen.errors import InputError
from keras_gen.files import nearest_run
from keras_gen.settings import settings_from_record
from keras_gen.text import did_you_mean

if TYPE_CHECKING:
    from keras_gen.data import ImageSet

FORMAT_VERSION = 2
KINDS = ("vae", "dcgan")
REQUIRED = {"kind", "settings", "dataset", "pixel_range"}


def read_record(path: Path) -> dict:
    """Return the content of a run.json, of whichever version, in the form of this one, or raise InputError."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        problem = f"{path.parent} is no run folder (it has no run.json)"
        hint = did_you_mean(nearest_run(path.parent)) or "; name one such as runs/0001-..."
        raise InputError(problem + hint) from None
    except NotADirectoryError:
        raise InputError(f"{path.parent} is a file, not a run folder; name one such as runs/0001-...") from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read ({error}); put it back, or name another run folder") from None
    if not isinstance(record, dict) or "format_version" not in record:
        raise InputError(f"{path} is not a run's; name another run folder")
    if record["format_version"] not in range(1, FORMAT_VERSION + 1):
        raise InputError(
            f"{path} has format version {record['format_version']}, this program reads up to {FORMAT_VERSION}; "
            "use the version of keras_gen that made it"
        )
    if not set(record) >= REQUIRED:
        raise InputError(f"{path.parent} was stopped before it began to train; start the run again")
    try:
        return _checked(_upgraded(record) if record["format_version"] == 1 else record)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, InputError):  # of a setting
            raise InputError(f"{path}: {error}") from None
        raise InputError(f"{path} is damaged; put back what was changed in it, or name another run folder") from None


def _upgraded(record: dict) -> dict:
    """Return a record of version 1 in today's form: its settings were flat, its fingerprints of the pixels alone."""
    settings = settings_from_record(record)
    dataset = dict(record["dataset"])
    for part in ("train", "held_out"):
        facts = dict(dataset[part])
        dataset[part] = facts | {"pixel_fingerprint": facts.pop("fingerprint")}
    source = record.get("source")
    if source is not None:
        source = {"seed": settings.training.seed} | source
    findings = [
        {"name": finding["ailment"], "epoch": finding["epoch"], "text": finding["text"], "resolved": None}
        for finding in record.get("findings", [])
    ]
    upgraded = {"settings": settings.as_dict(), "dataset": dataset, "source": source, "findings": findings}
    return record | upgraded | {"format_version": FORMAT_VERSION}


def _checked(record: dict) -> dict:
    """Return a record whose parts have the types that other code relies on, or raise one of Python's errors."""
    if record["kind"] not in KINDS:
        raise ValueError
    settings = settings_from_record(record)
    low, high = map(float, record["pixel_range"])
    for part in ("train", "held_out"):
        facts = record["dataset"][part]
        height, width, channels = map(int, facts["image_shape"])
        if not (int(facts["count"]) >= 0 and min(height, width, channels) > 0 and low < high):
            raise ValueError
    names = record["dataset"]["class_names"]
    if not (isinstance(record["dataset"]["name"], str) and all(isinstance(name, str) for name in names)):
        raise TypeError
    counts = record["dataset"].get("class_counts", [])
    if settings.training.conditional != bool(counts) or not all(isinstance(count, int) for count in counts):
        raise TypeError
    if not isinstance(record.get("source"), dict | None):
        raise TypeError
    for finding in record.get("findings", []):
        finding["name"], finding["text"], int(finding["epoch"])
    if "best" in record:
        int(record["best"]["epoch"]), float(record["best"]["value"]), str(record["best"]["by"])
    return record


def describe_images(train: ImageSet, held_out: ImageSet, source: dict | None) -> dict[str, object]:
    """Return what run.json says of the images that a run is trained and measured on."""
    facts = {
        part: {"fingerprint": images.fingerprint, "count": len(images), "image_shape": list(images.image_shape)}
        for part, images in (("train", train), ("held_out", held_out))
    }
    return {
        "dataset": {"name": train.name, "class_names": list(train.class_names)} | facts,
        "source": source,
    }


def recorded_fingerprint(record: dict, part: str) -> str:
    """Return the fingerprint of the images of `train` or `held_out`; a run of format version 1 has their pixels'."""
    facts = record["dataset"][part]
    return facts.get("fingerprint") or facts["pixel_fingerprint"]


def foreign_part(record: dict, train: ImageSet, held_out: ImageSet) -> str | None:
    """Return `training` or `held-out`, whichever are not the images that the run was trained with; else None."""
    for name, part, images in (("training", "train", train), ("held-out", "held_out", held_out)):
        of_pixels = not record["dataset"][part].get("fingerprint")
        if recorded_fingerprint(record, part) != (images.pixel_fingerprint if of_pixels else images.fingerprint):
            return name
    return None
