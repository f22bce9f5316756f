"""Runs workers in processes of their own, in turns, so that what else the machine does hits all alike."""

import contextlib
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from keras_gen.benchmarks import worker as worker_process
from keras_gen.benchmarks.tasks import Task, Worker
from keras_gen.errors import InputError, RunError

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {  # of the workers, where the user's has nothing else
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",  # several processes share one GPU
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    # PyTorch's threads spin while they wait for each other: beside any other work that made it twenty times slower.
    "OMP_WAIT_POLICY": "passive",
}
PICTURES = ("figures/data.png", "images/epoch-0001.png")  # of a run, in the order they are drawn
POLL_SECONDS = 0.02


@dataclass
class Result:
    """What one worker did; memory is in bytes, or None where it is unknown or there is no GPU."""

    worker: Worker
    first_step: float  # seconds from the start of its process to the end of that step
    seconds: list[float] = field(default_factory=list)  # of each round
    memory: int | None = None
    device_memory: int | None = None
    outside: list[float] = field(default_factory=list)  # share of each round outside the calls of the networks


@contextlib.contextmanager
def started(title: str, program: str, **options: object) -> Iterator[Callable[..., dict]]:
    """Start `module:function` in a process of its own, and end that on leaving.

    Yields:
        A function that waits for the next answer, which it asks for if it is given True.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    process = context.Process(target=worker_process.main, args=(there, program, options), daemon=True)
    process.start()
    there.close()

    def answer(order: bool = False) -> dict:
        try:
            if order:
                here.send(None)
            facts = here.recv()
        except (EOFError, OSError):
            process.join()
            raise RunError(f"{title}: ended with code {process.exitcode}") from None
        if "input_error" in facts:
            raise InputError(facts["input_error"])
        if "error" in facts:
            raise RunError(f"{title}: {facts['error']}")
        return facts

    try:
        yield answer
    finally:
        process.kill()
        process.join()
        here.close()


def run_in_turns(
    workers: Iterable[Worker], task: Task, rounds: int, tick: Callable[[str], None]
) -> tuple[list[Result], list[str]]:
    """Let workers do the same task in turns, `rounds` times.

    Each starts and warms up while the others wait; every second round goes backwards. `tick` is called with a worker's
    title after its start and each of its rounds.

    Returns:
        What each did, and a line for each optional one that could not start.
    """
    turns: list[tuple[Callable[..., dict], Result]] = []
    notes = []
    with contextlib.ExitStack() as stack:
        for worker in workers:
            began = time.perf_counter()
            answer = stack.enter_context(started(worker.title, worker.program, task=task, **worker.options))
            try:
                answer()
                first_step = time.perf_counter() - began
                answer()  # the first round warms up
                turns.append((answer, Result(worker, first_step)))
            except RunError as error:
                if not worker.optional:
                    raise
                notes.append(f"Left out: {error}")
            tick(worker.title)
        for number in range(rounds):
            for answer, result in reversed(turns) if number % 2 else turns:
                facts = answer(True)
                result.seconds.append(facts["seconds"])
                result.memory, result.device_memory = facts["memory"], facts["device_memory"]
                result.outside += [facts["outside"]] if "outside" in facts else []
                tick(result.worker.title)
    return [result for _, result in turns], notes


def first_pictures(kind: str) -> list[float] | str:
    """Return the seconds until a training command has drawn each of `PICTURES`, or its last line if it cannot run."""
    began, seconds = time.perf_counter(), []
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as errors:
        command = [sys.executable, str(ROOT / f"train_{kind}.py"), "--epochs", "1", "--out", f"{folder}/run"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True) as process:
            try:
                while len(seconds) < len(PICTURES):
                    ended = process.poll() is not None
                    if Path(folder, "run", PICTURES[len(seconds)]).exists():
                        seconds.append(time.perf_counter() - began)
                    elif ended:
                        errors.seek(0)
                        return errors.read().decode(errors="replace").strip().split("\n")[-1].split("\r")[-1]
                    else:
                        time.sleep(POLL_SECONDS)
            finally:
                process.kill()
    return seconds
