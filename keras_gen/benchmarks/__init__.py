"""How fast the loops are, how fast others are on the same machine in the same minutes, and how good the recipes are."""

import tomllib
from importlib import resources


def read_tables(name: str) -> dict[str, dict]:
    """Return the tables of a TOML file beside this module, by name."""
    return tomllib.loads(resources.files(__name__).joinpath(name).read_text("utf-8"))
