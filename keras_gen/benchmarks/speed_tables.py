"""The measured speeds, as Markdown."""

import numpy as np

from keras_gen.benchmarks.markdown import markdown_table
from keras_gen.benchmarks.runner import PICTURES, Result
from keras_gen.benchmarks.tasks import PEAK_OPERATIONS, PEAKS, Task

LAUNCHES = 2  # a larger batch that takes less than this many times as long leaves the device waiting
MUCH_LARGER = 4  # times as many images; fewer tell nothing about it
OPENING = """\
# Benchmark

{machine}; {versions}. Load of the machine before the start: {load}. Beside other work PyTorch loses most, for its \
threads wait for each other: compare with it on a machine that does nothing else.

Each row is a process of its own; all took turns, {rounds} rounds. Times are medians; × is how many times as fast as \
that row, the median over the rounds.
`train_on_batch` turns every loss into a NumPy number and so waits for the device, once in a VAE's step and three \
times in a DCGAN's; a loop of such calls cannot be spared that.
Outside the calls is the share of our loop's time in which no network computes: batches, copies, draws, checks and \
callbacks.
`unfused` rows have Keras's own BatchNormalization, the others TensorFlow's fused kernel.
The peak is the best rate of the libraries' own matrix products, measured in the same turns; the operations are those \
of dense layers and convolutions."""
BOUNDS = f"""\
## What bounds a step

Where a step on so many more images takes less than {LAUNCHES} times as long, the device waits for calls: the smaller \
step is bound by launches. Elsewhere it is bound by arithmetic."""


def section(task: Task, results: list[Result], operations: list[int]) -> list[str]:
    """Return a heading, what is counted, and the table.

    The first result is what the others are compared to; the matrix products are among them. The operations are those of
    one step, with fakes of their own and with shared ones.
    """
    rows = [result for result in results if result.worker not in PEAKS]
    peaks = PEAK_OPERATIONS / np.min([result.seconds for result in results if result.worker in PEAKS], axis=0)
    own, shared = (f"{count / 1e9:.3g}" for count in operations)
    counted = f"{own} GFLOP a step" + (f", {shared} with shared fakes" if shared != own else "")
    peak = np.median(peaks)
    rate = f"{peak / 1e12:.3g} TFLOP/s" if peak >= 1e12 else f"{peak / 1e9:.3g} GFLOP/s"
    text = f"{task.steps} steps a round, {counted}; the peak is {rate}."
    return [f"## {_heading(task)}", "", text, "", *markdown_table(_rows(task, rows, operations, peaks))]


def _heading(task: Task) -> str:
    size = "x".join(map(str, task.image_shape))
    name = {"vae": "VAE", "conv-vae": "Convolutional VAE", "dcgan": "DCGAN"}[task.model]
    return f"{name}, {size}, batch {task.batch_size}, {task.precision}"


def _rows(task: Task, results: list[Result], operations: list[int], peaks: np.ndarray) -> list[dict[str, str]]:
    # PyTorch's fastest is a reference, too, but for a worker that may be missing elsewhere.
    torch = [result for result in results if result.worker.needs == "torch" and not result.worker.optional]
    references = [results[0], *sorted(torch, key=lambda result: np.median(result.seconds))[:1]]
    on_gpu = any(result.device_memory for result in results)
    rows = []
    for result in results:
        seconds = np.array(result.seconds)
        epoch, step = np.median(seconds), np.median(seconds) / task.steps
        share = np.median(operations[result.worker.shares_fakes] * task.steps / seconds / peaks)
        row = {"": result.worker.title}
        row |= {"s an epoch": f"{epoch:.3g}"} if task.model == "vae" else {"s a step": f"{step:.3g}"}
        row["steps/s"] = f"{1 / step:.3g}"
        row |= {f"× {other.worker.title}": f"{np.median(other.seconds / seconds):.2f}" for other in references}
        row |= {"of the peak": f"{share:.0%}", "memory, MB": _megabytes(result.memory)}
        row["outside the calls"] = f"{np.median(result.outside):.1%}" if result.outside else "–"
        row |= {"GPU memory, MB": _megabytes(result.device_memory)} if on_gpu else {}
        rows.append(row | {"first step after, s": f"{result.first_step:.1f}"})
    return rows


def _megabytes(size: int | None) -> str:
    return "–" if size is None else f"{size / 1e6:,.0f}"


def verdicts(results: dict[Task, list[Result]]) -> list[str]:
    """Return what bounds each worker, launches or arithmetic, where it ran with batches of very different sizes."""
    groups: dict[tuple, list[Task]] = {}
    for task in sorted(results, key=lambda task: task.batch_size):
        groups.setdefault((task.model, task.image_shape, task.precision), []).append(task)
    lines = []
    for small, *_, large in (tasks for tasks in groups.values() if len(tasks) > 1):
        if large.batch_size >= MUCH_LARGER * small.batch_size:
            rows = [_bound(small, large, one, other) for one, other in _pairs(results[small], results[large])]
            lines += ["", f"{_heading(small)}, and {large.batch_size}:", "", *markdown_table(rows)]
    return [*BOUNDS.split("\n"), *lines, ""] if lines else []


def _pairs(results: list[Result], others: list[Result]) -> list[tuple[Result, Result]]:
    by_worker = {other.worker.title: other for other in others}
    return [(one, by_worker[one.worker.title]) for one in results if one.worker.title in by_worker]


def _bound(small: Task, large: Task, result_small: Result, result_large: Result) -> dict[str, str]:
    before, after = np.median(result_small.seconds) / small.steps, np.median(result_large.seconds) / large.steps
    return {
        "": result_small.worker.title,
        f"s a step of {small.batch_size}": f"{before:.3g}",
        f"s a step of {large.batch_size}": f"{after:.3g}",
        "times as long": f"{after / before:.1f}",
        "bound by": "launches" if after / before < LAUNCHES else "arithmetic",
    }


def picture_table(seconds: dict[str, list[float] | str]) -> list[str]:
    """Return how long the commands took to their first pictures, or why they could not run; see `first_pictures`."""
    lines = ["## Seconds from the start of a command to its first pictures", ""]
    rows = [
        {"command": f"`python train_{kind}.py`"} | dict(zip(PICTURES, (f"{age:.1f}" for age in ages), strict=True))
        for kind, ages in seconds.items()
        if not isinstance(ages, str)
    ]
    lines += [*markdown_table(rows), ""] if rows else []
    return lines + [f"Left out: train_{kind}.py: {why}" for kind, why in seconds.items() if isinstance(why, str)]
