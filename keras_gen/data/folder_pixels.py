"""All images of a folder to one file of pixels."""

import itertools
import math
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
from tqdm.auto import tqdm

from keras_gen.cores import usable_cores
from keras_gen.data.archives import Archive
from keras_gen.data.decoding import FULL_RANGE, Header, Plan, Unusable, decode, read_header, returning_memory, too_small
from keras_gen.data.finding import Folder
from keras_gen.data.ranges import white_levels
from keras_gen.errors import InputError
from keras_gen.sizes import nearest_pair, reachable, sides
from keras_gen.text import has_terminal, printable

GREY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "F")
DEFAULT_SIZE = 64
ALIKE, SHARED_BY = 1.05, 0.95  # an aspect ratio is shared if that of so many images differs by at most this factor
NAMED = 3  # of the images that are skipped
CHUNK, CHUNK_BYTES = 256, 2**27  # images decoded at a time, so that a slow disk cannot fill the memory with them


@dataclass
class Facts:
    """What is known of a decoded folder, kept beside its pixels.

    Attributes:
        shape: (n, height, width, channels) of the pixels.
        skipped: Why each file was left out, by its path in the folder.
        widths: The files' smallest, median and largest width.
        heights: The same of their height.
        shared_size: Whether the size was taken from the files, which all share it.
        whites: The values taken for white in pixels of 8 and 16 bits.
        grey_in_colour: Whether all files are stored in colour, or some are, and none shows any.
        transparent: How many images have pixels that show what is behind them.
    """

    shape: list[int]
    skipped: dict[str, str]
    widths: list[int]
    heights: list[int]
    shared_size: bool
    whites: list[int]
    grey_in_colour: bool
    transparent: int


def decode_files(
    tree: Folder | Archive,
    files: list[Path],
    image_size: int | str | None,
    channels: int | None,
    max_bad: int,
    output: BinaryIO,
) -> dict:
    """Write the pixels of all files that can be used, and return the facts.

    Size, channels and white depend on the images that are used: where the last pass shows that they are others than
    was thought, there is another pass.
    """
    skipped: dict[str, str] = {}
    whites = FULL_RANGE
    with warnings.catch_warnings(), returning_memory(), ThreadPoolExecutor(usable_cores()) as pool:
        warnings.simplefilter("ignore")  # Pillow's remarks on odd metadata; large images are meant to be
        work = partial(_work, pool, tree, skipped, max_bad)
        headers = dict(work("Looking at images", read_header, files, CHUNK))
        while True:
            plan, shared, small = planned = _planned(headers, image_size, channels, whites)
            usable, highest, all_grey, transparent = [], Counter(), True, 0
            output.seek(0)
            output.truncate()
            chunk = max(1, min(CHUNK, CHUNK_BYTES // (plan.height * plan.width * plan.channels)))
            for file, image in work("Reading images", partial(decode, plan=plan), list(headers), chunk):
                usable.append(file)
                if file not in small:
                    output.write(image.pixels.tobytes())
                    highest |= {image.kind: image.highest}
                    all_grey &= image.is_grey
                    transparent += image.transparent
            headers = {file: headers[file] for file in usable}
            whites = white_levels(highest, tree.name)
            if _planned(headers, image_size, channels, whites) == planned:
                break
    skipped |= {file.as_posix(): reason for file, reason in small.items()}
    check_bad(tree.name, skipped, max_bad)
    used = [header for file, header in headers.items() if file not in small]
    if len(used) < 2:
        names = f"; {named(skipped)}" if skipped else ""
        raise InputError(f"{tree.name} holds too few usable images ({len(used)}); give at least two{names}")
    widths, heights = np.array([header[:2] for header in used]).T
    facts = Facts(
        shape=[len(used), *plan[:3]],
        skipped=skipped,
        widths=[int(of(widths)) for of in (np.min, np.median, np.max)],
        heights=[int(of(heights)) for of in (np.min, np.median, np.max)],
        shared_size=shared,
        whites=list(whites),
        grey_in_colour=all_grey and channels is None and plan.channels == 3,
        transparent=transparent,
    )
    return asdict(facts)


def _planned(
    headers: dict[Path, Header], image_size: int | str | None, channels: int | None, whites: tuple[int, int]
) -> tuple[Plan, bool, dict[Path, str]]:
    """Decide on size and channels; tell whether the files share the size, and which are too small for it."""
    used, small = headers, {}
    while True:
        (height, width), shared = _default_sides(used) if image_size is None else (sides(image_size), False)
        new = {file: reason for file, header in used.items() if (reason := too_small(header, height, width))}
        small |= new
        used = {file: header for file, header in used.items() if file not in new}
        if not new or not used:
            grey = all(header.mode in GREY_MODES for header in used.values())
            return Plan(height, width, channels or (1 if grey else 3), *whites), shared, small


def _default_sides(headers: dict[Path, Header]) -> tuple[tuple[int, int], bool]:
    """Return height and width for images of these headers, and whether it is what all of them have.

    Images that share an aspect ratio keep it as nearly as the networks can; others become squares.
    """
    sizes = {(header.height, header.width) for header in headers.values()}
    if len(sizes) == 1 and reachable(*next(iter(sizes))):
        return sizes.pop(), True
    if headers:
        heights, widths = np.array([(header.height, header.width) for header in headers.values()]).T
        aspects = np.log(heights / widths)
        aspect, area = np.median(aspects), min(np.median(heights * widths), DEFAULT_SIZE**2)
        if np.mean(np.abs(aspects - aspect) <= math.log(ALIKE)) >= SHARED_BY:
            height, width = nearest_pair(math.sqrt(area * math.exp(aspect)), math.sqrt(area / math.exp(aspect)))
            if height != width:
                return (height, width), False
    return (DEFAULT_SIZE, DEFAULT_SIZE), False


def _work(
    pool: ThreadPoolExecutor,
    tree: Folder | Archive,
    skipped: dict[str, str],
    max_bad: int,
    title: str,
    function: Callable[[Path], object],
    files: list[Path],
    chunk: int,
) -> Iterator[tuple[Path, object]]:
    """Apply a function to each file on all cores, in order, and keep account of those it cannot use."""

    def attempt(file: Path) -> object:
        try:
            return function(tree.file(file))
        except Unusable as reason:
            return reason

    bar = tqdm(files, title, unit="image", leave=False, disable=not has_terminal(), delay=0.5, dynamic_ncols=True)
    results = (pool.map(attempt, files[start : start + chunk]) for start in range(0, len(files), chunk))
    for file, result in zip(bar, itertools.chain.from_iterable(results), strict=True):
        if isinstance(result, Unusable):
            skipped[file.as_posix()] = str(result)
            check_bad(tree.name, skipped, max_bad)
        else:
            yield file, result


def check_bad(where: str, skipped: dict[str, str], max_bad: int) -> None:
    """Raise InputError for more skipped images than are allowed."""
    if len(skipped) > max_bad:
        raise InputError(
            f"more than {max_bad} of the images in {where} cannot be used: {named(skipped)}; "
            "mend or remove them, or allow more with `max_bad`"
        )


def named(skipped: dict[str, str]) -> str:
    """Return the names of the first skipped images, with the reasons, and the number of the others."""
    names = [f"{printable(name)} {reason}" for name, reason in list(skipped.items())[:NAMED]]
    return ", ".join(names) + (f", and {len(skipped) - NAMED} more" if len(skipped) > NAMED else "")
