"""python -m keras_gen benchmark: how fast the loops are, beside Keras and PyTorch, and how good the recipes."""

import dataclasses
import importlib.util
import os
from pathlib import Path

from tqdm import tqdm

from keras_gen.benchmarks.first_picture import first_pictures
from keras_gen.benchmarks.race import ask, race
from keras_gen.benchmarks.studies import STUDIES
from keras_gen.benchmarks.tables import opening, picture_table, section, verdicts
from keras_gen.benchmarks.task import CONTENDERS, PEAKS, Contender, Task, as_json
from keras_gen.cli.command import DONE, Parser, check_whole, chosen_backend, not_installed, whole_numbers
from keras_gen.cli.quality import quality
from keras_gen.errors import InputError
from keras_gen.sizes import doublings

KINDS = ("vae", "dcgan")
RECIPES_COMPARED = "vae,digits,cars"
PRECISIONS = ("float32", "mixed_bfloat16")
VAE_SHAPE = (28, 28, 1)
CHAPTER_BATCH = {"vae": 100, "dcgan": 128}
LAP_IMAGES = {  # by kind and device; enough for seconds; on a GPU the steps are short
    "vae": {"CPU": 60_000, "GPU": 60_000},
    "dcgan": {"CPU": 768, "GPU": 20_480},
}
LEAST_STEPS = 2
BAR = "{desc}: {n}/{total} [{elapsed}<{remaining}]"


def main(argv: list[str]) -> int:
    """Run the command and return its exit code."""
    options = parser().parse_args(argv)
    check_whole("--rounds", options.rounds, 1, 1000)
    if options.quality is not None:
        studies = some_of(options.quality, "--quality", tuple(STUDIES))
        return quality(studies, whole_numbers(options.seeds, "--seeds"), options.out.absolute(), options.data_dir)
    kinds = some_of(options.only, "--only", KINDS)
    precisions = some_of(options.precision, "--precision", PRECISIONS)
    tasks = planned(kinds, precisions, options.batch_size, options.image_size)
    check_backend()
    benchmark(tasks, options.rounds, kinds)
    return DONE


def parser() -> Parser:
    """Return the command's parser."""
    result = Parser(
        prog="python -m keras_gen benchmark",
        description="Measure the training loops beside the same Keras calls bare and beside PyTorch if it is "
        "installed, each in a process of its own, in turns; print the tables as Markdown. KERAS_BACKEND chooses the "
        "backend. Takes about a quarter of an hour on two cores.",
    )
    result.add_argument("--rounds", type=int, default=5, help="times that each is measured (default: 5)")
    result.add_argument("--only", default="vae,dcgan", help="models, with commas between (default: vae,dcgan)")
    result.add_argument(
        "--precision",
        default="float32,mixed_bfloat16",
        help="kinds of arithmetic, with commas between (default: float32,mixed_bfloat16)",
    )
    result.add_argument(
        "--batch-size",
        help="images in a step, such as 128,1024; two that are far apart also tell whether launches or arithmetic "
        "bound a step (default: the chapter's, 100 for the VAE and 128 for the DCGAN)",
    )
    result.add_argument(
        "--image-size", default="32", help="sides of the DCGAN's images in pixels, such as 32,64 (default: 32)"
    )
    result.add_argument(
        "--quality",
        nargs="?",
        const=RECIPES_COMPARED,
        help=f"instead, train and measure: some of {','.join(STUDIES)}, with commas between "
        f"(alone: {RECIPES_COMPARED}); hours on a CPU, and what is done already is not done again (default: no study)",
    )
    result.add_argument("--seeds", default="0", help="seeds of --quality, such as 0,1,2 (default: 0)")
    result.add_argument(
        "--out", type=Path, default=Path("quality"), help="folder of --quality's runs (default: quality)"
    )
    result.add_argument(
        "--data-dir", help="where --quality looks for data sets first (default: Keras's cache, then a download)"
    )
    return result


def some_of(text: str, flag: str, choices: tuple[str, ...]) -> list[str]:
    """Return the words of a list with commas, each one of `choices`."""
    words = text.split(",")
    if not set(words) <= set(choices) or len(set(words)) < len(words):
        raise InputError(f"{flag} must be some of {','.join(choices)}, with commas between; received {text}")
    return words


def planned(kinds: list[str], precisions: list[str], batch_size: str | None, image_size: str) -> list[Task]:
    """Return the task of each table, its laps of one step yet.

    Raises:
        InputError: A number is out of bounds, or the networks cannot reach an image size.
    """
    sizes = whole_numbers(image_size, "--image-size")
    for size in sizes:
        doublings(size)
    shapes = {"vae": [VAE_SHAPE], "dcgan": [(size, size, 3) for size in sizes]}
    tasks = []
    for kind in kinds:
        batches = whole_numbers(batch_size, "--batch-size") if batch_size else [CHAPTER_BATCH[kind]]
        tasks += [
            Task(kind, shape, precision, batch)
            for shape in shapes[kind]
            for precision in precisions
            for batch in batches
        ]
    for task in tasks:
        task.settings()  # checks the batch size
    return tasks


def check_backend() -> None:
    """Set KERAS_BACKEND for the contenders, and raise InputError if it is unknown or not installed.

    Nothing is imported: this process stays small, and leaves the GPU to the contenders.
    """
    backend = os.environ["KERAS_BACKEND"] = chosen_backend()
    if not importlib.util.find_spec(backend):
        raise not_installed(backend)


def benchmark(tasks: list[Task], rounds: int, pictures: list[str]) -> None:
    """Measure and print.

    Args:
        tasks: A table each; how many steps a lap has is decided here.
        rounds: Laps of each contender.
        pictures: Kinds of model whose time to the first picture is measured.
    """
    takers = {kind: contenders(kind) for kind in KINDS}
    total = 1 + sum(len(takers[task.kind]) * (1 + rounds) for task in tasks) + len(pictures)
    with tqdm(total=total, dynamic_ncols=True, leave=False, bar_format=BAR) as bar:

        def tick(title: str) -> None:
            bar.set_description_str(title.replace("`", ""), refresh=False)
            bar.update()

        def show(*lines: str) -> None:
            if lines:
                bar.clear()
                print("\n".join(lines), flush=True)

        bar.set_description_str("survey")
        survey = ask("survey:survey", tasks=[as_json(task) for task in tasks])
        tick("survey")
        show(*opening(survey, rounds, left_out(tasks)))
        results = {}
        for task, operations in zip(tasks, survey["operations"], strict=True):
            images = LAP_IMAGES[task.kind]["GPU" if survey["gpu"] else "CPU"]
            task = dataclasses.replace(task, steps=max(LEAST_STEPS, images // task.batch_size))
            results[task], notes = race(takers[task.kind], task, rounds, tick)
            show("", *section(task, results[task], operations), "", *notes)
        show(*verdicts(results))
        seconds = {}
        for kind in pictures:
            seconds[kind] = first_pictures(kind)
            tick("first pictures")
        show(*picture_table(seconds))


def contenders(kind: str) -> list[Contender]:
    """Return who can take part with what is installed."""
    return [each for each in CONTENDERS[kind] + PEAKS if missing(each.needs) is None]


def left_out(tasks: list[Task]) -> list[str]:
    """Return why some rows are not there."""
    needs = {each.needs: None for task in tasks for each in CONTENDERS[task.kind]}
    return [reason for package in needs if (reason := missing(package))]


def missing(package: str) -> str | None:
    """Return why a contender that needs a package cannot take part, or None."""
    backend = os.environ["KERAS_BACKEND"]
    if package == "torch" and not importlib.util.find_spec("torch"):
        return "PyTorch is not installed; its rows are left out (pip install torch)."
    if package == "tensorflow" and backend != "tensorflow":
        return f"The compiled engine runs on TensorFlow, not on {backend}; its rows are left out."
    return None
