"""Arrays of images and labels as people have them: their layouts, and which member of a file is which."""

import contextlib
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from keras_gen.data.labels import number_labels
from keras_gen.data.ranges import WANTED as WANTED_PIXELS
from keras_gen.data.ranges import find_range, to_bytes
from keras_gen.errors import InputError
from keras_gen.text import counted, listed

MIN_SIDE, MAX_ASPECTS = 4, (4, 2, 1)  # of what is taken for an image where an array has several readings
MIN_FLAT = 64  # pixels in a row: fewer are a table of numbers
CHANNELS = (1, 3, 4)
ROWS = "(n, pixels)"
IMAGES_FIRST, IMAGES_LAST = "(n, height, width)", "(height, width, n)"
CHANNELS_LAST, CHANNELS_FIRST = "(n, height, width, channels)", "(n, channels, height, width)"
MATLAB = "(height, width, channels, n)"
USUAL = (IMAGES_FIRST, CHANNELS_LAST)
WANTED = f"give {IMAGES_FIRST}, or {CHANNELS_LAST} with 1, 3 or 4 channels, or square images as rows {ROWS}"

_STEMS = ("x", "images", "imgs", "image", "img", "data", "pixels", "features", "arr0", "")
_LABEL_STEMS = ("y", "labels", "label", "targets", "target")
_PARTS = {
    "train": ("train", "training", "trainset"),
    "test": ("test", "testing", "testset"),
    "val": ("val", "valid", "validation"),
}


@dataclass(frozen=True)
class Part:
    """Images of one part of a data set, their labels, and what to call both in messages."""

    images: object
    labels: object = None
    images_name: str = "images"
    labels_name: str = "labels"


def prepare(
    parts: list[Part],
    class_names: Sequence[str] = (),
    where: str = "",
    say: Callable[[str], None] = lambda line: None,
) -> tuple[list[tuple[np.ndarray, np.ndarray | None]], tuple[str, ...]]:
    """Bring images to uint8 (n, height, width, channels) and labels to numbers from 0 up, named by the class names.

    Layout, range and label numbers are recognised from all parts together. `where`, such as " in photos.npz", is for
    messages; `say` takes a line for what is not obvious.

    Raises:
        InputError: The arrays are no images with labels, or could be read in two ways.
    """
    names = [part.images_name + where for part in parts]
    arrays = [_checked_images(part.images, name) for part, name in zip(parts, names, strict=True)]
    labels = [None if part.labels is None else _as_array(part.labels, part.labels_name + where) for part in parts]
    counts = [None if array is None else len(np.atleast_1d(array)) for array in labels]
    layout = _common_layout([array.shape for array in arrays], counts, names)
    images = [_arranged(array, layout) for array in arrays]
    what = " and ".join(part.images_name for part in parts) + where
    if layout not in USUAL:
        count, height, width, _ = images[0].shape
        say(
            f"Layout  {what} of shape {arrays[0].shape} read as {layout}: {counted(count, 'image')} of {height}x{width}"
        )
    pixel_range = find_range(images, what)
    if not pixel_range.is_usual:
        say(f"Pixels  {what} run from {pixel_range}")
    columns = zip(labels, map(len, images), (part.labels_name + where for part in parts), strict=True)
    numbers, names = number_labels(list(columns), class_names)
    images = [to_bytes(array, pixel_range) for array in images]
    return list(zip(images, numbers, strict=True)), names


def _as_array(values: object, name: str) -> np.ndarray:
    try:
        return np.asarray(values)
    except Exception as error:  # other libraries' tensors may raise anything
        remedy = "give all rows one length" if isinstance(error, ValueError | TypeError) else "give a NumPy array"
        raise InputError(f"{name} cannot be made an array ({' '.join(str(error).split()):.100}); {remedy}") from None


def _checked_images(images: object, name: str) -> np.ndarray:
    array = _as_array(images, name)
    if array.dtype.kind not in "biuf":
        raise InputError(f"{name} has dtype {array.dtype!s:.60}; {WANTED_PIXELS}")
    if array.ndim < 2:
        raise InputError(f"{name} has shape {array.shape}; {WANTED}")
    if len(array) == 0:
        raise InputError(f"{name} has no images; give at least one")
    return array


def _readings(shape: tuple[int, ...]) -> dict[str, tuple[int, int, int, int]]:
    """Return each layout that an array of this shape could have, as (n, height, width, channels)."""
    if len(shape) == 2:
        side, third, found = math.isqrt(shape[1]), math.isqrt(shape[1] // 3), {}
        if shape[1] >= MIN_FLAT and side * side == shape[1]:
            found[ROWS] = (shape[0], side, side, 1)
        if shape[1] >= 3 * MIN_FLAT and 3 * third * third == shape[1]:
            found |= {f"rows of {order}": (shape[0], third, third, 3) for order in (CHANNELS_LAST, CHANNELS_FIRST)}
        if shape[0] == shape[1]:
            found["one image"] = (1, *shape, 1)
        return found
    if len(shape) == 3:
        found = {IMAGES_FIRST: (*shape, 1), IMAGES_LAST: (shape[2], shape[0], shape[1], 1)}
        if shape[2] <= 4:
            found["one image"] = (1, *shape)
        return found
    if len(shape) == 4:
        a, b, c, d = shape
        found = {CHANNELS_LAST: shape, CHANNELS_FIRST: (a, c, d, b), MATLAB: (d, a, b, c)}
        return {layout: read for layout, read in found.items() if read[3] in CHANNELS}
    return {}


def _likely(readings: dict, count: int | None) -> dict:
    """Leave out what is no image of usual proportions, or has another number of images than of labels."""

    def narrow(test: Callable[[tuple], bool]) -> None:
        nonlocal readings
        readings = {layout: shape for layout, shape in readings.items() if test(shape)} or readings

    narrow(lambda shape: shape[0] == count)
    narrow(lambda shape: min(shape[1:3]) >= MIN_SIDE)
    for aspect in MAX_ASPECTS:
        narrow(lambda shape, aspect=aspect: max(shape[1:3]) <= aspect * min(shape[1:3]))
    return readings


def _common_layout(shapes: list[tuple[int, ...]], counts: list[int | None], names: list[str]) -> str:
    """Return the one layout that all parts of a data set can have."""
    likely = []
    for shape, count, name in zip(shapes, counts, names, strict=True):
        readings = _readings(shape)
        if not readings or 0 in shape:
            raise InputError(f"{name} has shape {shape!s:.80}; {WANTED}")
        likely.append(_likely(readings, count))
    common = [
        layout
        for layout, (_, *image_shape) in likely[0].items()
        if all(layout in readings and list(readings[layout][1:]) == image_shape for readings in likely)
    ]
    if len(common) > 1:
        raise InputError(
            f"{names[0]} has shape {shapes[0]}, which could be {' or '.join(common)}; "
            f"reshape or transpose it to {CHANNELS_LAST}"
        )
    if not common:
        shown = " and ".join(f"{name} has shape {shape}" for name, shape in zip(names, shapes, strict=True))
        raise InputError(f"{shown}; give both parts images of one shape, {CHANNELS_LAST}")
    if common[0] == "one image":
        raise InputError(f"{names[0]} of shape {shapes[0]} is one image; {WANTED}")
    return common[0]


def _arranged(array: np.ndarray, layout: str) -> np.ndarray:
    shape = _readings(array.shape)[layout]
    if layout == CHANNELS_FIRST:
        array = array.transpose(0, 2, 3, 1)
    if layout in (IMAGES_LAST, MATLAB):
        array = np.moveaxis(array, -1, 0)
    return array.reshape(shape)


def named_parts(arrays: Mapping[str, np.ndarray], what: object) -> tuple[list[Part], list[str]]:
    """Find images and labels among named arrays such as `x_train` and `y_train`, reading only those.

    Returns:
        The training part and, if there is one, the test or validation part; and the class names.

    Raises:
        InputError: None of the names is known to be of images; `what` says where they come from.
    """
    keys = {_normal(key): key for key in reversed(list(arrays))}
    train = _first(keys, _names(_STEMS, "train"))
    if train is None and len(arrays) == 1:
        train = next(iter(arrays))
    if train is None:
        found = listed(arrays, 5) or "none"
        raise InputError(f"{what} has no array named images, x_train or the like; it has {found}")
    parts = [_part(arrays, keys, train, "train")]
    for part in ("test", "val"):
        key = _first(keys, _names(_STEMS, part))
        if key is not None and len(parts) == 1:
            parts.append(_part(arrays, keys, key, part))
    class_names = []
    names_key = _first(keys, ("classnames", "labelnames", "targetnames", "listclasses"))
    with contextlib.suppress(InputError):  # only names: numbers do instead
        class_names = [] if names_key is None else list(map(str, np.ravel(arrays[names_key])))
    return parts, class_names


def _part(arrays: Mapping[str, np.ndarray], keys: dict[str, str], images: str, part: str) -> Part:
    array, key = arrays[images], _first(keys, _names(_LABEL_STEMS, part))
    labels = None if key is None else arrays[key]
    if key is None and images == "arr_0" and "arr_1" in arrays:  # numpy.savez(path, images, labels)
        with contextlib.suppress(InputError):
            key, second = "arr_1", arrays["arr_1"]
            labels = second if second.shape in ((len(array),), (len(array), 1)) else None
    return Part(array, labels, images, str(key))


def _names(stems: Iterable[str], part: str) -> list[str]:
    """Return the names, best first, that arrays of one part can have, as `_normal` writes them."""
    names = [name for word in _PARTS[part] for stem in stems for name in (stem + word, word + stem)]
    return names + list(stems) if part == "train" else names


def _normal(key: str) -> str:
    return re.sub(r"[^a-z0-9]", "", key.lower())


def _first(keys: dict[str, str], names: Iterable[str]) -> str | None:
    return next((keys[name] for name in names if name in keys), None)
