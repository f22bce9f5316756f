"""python -m keras_gen collection: a page to look through images before one trains on them."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from keras_gen.cli.command import Parser, check_output, say, say_page
from keras_gen.text import counted


def run(options: Namespace) -> None:
    """Run the command."""
    check_output("--out", options.out, ".html")
    from keras_gen.evaluation import collection

    names = ("dataset", "data_dir", "image_size", "channels", "count", "seed")
    found = collection(options.data, **{name: getattr(options, name) for name in names}, say=say)
    if found.skipped:
        say(f"Unused  {counted(len(found.skipped), 'file')}: the page says why")
    near, groups = found.near_copies, counted(len(found.groups), "group")
    say(f"Copies  {len(found.copies):,} exact and {near:,} nearly so, in {groups}")
    path = found.page(options.out)
    say_page(path)


def parser() -> Parser:
    """Return the command's parser."""
    result = Parser(
        prog="python -m keras_gen collection",
        description="Make a page to look through images before you train on them: a map of all, copies and "
        "near-copies, the images most unlike the others, and what was skipped. One file, no server, no network.",
    )
    add = result.add_argument
    add("data", metavar="DATA", help="data set, path of a folder or of a file of images, or run folder")
    add("--dataset", metavar="NAME|PATH", help="where a run's images are now (default: as trained)")
    add(
        "--data-dir",
        type=Path,
        metavar="FOLDER",
        help="folder to look in first (default: none)",
    )
    add("--image-size", help="side in pixels, or HEIGHTxWIDTH, to crop and resize to (default: as in training)")
    add(
        "--channels",
        type=int,
        choices=(1, 3, 4),
        help="1 grey, 3 colour, 4 with transparency (default: as they are)",
    )
    add("--count", type=int, default=5000, help="images to look at, at most, evenly spaced (default: 5000)")
    add("--seed", type=int, default=0, help="of the map (default: 0)")
    add("--out", type=Path, metavar="HTML", help="file for the page (default: collection-NAME.html here)")
    return result
