"""Import Keras and its backend without the lines that the backend writes when it starts."""

import contextlib
import logging
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from keras_gen.errors import InputError


def import_keras(prepare: Callable[[], object] | None = None) -> None:
    """Import Keras and start its backend; `prepare` runs before that computes anything. For a process's main thread."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _quiet_stderr():
        try:
            import keras
        except (AttributeError, TypeError, ValueError) as error:
            if problem := _damaged_settings(error):
                raise problem from None
            raise
        if prepare is not None:
            prepare()
        keras.ops.convert_to_numpy(keras.ops.zeros(()))  # wakes the devices, which have more to say


def silence_retracing() -> None:
    """Drop TensorFlow's advice against retracing: each new network is traced, so a second training would bring it."""
    logging.getLogger("tensorflow").addFilter(_is_other_advice)


def _is_other_advice(record: logging.LogRecord) -> bool:
    return "triggered tf.function retracing" not in record.getMessage()


def _damaged_settings(error: Exception) -> InputError | None:
    """Return the error for a settings file of the user's that Keras or matplotlib, which it imports, cannot use."""
    files = [Path(frame.filename).as_posix() for frame in traceback.extract_tb(error.__traceback__)]
    if any(name.endswith("keras/src/backend/config.py") for name in files):
        folder = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
        return InputError(f"{Path(folder) / 'keras.json'} cannot be used ({error}); mend or remove it")
    if isinstance(error, UnicodeError) and any(name.endswith("matplotlib/__init__.py") for name in files):
        return InputError("the file matplotlibrc cannot be read, for it is not UTF-8; save it as UTF-8, or remove it")
    return None


@contextlib.contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Hold back what is written to file descriptor 2, and show it only if an exception comes out."""
    try:
        sys.stderr.flush()
        held, before = tempfile.TemporaryFile(), os.dup(2)  # noqa: SIM115
    except (AttributeError, OSError, ValueError):  # there is no stderr, or no folder for temporary files
        yield
        return
    failed = True
    with held:
        try:
            os.dup2(held.fileno(), 2)
            yield
            failed = False
        finally:
            os.dup2(before, 2)
            os.close(before)
            if failed:
                held.seek(0)
                sys.stderr.write(held.read().decode(errors="replace"))
