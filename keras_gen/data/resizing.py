"""Bring images to a size and a number of channels that the networks can take."""

from dataclasses import replace

import numpy as np
from PIL import Image, ImageOps

from keras_gen.data.image_set import ImageSet

SIXTEEN_BIT = ("I;16", "I;16B", "I;16L", "I")


class UnknownRange(ValueError):
    """Pixels whose black and white nobody can tell."""


def fit(image_set: ImageSet, size: int | None = None, channels: int | None = None) -> ImageSet:
    """Return the images cropped to squares, resampled, and turned to grey or colour.

    Args:
        image_set: Images of any size.
        size: Side in pixels; None keeps it.
        channels: 1 or 3; None keeps them.
    """
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


def upright_rgb(picture: Image.Image) -> Image.Image:
    """Return any picture as 8-bit grey or colour as a viewer shows it.

    Cameras note how they were held: that rotation is carried out. What is
    transparent lies on white. 16-bit grey is scaled to 8; palettes and CMYK
    become RGB.

    Raises:
        UnknownRange: The pixels are of a kind that has no agreed range.
    """
    if picture.mode == "F":
        raise UnknownRange("has floating-point pixels; save it with 8 or 16 bits")
    picture = ImageOps.exif_transpose(picture)
    if picture.mode in SIXTEEN_BIT:
        values = np.asarray(picture, np.int64)
        if values.min() < 0 or values.max() > 65535 or (picture.mode == "I" and 0 < values.max() <= 255):
            raise UnknownRange("has pixels of 32 bits; save it with 8 or 16 bits")
        grey = np.rint(values / 257).astype(np.uint8)
        if isinstance(transparent := picture.info.get("transparency"), int):
            grey[values == transparent] = 255
        return Image.fromarray(grey)
    if picture.has_transparency_data:
        colours = picture.convert("RGBA")
        white = Image.new("RGBA", colours.size, "white")
        return Image.alpha_composite(white, colours).convert("RGB")
    return picture if picture.mode in ("L", "RGB") else picture.convert("L" if picture.mode == "1" else "RGB")
