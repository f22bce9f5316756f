"""python -m keras_gen collection: a page to look through images before one trains on them."""

from argparse import Namespace

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
    result.add_argument("data", metavar="DATA", help="data set, path of a folder or of a file of images, or run folder")
    result.add("--dataset", "where a run's images are now", told="as trained", metavar="NAME|PATH")
    result.add_path("--data-dir", "FOLDER", "folder to look in first", "none")
    result.add("--image-size", "side in pixels, or HEIGHTxWIDTH, to crop and resize to", told="as in training")
    channels = "1 grey, 3 colour, 4 with transparency"
    result.add("--channels", channels, told="as they are", type=int, choices=(1, 3, 4))
    result.add("--count", "images to look at, at most, evenly spaced", 5000)
    result.add("--seed", "of the map", 0)
    result.add_path("--out", "HTML", "file for the page", "collection-NAME.html here")
    return result
