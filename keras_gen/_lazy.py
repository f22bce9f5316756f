"""Import a package's public names only when they are asked for (PEP 562)."""

import importlib
import sys
from collections.abc import Callable


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
        return getattr(importlib.import_module(home_of[name], package), name)

    names = sorted(home_of)
    return names, __getattr__, lambda: [*names, *vars(sys.modules[package])]
