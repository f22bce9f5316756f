"""Import matplotlib where MPLBACKEND names a backend that this Python does not have.

Jupyter and Colab hand theirs to every command that they start. `import matplotlib` then fails, and `import keras` too.
"""

import contextlib
import os
import sys


def import_matplotlib() -> None:
    """Import matplotlib with the backend of MPLBACKEND if it can be had, else with matplotlib's own choice."""
    if "matplotlib" in sys.modules:
        return
    backend = os.environ.pop("MPLBACKEND")
    try:
        import matplotlib
    finally:
        os.environ["MPLBACKEND"] = backend
    with contextlib.suppress(ValueError):
        matplotlib.rcParams["backend"] = backend
