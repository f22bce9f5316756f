"""A process that trains in one of the ways that are compared: its memory is its own, and so are its threads."""

import contextlib
import importlib
import os
import signal
import sys
import time
from multiprocessing.connection import Connection

from keras_gen.cores import peak_memory
from keras_gen.errors import InputError


class Reporter:
    """What a worker tells the runner: the first step, and each round, after which it waits for the next one.

    The first round starts by itself, and warms up.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection, self._stepped, self._started = connection, False, time.perf_counter()

    def first_step(self) -> None:
        """Tell that the first step is done; of no effect later."""
        if not self._stepped:
            self._stepped = True
            self.connection.send({})

    def end_round(self, seconds: float | None = None, **facts: object) -> None:
        """Tell that a round is done, and return when the next one begins.

        Args:
            seconds: What the round took; None is all the time since it began.
            **facts: What else is to be told of it.
        """
        taken = time.perf_counter() - self._started if seconds is None else seconds
        memory = {"memory": peak_memory(), "device_memory": _peak_device_memory()}
        self.connection.send({"seconds": taken} | memory | facts)
        self.connection.recv()
        self._started = time.perf_counter()


def _peak_device_memory() -> int | None:
    """Return the most memory of a GPU that the library has asked for, in bytes, or None without a GPU."""
    if torch := sys.modules.get("torch"):
        return torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None
    if os.environ["KERAS_BACKEND"] == "jax":
        import jax

        return (jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use")
    tf = sys.modules.get("tensorflow")
    if tf and tf.config.list_physical_devices("GPU"):
        return tf.config.experimental.get_memory_info("GPU:0")["peak"]
    return None


def main(connection: Connection, program: str, options: dict) -> None:
    """Run `module:function` of this package with a reporter and its other arguments; tell what goes wrong."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the runner ends this process
    silent = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):  # what libraries print must not get into the tables
        os.dup2(silent, number)
    module, function = program.split(":")
    try:
        getattr(importlib.import_module(module, "keras_gen.benchmarks"), function)(Reporter(connection), **options)
    except EOFError:
        pass  # there is no round to come
    except Exception as error:
        lines = [line.strip() for line in f"{type(error).__name__}: {error}".splitlines() if line.strip()]
        facts = {"input_error": str(error)} if isinstance(error, InputError) else {"error": lines[-1]}
        with contextlib.suppress(OSError):
            connection.send(facts)
