"""A folder of image files, decoded once into a cache of uint8 that is mapped into memory, not read into it."""

import errno
import hashlib
import json
import mmap
import os
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError
from tqdm import tqdm

from keras_gen.cores import usable_cores
from keras_gen.data.resizing import UnknownRange, square, upright_rgb
from keras_gen.errors import InputError
from keras_gen.files import PARTIAL, sync_folder, write_text
from keras_gen.sizes import REACHABLE

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".pbm")
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "DIB", "GIF", "TIFF", "PPM")  # none of them runs another program
ANIMATED = ("PNG", "WEBP", "GIF")  # a TIFF or an MPO has pages; the first is the picture
GREY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "F")
DEFAULT_SIZE = 64
LONGEST = 4  # times the shorter side: of a longer image, the crop would keep less than a quarter
LARGEST_ZOOM = 4  # a smaller image would be mostly made up
CACHE_VERSION = 1
ABOUT_THE_FILE = (None, errno.ENOENT, errno.EACCES, errno.EPERM, errno.ELOOP, errno.EISDIR)  # not the machine
NAMED = 3  # of the images that are skipped
CHUNK = 256  # images decoded at a time, so that a slow disk cannot fill the memory with them


@dataclass
class Facts:
    """What is known of a decoded folder, kept beside its pixels.

    Attributes:
        shape: (n, height, width, channels) of the pixels.
        labels: The number of each image's sub-folder, or None.
        class_names: The sub-folders' names.
        skipped: Why each file was left out, by its path in the folder.
        widths: The files' smallest, median and largest width.
        heights: The same of their height.
        shared_size: Whether the size was taken from the files, which all share it.
    """

    shape: list[int]
    labels: list[int] | None
    class_names: list[str]
    skipped: dict[str, str]
    widths: list[int]
    heights: list[int]
    shared_size: bool


def read_folder(
    path: Path,
    cache: Path,
    image_size: int | None = None,
    channels: int | None = None,
    max_bad: int = 50,
    say: Callable[[str], None] = print,
) -> tuple[np.ndarray, Facts]:
    """Decode all images under a folder, or map what an earlier call decoded.

    Args:
        path: The folder; it is searched with its sub-folders, except hidden ones.
        cache: Where decoded pixels are kept, under the fingerprint of the files (names, sizes, times).
        image_size: Side in pixels; None is the files' own if all share one that the networks can reach, else 64.
        channels: 1 for grey, 3 for colour; None is grey if all files are stored so.
        max_bad: How many images that cannot be used are skipped; one more is an error.
        say: Takes lines of text for the user.

    Returns:
        uint8 (n, height, width, channels), copied on write, and what is known of the files.

    Raises:
        InputError: The folder cannot be read, holds too few images, or too many bad ones.
    """
    files = _find(path)
    place = cache / _key(path, files, image_size, channels)
    facts, made = _cached(place), None
    if facts is None:
        _decode(path, files, place, image_size, channels, max_bad)
        facts = _cached(place)
        made = f"Cache   {place} ({np.prod(facts.shape) / 1e6:.1f} MB)"
    _check_bad(path, facts.skipped, max_bad)
    _describe(path, facts, image_size, say)
    if made is not None:
        say(made)
    return _mapped(place / "images.u8").reshape(facts.shape), facts


def _cached(place: Path) -> Facts | None:
    """Return the facts of what lies in the cache, if it is whole."""
    try:
        facts = Facts(**json.loads((place / "facts.json").read_text(encoding="utf-8")))
        return facts if (place / "images.u8").stat().st_size == np.prod(facts.shape) else None
    except (OSError, ValueError, TypeError):
        return None


def _mapped(path: Path) -> np.ndarray:
    """Map a file copy-on-write: the caller may rearrange images, and the file stays as it is."""
    with path.open("rb") as file:
        if sys.platform == "win32":
            return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY), np.uint8)
        # Without MAP_NORESERVE (which Python 3.11 does not name), Linux wants memory for a copy of the whole file.
        flags = mmap.MAP_PRIVATE | (0x4000 if sys.platform == "linux" else 0)
        return np.frombuffer(mmap.mmap(file.fileno(), 0, flags=flags, prot=mmap.PROT_READ | mmap.PROT_WRITE), np.uint8)


def _find(path: Path) -> list[Path]:
    """Return the image files below a folder, sorted, relative to it."""

    def fail(error: OSError) -> None:
        raise InputError(f"{error.filename} cannot be read ({error.strerror}); allow reading it, or move it away")

    found, seen = [], set()
    for folder, sub_folders, names in os.walk(path, onerror=fail, followlinks=True):
        if (real := os.path.realpath(folder)) in seen:  # a link back up
            sub_folders.clear()
            continue
        seen.add(real)
        sub_folders[:] = [name for name in sub_folders if not name.startswith(".")]
        found += [
            Path(folder, name).relative_to(path)
            for name in names
            if name.lower().endswith(SUFFIXES) and not name.startswith(".")
        ]
    if not found:
        raise InputError(f"{path} holds no image; files that end in {' '.join(SUFFIXES)} are looked for")
    return sorted(found)


def _key(path: Path, files: list[Path], image_size: int | None, channels: int | None) -> str:
    """Return a name for what decoding gives, from what it depends on."""
    digest = hashlib.sha256(repr((CACHE_VERSION, str(path.resolve()), image_size, channels)).encode())
    for file in files:
        try:
            facts = (path / file).stat()
            known = (facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino)
            digest.update(repr((file.as_posix(), known)).encode())
        except OSError:  # a link to nowhere
            digest.update(repr((file.as_posix(), None)).encode())
    return digest.hexdigest()


def _decode(
    path: Path, files: list[Path], place: Path, image_size: int | None, channels: int | None, max_bad: int
) -> None:
    """Decode files into a new folder of the cache."""
    skipped: dict[str, str] = {}
    temporary = _temporary_folder(place.parent)
    try:
        with warnings.catch_warnings(), ThreadPoolExecutor(usable_cores()) as pool:
            warnings.simplefilter("ignore")  # Pillow's remarks on odd metadata; large images are meant to be
            headers = dict(_work(pool, path, files, _header, skipped, max_bad, "Looking at images"))
            sizes = [size for size, _ in headers.values()]
            shared = _shared_size(sizes) if image_size is None else None
            size = image_size or shared or DEFAULT_SIZE
            depth = channels or (1 if all(mode in GREY_MODES for _, mode in headers.values()) else 3)
            kept = []
            with (temporary / "images.u8").open("wb") as output:
                read = partial(_pixels, size=size, channels=depth)
                for file, pixels in _work(pool, path, list(headers), read, skipped, max_bad, "Reading images"):
                    output.write(pixels.tobytes())
                    kept.append(file)
                output.flush()
                os.fsync(output.fileno())
        if len(kept) < 2:
            raise InputError(f"--dataset {path} holds too few usable images ({len(kept)}); give at least two")
        labels, class_names = _labels(kept)
        widths, heights = (_spread([headers[file][0][axis] for file in kept]) for axis in (0, 1))
        shape = [len(kept), size, size, depth]
        facts = Facts(shape, labels, class_names, skipped, widths, heights, shared is not None)
        write_text(temporary / "facts.json", json.dumps(asdict(facts)))
        if _cached(place) is None:  # else another process was quicker
            shutil.rmtree(place, ignore_errors=True)  # damaged
            temporary.rename(place)
        sync_folder(place.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _temporary_folder(cache: Path) -> Path:
    """Make a folder to decode into, and remove what killed processes left."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        for leftover in cache.glob(f"{PARTIAL}*"):
            if time.time() - leftover.stat().st_mtime > 24 * 3600:
                shutil.rmtree(leftover, ignore_errors=True)
        return Path(tempfile.mkdtemp(prefix=PARTIAL, dir=cache))
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise
        raise InputError(f"the cache of images cannot be made ({error}); set KERAS_HOME to a folder that can") from None


def _work(
    pool: ThreadPoolExecutor,
    path: Path,
    files: list[Path],
    function: Callable[[Path], object],
    skipped: dict[str, str],
    max_bad: int,
    title: str,
) -> Iterator[tuple[Path, object]]:
    """Apply a function to each file on all cores, in order, and keep account of those it cannot use."""

    def attempt(file: Path) -> tuple[object, str | None]:
        try:
            return function(path / file), None
        except _Unusable as reason:
            return None, str(reason)

    with tqdm(total=len(files), desc=title, unit="image", leave=False, delay=0.5, dynamic_ncols=True) as bar:
        for chunk in _chunks(files):
            for file, (result, reason) in zip(chunk, pool.map(attempt, chunk), strict=True):
                bar.update()
                if reason is None:
                    yield file, result
                else:
                    skipped[file.as_posix()] = reason
                    _check_bad(path, skipped, max_bad)


def _chunks(files: list[Path]) -> Iterable[list[Path]]:
    return (files[start : start + CHUNK] for start in range(0, len(files), CHUNK))


class _Unusable(Exception):
    """An image file that cannot be used; its text says why."""


def _open(path: Path) -> Image.Image:
    try:
        return Image.open(path, formats=FORMATS)
    except UnidentifiedImageError:
        raise _Unusable("is empty" if path.stat().st_size == 0 else "is not an image") from None
    except Image.DecompressionBombError:
        raise _Unusable("has too many pixels to be true") from None
    except OSError as error:
        if error.errno not in ABOUT_THE_FILE:
            raise
        raise _Unusable(f"cannot be opened ({error.strerror or error})") from None
    except MemoryError:
        raise
    except Exception as error:  # a damaged header can raise nearly anything
        raise _Unusable(f"is damaged ({error})") from None


def _header(path: Path) -> tuple[tuple[int, int], str]:
    """Return the size and the mode of an image, from its header alone."""
    with _open(path) as image:
        try:
            frames = image.n_frames if image.format in ANIMATED and getattr(image, "is_animated", False) else 1
        except Exception as error:  # a damaged file can raise nearly anything
            raise _Unusable(f"is cut short or damaged ({error})") from None
        if frames > 1:
            raise _Unusable(f"is animated ({frames} frames)")
        width, height = image.size
        if max(width, height) > LONGEST * min(width, height):
            raise _Unusable(f"is {width}x{height}, far from square")
        return image.size, image.mode


def _pixels(path: Path, size: int, channels: int) -> np.ndarray:
    """Return an image as the networks will see it: uint8 (size, size, channels)."""
    with _open(path) as image:
        if min(image.size) * LARGEST_ZOOM < size:
            raise _Unusable(f"is {image.width}x{image.height}, too small for {size} pixels")
        try:
            image.draft(image.mode, (2 * size, 2 * size))  # a JPEG far too large is read at half, a quarter, an eighth
            picture = square(upright_rgb(image), size)
        except UnknownRange as error:
            raise _Unusable(str(error)) from None
        except MemoryError:
            raise
        except Exception as error:  # damaged data can raise nearly anything
            raise _Unusable(f"is cut short or damaged ({error})") from None
    return np.asarray(picture.convert("L" if channels == 1 else "RGB")).reshape(size, size, channels)


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
    height, width, channels = image_shape
    if height != width:
        raise InputError(f"{path} cannot be cropped to {width}x{height}; only runs on square images take image files")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's remarks on odd metadata
        try:
            return _pixels(Path(path), height, channels)
        except _Unusable as reason:
            raise InputError(f"{path} {reason}; name an image file that can be used") from None


def read_images(path: str | Path, image_shape: tuple[int, int, int]) -> np.ndarray:
    """Return all images under a folder as networks of this shape see them, uint8 (n, height, width, channels).

    Raises:
        InputError: There is none, or one that cannot be used.
    """
    return np.stack([read_image(Path(path) / file, image_shape) for file in _find(Path(path))])


def _shared_size(sizes: list[tuple[int, int]]) -> int | None:
    """Return the side of the square that all images are, if the networks can reach it."""
    if len(set(sizes)) == 1 and sizes[0][0] == sizes[0][1] and sizes[0][0] in REACHABLE:
        return sizes[0][0]
    return None


def _labels(files: list[Path]) -> tuple[list[int] | None, list[str]]:
    """Return labels by the first folder of each path, if every image is in a sub-folder."""
    if any(len(file.parts) == 1 for file in files):
        return None, []
    class_names = sorted({file.parts[0] for file in files})
    return [class_names.index(file.parts[0]) for file in files], class_names


def _spread(values: list[int]) -> list[int]:
    return [min(values), int(np.median(values)), max(values)]


def _check_bad(path: Path, skipped: dict[str, str], max_bad: int) -> None:
    if len(skipped) > max_bad:
        raise InputError(
            f"more than {max_bad} of the images in {path} cannot be used: {_named(skipped)}; "
            "mend or remove them, or allow more with --max-bad"
        )


def _named(skipped: dict[str, str]) -> str:
    names = [f"{name} {reason}" for name, reason in list(skipped.items())[:NAMED]]
    return ", ".join(names) + (f", and {len(skipped) - NAMED} more" if len(skipped) > NAMED else "")


def _describe(path: Path, facts: Facts, image_size: int | None, say: Callable[[str], None]) -> None:
    count, size, _, _ = facts.shape
    low, median, high = (f"{width}x{height}" for width, height in zip(facts.widths, facts.heights, strict=True))
    of = f"of {low} pixels" if low == high else f"from {low} to {high} pixels (median {median})"
    if facts.shared_size:
        how = "kept at their own size"
    elif low == median == high == f"{size}x{size}":
        how = "of the size asked for"
    else:
        how = f"cropped to squares and resized to {size}x{size}" + (
            "" if image_size else " (--image-size sets another)"
        )
    say(f"Files   {count:,} images in {path} {of}, {how}")
    if facts.class_names:
        names = [*facts.class_names[:10], *["…"] * (len(facts.class_names) > 10)]
        say(f"Labels  {len(facts.class_names)} sub-folders: {', '.join(names)}")
    if facts.skipped:
        say(f"Skipped {len(facts.skipped)} images: {_named(facts.skipped)}")
