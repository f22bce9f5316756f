"""What is asked before anything is measured: which machine this is, and how many operations the steps take."""

import importlib.metadata
import importlib.util
import os
import platform
from pathlib import Path

import keras

from keras_gen.benchmarks.operations import dcgan_operations, vae_operations
from keras_gen.benchmarks.tasks import Task
from keras_gen.benchmarks.worker import Reporter
from keras_gen.training.device import backend_version, device_name, gpus
from keras_gen.training.engines import make_trainer

CPU_INFO = Path("/proc/cpuinfo")


def environment(reporter: Reporter, tasks: list[Task]) -> None:
    """Say what computes, and the operations of a step of each task: with fakes of their own, and with shared ones."""
    versions = [backend_version(), f"keras {keras.__version__}", f"Python {platform.python_version()}"]
    if importlib.util.find_spec("torch") and keras.backend.backend() != "torch":
        versions.append(f"torch {importlib.metadata.version('torch')}")
    reporter.connection.send(
        {
            "machine": f"{device_name()}, {_cpu_model()}",
            "versions": ", ".join(versions),
            "load": f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown",
            "gpu": bool(gpus()),
            "operations": [_step_operations(task) for task in tasks],
        }
    )


def _step_operations(task: Task) -> list[int]:
    models = make_trainer(task.kind, task.image_shape, task.settings()).models
    if task.kind == "vae":
        counts = [vae_operations(**models)] * 2
    else:
        counts = [dcgan_operations(**models, share_fakes=shared) for shared in (False, True)]
    return [task.batch_size * count for count in counts]


def _cpu_model() -> str:
    lines = CPU_INFO.read_text().splitlines() if CPU_INFO.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
