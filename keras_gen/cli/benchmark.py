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
        names = _words(options.scores, "--scores", ("copies", "corruptions"))
        start_backend()
        measure_scores(names, out, options.data_dir)
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
    add = result.add_argument
    add("--rounds", type=int, default=5, help="times that each is measured (default: 5)")
    add(
        "--only",
        default=DEFAULT_PARTS,
        help="models; photos, the reading of large images; growth, a data set that grows to a million images (4 GB in "
        "the temporary folder), and 1, 2 and 4 workers; pages, the explorers in Chromium; with commas between "
        f"(default: {DEFAULT_PARTS})",
    )
    add(
        "--precision",
        default="float32,mixed_bfloat16",
        help="kinds of arithmetic, with commas between (default: float32,mixed_bfloat16)",
    )
    add(
        "--batch-size",
        help="images in a step, such as 128,1024; two that are far apart also tell whether launches or arithmetic "
        "bound a step (default: the chapter's, 100 for the VAE and 128 for the DCGAN)",
    )
    add("--image-size", default="32", help="sides of the DCGAN's images in pixels, such as 32,64 (default: 32)")
    add(
        "--quality",
        nargs="?",
        const=RECIPES_COMPARED,
        help=f"instead, train and measure: some of {studies}, with commas between "
        f"(alone: {RECIPES_COMPARED}); hours on a CPU, and what is done already is not done again (default: no study)",
    )
    add(
        "--scores",
        nargs="?",
        const="copies,corruptions",
        help="instead, measure the scores of evaluate on real images: how often the search for copies is right, and "
        "which corruptions are seen (alone: copies,corruptions; default: neither)",
    )
    add(
        "--published",
        nargs="?",
        const=published,
        help="instead, train and measure VAEs by the protocols of published numbers, and write the table of "
        f"docs/published.md, which is printed, too: some of {published} (alone: all; default: none)",
    )
    add("--full", action="store_true", help="the whole schedule of --published's long rows (default: its beginning)")
    add("--seeds", default="0", help="seeds of --quality and --published, such as 0,1,2 (default: 0)")
    add(
        "--out",
        type=Path,
        help="folder of the runs, and of the trials of --scores (default: quality, or published for --published)",
    )
    add(
        "--data-dir",
        type=Path,
        help="where data sets are looked for first (default: Keras's cache, then a download)",
    )
    return result


def measure_scores(names: list[str], out: Path, data_dir: Path | None) -> None:
    """Print tables of what the scores see."""
    from keras_gen.benchmarks import copies, corruptions

    if "copies" in names:
        copies.copies_table(out, data_dir, say)
    if "corruptions" in names:
        corruptions.corruption_tables(data_dir, say)


def _words(text: str, flag: str, choices: tuple[str, ...]) -> list[str]:
    words = text.split(",")
    if not set(words) <= set(choices) or len(set(words)) < len(words):
        raise InputError(f"{flag} must be some of {','.join(choices)}, with commas between; received {text}")
    return words
