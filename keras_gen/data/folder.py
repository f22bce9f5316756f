"""A folder of image files, decoded once into a cache of uint8 that is mapped into memory, not read into it."""

import hashlib
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import features

from keras_gen.data.cache import fetch, image_cache
from keras_gen.data.decoding import FULL_RANGE, Decoded, Plan, Unusable, can_read_heif, decode, read_header, too_small
from keras_gen.data.finding import LONGEST_PATH, Found, find_images, shown
from keras_gen.data.folder_pixels import Facts, check_bad, decode_files, named, white_levels
from keras_gen.data.splits import Layout, arrange
from keras_gen.errors import InputError

CACHE_VERSION = 2


@dataclass
class FolderImages:
    """The images of a folder.

    Attributes:
        images: uint8 (n, height, width, channels), copied on write; the held-out ones come last.
        labels: The class of each image, int64 (n,), or None.
        class_names: The names of the classes.
        held_out: How many images the folder itself sets aside, in a test or validation folder.
        facts: What is known of the files.
    """

    images: np.ndarray
    labels: np.ndarray | None
    class_names: list[str]
    held_out: int
    facts: Facts


def read_folder(
    path: Path,
    image_size: int | None = None,
    channels: int | None = None,
    max_bad: int = 50,
    say: Callable[[str], None] = print,
    cache: Path | None = None,
) -> FolderImages:
    """Decode all images under a folder, or map what an earlier call decoded.

    Args:
        path: The folder; it is searched with its sub-folders, except hidden ones and run folders.
        image_size: Side in pixels; None is the files' own if all share one that the networks can reach, else 64.
        channels: 1 for grey, 3 for colour; None is grey if all files are stored so.
        max_bad: How many images that cannot be used are skipped; one more is an error.
        say: Takes lines of text for the user.
        cache: Where decoded pixels are kept; None is the usual place.

    Raises:
        InputError: The folder cannot be read, holds too few images, or too many bad ones.
    """
    found = _found(path)
    layout = arrange(path, found.files)
    files = layout.train + layout.held_out
    key = _key(path, files, image_size, channels)
    cache_lines: list[str] = []
    decoder = partial(decode_files, path, files, image_size, channels, max_bad)
    pixels, facts = fetch(cache or image_cache(), key, decoder, cache_lines.append)
    facts = Facts(**facts)
    check_bad(path, facts.skipped, max_bad)
    result = _with_labels(path, pixels.reshape(facts.shape), layout, facts)
    for line in [*_description(path, result, found, layout, image_size), *cache_lines]:
        say(line)
    return result


def read_image(path: str | Path, image_shape: tuple[int, int, int]) -> np.ndarray:
    """Return one image file as networks of this shape see it: upright, cropped and resized.

    Args:
        path: The file.
        image_shape: Height, width and channels; a square.

    Returns:
        uint8, of that shape.

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
            f"{shown(paths[0])} cannot be cropped to {width}x{height}; only runs on square images take image files"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's remarks on odd metadata
        decoded = [_decode_or_refuse(path, Plan(height, channels, *FULL_RANGE)) for path in paths]
        highest = {image.kind: 0 for image in decoded}
        for image in decoded:
            highest[image.kind] = max(highest[image.kind], image.highest)
        if highest.get("8", 0) > 1:
            highest["8"] = 255  # a few pictures may well be dark; 0 and 1 are a mask all the same
        whites = white_levels(paths[0] if len(paths) == 1 else paths[0].parent, highest)
        if whites != FULL_RANGE:
            decoded = [_decode_or_refuse(path, Plan(height, channels, *whites)) for path in paths]
    return np.stack([image.pixels for image in decoded])


def _decode_or_refuse(path: Path, plan: Plan) -> Decoded:
    try:
        if reason := too_small(read_header(path), plan.size):
            raise Unusable(reason)
        return decode(path, plan)
    except Unusable as reason:
        raise InputError(f"{shown(path, LONGEST_PATH)} {reason}; name an image file that can be used") from None


def _found(path: Path) -> Found:
    found = find_images(path)
    if not found.files:
        passed = found.describe_passed()
        raise InputError(
            f"{shown(path, LONGEST_PATH)} holds no image"
            + (f"; passed over: {passed}" if passed else "; name a folder of PNG, JPEG or other image files")
        )
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


def _with_labels(path: Path, images: np.ndarray, layout: Layout, facts: Facts) -> FolderImages:
    train, held_out = (
        [file for file in part if file.as_posix() not in facts.skipped] for part in (layout.train, layout.held_out)
    )
    if not train:
        raise InputError(f"{shown(path, LONGEST_PATH)} has no usable image to train on: {named(facts.skipped)}")
    if layout.classes is None:
        return FolderImages(images, None, [], len(held_out), facts)
    names = [layout.classes[file] for file in train + held_out]
    class_names, labels = np.unique(np.array(names, object), return_inverse=True)
    return FolderImages(images, labels.astype(np.int64), class_names.tolist(), len(held_out), facts)


def _description(
    path: Path, result: FolderImages, found: Found, layout: Layout, image_size: int | None
) -> Iterator[str]:
    """Say what was found and what was made of it, a line each."""
    facts = result.facts
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
    yield f"Files   {count:,} images in {shown(path, LONGEST_PATH)} {of}, {how}"
    yield from layout.said
    if result.class_names:
        names = [*map(shown, result.class_names[:10]), *["…"] * (len(result.class_names) > 10)]
        yield f"Labels  {len(result.class_names)} sub-folders: {', '.join(names)}"
    if facts.skipped:
        yield f"Skipped {len(facts.skipped)} images: {named(facts.skipped)}"
    if passed := found.describe_passed():
        yield f"Passed  {passed}"
    for white, full in zip(facts.whites, (255, 65535), strict=True):
        if white != full:
            yield f"Range   pixels use 0 to {white} of {full}; they are scaled so that {white} is white"
    if facts.grey_in_colour:
        yield "Grey    all images are grey, though stored in colour; `channels=1` trains on a third of the numbers"
