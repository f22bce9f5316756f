import errno

import pytest

from keras_gen.cli.command import StopSignals, run_command
from keras_gen.errors import InputError, RunError


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
        (KeyboardInterrupt(), 130, ""),
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


def test_the_second_ctrl_c_stops_at_once():
    import signal

    with StopSignals() as stop:
        assert not stop()
        signal.raise_signal(signal.SIGINT)
        assert stop()
        assert stop.exit_code == 130
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
