"""What grows with the data and with the workers: seconds and memory of a step, from a thousand images to a million."""

import contextlib
import json
import os
import re
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from keras_gen.benchmarks.markdown import markdown_table
from keras_gen.benchmarks.runner import started
from keras_gen.benchmarks.tasks import Task, missing
from keras_gen.benchmarks.worker import Reporter

COUNTS = (1_000, 10_000, 100_000, 1_000_000)
SHAPE = (64, 64, 1)  # grey: a million are 4 GB
WARM_UP, STEPS, BATCH = 50, 200, 100
WORKERS = (1, 2, 4)
# Its batches are shared out. The first step leaves Adam's mean of the gradients as the gradient, times a constant.
TASK = Task("vae", (28, 28, 1), "float32", BATCH, STEPS, {"optimizer": "adam"})
PART = 10_000  # images that are written at once


def growth_tables() -> Iterator[str]:
    """Yield the lines of both tables."""
    yield from ["", f"## The VAE on more and more images, {SHAPE[0]}x{SHAPE[1]}, grey, mapped from a file", ""]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for count in _that_fit(folder):
            with started(f"{count:,} images", ".growth:train_on", count=count, folder=folder) as answer:
                answer()
                facts = answer()
            own = "–" if facts["own_memory"] is None else f"{facts['own_memory'] / 1e6:,.0f}"
            milliseconds = f"{1e3 * facts['seconds'] / BATCH:.3g}"
            rows.append({"images": f"{count:,}", "ms an image": milliseconds, "memory without the file, MB": own})
    yield from markdown_table(rows) if rows else []
    if len(rows) < len(COUNTS):
        yield f"Left out: {COUNTS[len(rows)]:,} images and more; the temporary folder has no room for twice their bytes"
    if reason := missing("tensorflow"):
        yield reason
        return
    yield from ["", f"## Workers of tf.distribute on this machine, the VAE's batch of {BATCH} shared out", ""]
    measured = [_together(count) for count in WORKERS]
    alone, seconds_alone = measured[0]
    rows = []
    for count, (gradient, seconds) in zip(WORKERS, measured, strict=True):
        row = {"workers": f"{count}", "ms a step": f"{1e3 * seconds:.3g}", "× one": f"{seconds_alone / seconds:.2f}"}
        apart = np.linalg.norm(gradient - alone) / np.linalg.norm(alone)
        rows.append(row | {"gradient, relative difference from one worker's": f"{apart:.0e}"})
    yield from markdown_table(rows)


def _that_fit(folder: str) -> Iterator[int]:
    """Write images of noise, more and more, into one file, as far as the disk has room for twice as many."""
    random = np.random.default_rng(0)
    with Path(folder, "images").open("wb") as file:
        for count in COUNTS:
            if shutil.disk_usage(folder).free < 2 * count * np.prod(SHAPE):
                return
            for start in range(file.tell() // int(np.prod(SHAPE)), count, PART):
                file.write(random.integers(0, 256, (min(PART, count - start), *SHAPE), np.uint8))
            file.flush()
            yield count


def train_on(reporter: Reporter, count: int, folder: str) -> None:
    """Train on images mapped from a file, and report the mean seconds of a step and the memory that is its own."""
    import keras  # here: the process that prints the tables stays small

    from keras_gen.benchmarks.keras_loops import loop_on
    from keras_gen.data import ImageSet
    from keras_gen.training import make_trainer

    images = np.memmap(Path(folder, "images"), np.uint8, "c", shape=(count, *SHAPE))
    settings = Task("vae", SHAPE, "float32", BATCH).settings()
    times: list[float] = []

    class Steps(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
            self.began = time.perf_counter()

        def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
            reporter.first_step()
            times.append(time.perf_counter() - self.began)
            if len(times) == WARM_UP + STEPS:
                reporter.end_round(float(np.mean(times[WARM_UP:])), own_memory=own_memory())

    loop_on(make_trainer("vae", SHAPE, settings), ImageSet(images, name="noise"), [Steps()]).fit()


def own_memory() -> int | None:
    """Return the bytes of memory that hold no file, or None where the system does not tell.

    Pages of a mapped file count to a process as long as nothing else needs the memory.
    """
    with contextlib.suppress(OSError, AttributeError):
        return 1024 * int(re.search(r"RssAnon:\s+(\d+)", Path("/proc/self/status").read_text())[1])
    return None


def _together(count: int) -> tuple[np.ndarray, float]:
    """Let so many workers train together; return the gradient of the first step, and the seconds of one."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("localhost", 0))
        workers = [f"localhost:{one.getsockname()[1]}" for one in sockets]
        for one in sockets:
            one.close()
        answers = [
            stack.enter_context(started(f"worker {index}", ".growth:share", index=index, workers=workers))
            for index in range(count)
        ]
        # Of all in turns: one that nobody listens to waits, and the others wait for it.
        _, gradients, times = ([answer() for answer in answers] for _ in range(3))
    return gradients[0]["gradient"], times[0]["seconds"]


def share(reporter: Reporter, index: int, workers: list[str]) -> None:
    """Train as one of several workers; report the gradient of the first step, then the seconds of all others."""
    os.environ["TF_CONFIG"] = json.dumps({"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}})
    import keras

    from keras_gen.training import make_trainer

    trainer = make_trainer("vae", TASK.image_shape, TASK.settings(engine="compiled", distribute="multiworker"))
    images = TASK.images()
    batches = np.split(np.arange(len(images)), TASK.steps)
    trainer.train_steps(images, batches[:1], 1)
    reporter.first_step()
    means = [variable for variable in trainer.vae.optimizer.variables if "momentum" in variable.path]
    gradient = np.concatenate([keras.ops.convert_to_numpy(mean).ravel() for mean in means])  # but for a factor
    reporter.connection.send({"gradient": gradient})
    began = time.perf_counter()
    for step, batch in enumerate(batches[1:], start=2):
        trainer.train_steps(images, [batch], step)
    trainer.losses()
    reporter.end_round((time.perf_counter() - began) / (TASK.steps - 1))
