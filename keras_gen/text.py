"""Texts that others have named, made fit for a line of the terminal or a figure."""

import difflib
import sys
import unicodedata
import zlib
from collections.abc import Iterable

NAME_LENGTH = 60
LIST_LENGTH = 300
PATH_LENGTH = 200
FILE_NAME_LENGTH = 40
MOST_DIGITS = 18
NEAR = 0.7  # of 1 for equal names; less and the guess would often be wrong
JOINERS = "\u200c\u200d"  # which words of Persian and Hindi need, and emoji
UNSAFE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")  # Unicode's categories: control, format, surrogate, breaks of lines


def printable(text: object, longest: int = NAME_LENGTH) -> str:
    """Return a text with control characters escaped; of one longer than `longest` the middle is left out.

    Escaped are what moves the cursor, ends the line, colours or reverses what follows, or is no character at all.
    """
    letters = [_escaped(letter) for letter in str(text)]
    if sum(map(len, letters)) <= longest:
        return "".join(letters)
    # An escape is never cut apart.
    head = _fitting(letters, longest // 2)
    tail = _fitting(letters[::-1], longest - longest // 2 - 1)
    return "".join(letters[:head]) + "…" + "".join(letters[len(letters) - tail :])


def listed(names: Iterable[object], most: int = 20) -> str:
    """Return names in one line of at most LIST_LENGTH characters: the first ones, and how many more there are."""
    names = [printable(name) for name in names]
    while most > 1 and len(", ".join(names[:most])) > LIST_LENGTH:
        most -= 1
    rest = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest


def counted(count: int, noun: str) -> str:
    """Return a number with its noun, such as `1 image` or `3 images`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def short_number(value: float, digits: int = 4) -> str:
    """Return a number with so many digits, or with all before the point where these are more."""
    return f"{value:.{digits}g}" if abs(value) < 10**digits else f"{value:.0f}"


def whole_number(text: object) -> int | None:
    """Return the number that a text of decimal digits means; None of any other, and beyond what int64 holds."""
    text = str(text)
    return int(text) if text.isdecimal() and len(text) <= MOST_DIGITS else None


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the one known name that begins with the word, or else the one that is nearest to it, if any is near.

    Capitals and the dashes of flags do not count.
    """
    names = {name.lower().lstrip("-"): name for name in known}
    word = word.lower().lstrip("-")
    begun = [name for name in names if len(word) > 1 and name.startswith(word)]
    matches = begun if len(begun) == 1 else difflib.get_close_matches(word, names, n=1, cutoff=NEAR)
    return names[matches[0]] if matches else None


def did_you_mean(name: object) -> str:
    """Return a clause of an error that names what may be meant; nothing for None."""
    return "" if name is None else f"; did you mean {printable(name, PATH_LENGTH)}?"


def short_name(text: str) -> str:
    """Return a text fit for a part of a file's name; a long one ends in a checksum instead."""
    plain = "".join(letter if letter.isalnum() or letter == "-" else "_" for letter in text).strip("_")
    if len(plain) <= FILE_NAME_LENGTH:
        return plain
    return f"{plain[:FILE_NAME_LENGTH]}_{zlib.crc32(text.encode(errors='surrogateescape')):08x}"


def has_terminal() -> bool:
    """Return whether a bar can be redrawn in place: on a terminal, or in a notebook."""
    return "ipykernel" in sys.modules or (sys.stderr is not None and sys.stderr.isatty())


def _escaped(letter: str) -> str:
    if unicodedata.category(letter) not in UNSAFE or letter in JOINERS:
        return letter
    return letter.encode("unicode_escape").decode("ascii")


def _fitting(letters: list[str], room: int) -> int:
    """Return how many of these letters and escapes have room."""
    count = 0
    while count < len(letters) and len(letters[count]) <= room:
        room -= len(letters[count])
        count += 1
    return count
