"""How much of the machine this process may use, and how much it has used."""

import os
import sys


def usable_cores() -> int:
    """Return the number of processor cores, as a container or `taskset` may limit them."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def peak_memory() -> int | None:
    """Return the most bytes of memory that this process has had, or None where the system does not tell.

    Linux counts what the parent had when it started this one, too: a parent that measures must stay small.
    """
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
