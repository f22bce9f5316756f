"""Bring images to a size and a number of channels that the networks can take."""

from dataclasses import replace

import numpy as np
from PIL import Image, ImageOps

from keras_gen.data.image_set import ImageSet

SIXTEEN_BIT = ("I;16", "I;16B", "I;16L", "I")
ORIENTATION = 0x0112  # the number of an Exif field
BAND_PIXELS = 2**22


class Unusable(Exception):
    """An image file that cannot be used; its text says why."""


def fit(image_set: ImageSet, size: int | None = None, channels: int | None = None) -> ImageSet:
    """Return the images cropped to squares, resampled, and turned to grey or colour; None keeps what they have."""
    height, width, depth = image_set.image_shape
    if (size is None or (height, width) == (size, size)) and channels in (None, depth):
        return image_set
    mode = "L" if (channels or depth) == 1 else "RGB"
    pictures = (Image.fromarray(image[..., 0] if depth == 1 else image).convert(mode) for image in image_set.images)
    if size is not None:
        pictures = (square(picture, size) for picture in pictures)
    images = np.stack([np.asarray(picture) for picture in pictures])
    images = images.reshape(*images.shape[:3], channels or depth)
    return replace(image_set, images=images)


def square(picture: Image.Image, size: int) -> Image.Image:
    """Return the centre of a picture, resampled to `size` x `size` pixels (Lanczos)."""
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    if picture.size == (size, size):
        return picture
    centre = picture.crop((left, top, left + side, top + side))  # resize's `box` would let the outside bleed in
    return centre.resize((size, size), Image.Resampling.LANCZOS)


def upright(picture: Image.Image) -> Image.Image:
    """Carry out the rotation that a camera noted."""
    return ImageOps.exif_transpose(picture) if picture.getexif().get(ORIENTATION, 1) != 1 else picture


def eight_bit(picture: Image.Image, white: int | None = None) -> tuple[Image.Image, int]:
    """Return any picture as 8-bit grey or colour as a viewer shows it, and the highest value that its pixels had.

    What is transparent lies on white. Palettes and CMYK become RGB. `white` becomes 255; None is the highest value of
    the pixels' type.

    Raises:
        Unusable: The pixels are of a kind that has no agreed range.
    """
    if picture.mode == "F":
        raise Unusable("has floating-point pixels; save it with 8 or 16 bits")
    if picture.mode in SIXTEEN_BIT:
        return _from_16_bits(picture, white or 65535)
    if picture.has_transparency_data:
        colours = picture.convert("RGBA")
    else:
        colours = picture if picture.mode in ("L", "RGB") else picture.convert("L" if picture.mode == "1" else "RGB")
    bands = colours.getextrema()
    highest = bands[1] if colours.mode == "L" else max(high for _, high in bands[:3])
    if white not in (None, 255):
        levels = [min(255, round(level * 255 / white)) for level in range(256)]
        colours = colours.point(levels * min(3, len(colours.mode)) + list(range(256)) * (colours.mode == "RGBA"))
    if colours.mode == "RGBA":
        colours = Image.alpha_composite(Image.new("RGBA", colours.size, "white"), colours).convert("RGB")
    return colours, highest


def _from_16_bits(picture: Image.Image, white: int) -> tuple[Image.Image, int]:
    values = np.asarray(picture)
    if values.min() < 0 or values.max() > 65535:
        raise Unusable("has pixels below 0 or above 65535; save it with 8 or 16 bits")
    grey = np.minimum(np.rint(np.arange(65536) * (255 / white)), 255).astype(np.uint8)[values]
    if isinstance(transparent := picture.info.get("transparency"), int):
        grey[values == transparent] = 255
    return Image.fromarray(grey), int(values.max())


def reduced(picture: Image.Image, size: int, white: int | None = None) -> tuple[Image.Image, int]:
    """Return what `eight_bit` does of a huge picture, averaged over blocks of pixels, without a whole copy of it.

    Both sides stay at least twice as long as `size`, to which it will be resampled.
    """
    factor = max(1, min(picture.size) // (2 * size))
    rows = factor * max(1, BAND_PIXELS // (picture.width * factor))
    result, highest = None, 0
    for top in range(0, picture.height, rows):
        band = picture.crop((0, top, picture.width, min(top + rows, picture.height)))
        band, brightest = eight_bit(band, white)
        if result is None:
            result = Image.new(band.mode, (-(-picture.width // factor), -(-picture.height // factor)))
        result.paste(band.reduce(factor), (0, top // factor))
        highest = max(highest, brightest)
    if orientation := picture.getexif().get(ORIENTATION):
        result.getexif()[ORIENTATION] = orientation
    return result, highest
