"""Signals of the system, handled for a while."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def handled(names: tuple[str, ...], handler: Callable[[int, object], None]) -> Iterator[None]:
    """Let a handler take signals, by name, inside the `with`.

    One that is ignored, as SIGHUP is under nohup, stays ignored; outside the main thread Python delivers none. A system
    may lack some, as Windows lacks SIGHUP.
    """
    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (getattr(signal, name) for name in names if hasattr(signal, name)):
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, handler)
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous or signal.SIG_DFL)  # None: set by no Python code, and not to be had again
