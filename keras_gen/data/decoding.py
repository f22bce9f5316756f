"""One image file, opened by its content, to the pixels that the networks see; at most 1 GB is in use at a time."""

import errno
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

import numpy as np
from PIL import Image, UnidentifiedImageError

from keras_gen.data.resizing import (
    ORIENTATION,
    SIXTEEN_BIT,
    Unusable,
    as_pixels,
    cropped,
    eight_bit,
    reduced,
    upright,
)
from keras_gen.text import printable

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "DIB", "GIF", "TIFF", "PPM", "AVIF")  # none of them runs another program
ANIMATED = ("PNG", "WEBP", "GIF", "AVIF")  # a TIFF or an MPO has pages; the first is the picture
UNREAD = {  # what the file's bytes 4 to 12 say, where a decoder is missing
    b"ftypavif": "is AVIF, which this Pillow cannot read; pip install --upgrade pillow",
    **dict.fromkeys(
        [b"ftyp" + brand for brand in (b"heic", b"heix", b"hevc", b"mif1", b"msf1")],
        "is HEIC; pip install pillow-heif, or save it as JPEG",
    ),
}
CUT_SHORT = "is cut short or damaged"
TURNED = (5, 6, 7, 8)  # Exif's orientations of images that lie on their side
LONGEST = 4  # times the shorter side: of a longer image, the crop would keep less than a quarter
LARGEST_ZOOM = 4  # a smaller image would be mostly made up
MACHINE_ERRORS = {errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM}  # of the machine, not of one file
FULL_RANGE = (255, 65535)  # of pixels of 8 and 16 bits
HUGE = 2**25  # pixels; a larger image is reduced before it is converted
MEMORY = 9 * 10**8  # bytes for the images that are being decoded
HEADROOM = 10**8  # which one image alone may take beyond that


class File(Protocol):
    """A `Path`, or what stands for one in an archive."""

    def open(self, mode: str) -> BinaryIO:
        """Return its content, to read from."""


class Header(NamedTuple):
    """What is known of an image file before its pixels are read; the sides are those of the upright image."""

    width: int
    height: int
    mode: str


class Plan(NamedTuple):
    """How images become pixels: sides, channels, and the values that are white in 8 and 16 bits."""

    height: int
    width: int
    channels: int
    white_8: int
    white_16: int


class Decoded(NamedTuple):
    """An image's pixels, uint8 (height, width, channels), and what they were before.

    Attributes:
        pixels: As the networks see them.
        kind: `8`, `16`, or `upper 8`: of 16-bit colour, Pillow keeps the upper 8 bits.
        highest: The highest value in the file.
        is_grey: Whether all colours are alike.
        transparent: Whether any pixel shows what is behind it.
    """

    pixels: np.ndarray
    kind: str
    highest: int
    is_grey: bool
    transparent: bool


class _Memory:
    """Lets as many threads decode at once as there is memory for; who needs more than all waits until it is alone."""

    def __init__(self, limit: int) -> None:
        self._limit, self._used, self._changed = limit, 0, threading.Condition()

    @contextmanager
    def taken(self, amount: int) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: self._used == 0 or self._used + amount <= self._limit)
            self._used += amount
        try:
            yield
        finally:
            with self._changed:
                self._used -= amount
                self._changed.notify_all()


_memory = _Memory(MEMORY)


@contextmanager
def returning_memory() -> Iterator[None]:
    """Let Pillow take memory in blocks of a size that the C library gives back to the system as soon as they are free.

    Smaller blocks would stay with the thread that used them, hundreds of megabytes each.
    """
    before = Image.core.get_block_size()
    Image.core.set_block_size(2**26)
    try:
        yield
    finally:
        Image.core.set_block_size(before)


@cache
def can_read_heif() -> bool:
    """Tell whether the optional package pillow-heif is there, and let Pillow use it."""
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.register_heif_opener()
    return True


def is_image(path: File) -> bool:
    """Tell whether a file's content begins as an image's does."""
    try:
        with _open(path):
            return True
    except (Unusable, OSError):
        return False


@contextmanager
def _telling_damage(problem: str) -> Iterator[None]:
    """Turn into `Unusable` what damaged data make Pillow raise, which can be nearly anything; not a disk's errors."""
    try:
        yield
    except (MemoryError, Unusable):
        raise
    except Exception as error:
        if getattr(error, "errno", None) in MACHINE_ERRORS:
            raise
        raise Unusable(f"{problem} ({printable(error, 100)})") from None


def read_header(path: File) -> Header:
    """Return an image's size and mode, from its header alone.

    Raises:
        Unusable: It is no single picture that can be cropped.
    """
    with _open(path) as image, _telling_damage(CUT_SHORT):
        frames = image.n_frames if image.format in ANIMATED and getattr(image, "is_animated", False) else 1
        if frames > 1:
            raise Unusable(f"is animated ({frames} frames)")
        width, height = image.size
        if max(width, height) > LONGEST * min(width, height):
            raise Unusable(f"is {width}x{height}, far from square")
        # Without it in `info`, a PNG would be decoded to look for it; a TIFF has its sides turned already.
        if "exif" in image.info and image.getexif().get(ORIENTATION, 1) in TURNED:
            width, height = height, width
        return Header(width, height, image.mode)


def too_small(header: Header, height: int, width: int) -> str | None:
    """Say that an image is too small for a size, if it is."""
    if header.width * LARGEST_ZOOM >= width and header.height * LARGEST_ZOOM >= height:
        return None
    size = height if height == width else f"{height}x{width}"
    return f"is {header.width}x{header.height}, too small for {size} pixels"


def decode(path: File, plan: Plan) -> Decoded:
    """Return an image as the networks will see it: upright, cropped to its centre, resampled.

    Raises:
        Unusable: It is damaged, or of a kind that cannot be used.
    """
    with _open(path) as image, _telling_damage(CUT_SHORT):
        width, height = image.size
        # A JPEG far too large is read at half, a quarter, an eighth.
        size = max(plan.height, plan.width)  # it may lie on its side
        image.draft(image.mode, (2 * size, 2 * size))
        needed = _bytes_to_decode(image, width * height)
        if needed > MEMORY + HEADROOM:
            raise Unusable(f"is {width}x{height}, too large for {image.format} in 1 GB; save it as PNG")
        with _memory.taken(needed):
            try:
                return _pixels(image, plan)
            finally:
                image.close()  # gives the memory back before the next one takes it


def _pixels(image: Image.Image, plan: Plan) -> Decoded:
    kind = "16" if image.mode in SIXTEEN_BIT else "upper 8" if ";16" in str(image.tile) else "8"
    white = plan.white_16 if kind == "16" else plan.white_8
    keep_alpha = plan.channels == 4
    if image.width * image.height > HUGE:
        picture, highest, transparent = reduced(image, max(plan.height, plan.width), white, keep_alpha)
        picture = upright(picture)
    else:
        picture, highest, transparent = eight_bit(upright(image), white, keep_alpha)
    picture = cropped(picture, plan.height, plan.width)
    pixels = as_pixels(picture, plan.channels)
    colours = np.asarray(picture)
    # JPEG may tint grey a little.
    is_grey = colours.ndim == 2 or not (np.ptp(colours[..., :3], axis=-1) > 8).any()
    return Decoded(pixels, kind, highest, is_grey, transparent)


def _bytes_to_decode(image: Image.Image, full_pixels: int) -> int:
    """Estimate the memory that decoding takes at its highest."""
    pixels = image.width * image.height
    held = 4 if image.mode not in ("1", "L", "P", "I;16", "I;16B", "I;16L") else 2
    if image.format in ("WEBP", "AVIF", "HEIF"):  # decoded whole by another library, then copied
        held = 22
    elif image.format == "TIFF" and image.info.get("compression") not in (None, "raw"):  # perhaps in one strip
        held *= 2
    coefficients = 6 * full_pixels if image.info.get("progressive") else 0  # JPEG keeps all of them
    copies = 0 if pixels > HUGE else 16 if image.has_transparency_data else 8
    return coefficients + (held + copies) * pixels


def _open(path: File) -> Image.Image:
    """Open an image by its content; the one place where files of a folder are opened."""
    with _telling_damage("is damaged"):
        try:
            on_disk = isinstance(path, Path)
            if on_disk and not stat.S_ISREG(path.stat().st_mode):
                raise Unusable("is not a file")
            content = path if on_disk else path.open("rb")
            return Image.open(content, formats=(*FORMATS, "HEIF") if can_read_heif() else FORMATS)
        except UnidentifiedImageError:
            with path.open("rb") as file:
                start = file.read(12)
            raise Unusable("is empty" if not start else UNREAD.get(start[4:], "is not an image")) from None
        except Image.DecompressionBombError:
            raise Unusable("has too many pixels to be true") from None
        except OSError as error:
            if error.errno in MACHINE_ERRORS:
                raise
            raise Unusable(f"cannot be opened ({error.strerror or printable(error, 100)})") from None
