"""A folder of image files, decoded once into a cache of uint8 that is mapped into memory, not read into it."""

import hashlib
import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import features

from keras_gen.data.cache import fetch, image_cache
from keras_gen.data.decoding import FULL_RANGE, Decoded, Plan, Unusable, can_read_heif, decode, read_header, too_small
from keras_gen.data.finding import Found, find_images
from keras_gen.data.folder_pixels import Facts, check_bad, decode_files, named
from keras_gen.data.image_set import ImageSet
from keras_gen.data.ranges import white_levels
from keras_gen.data.splits import Layout, arrange
from keras_gen.errors import InputError
from keras_gen.text import PATH_LENGTH, counted, printable

CACHE_VERSION = 3


def read_folder(
    path: Path,
    image_size: int | None = None,
    channels: int | None = None,
    max_bad: int = 50,
    say: Callable[[str], None] = print,
) -> list[ImageSet]:
    """Return the images under a folder alone; see `folder_contents`."""
    return folder_contents(path, image_size, channels, max_bad, say).sets


class FolderContents(NamedTuple):
    """What is in a folder of images.

    Attributes:
        sets: The training images and, if the folder has a test or a validation part, the held-out ones.
        files: The path of each image in the folder, in the same order.
        skipped: Why each other image was left out, by its path in the folder.
        passed: What was passed over, for it is no image; may be empty.
    """

    sets: list[ImageSet]
    files: list[str]
    skipped: dict[str, str]
    passed: str


def folder_contents(
    path: Path,
    image_size: int | None = None,
    channels: int | None = None,
    max_bad: int = 50,
    say: Callable[[str], None] = print,
) -> FolderContents:
    """Decode all images under a folder, or map what an earlier call decoded; the arguments are `load_dataset`'s.

    Without an image size it is the files' own, if all share one that the networks can reach, else 64. Without channels
    the images are grey if all files are stored so.

    The images are slices of one array.

    Raises:
        InputError: The folder cannot be read, holds too few images, or too many bad ones.
    """
    found = _found(path)
    layout = arrange(path, found.files)
    files = layout.train + layout.held_out
    cache_lines: list[str] = []
    decoder = partial(decode_files, path, files, image_size, channels, max_bad)
    pixels, facts = fetch(image_cache(), _key(path, files, image_size, channels), decoder, cache_lines.append)
    facts = Facts(**facts)
    check_bad(path, facts.skipped, max_bad)
    sets = _image_sets(path, pixels.reshape(facts.shape), layout, facts)
    for line in [*_description(path, sets[0].class_names, found, layout, facts, image_size), *cache_lines]:
        say(line)
    used = [as_text(file.as_posix()) for file in files if file.as_posix() not in facts.skipped]
    return FolderContents(sets, used, facts.skipped, found.describe_passed())


def read_image(path: str | Path, image_shape: tuple[int, int, int]) -> np.ndarray:
    """Return one image file as networks of this shape (a square) see it: upright, cropped and resized, uint8.

    Raises:
        InputError: It cannot be used as an image.
    """
    return _read_files([Path(path)], image_shape)[0]


def read_images(path: str | Path, image_shape: tuple[int, int, int]) -> np.ndarray:
    """Return all images under a folder as networks of this shape see them, uint8 (n, height, width, channels).

    Raises:
        InputError: There is none, or one that cannot be used.
    """
    return _read_files([Path(path) / file for file in _found(Path(path)).files], image_shape)


def _read_files(paths: list[Path], image_shape: tuple[int, int, int]) -> np.ndarray:
    height, width, channels = image_shape
    if height != width:
        raise InputError(
            f"{printable(paths[0])} cannot be cropped to {width}x{height}; only runs on square images take image files"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's remarks on odd metadata
        decoded = [_decode_or_refuse(path, Plan(height, channels, *FULL_RANGE)) for path in paths]
        highest = Counter()
        for image in decoded:
            highest |= {image.kind: image.highest}
        if highest["8"] > 1:
            highest["8"] = 255  # a few pictures may well be dark; 0 and 1 are a mask all the same
        whites = white_levels(highest, printable(paths[0] if len(paths) == 1 else paths[0].parent, PATH_LENGTH))
        if whites != FULL_RANGE:
            decoded = [_decode_or_refuse(path, Plan(height, channels, *whites)) for path in paths]
    return np.stack([image.pixels for image in decoded])


def _decode_or_refuse(path: Path, plan: Plan) -> Decoded:
    try:
        if reason := too_small(read_header(path), plan.size):
            raise Unusable(reason)
        return decode(path, plan)
    except Unusable as reason:
        raise InputError(f"{printable(path, PATH_LENGTH)} {reason}; name an image file that can be used") from None


def _found(path: Path) -> Found:
    found = find_images(path)
    if not found.files:
        passed = found.describe_passed()
        remedy = f"passed over: {passed}" if passed else "name a folder of PNG, JPEG or other image files"
        raise InputError(f"{printable(path, PATH_LENGTH)} holds no image; {remedy}")
    return found


def _key(path: Path, files: list[Path], image_size: int | None, channels: int | None) -> str:
    """Return a name for what decoding gives, from what it depends on."""
    decoders = (can_read_heif(), features.check("avif"))
    digest = hashlib.sha256(repr((CACHE_VERSION, str(path.resolve()), image_size, channels, decoders)).encode())
    for file in files:
        try:
            status = (path / file).stat()
            known = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
        except OSError:  # a link to nowhere
            known = None
        digest.update(repr((file.as_posix(), known)).encode())
    return digest.hexdigest()


def _image_sets(path: Path, images: np.ndarray, layout: Layout, facts: Facts) -> list[ImageSet]:
    train, held_out = (
        [file for file in part if file.as_posix() not in facts.skipped] for part in (layout.train, layout.held_out)
    )
    if not train:
        raise InputError(f"{printable(path, PATH_LENGTH)} has no usable image to train on: {named(facts.skipped)}")
    labels, class_names = None, ()
    if layout.classes is not None:
        names = [as_text(layout.classes[file]) for file in train + held_out]
        class_names, labels = np.unique(np.array(names, object), return_inverse=True)
    parts = [slice(None, len(train)), slice(len(train), None)][: 2 if held_out else 1]
    whole = ImageSet(images, labels, class_names, as_text(path.resolve().name))
    return [whole[part] for part in parts]


def as_text(name: str) -> str:
    """Return a file's name as text that can be drawn and written; on Linux it may be any bytes."""
    return os.fsencode(name).decode("utf-8", errors="replace")


def _description(
    path: Path, class_names: tuple[str, ...], found: Found, layout: Layout, facts: Facts, image_size: int | None
) -> Iterator[str]:
    """Say what was found and what was made of it, a line each."""
    count, size, _, _ = facts.shape
    low, median, high = (f"{width}x{height}" for width, height in zip(facts.widths, facts.heights, strict=True))
    of = f"of {low} pixels" if low == high else f"from {low} to {high} pixels (median {median})"
    if facts.shared_size:
        how = "kept at their own size"
    elif low == median == high == f"{size}x{size}":
        how = "of the size asked for"
    else:
        how = f"cropped to squares and resized to {size}x{size}" + (
            "" if image_size else " (`image_size` sets another)"
        )
    yield f"Files   {counted(count, 'image')} in {printable(path, PATH_LENGTH)} {of}, {how}"
    yield from layout.said
    if class_names:
        names = [*map(printable, class_names[:10]), *["…"] * (len(class_names) > 10)]
        yield f"Labels  {counted(len(class_names), 'sub-folder')}: {', '.join(names)}"
    if facts.skipped:
        yield f"Skipped {counted(len(facts.skipped), 'image')}: {named(facts.skipped)}"
    if passed := found.describe_passed():
        yield f"Passed  {passed}"
    for white, full in zip(facts.whites, FULL_RANGE, strict=True):
        if white != full:
            yield f"Range   pixels use 0 to {white} of {full}; they are scaled so that {white} is white"
    if facts.grey_in_colour:
        yield "Grey    all images are grey, though stored in colour; `channels=1` trains on a third of the numbers"
