"""The measured speeds, as Markdown."""

from collections.abc import Iterable

import numpy as np

from keras_gen.benchmarks.markdown import markdown_table
from keras_gen.benchmarks.runner import PICTURES, Result
from keras_gen.benchmarks.tasks import PEAK_OPERATIONS, PEAKS, Task

LAUNCHES = 2  # a larger batch that takes less than this many times as long leaves the device waiting
MUCH_LARGER = 4  # times as many images; fewer tell nothing about it


def opening(environment: dict, rounds: int, left_out: list[str]) -> list[str]:
    """Return the lines above the tables: on what was measured, and how to read them.

    Args:
        environment: What `environment.py` says.
        rounds: How often each worker was measured.
        left_out: Why some rows are not there.
    """
    return [
        "# Benchmark",
        "",
        f"{environment['machine']}; {environment['versions']}. Load of the machine before the start: "
        f"{environment['load']}. Beside other work PyTorch loses most, for its threads wait for each other: "
        "compare with it on a machine that does nothing else.",
        "",
        f"Each row is a process of its own; all took turns, {rounds} rounds. Times are medians; × is how many times as "
        "fast as that row, the median over the rounds.",
        "`train_on_batch` turns every loss into a NumPy number and so waits for the device, once in a VAE's step and "
        "three times in a DCGAN's; a loop of such calls cannot be spared that.",
        "`unfused` rows have Keras's own BatchNormalization, the others TensorFlow's fused kernel.",
        "The peak is the best rate of the libraries' own matrix products, measured in the same turns; the operations "
        "are those of dense layers and convolutions.",
        *left_out,
    ]


def section(task: Task, results: list[Result], operations: list[int]) -> list[str]:
    """Return a heading, what is counted, and the table.

    Args:
        task: What was done.
        results: What each worker did, and the matrix products; the first is what the others are compared to.
        operations: Of one step, with fakes of their own and with shared ones.
    """
    rows = [result for result in results if result.worker not in PEAKS]
    peaks = PEAK_OPERATIONS / np.min([result.seconds for result in results if result.worker in PEAKS], axis=0)
    own, shared = (f"{count / 1e9:.3g}" for count in operations)
    counted = f"{own} GFLOP a step" + (f", {shared} with shared fakes" if shared != own else "")
    peak = np.median(peaks)
    rate = f"{peak / 1e12:.3g} TFLOP/s" if peak >= 1e12 else f"{peak / 1e9:.3g} GFLOP/s"
    text = f"{task.steps} steps a round, {counted}; the peak is {rate}."
    return [f"## {_heading(task)}", "", text, "", *markdown_table(_cells(task, rows, operations, peaks))]


def _heading(task: Task) -> str:
    size = "x".join(map(str, task.image_shape))
    return f"{task.kind.upper()}, {size}, batch {task.batch_size}, {task.precision}"


def _cells(task: Task, results: list[Result], operations: list[int], peaks: np.ndarray) -> list[dict[str, str]]:
    references = {f"× {result.worker.title}": result for result in (results[0], *_best_torch(results))}
    on_gpu = any(result.device_memory for result in results)
    rows = []
    for result in results:
        seconds = np.array(result.seconds)
        step = np.median(seconds) / task.steps
        times = {"s an epoch": f"{np.median(seconds):.3g}"} if task.kind == "vae" else {"s a step": f"{step:.3g}"}
        share = np.median(operations[result.worker.shares_fakes] * task.steps / seconds / peaks)
        rows.append(
            {"": result.worker.title}
            | times
            | {"steps/s": f"{1 / step:.3g}"}
            | {title: f"{np.median(other.seconds / seconds):.2f}" for title, other in references.items()}
            | {"of the peak": f"{share:.0%}", "memory, MB": _megabytes(result.memory)}
            | ({"GPU memory, MB": _megabytes(result.device_memory)} if on_gpu else {})
            | {"first step after, s": f"{result.first_step:.1f}"}
        )
    return rows


def _best_torch(results: Iterable[Result]) -> list[Result]:
    """Return the fastest of PyTorch's rows, but for one that may be missing elsewhere, if there is any."""
    candidates = [result for result in results if result.worker.needs == "torch" and not result.worker.optional]
    return sorted(candidates, key=lambda result: np.median(result.seconds))[:1]


def _megabytes(size: int | None) -> str:
    return "–" if size is None else f"{size / 1e6:,.0f}"


def verdicts(results: dict[Task, list[Result]]) -> list[str]:
    """Return what bounds each worker, launches or arithmetic, where it ran with batches of very different sizes.

    Args:
        results: By task; those that differ in nothing but the batch are compared.
    """
    groups: dict[tuple, list[Task]] = {}
    for task in results:
        groups.setdefault((task.kind, task.image_shape, task.precision), []).append(task)
    lines = []
    for tasks in groups.values():
        small, large = (choose(tasks, key=lambda task: task.batch_size) for choose in (min, max))
        if large.batch_size >= MUCH_LARGER * small.batch_size:
            rows = _bounds(small, large, *({row.worker.title: row for row in results[task]} for task in (small, large)))
            lines += ["", f"{_heading(small)}, and {large.batch_size}:", "", *markdown_table(rows)]
    if not lines:
        return []
    return [
        "## What bounds a step",
        "",
        f"Where a step on so many more images takes less than {LAUNCHES} times as long, the device waits for calls: "
        "the smaller step is bound by launches. Elsewhere it is bound by arithmetic.",
        *lines,
        "",
    ]


def _bounds(small: Task, large: Task, before: dict[str, Result], after: dict[str, Result]) -> list[dict[str, str]]:
    rows = []
    for title in (title for title in before if title in after):
        seconds = np.median(before[title].seconds) / small.steps, np.median(after[title].seconds) / large.steps
        factor = seconds[1] / seconds[0]
        rows.append(
            {"": title}
            | {f"s a step of {t.batch_size}": f"{s:.3g}" for t, s in zip((small, large), seconds, strict=True)}
            | {"times as long": f"{factor:.1f}", "bound by": "launches" if factor < LAUNCHES else "arithmetic"}
        )
    return rows


def picture_table(seconds: dict[str, list[float] | str]) -> list[str]:
    """Return how long the commands took to their first pictures, or why they could not run.

    Args:
        seconds: What `first_pictures` returned, by kind.
    """
    rows = [
        {"command": f"`python train_{kind}.py`"} | dict(zip(PICTURES, (f"{age:.1f}" for age in ages), strict=True))
        for kind, ages in seconds.items()
        if not isinstance(ages, str)
    ]
    lines = [*markdown_table(rows), ""] if rows else []
    lines += [f"Left out: train_{kind}.py: {why}" for kind, why in seconds.items() if isinstance(why, str)]
    return ["## Seconds from the start of a command to its first pictures", "", *lines]
