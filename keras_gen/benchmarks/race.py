"""The race: contenders in processes of their own, in turns, so that what else the machine does hits all alike."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from keras_gen.benchmarks.task import Contender, Task, as_json
from keras_gen.errors import InputError, RunError

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {  # of the contenders, where the user's has nothing else
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",  # several processes share one GPU
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    # PyTorch's threads spin while they wait for each other: beside any other work that made it twenty times slower.
    "OMP_WAIT_POLICY": "passive",
}


@dataclass
class Result:
    """What one contender did.

    Attributes:
        contender: Who it is.
        first_step: Seconds from the start of its process to the end of its first step.
        laps: Seconds of each lap.
        memory: The most memory its process had, in bytes, or None if unknown.
        device_memory: The same of a GPU, or None without one.
    """

    contender: Contender
    first_step: float
    laps: list[float]
    memory: int | None = None
    device_memory: int | None = None


class Child:
    """A process of ours that answers in lines; made by `started`.

    Args:
        title: What to call it in an error.
        process: The process.
        errors: Where its stderr goes.
    """

    def __init__(self, title: str, process: subprocess.Popen, errors: BinaryIO) -> None:
        self.title, self._process, self._errors = title, process, errors
        self._started = time.perf_counter()

    @property
    def age(self) -> float:
        """Seconds since it was started."""
        return time.perf_counter() - self._started

    def order(self) -> None:
        """Ask for the next lap."""
        with contextlib.suppress(BrokenPipeError):  # the answer that does not come tells of it
            self._process.stdin.write(b"lap\n")

    def answer(self) -> dict:
        """Wait for a line and return what it holds.

        Raises:
            InputError: The child says that what it was given cannot be used.
            RunError: It ended without a line.
        """
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            raise RunError(f"{self.title}: {self.last_words()}")
        facts = json.loads(line)
        if "input_error" in facts:
            raise InputError(facts["input_error"])
        return facts

    @property
    def ended(self) -> bool:
        """Whether the process has come to an end by itself."""
        return self._process.poll() is not None

    def last_words(self) -> str:
        """Return the last line that it wrote to stderr."""
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").split("\n")
        lines = [line.split("\r")[-1].strip() for line in lines]
        return next((line for line in reversed(lines) if line), f"ended with code {self._process.returncode}")


@contextlib.contextmanager
def started(title: str, command: list[str]) -> Iterator[Child]:
    """Start a process, and end it on leaving.

    Args:
        title: What to call it in an error.
        command: Arguments for Python.
    """
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(
            [sys.executable, *command],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=ENVIRONMENT | os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
            start_new_session=True,  # else Ctrl-C would reach it, too, and its last words would be about that
        ) as process,
    ):
        try:
            yield Child(title, process, errors)
        finally:
            process.kill()


def ask(program: str, **options: object) -> dict:
    """Run a program of this package that answers once, and return its answer."""
    with started(program, contender_command(program, options)) as child:
        return child.answer()


def contender_command(program: str, options: dict) -> list[str]:
    """Return the arguments for Python that run `module:function` of this package."""
    return ["-m", "keras_gen.benchmarks.contender", program, json.dumps(options)]


def race(
    contenders: list[Contender],
    task: Task,
    rounds: int,
    tick: Callable[[str], None],
    command: Callable[[str, dict], list[str]] = contender_command,
) -> tuple[list[Result], list[str]]:
    """Let contenders do the same task in turns.

    Every one starts and warms up with nobody beside it that works; every second round goes backwards.

    Args:
        contenders: Who takes part.
        task: What they do.
        rounds: Laps of each that are measured.
        tick: Called with a title after each start and each lap.
        command: Makes the arguments for Python from a contender's program and options.

    Returns:
        What each did, and a line for each optional one that could not start.

    Raises:
        RunError: A contender failed; its last words are in the message.
    """
    results, notes = [], []
    with contextlib.ExitStack() as stack:
        children = []
        for each in contenders:
            options = {"task": as_json(task)} | each.options
            child = stack.enter_context(started(each.title, command(each.program, options)))
            try:
                child.answer()
                first_step = child.age
                child.answer()  # the first lap warms up
            except RunError as error:
                if not each.optional:
                    raise
                notes.append(f"Left out: {error}")
            else:
                children.append(child)
                results.append(Result(each, first_step, []))
            tick(each.title)
        for number in range(rounds):
            turns = list(zip(children, results, strict=True))
            for child, result in reversed(turns) if number % 2 else turns:
                child.order()
                lap = child.answer()
                result.laps.append(lap["seconds"])
                result.memory, result.device_memory = lap["memory"], lap["device_memory"]
                tick(result.contender.title)
    return results, notes
