"""What computes, and how: backend, device, precision, XLA."""

import contextlib
import ctypes
import importlib
import platform
from collections.abc import Iterator
from pathlib import Path

import keras

import keras_gen
from keras_gen.cores import usable_cores

NVIDIA_PCI_VENDOR = "0x10de"
GPU_PACKAGES = {
    "tensorflow": 'pip install "tensorflow[and-cuda]"',
    "jax": 'pip install "jax[cuda12]"',
    "torch": "pip install torch, in its CUDA build",
}


def gpus() -> list[str]:
    """Return the names of the GPUs that the backend can use."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        details = [tf.config.experimental.get_device_details(d) for d in tf.config.list_physical_devices("GPU")]
        return [detail.get("device_name", "GPU") for detail in details]
    if backend == "jax":
        import jax

        return [device.device_kind for device in jax.devices() if device.platform != "cpu"]
    if backend == "torch":
        import torch

        return [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    return []


def device_name() -> str:
    """Name what computes: the first GPU, or the CPU and its cores."""
    found = gpus()
    if found:
        return f"GPU ({found[0]}{f', first of {len(found)}' if len(found) > 1 else ''})"
    return f"CPU ({usable_cores()} cores)"


def unused_nvidia_card(pci_devices: Path = Path("/sys/bus/pci/devices")) -> str | None:
    """Return a line that says what to install when an NVIDIA card is there and the backend sees no GPU."""
    if gpus():
        return None
    cards = [path for path in pci_devices.glob("*/vendor") if path.read_text().strip() == NVIDIA_PCI_VENDOR]
    # Class 0x03.... is a display controller; NVIDIA also makes bridges and network cards.
    if not any((path.parent / "class").read_text().startswith("0x03") for path in cards):
        return None
    backend = keras.backend.backend()
    return f"An NVIDIA card is in this machine, but {backend} cannot use it: {GPU_PACKAGES[backend]}"


def backend_version() -> str:
    """Return the backend and its version, such as `tensorflow 2.21.0`."""
    backend = keras.backend.backend()
    return f"{backend} {_version(backend)}"


def versions() -> dict[str, str]:
    """Return the versions that a run's numbers may depend on."""
    packages = ("keras", keras.backend.backend(), "numpy")
    own = {"python": platform.python_version(), "keras_gen": keras_gen.__version__}
    return own | {name: _version(name) for name in packages}


def _version(module: str) -> str:
    """Return a module's version, whatever the package that brought it is called (tensorflow-cpu, tf-nightly)."""
    return importlib.import_module(module).__version__


def jit_compile(jit: str, slower: bool) -> bool | str:
    """Turn the setting `jit` into Keras's `jit_compile`.

    On a CPU, XLA halves the time of small dense networks and makes
    convolutions several times slower, so TensorFlow's `auto` depends on the network:
    `slower` says whether it has convolutions, or other operations that XLA makes slow.
    On a GPU and on the other backends Keras's own choice is kept.
    """
    if jit != "auto":
        return jit == "on"
    if keras.backend.backend() == "tensorflow" and not gpus():
        return not slower
    return "auto"


def best_precision(convolutional: bool, cpu_info: Path = Path("/proc/cpuinfo")) -> tuple[str, str]:
    """Return the precision that computes fastest here, and the reason."""
    if gpus():
        version = _compute_capability()
        if version is None:
            return "float32", "nothing is known of this GPU's half precision"
        if version >= (8, 0):
            return "mixed_bfloat16", "this GPU multiplies bfloat16 in tensor cores"
        return "float32", "bfloat16 needs an NVIDIA GPU of the Ampere generation or a later one"
    if not convolutional:
        return "float32", "on a CPU small dense networks gain nothing from bfloat16"
    features = set(cpu_info.read_text().split()) if cpu_info.exists() else set()
    for feature, name in (("amx_bf16", "AMX"), ("avx512_bf16", "AVX512-BF16")):
        if feature in features:
            return "mixed_bfloat16", f"this CPU has {name}"
    return "float32", "this CPU has neither AMX nor AVX512-BF16"


def _compute_capability() -> tuple[int, int] | None:
    """Return the version of the first NVIDIA GPU's instructions, such as (8, 0) for Ampere."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        first = tf.config.list_physical_devices("GPU")[0]
        return tf.config.experimental.get_device_details(first).get("compute_capability")
    if backend == "torch":
        import torch

        return torch.cuda.get_device_capability()
    import jax

    text = getattr(jax.devices()[0], "compute_capability", None)
    return tuple(map(int, text.split("."))) if text else None


@contextlib.contextmanager
def precision(name: str) -> Iterator[None]:
    """Build the models inside the `with` in `mixed_bfloat16`, or in `float32`, which stands for Keras's `floatx()`."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(keras.config.floatx() if name == "float32" else name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def return_freed_memory() -> None:
    """Let glibc give back what compiling has freed: about 80 MB, which it would keep for later."""
    with contextlib.suppress(AttributeError, OSError, TypeError):  # other systems have no such function
        ctypes.CDLL(None).malloc_trim(0)
