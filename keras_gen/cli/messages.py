"""How the command line words the library's messages: arguments as flags, and nothing that a terminal would obey."""

import errno
import re
from collections.abc import Iterable
from pathlib import Path

import keras_gen
from keras_gen.errors import WriteError
from keras_gen.text import printable

LONGEST = 2000  # characters of a line
ALIASES = {"data": "dataset", "folder": "out", "start": "from", "end": "to"}  # of arguments, other flags
TRAINING_FLAGS = (
    "--conditional",
    "--evaluate-every",
    "--patience",
    "--resume",
    "--epochs",
)  # which messages of every command may name
REMEDIES = {
    errno.ENOSPC: "make room and run again",
    getattr(errno, "EDQUOT", errno.ENOSPC): "make room within your quota and run again",  # Windows knows no quota
    errno.EFBIG: "the system allows no file so large: see ulimit -f, or use another disk",
    errno.EIO: "check the disk, or use another",
    errno.EROFS: "use a folder that can be written",
    errno.EACCES: "make it readable and writable",
    errno.EPERM: "make it readable and writable",
    errno.EISDIR: "a file is needed there: move the folder away",
    errno.ENOTDIR: "a folder is needed above it: move away the file that is there",
    errno.EEXIST: "move away what is there",
    errno.ENAMETOOLONG: "give a shorter name",
    errno.ENOENT: "name a folder that can be made",
}


def as_flags(message: str, flags: Iterable[str] | None = None) -> str:
    """Return a message with the arguments that it names in backticks written as a command's flags.

    `` `image_size=64` `` becomes `--image-size 64`, `` `augment=True` `` `--augment`, and
    `` `generator.kernel_size=4` `` `--set generator.kernel_size=4`. What is no argument only loses its backticks.
    The command has flags such as `--image-size`, and settings that have one, such as `data.image_size`; None takes
    every plain name for an argument.
    """

    def translated(match: re.Match) -> str:
        text = match[1]
        name, equals, value = text.partition("=")
        if flags is not None and "." in name and name in flags:  # a setting that has a flag
            name = name.rpartition(".")[2]
        if equals and re.fullmatch(r"[a-z]\w*\.[a-z]\w*", name):
            return f"--set {name}={_value(value)}"
        flag = "--" + ALIASES.get(name, name).replace("_", "-")
        if not re.fullmatch(r"[a-z]\w*", name) or (flags is not None and flag not in {*TRAINING_FLAGS, *flags}):
            return text
        if value in ("True", "False"):
            return flag if value == "True" else flag.replace("--", "--no-", 1)
        return f"{flag} {_value(value)}" if equals else flag

    return re.sub(r"`([^\s`][^`\n]*)`", translated, message)


def _value(text: str) -> str:
    """Return a Python value as a flag takes it."""
    if text in ("True", "False", "None"):
        return text.lower()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" and " " not in text:
        return text[1:-1]
    return text


def shown(message: object, flags: Iterable[str] | None = None) -> str:
    """Return a message as one line for the terminal."""
    first, *rest = as_flags(str(message), flags).split("\n")
    return printable(" ".join([first.rstrip(), *(line.strip() for line in rest)]), LONGEST)


def file_problem(error: OSError) -> str:
    """Return the line for a file, or a disk, that cannot be used."""
    reason = error.strerror or str(error) or type(error).__name__
    remedy = REMEDIES.get(error.errno, "check it and run again")
    if error.filename is None:
        return f"the output cannot be written ({reason}); {remedy}"
    if isinstance(error, WriteError):
        remedy = REMEDIES.get(error.errno, "make room, or use another disk")  # NumPy does not tell the system's reason
        return f"{error.filename} cannot be written ({reason}); {remedy}"
    if isinstance(error, FileNotFoundError):
        ours = Path(keras_gen.__file__).parent in Path(str(error.filename)).absolute().parents
        return f"{error.filename} is missing; {'install keras_gen again' if ours else 'put it back, or name another'}"
    return f"{error.filename} cannot be used ({reason}); {remedy}"
