"""A page to move through a latent space in a browser: one file that needs no server and no network."""

import base64
import io
from dataclasses import dataclass, field

import numpy as np

from keras_gen.figures.colours import class_colours
from keras_gen.figures.grids import image_grid, to_pillow
from keras_gen.figures.latent_space import FEWEST_NAMED, MOST_NAMED, PRIOR_SHARES
from keras_gen.pages import asset, render
from keras_gen.text import printable
from keras_gen.transparency import on_checkerboard

SHEET_COLUMNS = 40
LARGEST_SIDE = 128  # pixels of an image in a page; larger ones are averaged down


@dataclass
class LatentPlane:
    """What an explorer shows; all latent points are of shape (latent_dim,)."""

    title: str
    image_shape: tuple[int, int, int]
    pixel_range: tuple[float, float]  # as the network gives pixels
    origin: np.ndarray  # the latent point in the middle of the axes
    directions: np.ndarray  # orthonormal, (k, latent_dim): two for the plane, then one for each slider
    axis_names: tuple[str, ...]  # of each direction
    extent: tuple[float, float, float, float]  # left, right, bottom and top of the plane, a square
    slider_reach: list[float] = field(default_factory=list)  # how far each slider goes on both sides of 0
    # Held-out images: their codes, (n, latent_dim), their positions among all of them, themselves, uint8, and their
    # reconstructions, or None where the page decodes.
    codes: np.ndarray | None = None
    numbers: np.ndarray | None = None
    images: np.ndarray | None = None
    rebuilt: np.ndarray | None = None
    labels: np.ndarray | None = None
    class_names: tuple[str, ...] = ()
    held_out: int = 0  # how many there are
    means: np.ndarray | None = None  # the mean code of each label that has one, (m, latent_dim), and its name
    mean_names: tuple[str, ...] = ()
    prior: np.ndarray | None = None  # where its centre is in the plane
    marks: list[tuple[str, float, float]] = field(default_factory=list)  # name, x and y of positions in the plane
    typical_length: float | None = None  # to which points are brought before they are decoded
    # Operations as dictionaries of `kind`, `options` and `weights`; or images at a square of positions over the
    # extent, uint8 (side * side, height, width, channels), which are blended.
    network: list[dict] | None = None
    tiles: np.ndarray | None = None
    weights: int = 0  # of the network
    remark: str = ""


def explorer_page(plane: LatentPlane) -> str:
    """Return the page as HTML."""
    if plane.network is not None:
        how = f"Every picture is decoded live, in your browser, by the trained network ({plane.weights:,} weights)."
    else:
        side = round(len(plane.tiles) ** 0.5)
        how = (
            f"The network ({plane.weights:,} weights) is too large for a page, or has layers that this one cannot "
            "compute: pictures are blended from "
            f"{side} x {side} images that it made beforehand."
        )
    shown = [plane.remark]
    if plane.codes is not None:
        shown.append(f"{len(plane.codes):,} of {plane.held_out:,} held-out images are shown as dots.")
    if plane.prior is not None:
        shown.append("The circles hold 50, 90 and 99 % of the prior, from which new images are drawn.")
    if plane.codes is not None and plane.codes.shape[1] > 2:
        shown.append(
            f"A code has {plane.codes.shape[1]} numbers and the plane shows two: a dot's reconstruction is of all of "
            "them, the picture at the pointer of these two alone."
        )
        if plane.network is None:
            shown.append("Walks and concepts are shown as far as they lie in the plane.")
    return render(
        "explorer.html",
        title=printable(plane.title),
        how=how,
        shown=" ".join(shown).strip(),
        plane=f"latent plane of {plane.axis_names[0]} and {plane.axis_names[1]}",
        css=asset("page.css") + asset("explorer.css"),
        script=asset("explorer.js"),
        data=_data(plane),
    )


def _data(plane: LatentPlane) -> dict[str, object]:
    """Return what the page's script reads."""
    return {
        "latentDim": len(plane.origin),
        "imageShape": plane.image_shape,
        "pixelRange": plane.pixel_range,
        "axes": {"origin": _floats(plane.origin), "directions": _floats(plane.directions), "names": plane.axis_names},
        "range": [float(edge) for edge in plane.extent],
        "sliders": plane.slider_reach,
        "points": _points(plane),
        "classes": _classes(plane),
        "means": None if plane.means is None else _floats(plane.means),
        "meanNames": [printable(name) for name in plane.mean_names],
        "prior": None if plane.prior is None else {"centre": plane.prior.tolist(), "shares": PRIOR_SHARES},
        "marks": [{"name": name, "x": x, "y": y} for name, x, y in plane.marks],
        "typicalLength": plane.typical_length,
        "network": plane.network and [_operation(step) for step in plane.network],
        "tiles": plane.tiles is not None and _sheet(plane.tiles) | {"side": round(len(plane.tiles) ** 0.5)},
    }


def _points(plane: LatentPlane) -> dict[str, object]:
    if plane.codes is None:
        return {}
    return {
        "codes": _floats(plane.codes),
        "numbers": plane.numbers.tolist(),
        "labels": None if plane.labels is None else plane.labels.tolist(),
        "real": _sheet(plane.images),
        "rebuilt": None if plane.rebuilt is None else _sheet(plane.rebuilt),
    }


def _classes(plane: LatentPlane) -> list[dict] | None:
    """Return name, colour, number of points and middle of every label."""
    if plane.labels is None:
        return None
    positions = (plane.codes - plane.origin) @ plane.directions[:2].T
    result = []
    for label, colour in enumerate(class_colours(len(plane.class_names))):
        dots = positions[plane.labels == label]
        named = len(dots) >= FEWEST_NAMED and len(plane.class_names) <= MOST_NAMED
        middle = np.median(dots, axis=0).tolist() if named else None
        name = printable(plane.class_names[label])
        result.append({"name": name, "colour": colour, "count": len(dots), "middle": middle})
    return result


def _operation(step: dict) -> dict:
    shape = {"kernelShape": step["weights"]["kernel"].shape} if "kernel" in step["weights"] else {}
    weights = {name: _floats(values) for name, values in step["weights"].items()}
    return {"kind": step["kind"], "options": step["options"] | shape, "weights": weights}


def _floats(values: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(values, "<f4").tobytes()).decode()


def shrunk(images: np.ndarray) -> np.ndarray:
    """Return images, uint8 (n, height, width, channels), averaged down to at most LARGEST_SIDE pixels a side."""
    factor = -(-max(images.shape[1:3]) // LARGEST_SIDE)
    if factor == 1:
        return images
    images = on_checkerboard(images)
    count, height, width, channels = images.shape
    high, wide = height // factor, width // factor
    blocks = images[:, : high * factor, : wide * factor].reshape(count, high, factor, wide, factor, channels)
    return np.rint(blocks.mean(axis=(2, 4), dtype=np.float32)).astype(np.uint8)


def _sheet(images: np.ndarray) -> dict[str, object]:
    """Return images side by side as a PNG in a data URL: pixel for pixel, for a script to cut up."""
    columns = min(SHEET_COLUMNS, len(images))
    output = io.BytesIO()
    to_pillow(image_grid(images, columns, gap=0)).save(output, "PNG", optimize=True)
    picture = "data:image/png;base64," + base64.b64encode(output.getvalue()).decode()
    return {"picture": picture, "columns": columns}
