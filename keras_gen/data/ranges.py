"""Which values are black and white, recognised from the whole data set: it often uses far less than its type holds."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from keras_gen.errors import InputError

WHITES = (1, 255, 1023, 4095, 16383, 65535)  # of 1, 8, 10, 12, 14 and 16 bits
MASKS = (1, 3, 15)  # of one, two or four bits, in a folder's files
DEPTHS = (8, 10, 12, 14)  # bits of a camera or scanner, stored in 16
FLOAT_RANGES = ((0, 1), (-1, 1), (0, 255))
NEARLY_BLACK = 1 / 8  # of the range: images that stay below are not trained on
OVERSHOOT = 0.1  # of the range: what resampling adds beyond black and white
ROUNDING = 0.001  # of the range: a quarter of a grey level
MAX_SHARE_OUTSIDE = 0.1
CENTRED = 1e-5  # a mean this near to 0 is no accident
CHUNK = 2**22  # values converted at a time
WANTED = "give uint8 from 0 to 255, or floats from 0 to 1"


@dataclass(frozen=True)
class PixelRange:
    """The values of black and white, and whether values beyond them are clipped."""

    black: int
    white: int
    low: float
    high: float

    @property
    def is_usual(self) -> bool:
        """Whether there is nothing to tell the user: 0 to 255, or 0 to 1 in floats."""
        if self.low == self.high:
            return True
        inside = self.black <= self.low and self.high <= self.white
        return inside and self.black == 0 and (self.white == 255 or (self.white == 1 and isinstance(self.low, float)))

    def __str__(self) -> str:
        clipped = ", values beyond are clipped" if self.low < self.black or self.high > self.white else ""
        found = f"{number(self.low)} to {number(self.high)}"
        return f"{found}: {self.black} is taken as black, {self.white} as white{clipped}"


def number(value: float) -> str:
    """Write a value so that 1.0000001 is not shown as 1."""
    return f"{value:.9g}" if isinstance(value, float) else str(value)


def find_range(arrays: list[np.ndarray], what: str) -> PixelRange:
    """Return the values of black and white of images, (n, height, width, channels) each.

    Raises:
        InputError: They are no pixels, could be read in two ways, or are nearly black.
    """
    kinds = {"i" if array.dtype.kind in "iu" else array.dtype.kind for array in arrays}
    if not kinds <= {"b", "i", "f"}:
        raise InputError(f"{what} has dtype {arrays[0].dtype}; {WANTED}")
    if len(kinds) > 1:
        raise InputError(f"{what} mix {' and '.join(str(array.dtype) for array in arrays)}; give both one type")
    maxima = np.concatenate([array.max(axis=(1, 2, 3)) for array in arrays])
    low, high = min(array.min().item() for array in arrays), maxima.max().item()
    if kinds == {"b"}:
        return PixelRange(0, 1, int(low), int(high))
    if not (np.isfinite(low) and np.isfinite(high)):
        raise InputError(f"{what} holds values that are not finite; {WANTED}")
    found = f"{what}: pixels from {number(low)} to {number(high)}"
    black, white = _black_and_white(arrays, low, high, found)
    if low < high:  # else there is nothing to learn: told when the images are inspected
        is_uint8 = all(array.dtype == np.uint8 for array in arrays)  # a dark photo, not another range
        _check_brightness(np.array([high]) if is_uint8 else maxima[maxima > black], black, white, found)
    return PixelRange(black, white, low, high)


def _black_and_white(arrays: list[np.ndarray], low: float, high: float, found: str) -> tuple[int, int]:
    if _is_whole(arrays):
        if low == -1 and high == 1:
            return -1, 1
        if low >= 0 and high <= WHITES[-1]:
            return 0, _whole_white(high, found)
    for black, white in FLOAT_RANGES:
        span = white - black
        is_near = black - OVERSHOOT * span <= low and high <= white + OVERSHOOT * span
        if not is_near or (black == -1 and low > -0.9) or (white == 255 and high < NEARLY_BLACK * white):
            continue
        beyond = max(black - low, high - white)
        is_inside = beyond <= ROUNDING * span or _share_outside(arrays, black, white) <= MAX_SHARE_OUTSIDE
        is_centred = black < 0 and beyond < -ROUNDING and abs(np.mean([array.mean() for array in arrays])) < CENTRED
        if is_inside and not is_centred:
            return black, white
    hint = "; if they were shifted, mean-centred or standardised, undo that" if low < 0 else ""
    raise InputError(f"{found} are in no usual range; {WANTED}{hint}")


def _whole_white(high: float, found: str) -> int:
    place = next(place for place, white in enumerate(WHITES) if high <= white)
    white, below = WHITES[place], WHITES[max(place - 1, 0)]
    if below > 1 and high <= below * (1 + OVERSHOOT):
        raise InputError(
            f"{found} can be read in two ways; clip them at {below} if that is white, or divide by {white}"
        )
    return white


def _check_brightness(maxima: np.ndarray, black: int, white: int, found: str) -> None:
    """Refuse images of which the typical one (blank ones aside) is nearly black: white may be another value."""
    typical = np.median(maxima).item() if len(maxima) else white
    if typical - black < NEARLY_BLACK * (white - black):
        raise InputError(
            f"{found}, mostly up to {number(typical)}, are nearly black if {white} is white; brighten them, or, "
            f"if {number(typical)} is about white, divide by it and clip at 1"
        )


def _is_whole(arrays: list[np.ndarray]) -> bool:
    fractions = [array for array in arrays if array.dtype.kind == "f"]
    return all(np.array_equal(chunk, np.rint(chunk)) for array in fractions for chunk in _chunks(array))


def _share_outside(arrays: list[np.ndarray], black: float, white: float) -> float:
    outside = sum(np.count_nonzero((chunk < black) | (chunk > white)) for array in arrays for chunk in _chunks(array))
    return outside / sum(array.size for array in arrays)


def _chunks(array: np.ndarray) -> list[np.ndarray]:
    """Split images into views small enough to compute with."""
    step = max(1, CHUNK // max(1, array[:1].size))
    return [array[start : start + step] for start in range(0, len(array), step)]


def to_bytes(array: np.ndarray, pixel_range: PixelRange) -> np.ndarray:
    """Scale images to uint8 from 0 to 255, in C order."""
    black, white = pixel_range.black, pixel_range.white
    if array.dtype == np.uint8 and white == 255:
        return np.ascontiguousarray(array)
    result = np.empty(array.shape, np.uint8)
    for source, target in zip(_chunks(array), _chunks(result), strict=True):
        values = source.astype(np.result_type(source.dtype, np.float32))
        target[:] = np.clip(np.rint((values - black) * (255 / (white - black))), 0, 255)
    return result


def white_levels(highest: Mapping[str, int], where: str) -> tuple[int, int]:
    """Return the values that are white in pixels of 8 and 16 bits, by the highest values of a whole folder.

    The kinds are `8`, `16`, and `upper 8`: 16-bit colour, of which the lower half is lost.

    Raises:
        InputError: Two readings are possible.
    """
    for kind, full in (("8", 255), ("16", 65535), ("upper 8", 255)):
        top = highest.get(kind, 0)
        white = _white_level(top, full)
        if white is None or (kind == "upper 8" and white != full):
            if kind == "upper 8":
                top, full = 257 * top, 65535
            raise InputError(
                f"{where} has pixels from 0 to {top} of {full}, nearly black; if {top} is their white, save them "
                f"multiplied by {full / top:.4g}; if {full} is, brighten them"
            )
    return _white_level(highest.get("8", 0), 255), _white_level(highest.get("16", 0), 65535)


def _white_level(highest: int, full: int) -> int | None:
    """Return `full` if a quarter of it is reached, else the top of the bits in use; None if there are two readings."""
    if highest == 0 or 4 * highest > full:
        return full
    if highest in MASKS:
        return highest
    bits = (highest - 1).bit_length()  # 4096 is a 12-bit white, too
    return 2**bits - 1 if full > 255 and bits in DEPTHS else None
