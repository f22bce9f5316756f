"""Import a package's public names only when they are asked for (PEP 562)."""

import importlib
import sys
from collections.abc import Callable

from keras_gen._keras import quiet_import


def lazy_exports(
    package: str, homes: dict[str, tuple[str, ...]]
) -> tuple[list[str], Callable[[str], object], Callable[[], list[str]]]:
    """Return `__all__`, `__getattr__` and `__dir__` for a package whose names live in `homes`, by module.

    TensorFlow takes seconds to import, and `--help` should not wait for it.
    """
    home_of = {name: module for module, names in homes.items() for name in names}

    def __getattr__(name: str) -> object:
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        with quiet_import():
            module = importlib.import_module(home_of[name], package)
        return getattr(module, name)

    names = sorted(home_of)
    return names, __getattr__, lambda: [*names, *vars(sys.modules[package])]
