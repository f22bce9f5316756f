"""Bring images to a size and a number of channels that the networks can take."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from keras_gen.data.image_set import ImageSet
from keras_gen.sizes import sides
from keras_gen.transparency import on_white, without_hidden_colours

SIXTEEN_BIT = ("I;16", "I;16B", "I;16L", "I")
ORIENTATION = 0x0112  # the number of an Exif field
BAND_PIXELS = 2**22
CHUNK = 256  # images looked at at a time
MANY_TRANSPARENT = 0.1  # of the images
MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # of Pillow, by the number of channels


class Unusable(Exception):
    """An image file that cannot be used; its text says why."""


def fit(image_set: ImageSet, size: int | str | None = None, channels: int | None = None) -> ImageSet:
    """Return the images cropped and resampled to a size, and turned to grey, colour or RGBA.

    None keeps what they have; but transparency is only kept where 4 channels are asked for, and else lies on white.
    """
    height, width, depth = image_set.image_shape
    target = (height, width) if size is None else sides(size)
    channels = channels or min(depth, 3)
    if target == (height, width) and channels == depth:
        parts = (image_set.images[start : start + CHUNK] for start in range(0, len(image_set), CHUNK))
        if all(without_hidden_colours(part) is part for part in parts):
            return image_set
    images = np.empty((len(image_set), *target, channels), np.uint8)
    for source, result in zip(image_set.images, images, strict=True):
        picture = Image.fromarray(source[..., 0] if depth == 1 else source if channels == 4 else on_white(source))
        result[:] = as_pixels(cropped(picture.convert(MODES[channels]), *target), channels)
    return replace(image_set, images=images)


def transparency_lines(transparent: int, count: int) -> list[str]:
    """Return the line about images whose transparency is not kept, if they are more than a tenth of all."""
    if transparent <= MANY_TRANSPARENT * count:
        return []
    return [
        f"Alpha   {transparent:,} of {count:,} images are partly transparent, and lie on white; `channels=4` keeps it"
    ]


def as_pixels(picture: Image.Image, channels: int) -> np.ndarray:
    """Return a picture as uint8 (height, width, channels); what is invisible has no colour."""
    pixels = np.array(picture.convert(MODES[channels]))
    return without_hidden_colours(pixels.reshape(*pixels.shape[:2], channels))


def cropped(picture: Image.Image, height: int, width: int) -> Image.Image:
    """Return the centre of a picture in the wanted shape, resampled to that size (Lanczos)."""
    if picture.size == (width, height):
        return picture
    scale = min(picture.width / width, picture.height / height)
    wide, high = max(1, round(width * scale)), max(1, round(height * scale))
    left, top = (picture.width - wide) // 2, (picture.height - high) // 2
    centre = picture.crop((left, top, left + wide, top + high))  # resize's `box` would let the outside bleed in
    return centre.resize((width, height), Image.Resampling.LANCZOS)


def upright(picture: Image.Image) -> Image.Image:
    """Carry out the rotation that a camera noted."""
    return ImageOps.exif_transpose(picture) if picture.getexif().get(ORIENTATION, 1) != 1 else picture


class EightBit(NamedTuple):
    """A picture of mode L, RGB or RGBA, the highest value that its pixels had, and whether it shows what is behind."""

    picture: Image.Image
    highest: int
    transparent: bool


def eight_bit(picture: Image.Image, white: int | None = None, keep_alpha: bool = False) -> EightBit:
    """Return any picture as 8-bit grey or colour as a viewer shows it.

    What is transparent lies on white, or is kept. Palettes and CMYK become RGB. `white` becomes 255; None is the
    highest value of the pixels' type.

    Raises:
        Unusable: The pixels are of a kind that has no agreed range.
    """
    if picture.mode == "F":
        raise Unusable("has floating-point pixels; save it with 8 or 16 bits")
    if picture.mode in SIXTEEN_BIT:
        return _from_16_bits(picture, white or 65535, keep_alpha)
    if picture.has_transparency_data:
        colours = picture.convert("RGBA")
    else:
        colours = picture if picture.mode in ("L", "RGB") else picture.convert("L" if picture.mode == "1" else "RGB")
    bands = colours.getextrema()
    highest = bands[1] if colours.mode == "L" else max(high for _, high in bands[:3])
    if white not in (None, 255):
        levels = [min(255, round(level * 255 / white)) for level in range(256)]
        colours = colours.point(levels * min(3, len(colours.mode)) + list(range(256)) * (colours.mode == "RGBA"))
    if colours.mode == "RGBA" and not keep_alpha:
        colours = Image.alpha_composite(Image.new("RGBA", colours.size, "white"), colours).convert("RGB")
    return EightBit(colours, highest, len(bands) == 4 and bands[3][0] < 255)


def _from_16_bits(picture: Image.Image, white: int, keep_alpha: bool) -> EightBit:
    values = np.asarray(picture)
    if values.min() < 0 or values.max() > 65535:
        raise Unusable("has pixels below 0 or above 65535; save it with 8 or 16 bits")
    grey = np.minimum(np.rint(np.arange(65536) * (255 / white)), 255).astype(np.uint8)[values]
    level = picture.info.get("transparency")
    if not isinstance(level, int):
        return EightBit(Image.fromarray(grey), int(values.max()), False)
    hidden = values == level
    grey[hidden] = 255
    result = Image.fromarray(grey)
    if keep_alpha:
        result = result.convert("RGBA")
        result.putalpha(Image.fromarray(np.where(hidden, 0, 255).astype(np.uint8)))
    return EightBit(result, int(values.max()), bool(hidden.any()))


def reduced(picture: Image.Image, size: int, white: int | None = None, keep_alpha: bool = False) -> EightBit:
    """Return what `eight_bit` does of a huge picture, averaged over blocks of pixels, without a whole copy of it.

    Both sides stay at least twice as long as `size`, the longer one of those to which it will be resampled.
    """
    factor = max(1, min(picture.size) // (2 * size))
    rows = factor * max(1, BAND_PIXELS // (picture.width * factor))
    result, highest, transparent = None, 0, False
    for top in range(0, picture.height, rows):
        band = picture.crop((0, top, picture.width, min(top + rows, picture.height)))
        band, brightest, is_transparent = eight_bit(band, white, keep_alpha)
        if result is None:
            result = Image.new(band.mode, (-(-picture.width // factor), -(-picture.height // factor)))
        result.paste(band.reduce(factor), (0, top // factor))
        highest, transparent = max(highest, brightest), transparent or is_transparent
    if orientation := picture.getexif().get(ORIENTATION):
        result.getexif()[ORIENTATION] = orientation
    return EightBit(result, highest, transparent)
