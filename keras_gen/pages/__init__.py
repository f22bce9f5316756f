"""Pages of HTML, and what they are made of."""

import base64
import io
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

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


def data_url(picture: Image.Image | bytes, kind: str = "PNG", **options: object) -> str:
    """Return a picture, or the bytes of its file, as a data URL; the options are those of Pillow's `save`."""
    if isinstance(picture, Image.Image):
        file = io.BytesIO()
        picture.save(file, kind, **options)
        picture = file.getvalue()
    return f"data:image/{kind.lower()};base64," + base64.b64encode(picture).decode()
