"""A folder or an archive of image files, decoded once into a cache of uint8 that is mapped into memory."""

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

from keras_gen.data.archives import Archive
from keras_gen.data.cache import fetch, image_cache
from keras_gen.data.decoding import FULL_RANGE, Decoded, Plan, Unusable, can_read_heif, decode, read_header, too_small
from keras_gen.data.finding import Folder, Found
from keras_gen.data.folder_pixels import Facts, check_bad, decode_files, named
from keras_gen.data.image_set import ImageSet
from keras_gen.data.ranges import white_levels
from keras_gen.data.resizing import transparency_lines
from keras_gen.data.splits import Layout, arrange
from keras_gen.errors import InputError
from keras_gen.text import PATH_LENGTH, counted, printable

CACHE_VERSION = 4


class FolderContents(NamedTuple):
    """What is in a folder or an archive of images.

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
    tree: Folder | Archive,
    image_size: int | str | None = None,
    channels: int | None = None,
    max_bad: int = 50,
    say: Callable[[str], None] = print,
) -> FolderContents:
    """Decode all images of a folder or an archive, or map what an earlier call decoded.

    The other arguments are `load_dataset`'s. Without an image size it is the files' own, if all share one that the
    networks can reach, else about 64. Without channels the images are grey if all files are stored so.

    The images are slices of one array.

    Raises:
        InputError: It cannot be read, holds too few images, or too many bad ones.
    """
    found = _found(tree)
    layout = arrange(tree.path, found.files)
    files = layout.train + layout.held_out
    cache_lines: list[str] = []
    decoder = partial(decode_files, tree, files, image_size, channels, max_bad)
    key = _key(tree, files, image_size, channels)
    pixels, facts = fetch(image_cache(), key, decoder, cache_lines.append)
    if cache_lines and _key(tree, files, image_size, channels) != key:
        cache_lines.append(f"Changed {tree.name} changed while it was read; run again if images were still arriving")
    facts = Facts(**facts)
    check_bad(tree.name, facts.skipped, max_bad)
    sets = _image_sets(tree, pixels.reshape(facts.shape), layout, facts)
    lines = _description(tree.name, sets[0].class_names, found, layout, facts, image_size, channels)
    for line in [*lines, *cache_lines]:
        say(line)
    used = [as_text(file.as_posix()) for file in files if file.as_posix() not in facts.skipped]
    return FolderContents(sets, used, facts.skipped, found.describe_passed())


def read_image(path: str | Path, image_shape: tuple[int, int, int]) -> np.ndarray:
    """Return one image file as networks of this shape see it: upright, cropped and resized, uint8.

    Raises:
        InputError: It cannot be used as an image.
    """
    return read_files([Path(path)], image_shape)[0]


def read_images(path: str | Path, image_shape: tuple[int, int, int]) -> np.ndarray:
    """Return all images under a folder as networks of this shape see them, uint8 (n, height, width, channels).

    Raises:
        InputError: There is none, or one that cannot be used.
    """
    return read_files(image_files(path), image_shape)


def image_files(path: str | Path) -> list[Path]:
    """Return the image files under a folder, in the order of `read_images`."""
    return [Path(path) / file for file in _found(Folder(Path(path))).files]


def read_files(paths: list[Path], image_shape: tuple[int, int, int]) -> np.ndarray:
    """Return image files as `read_images` does those of a folder."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's remarks on odd metadata
        decoded = [_decode_or_refuse(path, Plan(*image_shape, *FULL_RANGE)) for path in paths]
        highest = Counter()
        for image in decoded:
            highest |= {image.kind: image.highest}
        if highest["8"] > 1:
            highest["8"] = 255  # a few pictures may well be dark; 0 and 1 are a mask all the same
        whites = white_levels(highest, printable(paths[0] if len(paths) == 1 else paths[0].parent, PATH_LENGTH))
        if whites != FULL_RANGE:
            decoded = [_decode_or_refuse(path, Plan(*image_shape, *whites)) for path in paths]
    return np.stack([image.pixels for image in decoded])


def _decode_or_refuse(path: Path, plan: Plan) -> Decoded:
    try:
        if reason := too_small(read_header(path), plan.height, plan.width):
            raise Unusable(reason)
        return decode(path, plan)
    except Unusable as reason:
        raise InputError(f"{printable(path, PATH_LENGTH)} {reason}; name an image file that can be used") from None


def _found(tree: Folder | Archive) -> Found:
    found = tree.find()
    if not found.files:
        passed = found.describe_passed()
        remedy = f"passed over: {passed}" if passed else "name a folder of PNG, JPEG or other image files"
        raise InputError(f"{tree.name} holds no image; {remedy}")
    return found


def _key(tree: Folder | Archive, files: list[Path], image_size: int | str | None, channels: int | None) -> str:
    """Return a name for what decoding gives, from what it depends on."""
    decoders = (can_read_heif(), features.check("avif"))
    digest = hashlib.sha256(repr((CACHE_VERSION, str(tree.path.resolve()), image_size, channels, decoders)).encode())
    for parts in ((file.as_posix() for file in files), tree.states(files)):
        for part in parts:
            digest.update(repr(part).encode())
    return digest.hexdigest()


def _image_sets(tree: Folder | Archive, images: np.ndarray, layout: Layout, facts: Facts) -> list[ImageSet]:
    train, held_out = (
        [file for file in part if file.as_posix() not in facts.skipped] for part in (layout.train, layout.held_out)
    )
    if not train:
        raise InputError(f"{tree.name} has no usable image to train on: {named(facts.skipped)}")
    labels, class_names = None, ()
    if layout.classes is not None:
        names = [as_text(layout.classes[file]) for file in train + held_out]
        class_names, labels = np.unique(np.array(names, object), return_inverse=True)
    parts = [slice(None, len(train)), slice(len(train), None)][: 2 if held_out else 1]
    whole = ImageSet(images, labels, class_names, as_text(tree.stem))
    return [whole[part] for part in parts]


def as_text(name: str) -> str:
    """Return a file's name as text that can be drawn and written; on Linux it may be any bytes."""
    return os.fsencode(name).decode("utf-8", errors="replace")


def _description(
    where: str,
    class_names: tuple[str, ...],
    found: Found,
    layout: Layout,
    facts: Facts,
    image_size: int | str | None,
    channels: int | None,
) -> Iterator[str]:
    """Say what was found and what was made of it, a line each."""
    count, height, width, _ = facts.shape
    low, median, high = (f"{high}x{wide}" for high, wide in zip(facts.heights, facts.widths, strict=True))
    of = f"of {low} pixels" if low == high else f"from {low} to {high} pixels (median {median})"
    if facts.shared_size:
        how = "kept at their own size"
    elif low == median == high == f"{height}x{width}":
        how = "of the size asked for"
    else:
        how = f"cropped{' to squares' * (height == width)} and resized to {height}x{width}" + (
            "" if image_size else " (`image_size` sets another)"
        )
    if facts.heights != facts.widths or height != width:
        how += ", height x width"
    yield f"Files   {counted(count, 'image')} in {where} {of}, {how}"
    yield from found.remarks
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
    if channels != 4:
        yield from transparency_lines(facts.transparent, count)
    if facts.grey_in_colour:
        yield "Grey    all images are grey, though stored in colour; `channels=1` trains on a third of the numbers"
