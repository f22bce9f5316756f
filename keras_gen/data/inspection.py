"""A look at the training images before hours go into them."""

import numpy as np

from keras_gen.data.image_set import ImageSet
from keras_gen.errors import InputError
from keras_gen.indices import evenly_spaced_indices
from keras_gen.transparency import on_white

FEW = 1000
LOOKED_AT, LOOKED_AT_PIXELS = 1000, 20_000_000
BLACK = 16  # a picture without a pixel of this level is nearly black
ALIKE = 8  # grey levels of root mean square difference, of 255: noise and compression differ by less


def inspect(train: ImageSet, remedy: str = "") -> list[str]:
    """Return advice on training images, a sentence each; `remedy` is what helps against memorising, if any.

    At most a thousand images, evenly spaced, are compared.

    Raises:
        InputError: All images are the same.
    """
    count = min(len(train), LOOKED_AT, max(50, LOOKED_AT_PIXELS // int(np.prod(train.image_shape))))
    images = on_white(train.images[evenly_spaced_indices(len(train), count)]).astype(np.float32)
    difference = np.sqrt(np.mean((images - np.median(images, axis=0)) ** 2, axis=(1, 2, 3)))
    if difference.max() == 0:
        what = "of one flat colour" if np.ptp(images[0], axis=(0, 1)).max() == 0 else "the same picture"
        raise InputError(f"all images of {train.name} are {what}; there is nothing to learn, so check the data")
    brightest = images.max(axis=(1, 2, 3))
    if brightest.max() < BLACK:
        raise InputError(
            f"all images of {train.name} are nearly black (0 to {brightest.max():.0f} of 255); "
            "scale their pixels so that white is 255"
        )
    advice = []
    if (share := np.mean(brightest < BLACK)) > 0.1:
        advice.append(
            f"{share:.0%} of the images are nearly black; if they are masks or labels, "
            "scale them so that white is 255, or leave them out"
        )
    if (share := np.mean(difference < ALIKE)) > 0.5:
        advice.append(
            f"{share:.0%} of the images are nearly the same picture; expect to get that one, or remove copies"
        )
    if len(train) < FEW:
        helps = f"use {remedy} or more images" if remedy else "use more images"
        advice.append(f"{len(train)} training images are few (below {FEW:,}): expect them to be memorised; {helps}")
    return advice
