"""How much of the machine this process may use."""

import os


def usable_cores() -> int:
    """Return the number of processor cores, as a container or `taskset` may limit them."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
