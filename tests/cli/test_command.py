import errno
import signal
import subprocess
import sys

import pytest

from keras_gen.cli.command import StopSignals, run_command
from keras_gen.errors import InputError, RunError


class ResourceExhaustedError(Exception):
    """Named as TensorFlow's is, which is not imported to be compared with."""


def raising(error):
    def body():
        raise error

    return body


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (InputError("so it is\nover two lines"), 2, "error: so it is over two lines\n"),
        (RunError("it broke"), 1, "error: it broke\n"),
        (OSError(errno.ENOSPC, "No space left", "history.csv"), 1, "error: the disk is full (history.csv); make room"),
        (OSError(errno.EROFS, "Read-only file system", "a.png"), 1, "error: a.png cannot be used (Read-only file"),
        (MemoryError(), 1, "error: there is not enough memory for this; use smaller batches, images or networks\n"),
        (ResourceExhaustedError("OOM when allocating"), 1, "error: there is not enough memory for this;"),
        (RuntimeError("RESOURCE_EXHAUSTED: Out of memory"), 1, "error: there is not enough memory for this;"),
        (KeyboardInterrupt(), 130, "\nStopped; there was nothing to save yet"),
    ],
)
def test_what_goes_wrong_becomes_a_line_and_an_exit_code(capsys, error, code, line):
    assert run_command(raising(error)) == code
    assert capsys.readouterr().err.startswith(line)


def test_bugs_are_not_hidden():
    with pytest.raises(ZeroDivisionError):
        run_command(raising(ZeroDivisionError()))
    with pytest.raises(FileNotFoundError):
        run_command(raising(FileNotFoundError("gone")))


def test_every_ctrl_c_is_a_request_and_none_cuts_off_what_is_being_saved(capfd):
    before = signal.getsignal(signal.SIGINT)
    with StopSignals() as stop:
        assert not stop()
        for _ in range(3):
            signal.raise_signal(signal.SIGINT)
        assert stop()
        assert stop.exit_code == 130
    assert capfd.readouterr().err.count("Stopping after this step, and saving") == 1
    assert signal.getsignal(signal.SIGINT) is before


def test_who_reads_half_of_the_output_gets_no_traceback():
    """As `train_vae.py --dry-run | head -1` does."""
    code = (
        "import sys; from keras_gen.cli.command import run_command; "
        "sys.exit(run_command(lambda: [print('x' * 100, flush=True) for _ in range(10_000)] and 0))"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_names_that_the_terminal_cannot_show_are_escaped():
    code = (
        "import sys; from keras_gen.cli.command import run_command; "
        "sys.exit(run_command(lambda: print('K\\udce4fer') or 0))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "K\\udce4fer\n")
