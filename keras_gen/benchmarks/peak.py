"""The machine's peak: the best rate of matrix products, measured in the same turns as all else."""

import time
from collections.abc import Callable

from keras_gen.benchmarks.tasks import PEAK_OPERATIONS, Task
from keras_gen.benchmarks.worker import Reporter

SIZES = (1024, 2048, 4096, 8192)  # of square matrices
PATIENCE = 1.0  # seconds that one product may take
TRIES = 5
GROUP = 20  # products that a GPU is given before one is waited for


def keras_products(reporter: Reporter, task: Task) -> None:
    """Measure the backend's library until there are no more rounds."""
    import keras

    from keras_gen.training.device import gpus

    def matrix(size: int, dtype: str) -> object:
        return keras.ops.cast(keras.random.normal((size, size), seed=0), dtype)

    def fetch(product: object) -> None:
        keras.ops.convert_to_numpy(keras.ops.cast(product[:1, :1], "float32"))

    _measure(reporter, task, matrix, fetch, GROUP if gpus() else 1)


def torch_products(reporter: Reporter, task: Task) -> None:
    """Measure PyTorch likewise. On a GPU float32 means TF32, as it does in PyTorch's convolutions."""
    import torch

    from keras_gen.benchmarks.torch_baseline import set_up

    device = set_up()
    on_gpu = device.type == "cuda"
    torch.set_float32_matmul_precision("high" if on_gpu else "highest")

    def matrix(size: int, dtype: str) -> torch.Tensor:
        return torch.randn(size, size, device=device).to(getattr(torch, dtype))

    def fetch(product: torch.Tensor) -> None:
        product[0, 0].item()

    _measure(reporter, task, matrix, fetch, GROUP if on_gpu else 1)


def _measure(reporter: Reporter, task: Task, matrix: Callable, fetch: Callable, group: int) -> None:
    """Find the size of square matrices, and the dtype that the precision allows, of the best rate; then repeat those.

    A round is told as the seconds that PEAK_OPERATIONS take at the rate of the best of its tries.
    """

    def seconds(a: object) -> float:
        started = time.perf_counter()
        for _ in range(group):
            product = a @ a
        fetch(product)
        return (time.perf_counter() - started) / group

    def best(a: object) -> float:
        return min(seconds(a) for _ in range(TRIES)) * PEAK_OPERATIONS / (2 * a.shape[0] ** 3)

    candidates = []
    for dtype in ("float32",) if task.precision == "float32" else ("float32", "bfloat16"):
        for size in SIZES:
            a = matrix(size, dtype)
            seconds(a)  # warms up
            candidates.append((best(a), a))
            if 8 * seconds(a) > PATIENCE:  # what the next size would take
                break
    _, fastest = min(candidates, key=lambda candidate: candidate[0])
    del candidates
    reporter.first_step()
    while True:
        reporter.end_round(best(fastest))
