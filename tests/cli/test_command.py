import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import keras_gen
from keras_gen.cli.command import Parser, run_command, say
from keras_gen.cli.messages import as_flags
from keras_gen.errors import InputError, RunError, WriteError

OURS = str(Path(keras_gen.__file__).with_name("page.css"))


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
        (InputError("no\x1b[31m\rname \u202e"), 2, "error: no\\x1b[31m\\rname \\u202e\n"),
        (InputError("a  b " + "x" * 9000), 2, "error: a  b xxx"),
        (WriteError(28, "No space left", "a.csv"), 1, "error: a.csv cannot be written (No space left); make room and"),
        (WriteError(errno.EFBIG, "File too large", "a"), 1, "error: a cannot be written (File too large); the system"),
        (
            WriteError(None, "9 requested and 5 written", "a"),
            1,
            "error: a cannot be written (9 requested and 5",
        ),
        (OSError(errno.EROFS, "Read-only file system", "runs"), 1, "error: runs cannot be used (Read-only file system"),
        (PermissionError(13, "Permission denied", "a"), 1, "error: a cannot be used (Permission denied); make it read"),
        (FileNotFoundError(2, "No such file", "a.png"), 1, "error: a.png is missing; put it back, or name another\n"),
        (FileNotFoundError(2, "No such file", OURS), 1, f"error: {OURS} is missing; install keras_gen again\n"),
        (OSError(errno.EIO, "I/O error"), 1, "error: the output cannot be written (I/O error); check the disk, or use"),
        (MemoryError(), 1, "error: there is not enough memory for this; use smaller batches, images or networks\n"),
        (ResourceExhaustedError("OOM when allocating"), 1, "error: there is not enough memory for this;"),
        (RuntimeError("RESOURCE_EXHAUSTED: Out of memory"), 1, "error: there is not enough memory for this;"),
        (KeyboardInterrupt(), 130, "\nStopped\n"),
    ],
)
def test_what_goes_wrong_becomes_a_line_and_an_exit_code(capsys, error, code, line):
    assert run_command(raising(error)) == code
    printed = capsys.readouterr().err
    assert printed.startswith(line)
    assert len(printed) < 2100


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("resize with `image_size=64`", "resize with --image-size 64"),
        ("`image_size` must be 4 or more", "--image-size must be 4 or more"),
        ("add `augment=True` or `augment=False`", "add --augment or --no-augment"),
        ("`recipe='tuned'` and `patience=None`", "--recipe tuned and --patience none"),
        ("try `generator.kernel_size=4`", "try --set generator.kernel_size=4"),
        ("`data` is empty; `folder` too", "--dataset is empty; --out too"),
        ("use `keras_gen.frozen`, `ImageSet` or `load_run(path)`", "use keras_gen.frozen, ImageSet or load_run(path)"),
        ("a ` alone, and `pip install torch`", "a ` alone, and pip install torch"),
    ],
)
def test_arguments_are_named_as_flags(message, shown):
    assert as_flags(message) == shown


def test_a_setting_that_has_a_flag_is_named_by_it():
    flags = {"--epochs", "--set", "training.epochs"}
    message = "`training.epochs` was 3; try `training.epochs=4`, `generator.filters=8` or `generator.filters`"
    assert as_flags(message, flags) == (
        "--epochs was 3; try --epochs 4, --set generator.filters=8 or generator.filters"
    )


def test_what_is_no_flag_of_the_command_is_not_named_as_one(capsys, monkeypatch):
    monkeypatch.setattr(Parser, "flags", set())
    parser = Parser(prog="train")
    parser.add_argument("--image-size")
    parser.parse_args([])
    say("Files   `image_size=64`, `leaky_alpha=0.2`, two\x1b[31m")
    assert capsys.readouterr().out == "Files   --image-size 64, leaky_alpha=0.2, two\\x1b[31m\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="NOT TESTED: there is no /dev/full")
def test_an_output_that_is_full_gets_a_line():
    """As `train_vae.py > log` on a full disk does."""
    code = "import sys; from keras_gen.cli.command import run_command; sys.exit(run_command(lambda: print('x') or 0))"
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-c", code], stdout=full, stderr=subprocess.PIPE, text=True)
    line = "error: the output cannot be written (No space left on device); make room and run again\n"
    assert (done.returncode, done.stderr) == (1, line)


def test_bugs_are_not_hidden():
    with pytest.raises(ZeroDivisionError):
        run_command(raising(ZeroDivisionError()))
    with pytest.raises(FileNotFoundError):
        run_command(raising(FileNotFoundError("gone")))


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_signal_outside_the_training_ends_the_command(monkeypatch, name, code):
    monkeypatch.setattr(signal, "SIG_IGN", None)  # this process may be under nohup
    number = getattr(signal, name)
    before = signal.getsignal(number)
    assert run_command(lambda: signal.raise_signal(number)) == code
    assert signal.getsignal(number) == before


def test_a_hangup_that_is_ignored_stays_ignored():
    """As under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert run_command(lambda: signal.raise_signal(signal.SIGHUP) or 7) == 7
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("[print('x' * 100) for _ in range(10_000)] and 0", 1),
        ("read(0, 1) and print('x', end='') or 130", 130),
    ],
)
def test_who_reads_half_of_the_output_gets_no_traceback(body, code):
    """As `train_vae.py --dry-run | head -1` does; a run that was stopped keeps its exit code."""
    code_text = (
        "import sys; from os import read; from keras_gen.cli.command import run_command; print('first', flush=True); "
        f"sys.exit(run_command(lambda: {body}))"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with subprocess.Popen([sys.executable, "-c", code_text], env=environment, **pipes) as process:
        process.stdout.readline()
        process.stdout.close()
        process.stdin.write(b"go")
        process.stdin.close()
        assert process.stderr.read() == b""
    assert process.returncode == code


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("--image-sze", "--image-sze is not known; did you mean --image-size?; see train --help"),
        ("--q=3", "--q=3 is not"),
    ],
)
def test_an_unknown_flag_is_answered_with_the_nearest(word, message):
    parser = Parser(prog="train")
    parser.add_argument("--image-size")
    with pytest.raises(InputError) as raised:
        parser.parse_args([word])
    assert str(raised.value).startswith(message)


def test_names_that_the_terminal_cannot_show_are_escaped():
    code = (
        "import sys; from keras_gen.cli.command import run_command; "
        "sys.exit(run_command(lambda: print('K\\udce4fer') or 0))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "K\\udce4fer\n")


def test_streams_that_the_caller_closed_lead_nowhere(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)

    def body():
        with sys.stdout, sys.stderr:
            sys.stderr.flush()
            assert sys.stdout.name == sys.stderr.name == os.devnull
        sys.stdout = sys.stderr = None
        return 0

    assert run_command(body) == 0
