"""A page to move through a latent space in a browser: one file that needs no server and no network."""

import base64
from dataclasses import dataclass, field

import numpy as np

from keras_gen.data.pixels import block_means
from keras_gen.figures.colours import class_colours
from keras_gen.figures.grids import image_grid, to_pillow
from keras_gen.figures.latent_space import FEWEST_NAMED, MOST_NAMED, PRIOR_SHARES
from keras_gen.pages import asset, data_url, render
from keras_gen.pages.glossary import GLOSSARY
from keras_gen.text import printable
from keras_gen.transparency import on_checkerboard

SHEET_COLUMNS = 40
LARGEST_SIDE = 128  # pixels of an image in a page; larger ones are averaged down
SCRIPTS = ("network", "decoding", "state", "pictures", "plane", "image_input", "point_file", "explorer")


@dataclass
class Basis:
    """Directions of the latent space, of which two span the plane; the others have sliders.

    Attributes:
        name: What the reader chooses it by.
        origin: The latent point where all coordinates are 0, (latent_dim,).
        directions: Orthonormal, (k, latent_dim).
        names: Of the directions.
        low: Where each direction's range begins.
        high: Where it ends.
        marks: Names and positions in the plane of the first two.
    """

    name: str
    origin: np.ndarray
    directions: np.ndarray
    names: tuple[str, ...]
    low: np.ndarray
    high: np.ndarray
    marks: list[tuple[str, float, float]] = field(default_factory=list)


@dataclass
class HeldOut:
    """Held-out images that are shown as dots: codes (n, latent_dim), and what they are codes of."""

    codes: np.ndarray
    numbers: np.ndarray  # their positions among all held-out images
    images: np.ndarray  # uint8
    total: int  # how many held-out images there are
    labels: np.ndarray | None = None
    rebuilt: np.ndarray | None = None  # reconstructions, where the page does not decode


@dataclass
class Explorer:
    """What an explorer shows.

    Attributes:
        kind: `vae` or `dcgan`.
        bases: The planes to choose from; the first is shown.
        start: The latent point shown first.
        networks: What the page can compute: `decoder` and `encoder`, as lists of operations; None where it cannot.
        tiles: Without a decoder: images at a square of positions over the first plane, which are blended.
        seeds: Latent points by their seed, (n, latent_dim): a DCGAN's.
        sheet: Images of the first seeds, uint8.
        means: The mean code of each label that has one, (m, latent_dim), and their names.
        class_names: Of all labels; `present` are those that the training images have.
        label: Of a conditional run: the label shown first.
        loss: Of a VAE: its likelihood, and beta.
        grids: Pictures of the epochs, as `{"epoch": ..., "source": ...}`.
        remarks: Sentences about the page.
        project: The command that finds an image of the user's in the latent space.
    """

    title: str
    kind: str
    image_shape: tuple[int, int, int]
    pixel_range: tuple[float, float]
    bases: list[Basis]
    start: np.ndarray
    method: str = "linear"
    networks: dict[str, list[dict] | None] = field(default_factory=dict)
    multiply_adds: int = 0
    tiles: np.ndarray | None = None
    held_out: HeldOut | None = None
    seeds: np.ndarray | None = None
    sheet: np.ndarray | None = None
    means: np.ndarray | None = None
    mean_names: tuple[str, ...] = ()
    class_names: tuple[str, ...] = ()
    present: tuple[int, ...] = ()
    label: int | None = None
    typical_length: float | None = None
    loss: dict[str, object] | None = None
    centre_drawings: bool = False
    grids: list[dict] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    project: str = "python -m keras_gen latent RUN project IMAGE"


def explorer_page(explorer: Explorer) -> str:
    """Return the page as HTML."""
    height, width = explorer.image_shape[:2]
    return render(
        "explorer.html",
        title=printable(explorer.title),
        kind=explorer.kind,
        remarks=explorer.remarks,
        project=explorer.project,
        encoder=bool(explorer.networks.get("encoder")),
        glossary=GLOSSARY,
        css=asset("page.css", "explorer.css"),
        script=asset("widgets.js", *(f"{name}.js" for name in SCRIPTS)),
        data=_data(explorer),
        shape=f"{height} x {width}",
    )


def _data(explorer: Explorer) -> dict[str, object]:
    """Return what the page's scripts read."""
    return {
        "title": printable(explorer.title),
        "kind": explorer.kind,
        "latentDim": len(explorer.start),
        "imageShape": explorer.image_shape,
        "pixelRange": explorer.pixel_range,
        "bases": [_basis(basis) for basis in explorer.bases],
        "start": floats(explorer.start),
        "method": explorer.method,
        "decoder": explorer.networks.get("decoder"),
        "encoder": explorer.networks.get("encoder"),
        "multiplyAdds": explorer.multiply_adds,
        "tiles": explorer.tiles is not None and _sheet(explorer.tiles) | {"side": round(len(explorer.tiles) ** 0.5)},
        "points": _points(explorer.held_out),
        "classes": _classes(explorer),
        "present": explorer.present,
        "label": explorer.label,
        "means": None if explorer.means is None else floats(explorer.means),
        "meanNames": [printable(name) for name in explorer.mean_names],
        "priorShares": PRIOR_SHARES if explorer.kind == "vae" else [],
        "seeds": None if explorer.seeds is None else floats(explorer.seeds),
        "sheet": None if explorer.sheet is None else _sheet(explorer.sheet) | {"count": len(explorer.sheet)},
        "typicalLength": explorer.typical_length,
        "loss": explorer.loss,
        "centreDrawings": explorer.centre_drawings,
        "grids": explorer.grids,
        "named": len(explorer.class_names) <= MOST_NAMED,
        "fewestNamed": FEWEST_NAMED,
    }


def _basis(basis: Basis) -> dict[str, object]:
    return {
        "name": basis.name,
        "origin": floats(basis.origin),
        "directions": floats(basis.directions),
        "names": basis.names,
        "low": np.asarray(basis.low, float).tolist(),
        "high": np.asarray(basis.high, float).tolist(),
        "marks": [{"name": name, "x": x, "y": y} for name, x, y in basis.marks],
    }


def _points(held_out: HeldOut | None) -> dict[str, object] | None:
    if held_out is None:
        return None
    return {
        "codes": floats(held_out.codes),
        "numbers": held_out.numbers.tolist(),
        "labels": None if held_out.labels is None else held_out.labels.tolist(),
        "real": _sheet(held_out.images),
        "rebuilt": None if held_out.rebuilt is None else _sheet(held_out.rebuilt),
    }


def _classes(explorer: Explorer) -> list[dict]:
    """Return name, colour and number of dots of every label."""
    labels = None if explorer.held_out is None else explorer.held_out.labels
    counts = np.bincount([] if labels is None else labels, minlength=len(explorer.class_names)).tolist()
    colours = class_colours(len(explorer.class_names))
    return [
        {"name": printable(name), "colour": colour, "count": count}
        for name, colour, count in zip(explorer.class_names, colours, counts, strict=True)
    ]


def floats(values: np.ndarray, dtype: str = "<f4") -> str:
    """Return numbers as base64 of float32, or after `h:` of float16 (`<f2`); network.js reads both."""
    text = base64.b64encode(np.ascontiguousarray(values, dtype).tobytes()).decode()
    return f"h:{text}" if dtype == "<f2" else text


def shrunk(images: np.ndarray) -> np.ndarray:
    """Return images, uint8 (n, height, width, channels), averaged down to at most LARGEST_SIDE pixels a side."""
    factor = -(-max(images.shape[1:3]) // LARGEST_SIDE)
    if factor == 1:
        return images
    return np.rint(block_means(on_checkerboard(images), factor)).astype(np.uint8)


def _sheet(images: np.ndarray) -> dict[str, object]:
    """Return images side by side as a PNG in a data URL: pixel for pixel, for a script to cut up."""
    columns = min(SHEET_COLUMNS, len(images))
    return {"picture": data_url(to_pillow(image_grid(images, columns, gap=0)), optimize=True), "columns": columns}
