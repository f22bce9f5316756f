"""Checks of what a user passes to a run's methods."""

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from keras_gen.errors import InputError
from keras_gen.text import printable

ROUNDING = 1e-3  # how far resizing may have led floats out of [0, 1]
IMAGES_WANTED = "give uint8 from 0 to 255, floats from 0 to 1, or bool"
MAX_NUMBER = 2**31 - 1
PRIORS = ("normal", "mixture")  # of a VAE's latent points


def as_images(images: object, image_shape: tuple[int, int, int]) -> np.ndarray:
    """Return images as uint8 of shape (n, height, width, channels).

    Args:
        images: One or several: uint8 from 0 to 255, floats from 0 to 1, or bool. Grey ones may lack the last axis.
        image_shape: Height, width and channels.

    Raises:
        InputError: They have another shape, or values that could mean several things.
    """
    array = _as_array("images", images)
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
    points = as_latents(point, latent_dim, f"`{name}`")
    if len(points) != 1:
        raise InputError(f"`{name}` must be one latent point, of shape ({latent_dim},); received {len(points)}")
    return points[0]


def as_latents(latents: object, latent_dim: int, name: str = "latents") -> np.ndarray:
    """Return latent points, one or several, as float32 of shape (n, latent_dim); `name` is for messages."""
    array = _as_array(name, latents)
    if array.dtype.kind not in "buif":
        raise InputError(f"{name} must be numbers; received dtype {array.dtype}")
    if array.shape == (latent_dim,):
        array = array[np.newaxis]
    if array.ndim != 2 or array.shape[1] != latent_dim or not len(array):
        raise InputError(
            f"{name} must have shape (n, {latent_dim}) with n of 1 or more, or ({latent_dim},); received {array.shape}"
        )
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite
        array = array.astype(np.float32)
    if not np.isfinite(array).all():
        raise InputError(f"{name} must be finite numbers; received some that are not")
    return array


def _as_array(name: str, value: object) -> np.ndarray:
    try:
        return np.asarray(value)
    except (ValueError, TypeError):  # lists of unequal lengths, an ImageSet
        raise InputError(f"{name} must be one array; received {type(value).__name__}") from None


def as_path(name: str, value: object, ending: str = "") -> Path:
    """Return a path, or raise InputError if it is none, or its name does not end as it must."""
    if not isinstance(value, str | os.PathLike) or str(value) == "" or "\0" in str(value):
        raise InputError(f"`{name}` must be a path; received {printable(repr(value))}")
    if not str(value).lower().endswith(ending):
        raise InputError(f"`{name}` must be a path that ends in {ending}; received {printable(value)}")
    return Path(value)


def check_count(name: str, value: object, least: int, most: int = MAX_NUMBER) -> int:
    """Return a whole number within bounds, or raise InputError."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not least <= value <= most:
        raise InputError(f"`{name}` must be a whole number from {least} to {most}; received {printable(repr(value))}")
    return int(value)


def check_numbers(
    name: str, values: object, wanted: str, count: tuple[int, int] = (1, MAX_NUMBER), most: int = MAX_NUMBER
) -> tuple[int, ...]:
    """Return whole numbers from 0 to `most`, or raise InputError.

    Args:
        name: Of the argument.
        values: Numbers.
        wanted: What they must be, for the message.
        count: How many there may be, at least and at most.
        most: The largest that one may be.
    """
    numbers = list(values) if isinstance(values, Iterable) and not isinstance(values, str) else []
    whole = all(isinstance(number, int | np.integer) and not isinstance(number, bool) for number in numbers)
    if not (whole and count[0] <= len(numbers) <= count[1] and all(0 <= number <= most for number in numbers)):
        received = ",".join(map(str, numbers)) or repr(values)
        raise InputError(f"`{name}` must be {wanted}; received {printable(received)}")
    return tuple(map(int, numbers))


def check_seconds(name: str, value: object) -> float:
    """Return a number of seconds, or raise InputError."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1e9:
        raise InputError(f"`{name}` must be a number of seconds from 0 to 1e+09; received {printable(repr(value))}")
    return value


def check_one_of(name: str, value: str | int, choices: tuple[str | int, ...]) -> str | int:
    """Return one of several words or numbers, or raise InputError."""
    if value not in choices:
        raise InputError(f"`{name}` must be one of {', '.join(map(str, choices))}; received {printable(repr(value))}")
    return value
