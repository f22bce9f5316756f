"""What every command shares: one-line errors, exit codes, signals, a quiet backend."""

import argparse
import contextlib
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, NoReturn

from keras_gen.cli.messages import file_problem, shown
from keras_gen.errors import InputError, RunError
from keras_gen.signals import handled
from keras_gen.text import did_you_mean, nearest, printable, whole_number

DONE, RUN_FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
MAX_IMAGES = 1_000_000  # images that one command makes
BACKENDS = ("tensorflow", "jax", "torch")


class Parser(argparse.ArgumentParser):
    """Reports a wrong flag as one line, as every other error is; flags are written out.

    `flags` are the flags and destinations of the command; messages are worded with them.
    """

    flags: ClassVar[set[str]] = set()

    def __init__(self, **keywords: object) -> None:
        super().__init__(**keywords | {"allow_abbrev": False})

    def add(self, names: str, text: str, default: object = None, told: str | None = None, **keywords: object) -> None:
        """Declare a flag, or several names of one, whose help ends in its default.

        The values have the type of the default. `told` is what the help says of it, where that is not the value itself.
        """
        if default is not None:
            keywords = {"default": default, "type": type(default)} | keywords
        self.add_argument(*names.split(), help=f"{text} (default: {default if told is None else told})", **keywords)

    def add_path(self, name: str, metavar: str, text: str, told: str) -> None:
        """Declare a flag for a path."""
        self.add(name, text, told=told, type=Path, metavar=metavar)

    def add_switch(self, name: str, text: str, told: str) -> None:
        """Declare a flag without a value."""
        self.add(name, text, told=told, action="store_true")

    def parse_args(self, *arguments: object, **keywords: object) -> argparse.Namespace:
        """Read the arguments; of one that is not known, name the nearest."""
        namespace, unknown = self.parse_known_args(*arguments, **keywords)
        if unknown:
            shown = [flag for flag, action in self._option_string_actions.items() if action.help != argparse.SUPPRESS]
            self.error(f"{unknown[0]} is not known{did_you_mean(nearest(unknown[0].partition('=')[0], shown))}")
        return namespace

    def parse_known_args(self, *arguments: object, **keywords: object) -> tuple[argparse.Namespace, list[str]]:
        """Remember the flags, also those of a parser inside this one, then read the arguments as argparse does."""
        Parser.flags.clear()
        Parser.flags.update(self._option_string_actions, (action.dest for action in self._actions))
        words, *others = arguments or [None]
        words = [self.with_dashes(word) for word in (sys.argv[1:] if words is None else words)]
        return super().parse_known_args(words, *others, **keywords)

    def with_dashes(self, word: str) -> str:
        """Return an argument; a flag that is written with underscores, such as `--latent_dim`, with dashes."""
        flag, equals, value = word.partition("=")
        dashed = flag.replace("_", "-")
        return dashed + equals + value if dashed in self._option_string_actions else word

    def _check_value(self, action: argparse.Action, value: object) -> None:
        """Word a wrong choice as the library does."""
        if action.choices is not None and value not in action.choices:
            name, choices = action.metavar or action.option_strings[0], [*map(str, action.choices)]
            hint = did_you_mean(nearest(str(value), choices))
            self.error(f"{name} must be one of {', '.join(choices)}; received {printable(value)}{hint}")

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would print with the usage; a wrong number is worded as the library does."""
        message = re.sub(r"^argument (\S+): invalid int value: ", r"\1 must be a whole number; received ", message)
        message = re.sub(r"^argument (\S+): invalid float value: ", r"\1 must be a number; received ", message)
        raise InputError(f"{message}; see {self.prog} --help")


class Terminated(BaseException):
    """SIGTERM or SIGHUP arrived outside the training loop; its number is the argument."""


def run_command(body: Callable[[], int]) -> int:
    """Run a command, which returns its exit code, and turn what goes wrong into a line and an exit code."""
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a file name that the terminal cannot show is no reason to stop
            stream.reconfigure(errors="backslashreplace", line_buffering=True)  # and `| tee` shows each line at once
    code = None
    try:
        with handled(("SIGTERM", "SIGHUP"), _terminate):
            code = body()
        print(end="", flush=True)  # here, what goes wrong with it becomes a line; stdout may be None
        return code
    except InputError as error:
        return _fail(BAD_INPUT, str(error))
    except RunError as error:
        return _fail(RUN_FAILED, str(error))
    except BrokenPipeError:  # who read our output, such as `head`, has gone
        return RUN_FAILED if code is None else code
    except OSError as error:
        if code:  # of a run that was stopped, perhaps for the very reason that the terminal is closed
            return code
        if error.filename is None and error.errno is None:
            raise
        return _fail(RUN_FAILED, file_problem(error))
    except Exception as error:
        if not _out_of_memory(error):
            raise
        return _fail(RUN_FAILED, "there is not enough memory for this; use smaller batches, images or networks")
    except KeyboardInterrupt:
        say_on_stderr("\nStopped")
        return INTERRUPTED
    except Terminated as error:
        return 128 + error.args[0]
    finally:
        _drop_broken_output()


def _terminate(number: int, _: object) -> NoReturn:
    raise Terminated(number)


def _open_closed_streams() -> None:
    """Lead closed standard streams nowhere: the next files opened would get their numbers, and our output."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115, for as long as the process lives


def _out_of_memory(error: Exception) -> bool:
    """Tell whether an error is Python's or a backend's way to say so; the backends are not imported to ask."""
    names = ("MemoryError", "ResourceExhaustedError", "OutOfMemoryError")  # NumPy's is the first's heir
    return any(kind.__name__ in names for kind in type(error).__mro__) or "RESOURCE_EXHAUSTED" in str(error)


def _fail(code: int, message: str) -> int:
    say_on_stderr(f"error: {shown(message, Parser.flags or None)}")
    return code


def say(line: object) -> None:
    """Print a line; what a user has named cannot move the cursor in it."""
    print(shown(line, Parser.flags or None))


def say_on_stderr(line: str) -> None:
    """Print a line on stderr, if anybody is there to read it."""
    with contextlib.suppress(OSError):
        print(line, file=sys.stderr)


def _drop_broken_output() -> None:
    """Let what cannot be written any more go nowhere: when Python ends it would fail again, and say so."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def check_new(*paths: Path) -> None:
    """Raise InputError for an output that exists, or whose folder does not."""
    for path in paths:
        try:
            wrong = path.exists() or not path.absolute().parent.is_dir()
        except OSError as error:
            raise InputError(f"{path} cannot be made ({error.strerror}); give another name") from None
        if wrong:
            problem = "exists and is never overwritten" if path.exists() else "is in a folder that does not exist"
            raise InputError(f"{path} {problem}; name a new one in a folder that is there")


def check_output(flag: str, path: Path | None, ending: str) -> None:
    """Raise InputError for an output, if one is named, of another ending, that exists, or whose folder does not."""
    if path is not None:
        check_ending(flag, path, ending)
        check_new(path)


def say_page(path: Path) -> None:
    """Say which page to open."""
    say(f"Open in a browser: {path} ({path.stat().st_size / 1e6:.1f} MB, needs no server and no network)")


def check_ending(flag: str, path: Path, ending: str, *others: Path | None) -> None:
    """Raise InputError for an output that is of another kind, or that another output of the command would take."""
    if path.suffix.lower() != ending or path in others:
        raise InputError(f"{flag} {path} must end in {ending}" + (", and be another file than --npy" if others else ""))


def whole_numbers(text: str, flag: str) -> list[int]:
    """Return the numbers that a text such as `0-63,100` names: at most a million, each once."""
    wrong = InputError(f"{flag} must be whole numbers and ranges such as 0-63,100, each once; received {text}")
    numbers: list[int] = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        low, high = whole_number(first), whole_number(last if dash else first)
        if low is None or high is None or low > high or high >= 2**31 or len(numbers) + high - low >= MAX_IMAGES:
            raise wrong
        numbers += range(low, high + 1)
    if len(set(numbers)) < len(numbers):
        raise wrong
    return numbers


def chosen_backend() -> str:
    """Return the backend that KERAS_BACKEND names, or TensorFlow."""
    backend = os.environ.get("KERAS_BACKEND") or "tensorflow"
    if backend not in BACKENDS:
        raise InputError(f"KERAS_BACKEND={backend} is not known; use one of {', '.join(BACKENDS)}")
    return backend


def not_installed(backend: str) -> InputError:
    """Return the error for a backend that is missing."""
    return InputError(f"KERAS_BACKEND={backend} is not installed; pip install {backend}")


def start_backend(prepare: Callable[[], object] | None = None) -> None:
    """Import Keras and its backend without the backend's chatter; `prepare` runs before it computes anything."""
    from keras_gen._keras import import_keras  # --help does without it

    backend = os.environ["KERAS_BACKEND"] = chosen_backend()
    try:
        import_keras(prepare)
    except ModuleNotFoundError as error:
        if error.name != backend:
            raise
        raise not_installed(backend) from None
