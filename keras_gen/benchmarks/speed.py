"""`benchmark`: what is measured, and the report on it."""

import dataclasses
import itertools

from tqdm import tqdm

from keras_gen.benchmarks.runner import first_pictures, run_in_turns, started
from keras_gen.benchmarks.speed_tables import OPENING, picture_table, section, verdicts
from keras_gen.benchmarks.tasks import MODELS, PEAKS, WORKERS, Task, missing
from keras_gen.sizes import doublings

VAE_SHAPE = (28, 28, 1)
CHAPTER_BATCH = {"vae": 100, "dcgan": 128}
ROUND_IMAGES = {  # by model, on a CPU and on a GPU; enough for seconds; on a GPU the steps are short
    "vae": (60_000, 60_000),
    "conv-vae": (5_000, 60_000),
    "dcgan": (768, 20_480),
}
MIN_STEPS = 2
BAR = "{desc}: {n}/{total} [{elapsed}<{remaining}]"


def plan_tasks(models: list[str], precisions: list[str], batch_sizes: list[int] | None, sizes: list[int]) -> list[Task]:
    """Return the task of each table; `measure_speed` decides how many steps its rounds have.

    `batch_sizes` None is the chapter's; `sizes` are the sides of the DCGAN's images.
    """
    for size in sizes:
        doublings(size, size)
    shapes = {"vae": [VAE_SHAPE], "dcgan": [(size, size, 3) for size in sizes]}
    return [
        Task(kind, *rest, overrides=overrides)
        for kind, overrides in map(MODELS.get, models)
        for rest in itertools.product(shapes[kind], precisions, batch_sizes or [CHAPTER_BATCH[kind]])
    ]


def measure_speed(tasks: list[Task], rounds: int) -> None:
    """Measure each task `rounds` times, and print the tables as they come.

    Nothing of a backend is imported: this process stays small, and leaves the GPU to the workers.
    """
    kinds = list(dict.fromkeys(task.kind for task in tasks))
    workers = {kind: [worker for worker in WORKERS[kind] + PEAKS if not missing(worker.needs)] for kind in kinds}
    packages = dict.fromkeys(worker.needs for kind in kinds for worker in WORKERS[kind])
    total = 1 + sum(len(workers[task.kind]) * (1 + rounds) for task in tasks) + len(kinds)
    with tqdm(total=total, dynamic_ncols=True, leave=False, bar_format=BAR) as bar:

        def tick(title: str) -> None:
            bar.set_description_str(title.replace("`", ""), refresh=False)
            bar.update()

        def show(*lines: str) -> None:
            if lines:
                bar.clear()
                print("\n".join(lines), flush=True)

        bar.set_description_str("environment")
        with started("environment", ".environment:environment", tasks=tasks) as answer:
            environment = answer()
        tick("environment")
        show(OPENING.format(**environment, rounds=rounds), *filter(None, map(missing, packages)))
        results = {}
        for task, operations in zip(tasks, environment["operations"], strict=True):
            steps = ROUND_IMAGES[task.model][environment["gpu"]] // task.batch_size
            task = dataclasses.replace(task, steps=max(MIN_STEPS, steps))
            results[task], notes = run_in_turns(workers[task.kind], task, rounds, tick)
            show("", *section(task, results[task], operations), "", *notes)
        show(*verdicts(results))
        seconds = {}
        for kind in kinds:
            seconds[kind] = first_pictures(kind)
            tick("first pictures")
        show(*picture_table(seconds))
