"""What was measured, as Markdown."""

import statistics
from collections.abc import Iterable

from keras_gen.benchmarks.first_picture import PICTURES
from keras_gen.benchmarks.race import Result
from keras_gen.benchmarks.task import PEAK_OPERATIONS, PEAKS, Task

LAUNCHES = 2  # a larger batch that takes less than this many times as long leaves the device waiting
MUCH_LARGER = 4  # times as many images; fewer tell nothing about it


def opening(survey: dict, rounds: int, left_out: list[str]) -> list[str]:
    """Return the lines above the tables: on what was measured, and how to read them.

    Args:
        survey: What `survey.py` says.
        rounds: How often each contender was measured.
        left_out: Why some rows are not there.
    """
    return [
        "# Benchmark",
        "",
        f"{survey['machine']}; {survey['versions']}. Load of the machine before the start: {survey['load']}. "
        "Beside other work PyTorch loses most, for its threads wait for each other: "
        "compare with it on a machine that does nothing else.",
        "",
        f"Each row is a process of its own; all took turns, {rounds} rounds. Times are medians; × is how many times as "
        "fast as that row, the median over the rounds.",
        "`train_on_batch` turns every loss into a NumPy number and so waits for the device, once in a VAE's step and "
        "three times in a DCGAN's; a loop of such calls cannot be spared that.",
        "The peak is the best rate of the libraries' own matrix products, measured in the same turns; the operations "
        "are those of dense layers and convolutions.",
        *left_out,
    ]


def section(task: Task, results: list[Result], operations: list[int]) -> list[str]:
    """Return a heading, what is counted, and the table.

    Args:
        task: What was done.
        results: What each contender did, and the matrix products; the first is what the others are compared to.
        operations: Of one step, with fakes of their own and with shared ones.
    """
    runners = [each for each in results if each.contender not in PEAKS]
    peaks = [PEAK_OPERATIONS / lap for lap in _best_laps(each for each in results if each.contender in PEAKS)]
    own, shared = (f"{count / 1e9:.3g}" for count in operations)
    counted = f"{own} GFLOP a step" + (f", {shared} with shared fakes" if shared != own else "")
    return [
        f"## {heading(task)}",
        "",
        f"{task.steps} steps a lap, {counted}; the peak is {rate(statistics.median(peaks))}.",
        "",
        *table(task, runners, operations, peaks),
    ]


def _best_laps(results: Iterable[Result]) -> list[float]:
    return [min(laps) for laps in zip(*(each.laps for each in results), strict=True)]


def rate(operations: float) -> str:
    """Return operations a second as people say them."""
    return f"{operations / 1e12:.3g} TFLOP/s" if operations >= 1e12 else f"{operations / 1e9:.3g} GFLOP/s"


def heading(task: Task) -> str:
    """Return what a table is about."""
    size = "x".join(map(str, task.image_shape))
    return f"{task.kind.upper()}, {size}, batch {task.batch_size}, {task.precision}"


def table(task: Task, results: list[Result], operations: list[int], peaks: list[float]) -> list[str]:
    """Return a table of results as lines of Markdown.

    Args:
        task: What was done.
        results: What each contender did; the first is what the others are compared to.
        operations: Of one step, with fakes of their own and with shared ones.
        peaks: Operations a second that the machine's matrix products reached in each round.
    """
    references = {f"× {each.contender.title}": each for each in (results[0], best_peer(results)) if each}
    on_gpu = any(each.device_memory for each in results)
    per_epoch = task.kind == "vae"
    rows = []
    for each in results:
        lap = statistics.median(each.laps)
        step = lap / task.steps
        work = operations[each.contender.shares_fakes] * task.steps
        share = statistics.median(work / lap / peak for lap, peak in zip(each.laps, peaks, strict=True))
        rows.append(
            {
                "": each.contender.title,
                "s an epoch" if per_epoch else "s a step": f"{lap if per_epoch else step:.3g}",
                "steps/s": f"{1 / step:.3g}",
            }
            | {title: f"{times_as_fast(each, other):.2f}" for title, other in references.items()}
            | {"of the peak": f"{share:.0%}", "memory, MB": megabytes(each.memory)}
            | ({"GPU memory, MB": megabytes(each.device_memory)} if on_gpu else {})
            | {"first step after, s": f"{each.first_step:.1f}"}
        )
    return markdown(rows)


def markdown(rows: list[dict[str, str]]) -> list[str]:
    """Return rows of cells, by the titles of their columns, as a table in lines of Markdown."""
    titles = list(rows[0])
    cells = [titles, ["---"] * len(titles), *(list(row.values()) for row in rows)]
    return [f"| {' | '.join(row)} |" for row in cells]


def best_peer(results: list[Result]) -> Result | None:
    """Return the fastest of PyTorch's rows, but for one that may be missing elsewhere, or None without any."""
    peers = [each for each in results if each.contender.needs == "torch" and not each.contender.optional]
    return min(peers, key=lambda each: statistics.median(each.laps), default=None)


def times_as_fast(one: Result, other: Result) -> float:
    """Return the median over the rounds of how many times as fast as another a contender was."""
    return statistics.median(b / a for a, b in zip(one.laps, other.laps, strict=True))


def megabytes(size: int | None) -> str:
    """Return a number of bytes in MB, or a dash if it is unknown."""
    return "–" if size is None else f"{size / 1e6:,.0f}"


def verdicts(results: dict[Task, list[Result]]) -> list[str]:
    """Return what bounds each contender, launches or arithmetic, where it ran with batches of very different sizes.

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
            rows = [_verdict(*pair, small, large) for pair in _pairs(results[small], results[large])]
            lines += ["", f"{heading(small)}, and {large.batch_size}:", "", *markdown(rows)]
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


def _pairs(some: list[Result], others: list[Result]) -> list[tuple[Result, Result]]:
    by_title = {each.contender.title: each for each in others}
    return [(each, by_title[each.contender.title]) for each in some if each.contender.title in by_title]


def _verdict(one: Result, other: Result, small: Task, large: Task) -> dict[str, str]:
    before, after = statistics.median(one.laps) / small.steps, statistics.median(other.laps) / large.steps
    return {
        "": one.contender.title,
        f"s a step of {small.batch_size}": f"{before:.3g}",
        f"s a step of {large.batch_size}": f"{after:.3g}",
        "times as long": f"{after / before:.1f}",
        "bound by": "launches" if after < LAUNCHES * before else "arithmetic",
    }


def picture_table(seconds: dict[str, list[float] | str]) -> list[str]:
    """Return how long the commands took to their first pictures.

    Args:
        seconds: What `first_pictures` returned, by kind.
    """
    if not seconds:
        return []
    rows = [
        {"command": f"`python train_{kind}.py`"} | dict(zip(PICTURES, (f"{each:.1f}" for each in found), strict=True))
        for kind, found in seconds.items()
        if not isinstance(found, str)
    ]
    lines = [*markdown(rows), ""] if rows else []
    lines += [f"Left out: train_{kind}.py: {found}" for kind, found in seconds.items() if isinstance(found, str)]
    return ["## Seconds from the start of a command to its first pictures", "", *lines]
