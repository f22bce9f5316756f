"""Checks of the arrays that a user passes to a run's methods."""

import numpy as np

from keras_gen.errors import InputError

ROUNDING = 1e-3  # how far resizing may have led floats out of [0, 1]
IMAGES_WANTED = "give uint8 from 0 to 255, floats from 0 to 1, or bool"


def as_images(images: object, image_shape: tuple[int, int, int]) -> np.ndarray:
    """Return images as uint8 of shape (n, height, width, channels).

    Args:
        images: One or several: uint8 from 0 to 255, floats from 0 to 1, or bool. Grey ones may lack the last axis.
        image_shape: Height, width and channels.

    Raises:
        InputError: They have another shape, or values that could mean several things.
    """
    array = np.asarray(images)
    if array.dtype.kind not in "buif":
        raise InputError(f"images have dtype {array.dtype}; {IMAGES_WANTED}")
    array = _with_shape(array, image_shape)
    if array.dtype == bool:
        return array.astype(np.uint8) * np.uint8(255)
    low, high = float(array.min()), float(array.max())
    if not np.isfinite([low, high]).all():
        raise InputError(f"images hold values that are not finite; {IMAGES_WANTED}")
    if array.dtype.kind == "f":
        if low < -ROUNDING or high > 1 + ROUNDING:
            raise InputError(f"images are floats from {low:g} to {high:g}; {IMAGES_WANTED}")
        return np.rint(np.clip(array, 0, 1) * 255).astype(np.uint8)
    if low < 0 or high > 255:
        raise InputError(f"images are whole numbers from {low:g} to {high:g}; {IMAGES_WANTED}")
    if high == 1:
        raise InputError(
            "images are whole numbers of 0 and 1, which are nearly black from 0 to 255; for black and white give bool, "
            "or multiply by 255"
        )
    return array.astype(np.uint8)


def _with_shape(array: np.ndarray, image_shape: tuple[int, int, int]) -> np.ndarray:
    """Return an array as (n, height, width, channels)."""
    grey = image_shape[-1] == 1
    one = (image_shape, image_shape[:2]) if grey else (image_shape,)
    if array.shape in one:
        return array.reshape(1, *image_shape)
    if array.ndim and array.shape[1:] in one and len(array):
        return array.reshape(-1, *image_shape)
    wanted = f"(n, {', '.join(map(str, image_shape))})"
    raise InputError(f"images have shape {array.shape}; this run takes {wanted} with n of 1 or more, or one image")


def as_point(name: str, point: object, latent_dim: int) -> np.ndarray:
    """Return one latent point as float32 of shape (latent_dim,), or raise InputError."""
    points = as_latents(point, latent_dim)
    if len(points) != 1:
        raise InputError(f"`{name}` must be one latent point, of shape ({latent_dim},); received {len(points)}")
    return points[0]


def as_latents(latents: object, latent_dim: int) -> np.ndarray:
    """Return latent points as float32 of shape (n, latent_dim).

    Args:
        latents: Numbers of shape (n, latent_dim), or one point of shape (latent_dim,).
        latent_dim: Numbers in a point.

    Raises:
        InputError: They have another shape, or are no finite numbers.
    """
    array = np.asarray(latents)
    if array.dtype.kind not in "buif":
        raise InputError(f"latents have dtype {array.dtype}; give numbers")
    if array.shape == (latent_dim,):
        array = array[np.newaxis]
    if array.ndim != 2 or array.shape[1] != latent_dim or not len(array):
        raise InputError(f"latents have shape {array.shape}; this run takes (n, {latent_dim}) with n of 1 or more")
    array = array.astype(np.float32)
    if not np.isfinite(array).all():
        raise InputError("latents hold values that are not finite; give finite numbers")
    return array


def check_count(name: str, value: object, least: int, most: int = 2**31 - 1) -> int:
    """Return a whole number within bounds, or raise InputError."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not least <= value <= most:
        raise InputError(f"`{name}` must be a whole number from {least} to {most}; received {value!r}")
    return int(value)


def check_one_of(name: str, value: object, choices: tuple[str, ...]) -> str:
    """Return a word that is one of several, or raise InputError."""
    if value not in choices:
        raise InputError(f"`{name}` must be one of {', '.join(choices)}; received {value!r}")
    return value
