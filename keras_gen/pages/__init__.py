"""Pages of HTML, and what they are made of."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

HERE = Path(__file__).parent


@cache
def _environment() -> Environment:
    return Environment(loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True)


def render(name: str, **values: object) -> str:
    """Return a page; every text in `values` is escaped, so that no name of a user's can become code."""
    return _environment().get_template(name).render(values)


def asset(*names: str) -> Markup:
    """Return style sheets or scripts of ours, joined in this order, to go into a page as they are."""
    return Markup("\n").join(Markup((HERE / name).read_text(encoding="utf-8")) for name in names)
