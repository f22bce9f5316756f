"""A collection of images on one page, which needs no server, no network and no other file."""

from pathlib import Path

import numpy as np
from PIL import Image

from keras_gen.data.image_set import label_names
from keras_gen.evaluation.collections import Collection
from keras_gen.figures.colours import class_colours
from keras_gen.figures.grids import to_pillow
from keras_gen.files import write_text
from keras_gen.pages import asset, data_url, render
from keras_gen.run.arguments import as_path
from keras_gen.text import PATH_LENGTH, counted, printable, short_name
from keras_gen.transparency import on_checkerboard, on_white

SHEET = 1536  # pixels of a side of a sheet of thumbnails, at most
SIDES = (64, 48, 32)  # of a thumbnail: the largest with which the sheets are small enough
MAX_SHEETS_TEXT = 17 * 10**6  # letters: the page stays below 20 MB
QUALITY = 75
MAX_GROUPS, MAX_SKIPPED = 200, 500
BARS, MAX_OF_BAR = 32, 24  # of a histogram, and images of one that are shown


def write_collection(collection: Collection, out: str | Path | None = None) -> Path:
    """Write a collection as a page, and return its path. Whatever a user has named is escaped.

    Args:
        collection: What `keras_gen.collection` returned.
        out: The file, `.html`; None is one in the working folder, named after the collection.
    """
    name = f"collection-{short_name(collection.title) or 'images'}.html"
    path = as_path("out", out, ".html") if out is not None else Path(name)
    images, labels = collection.images, collection.images.labels
    thumbnails, side = _sheets(images.images)
    classes = label_names(labels, images.class_names)
    height, width, channels = images.image_shape
    brightness = on_white(images.images).mean(axis=(1, 2, 3), dtype=np.float64)
    shown_names = [printable(name, PATH_LENGTH) for name in collection.names]
    groups = sorted(collection.groups, key=len, reverse=True)
    page = render(
        "collection.html",
        title=printable(collection.title),
        summary=_summary(collection, f"{height} x {width} pixels, {'grey' if channels == 1 else 'colour'}"),
        groups=len(groups),
        left_out=max(0, len(groups) - MAX_GROUPS),
        skipped=[(printable(name, PATH_LENGTH), why) for name, why in list(collection.skipped.items())[:MAX_SKIPPED]],
        skipped_count=len(collection.skipped),
        passed=printable(collection.passed, 500),
        data={
            "sheets": thumbnails,
            "side": side,
            "perRow": SHEET // side,
            "pixelated": max(height, width) <= max(SIDES),
            "names": shown_names,
            "places": np.round(collection.positions, 4).tolist(),
            "labels": None if labels is None else labels.tolist(),
            "classes": [printable(name) for name in classes],
            "colours": class_colours(len(classes)),
            "groups": groups[:MAX_GROUPS],
            "copies": {str(index): original for index, original in collection.copies.items()},
            "unusual": collection.unusual.tolist(),
            "spreads": [_spread("brightness", brightness, "of 255"), *_size_spreads(collection)],
        },
        css=asset("page.css", "collection.css"),
        script=asset("widgets.js", "collection.js"),
    )
    write_text(path.absolute(), page)
    return path


def _summary(collection: Collection, kind: str) -> str:
    count, total = len(collection.images), collection.total
    of = f" of {total:,}, evenly spaced" if total > count else ""
    exact, near = len(collection.copies), collection.near_copies
    copies = f"{exact:,} exact copies and {near:,} near-copies" if exact or near else "no copies"
    return f"{counted(count, 'image')}{of}, {kind}; {copies}."


def _sheets(images: np.ndarray) -> tuple[list[str], int]:
    """Return sheets of thumbnails as data URLs, and the side of a thumbnail in pixels."""
    largest = min(SIDES[0], max(images.shape[1:3]))
    for side in [largest, *(side for side in SIDES if side < largest)]:
        size = (SHEET // side) ** 2
        sheets = [_sheet(images[start : start + size], side) for start in range(0, len(images), size)]
        if sum(map(len, sheets)) <= MAX_SHEETS_TEXT:
            break
    return sheets, side


def _sheet(images: np.ndarray, side: int) -> str:
    """Return a WebP of images beside and below each other, each within a square."""
    per_row = SHEET // side
    rows = -(-len(images) // per_row)
    sheet = Image.new("RGB", (per_row * side, rows * side), "white")
    for number, image in enumerate(on_checkerboard(images)):
        picture = to_pillow(image)
        if max(picture.size) > side:
            picture.thumbnail((side, side), Image.Resampling.LANCZOS)
        left, top = (side - picture.width) // 2, (side - picture.height) // 2
        sheet.paste(picture, (number % per_row * side + left, number // per_row * side + top))
    return data_url(sheet, "WEBP", quality=QUALITY)


def _size_spreads(collection: Collection) -> list[dict]:
    """Return how wide and high the files are; nothing where all are alike."""
    sizes = collection.sizes
    if sizes is None:
        return []
    names = ("width of the files", "height of the files")
    return [_spread(name, sizes[:, side], "pixels") for side, name in enumerate(names) if np.ptp(sizes[:, side])]


def _spread(name: str, values: np.ndarray, unit: str) -> dict:
    """Return a histogram, with some images of each bar."""
    counts, edges = np.histogram(values, BARS)
    bars = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, BARS - 1)
    members = [np.flatnonzero(bars == bar)[:MAX_OF_BAR].tolist() for bar in range(BARS)]
    return {
        "name": name,
        "unit": unit,
        "counts": counts.tolist(),
        "edges": np.round(edges, 1).tolist(),
        "members": members,
    }
