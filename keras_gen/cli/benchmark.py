"""python -m keras_gen benchmark: how fast the loops are, beside Keras and PyTorch, and how good the recipes."""

import importlib.util
import os
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

from keras_gen.benchmarks import read_tables
from keras_gen.cli.command import Parser, chosen_backend, not_installed, say, start_backend, whole_numbers
from keras_gen.errors import InputError
from keras_gen.run.arguments import check_count

RECIPES_COMPARED = "vae,digits,cars"
DEFAULT_PARTS = "vae,conv-vae,dcgan,photos"
SCORES = ("copies", "corruptions")  # that are measured themselves


def run(options: Namespace) -> None:
    """Run the command."""
    check_count("rounds", options.rounds, 1, 1000)
    out = options.out or Path("quality" if options.published is None else "published")
    if options.quality is not None:
        from keras_gen.benchmarks.studies import run_studies, studies

        names = _words(options.quality, "--quality", tuple(studies()))
        seeds = whole_numbers(options.seeds, "--seeds")
        start_backend()
        run_studies(names, seeds, out.absolute(), options.data_dir and options.data_dir.absolute())
    elif options.published is not None:
        from keras_gen.benchmarks.published import published, run_published

        names = _words(options.published, "--published", tuple(published()))
        seeds = whole_numbers(options.seeds, "--seeds")
        start_backend()
        run_published(names, seeds, out.absolute(), options.data_dir and options.data_dir.absolute(), options.full)
    elif options.scores is not None:
        names = _words(options.scores, "--scores", SCORES)
        start_backend()
        from keras_gen.benchmarks import copies, corruptions

        if "copies" in names:
            copies.copies_table(out, options.data_dir, say)
        if "corruptions" in names:
            corruptions.corruption_tables(options.data_dir, say)
    else:
        _measure_speed(options)


def _measure_speed(options: Namespace) -> None:
    from keras_gen.benchmarks.speed import measure_speed, plan_tasks
    from keras_gen.benchmarks.tasks import MODELS

    batch_sizes = whole_numbers(options.batch_size, "--batch-size") if options.batch_size else []
    for size in batch_sizes:
        check_count("batch_size", size, 2, 65_536)
    parts = _words(options.only, "--only", (*MODELS, "photos", "growth", "pages"))
    tasks = plan_tasks(
        [part for part in parts if part in MODELS],
        _words(options.precision, "--precision", ("float32", "mixed_bfloat16")),
        batch_sizes or None,
        whole_numbers(options.image_size, "--image-size"),
    )
    backend = os.environ["KERAS_BACKEND"] = chosen_backend()
    if not importlib.util.find_spec(backend):  # not imported: this process stays small, and leaves the GPU alone
        raise not_installed(backend)
    if tasks:
        measure_speed(tasks, options.rounds)
    for line in _other_tables(parts, options.rounds):
        say(line)


def _other_tables(parts: list[str], rounds: int) -> Iterator[str]:
    """Yield the lines of what is measured beside the models."""
    if "photos" in parts:
        from keras_gen.benchmarks.photos import photo_table

        yield from photo_table(rounds)
    if "growth" in parts:
        from keras_gen.benchmarks.growth import growth_tables

        yield from growth_tables()
    if "pages" in parts:
        start_backend()
        from keras_gen.benchmarks.pages import page_table

        yield from page_table(rounds)


def parser() -> Parser:
    """Return the command's parser."""
    studies, published = (",".join(read_tables(f"{name}.toml")) for name in ("studies", "published"))
    result = Parser(
        prog="python -m keras_gen benchmark",
        description="Measure the training loops beside the same Keras calls bare and beside PyTorch if it is "
        "installed, each in a process of its own, in turns; print the tables as Markdown. KERAS_BACKEND chooses the "
        "backend. Takes about twenty minutes on two cores.",
    )
    add = result.add
    add("--rounds", "times that each is measured", 5)
    add(
        "--only",
        "models; photos, the reading of large images; growth, a data set that grows to a million images (4 GB in "
        "the temporary folder), and 1, 2 and 4 workers; pages, the explorers in Chromium; with commas between",
        DEFAULT_PARTS,
    )
    add("--precision", "kinds of arithmetic, with commas between", "float32,mixed_bfloat16")
    add(
        "--batch-size",
        "images in a step, such as 128,1024; two that are far apart also tell whether launches or arithmetic "
        "bound a step",
        told="the chapter's, 100 for the VAE and 128 for the DCGAN",
    )
    add("--image-size", "sides of the DCGAN's images in pixels, such as 32,64", "32")
    add(
        "--quality",
        f"instead, train and measure: some of {studies}, with commas between; hours on a CPU, and what is done already "
        "is not done again",
        told=f"none; alone: {RECIPES_COMPARED}",
        nargs="?",
        const=RECIPES_COMPARED,
    )
    add(
        "--scores",
        "instead, measure the scores of evaluate on real images: how often the search for copies is right, and "
        "which corruptions are seen",
        told=f"none; alone: {','.join(SCORES)}",
        nargs="?",
        const=",".join(SCORES),
    )
    add(
        "--published",
        "instead, train and measure VAEs by the protocols of published numbers, and write the table of "
        f"docs/published.md, which is printed, too: some of {published}",
        told="none; alone: all",
        nargs="?",
        const=published,
    )
    result.add_switch("--full", "the whole schedule of --published's long rows", "its beginning")
    add("--seeds", "seeds of --quality and --published, such as 0,1,2", "0")
    out = "folder of the runs, and of the trials of --scores"
    result.add_path("--out", "FOLDER", out, "quality, or published for --published")
    data_dir = "where data sets are looked for first"
    result.add_path("--data-dir", "FOLDER", data_dir, "Keras's cache, then a download")
    return result


def _words(text: str, flag: str, choices: tuple[str, ...]) -> list[str]:
    words = text.split(",")
    if not set(words) <= set(choices) or len(set(words)) < len(words):
        raise InputError(f"{flag} must be some of {','.join(choices)}, with commas between; received {text}")
    return words
