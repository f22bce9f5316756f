"""The ways a run can go wrong that are not bugs.

The command line prints each as one line, `error: ...`, without a traceback.
"""


class InputError(ValueError):
    """Settings or data that cannot be used; nothing has been written (exit code 2)."""


class RunError(RuntimeError):
    """A run that failed after it began: a failed audit, a loss not finite (exit code 1)."""


class WriteError(OSError):
    """A file that cannot be written; `filename` is the file that was meant, `strerror` the system's reason."""
