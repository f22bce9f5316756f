"""Import Keras and its backend without the lines that the backend writes when it starts."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator


def import_keras(prepare: Callable[[], object] | None = None) -> None:
    """Import Keras; `prepare` runs before its backend computes anything."""
    with quiet_import():
        import keras

        if prepare is not None:
            prepare()
        keras.ops.convert_to_numpy(keras.ops.zeros(()))  # wakes the devices, which have more to say


@contextlib.contextmanager
def quiet_import() -> Iterator[None]:
    """Hold back what is written to file descriptor 2 if Keras is not there yet; show it if an exception comes out."""
    if "keras" in sys.modules:
        yield
        return
    import tempfile  # --help does without it

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        before = os.dup(2)
        os.dup2(held.fileno(), 2)
        failed = True
        try:
            yield
            if tensorflow := sys.modules.get("tensorflow"):  # it has more to say, and can still be set up after this
                tensorflow.config.list_physical_devices()
            failed = False
        finally:
            os.dup2(before, 2)
            os.close(before)
            if failed:
                held.seek(0)
                sys.stderr.write(held.read().decode(errors="replace"))
