"""Which value is white: pixels often use far less than their type can hold, and would look black."""

from keras_gen.errors import InputError

MASKS = (1, 3, 15)  # one, two or four bits
DEPTHS = (8, 10, 12, 14)  # bits of a camera or scanner, stored in 16


def white_level(highest: int, full: int) -> int | None:
    """Return the value that is white, for whole-numbered pixels of a whole data set.

    Args:
        highest: The highest value of all images.
        full: The highest that their type can hold, 255 or 65535.

    Returns:
        `full` if a quarter of it is reached; else the top of the number of bits in use; None if two readings are
        possible.
    """
    if highest == 0 or 4 * highest > full:
        return full
    if highest in MASKS:
        return highest
    bits = (highest - 1).bit_length()  # 4096 is a 12-bit white, too
    return 2**bits - 1 if full > 255 and bits in DEPTHS else None


def two_readings(what: str, highest: int, full: int) -> InputError:
    """Return the error for pixels of which nobody can tell whether they are of a narrow range or dark."""
    return InputError(
        f"{what} has pixels from 0 to {highest} of {full}, nearly black; if {highest} is their white, save them "
        f"multiplied by {full / highest:.4g}; if {full} is, brighten them"
    )
