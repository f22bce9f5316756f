"""One contender, a process of its own: memory is its alone, and so are its threads.

    python -m keras_gen.benchmarks.contender MODULE:FUNCTION OPTIONS

It answers in lines of JSON: once after the first step, and once after each lap. After a lap it waits for a line, which
starts the next one; when there is none to come, it ends. The first lap starts by itself, and warms up.
"""

import contextlib
import importlib
import json
import os
import sys
import time
from typing import TextIO

from keras_gen.errors import InputError


class Reporter:
    """What a contender tells the race.

    Args:
        answers: Where to write.
        orders: Where the order for the next lap comes from.
    """

    def __init__(self, answers: TextIO, orders: TextIO) -> None:
        self._answers, self._orders = answers, orders
        self._stepped = False
        self._started = time.perf_counter()

    def say(self, **facts: object) -> None:
        """Write one answer."""
        print(json.dumps(facts), file=self._answers, flush=True)

    def first_step(self) -> None:
        """Tell that the first step is done; of no effect later."""
        if not self._stepped:
            self._stepped = True
            self.say(first_step=True)

    def lap(self, seconds: float | None = None) -> None:
        """Tell that a lap is done, and return when the next one begins.

        Args:
            seconds: What the lap took; None is all the time since it began.

        Raises:
            SystemExit: No lap is to come.
        """
        took = time.perf_counter() - self._started if seconds is None else seconds
        self.say(seconds=took, memory=_peak_memory(), device_memory=_peak_device_memory())
        if not self._orders.readline():
            raise SystemExit
        self._started = time.perf_counter()


def _peak_memory() -> int | None:
    """Return the most memory that this process has had, in bytes, or None where the system does not tell.

    Linux counts what the parent had when it started this one, too: the parent must stay small.
    """
    with contextlib.suppress(ImportError):
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return None


def _peak_device_memory() -> int | None:
    """Return the most memory of a GPU that the library has asked for, in bytes, or None without a GPU."""
    if torch := sys.modules.get("torch"):
        return torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None
    if os.environ["KERAS_BACKEND"] == "jax":
        import jax

        return (jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use")
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        return tf.config.experimental.get_memory_info("GPU:0")["peak"]
    return None


def main(program: str, options: str) -> None:
    """Run one contender.

    Args:
        program: `module:function` of this package.
        options: What the function is given after the reporter, as JSON.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print must not get among the answers
    reporter = Reporter(answers, sys.stdin)
    module, function = program.split(":")
    try:
        getattr(importlib.import_module(f"keras_gen.benchmarks.{module}"), function)(reporter, **json.loads(options))
    except InputError as error:
        reporter.say(input_error=str(error))


if __name__ == "__main__":
    main(*sys.argv[1:])
