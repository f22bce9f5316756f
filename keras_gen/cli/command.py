"""What every command shares: one-line errors, exit codes, signals, a quiet backend."""

import argparse
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

from keras_gen.cli.messages import file_problem, shown
from keras_gen.errors import InputError, RunError
from keras_gen.files import replacing

DONE, RUN_FAILED, BAD_INPUT, INTERRUPTED, TERMINATED = 0, 1, 2, 130, 143
MOST = 1_000_000  # images that one command makes
BACKENDS = ("tensorflow", "jax", "torch")


class Parser(argparse.ArgumentParser):
    """Reports a wrong flag as one line, as every other error is; flags are written out.

    Attributes:
        flags: Of all commands that were parsed in this process; messages are worded with them.
    """

    flags: ClassVar[set[str]] = set()

    def __init__(self, **keywords: object) -> None:
        super().__init__(**keywords | {"allow_abbrev": False})

    def parse_known_args(self, *arguments: object, **keywords: object) -> tuple[argparse.Namespace, list[str]]:
        """Remember the flags, then read the arguments as argparse does."""
        Parser.flags.update(self._option_string_actions)
        return super().parse_known_args(*arguments, **keywords)

    def error(self, message: str) -> None:
        """Raise what argparse would print with the usage."""
        raise InputError(f"{message}; see {self.prog} --help")


class Terminated(BaseException):
    """SIGTERM arrived outside the training loop."""


def run_command(body: Callable[[], int]) -> int:
    """Run a command and turn what goes wrong into a line and an exit code.

    Args:
        body: The command; returns its exit code.
    """

    def terminate(*_: object) -> None:
        raise Terminated

    signal.signal(signal.SIGTERM, terminate)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a file name that the terminal cannot show is no reason to stop
            stream.reconfigure(errors="backslashreplace")
    try:
        code = body()
        print(end="", flush=True)  # here, what goes wrong with it becomes a line; stdout may be None
        return code
    except InputError as error:
        return _fail(BAD_INPUT, str(error))
    except RunError as error:
        return _fail(RUN_FAILED, str(error))
    except BrokenPipeError:  # who read our output, such as `head`, has gone
        _drop_output()
        return RUN_FAILED
    except OSError as error:
        if error.filename is None and error.errno is None:
            raise
        if error.filename is None:
            _drop_output()
        return _fail(RUN_FAILED, file_problem(error))
    except Exception as error:
        if not _out_of_memory(error):
            raise
        return _fail(RUN_FAILED, "there is not enough memory for this; use smaller batches, images or networks")
    except KeyboardInterrupt:
        print("\nStopped; there was nothing to save yet", file=sys.stderr)
        return INTERRUPTED
    except Terminated:
        return TERMINATED


def _out_of_memory(error: Exception) -> bool:
    """Tell whether an error is Python's or a backend's way to say so; the backends are not imported to ask."""
    names = ("MemoryError", "ResourceExhaustedError", "OutOfMemoryError")  # NumPy's is the first's heir
    return any(kind.__name__ in names for kind in type(error).__mro__) or "RESOURCE_EXHAUSTED" in str(error)


def _fail(code: int, message: str) -> int:
    line = " ".join(part.strip() for part in message.split("\n"))  # libraries' reasons may have several
    print(f"error: {shown(line, Parser.flags or None)}", file=sys.stderr)
    return code


def say(line: object) -> None:
    """Print a line; what a user has named cannot move the cursor in it."""
    print(shown(line, Parser.flags or None))


def _drop_output() -> None:
    """Let what is still to be written, when Python ends, go nowhere: it would fail again."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class StopSignals:
    """Turns Ctrl-C or SIGTERM into a request that a loop looks at, so that nothing is cut off while it is saved.

    Use it as a context manager, and as the loop's `should_stop`.
    """

    def __init__(self) -> None:
        self.received: int | None = None

    def __enter__(self) -> "StopSignals":
        self._before = {number: signal.signal(number, self._receive) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def __call__(self) -> bool:
        """Tell whether a signal has arrived."""
        return self.received is not None

    def _receive(self, number: int, _: object) -> None:
        if self.received is None:
            self.received = number
            os.write(2, b"\nStopping after this step, and saving ...\n")  # print is not safe in a signal's handler

    @property
    def exit_code(self) -> int:
        """143 after SIGTERM, 130 after Ctrl-C, here or at another worker."""
        return 128 + (self.received or signal.SIGINT)


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


def check_whole(flag: str, value: int, low: int, high: int) -> None:
    """Raise InputError for a whole number out of bounds."""
    if not low <= value <= high:
        raise InputError(f"{flag} must be a whole number from {low} to {high}; received {value}")


def check_seed(seed: int) -> None:
    """Raise InputError for a seed out of bounds."""
    check_whole("--seed", seed, 0, 2**31 - 1)


def check_ending(flag: str, path: Path, ending: str, *others: Path | None) -> None:
    """Raise InputError for an output that is of another kind, or that another output would take.

    Args:
        flag: Where it was given, for the message.
        path: The output.
        ending: What its name must end in, such as `.png`.
        *others: Outputs of the same command.
    """
    if path.suffix.lower() != ending or path in others:
        raise InputError(f"{flag} {path} must end in {ending}" + (", and be another file than --npy" if others else ""))


def save_array(path: Path, array: object) -> None:
    """Write an array to a new .npy file."""
    import numpy as np

    with replacing(path) as temporary, temporary.open("wb") as file:
        np.save(file, array, allow_pickle=False)


def whole_numbers(text: str, flag: str) -> list[int]:
    """Return the numbers that a text such as `0-63,100` names.

    Args:
        text: Whole numbers from 0 up and ranges, with commas between them.
        flag: Where they were given, for the message.

    Raises:
        InputError: It names none, or one out of bounds, or one twice, or more than a million.
    """
    wrong = InputError(f"{flag} must be whole numbers and ranges such as 0-63,100, each once; received {text}")
    numbers: list[int] = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if not (first.isdecimal() and (last.isdecimal() or not dash)):
            raise wrong
        low, high = int(first), int(last or first)
        if low > high or high >= 2**31 or len(numbers) + high - low >= MOST:
            raise wrong
        numbers += range(low, high + 1)
    if len(set(numbers)) < len(numbers):
        raise wrong
    return numbers


def chosen_backend() -> str:
    """Return the backend that KERAS_BACKEND names, or TensorFlow.

    Raises:
        InputError: It is unknown.
    """
    backend = os.environ.get("KERAS_BACKEND") or "tensorflow"
    if backend not in BACKENDS:
        raise InputError(f"KERAS_BACKEND={backend} is not known; use one of {', '.join(BACKENDS)}")
    return backend


def not_installed(backend: str) -> InputError:
    """Return the error for a backend that is missing."""
    return InputError(f"KERAS_BACKEND={backend} is not installed; pip install {backend}")


def start_backend(prepare: Callable[[], object] | None = None) -> None:
    """Import Keras and its backend without the backend's chatter.

    Args:
        prepare: What must be done before the backend computes anything.

    Raises:
        InputError: KERAS_BACKEND names a backend that is unknown or not installed.
    """
    backend = os.environ["KERAS_BACKEND"] = chosen_backend()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with _quiet_stderr():
            import keras

            if prepare is not None:
                prepare()
            keras.ops.convert_to_numpy(keras.ops.zeros(()))  # wakes the devices, which have more to say
    except ModuleNotFoundError as error:
        if error.name != backend:
            raise
        raise not_installed(backend) from None


@contextlib.contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Hold back what is written to file descriptor 2, and show it only if an exception comes out."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        before = os.dup(2)
        os.dup2(held.fileno(), 2)
        failed = True
        try:
            yield
            failed = False
        finally:
            os.dup2(before, 2)
            os.close(before)
            if failed:
                held.seek(0)
                sys.stderr.write(held.read().decode(errors="replace"))
