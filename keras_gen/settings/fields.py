"""How settings are declared: each with its default, what it may be, its help and its unit, in groups."""

import dataclasses
import math
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from keras_gen.errors import InputError
from keras_gen.sizes import SIDES_WANTED, as_size
from keras_gen.text import did_you_mean, nearest, printable

LONGEST_SHOWN = 80


@dataclass(frozen=True)
class Check:
    """What a setting may be."""

    convert: Callable[[object], object]  # a value, or its text, as it is kept; or raises ValueError
    expectation: str  # completes "... must be"
    choices: tuple[str | int, ...] = ()  # the values, where they are few
    texts: tuple[str, ...] | None = ()  # what a recipe file may write as a string; None is any string
    flag_alone: str | None = None  # what a flag without a value means; None where it needs one
    metavar: str = ""  # what help calls the value


class UnknownSetting(InputError):
    """There is no setting of this name; names are not in backticks, for a flag instead would not be what was typed."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.name, known = shown(name), list(known)
        same_field = [candidate for candidate in known if candidate.split(".")[-1] == name]
        hint = did_you_mean(same_field[0] if same_field else nearest(self.name, known))
        super().__init__(f"{self.name} is not a setting{hint or '; --help-all of the training script lists them'}")


def setting(default: object, check: Check, help: str, unit: str = "") -> object:
    """Declare a field of a group of settings."""
    return dataclasses.field(default=default, metadata={"check": check, "help": help, "unit": unit})


def whole(low: int, high: int) -> Check:
    """A whole number."""

    def convert(value: object) -> int:
        number = int(str(value))  # by way of text: true is no number, 2.0 is no whole one
        if not low <= number <= high:
            raise ValueError
        return number

    return Check(convert, f"a whole number from {low} to {high}")


def number(low: float, high: float, above: bool = False) -> Check:
    """A finite number; `above` leaves out the lower bound itself."""

    def convert(value: object) -> float:
        result = float(str(value))
        if not (math.isfinite(result) and low <= result <= high) or (above and result == low):
            raise ValueError
        return result

    return Check(convert, f"a number {'above' if above else 'from'} {low:g} {'and up ' if above else ''}to {high:g}")


def choice(*choices: str | int) -> Check:
    """One of a few values."""
    by_text = {str(candidate): candidate for candidate in choices}

    def convert(value: object) -> str | int:
        if str(value) not in by_text:
            raise ValueError
        return by_text[str(value)]

    texts = None if isinstance(choices[0], str) else ()
    return Check(convert, f"one of {', '.join(by_text)}", choices, texts)


def wholes(low: int, high: int) -> Check:
    """A whole number, or several; kept as a number, or as text with commas."""
    one = whole(low, high)

    def convert(value: object) -> int | str:
        numbers = [one.convert(part) for part in _parts(value)]
        if not numbers:
            raise ValueError
        return numbers[0] if len(numbers) == 1 else ",".join(map(str, numbers))

    return Check(convert, f"{one.expectation}, or several with commas between", texts=None)


def subset(*choices: str, flag_alone: str) -> Check:
    """Any of a few words; kept as text with commas, or `none`."""

    def convert(value: object) -> str:
        words = [] if value in ("none", "") else _parts(value)
        if not set(words) <= set(choices):
            raise ValueError
        return ",".join(word for word in choices if word in words) or "none"

    expectation = f"none, or some of {','.join(choices)} with commas between"
    return Check(convert, expectation, texts=None, flag_alone=flag_alone)


def yes_no() -> Check:
    """A truth value."""

    def convert(value: object) -> bool:
        words = {"true": True, "yes": True, "false": False, "no": False}
        if isinstance(value, str) and value.lower() in words:
            return words[value.lower()]
        if not isinstance(value, bool):
            raise ValueError
        return value

    return Check(convert, "true or false")


def path() -> Check:
    """A path, kept as an absolute one: a run may be resumed, or its recipe used, in another folder."""

    def convert(value: object) -> str:
        if not isinstance(value, str | os.PathLike) or not str(value) or "\0" in str(value):
            raise ValueError
        return os.path.abspath(value)

    return Check(convert, "a path", texts=None, metavar="RUN")


def height_and_width() -> Check:
    """The side of a square, or height and width; kept as a number, or as text such as `32x56`."""
    return Check(as_size, SIDES_WANTED, texts=None)


def or_none(check: Check) -> Check:
    """What another check allows, or None, which text calls `none`."""

    def convert(value: object) -> object:
        return None if value is None or value == "none" else check.convert(value)

    texts = None if check.texts is None else ("none",)
    return Check(convert, f"{check.expectation}, or none", check.choices, texts, metavar=check.metavar)


@dataclass(frozen=True, kw_only=True)
class Group:
    """Settings that belong together, a subclass for each group. Values are checked on construction."""

    group: ClassVar[str]

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = checked(f"{self.group}.{field.name}", field, getattr(self, field.name))
            object.__setattr__(self, field.name, value)

    @classmethod
    def from_values(cls, values: object) -> Self:
        """Return a group from a dictionary."""
        return values if type(values) is cls else cls(**cls.check_names(values))

    @classmethod
    def check_names(cls, values: object) -> Mapping[str, object]:
        """Return a dictionary of settings by name, or raise InputError where it is none."""
        if not isinstance(values, Mapping):
            raise InputError(f"`{cls.group}` must be a table of settings; received {shown(values)}")
        known = [field.name for field in dataclasses.fields(cls)]
        for name in values:
            if name not in known:
                raise UnknownSetting(f"{cls.group}.{name}", [f"{cls.group}.{field}" for field in known])
        return values


def checked(name: str, field: dataclasses.Field, value: object) -> object:
    """Return a value as its setting keeps it, or raise InputError if it is not what the setting may be."""
    check = field.metadata["check"]
    try:
        return check.convert(value)
    except (ValueError, TypeError):
        raise InputError(f"`{name}` must be {check.expectation}; received {shown(value)}") from None


def shown(value: object) -> str:
    """Return a value as messages show it: on one line, not too long, without control characters."""
    text = str(value).lower() if value is None or isinstance(value, bool) else value  # as a recipe file has it
    return printable(text, LONGEST_SHOWN)


def _parts(value: object) -> list[str]:
    parts = value if isinstance(value, list | tuple) else str(value).split(",")
    return [str(part).strip() for part in parts]
