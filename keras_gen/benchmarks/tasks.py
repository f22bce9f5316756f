"""What the workers of one table all do, and which workers there are. Nothing here imports a backend."""

import importlib.util
import os
from dataclasses import dataclass, field

import numpy as np

from keras_gen.settings import Settings, resolve_settings


@dataclass(frozen=True)
class Task:
    """Training one model of the chapter's recipe, on images of noise."""

    kind: str
    image_shape: tuple[int, int, int]
    precision: str
    batch_size: int
    steps: int = 1  # of a round, which is what is timed
    overrides: dict = field(default_factory=dict, hash=False)  # settings that differ from the recipe's

    @property
    def model(self) -> str:
        """One of `MODELS`."""
        return "conv-vae" if self.overrides.get("architecture") == "conv" else self.kind

    def settings(self, **more: object) -> Settings:
        """Return the settings of a run that does this."""
        own = {"recipe": "chapter", "precision": self.precision, "batch_size": self.batch_size, "epochs": 1_000_000}
        return resolve_settings(self.kind, "noise", **own | self.overrides | more)

    def images(self) -> np.ndarray:
        """Return the uint8 images of a round."""
        count = self.batch_size * self.steps
        return np.random.default_rng(0).integers(0, 256, (count, *self.image_shape), np.uint8)


@dataclass(frozen=True)
class Worker:
    """A way to train, measured in a process of its own; its title is its row in the table."""

    title: str
    program: str  # `module:function` that does it; the module is relative to this package
    options: dict = field(default_factory=dict, hash=False)  # what that function is given besides the task
    needs: str = "keras"  # or the package that it cannot do without
    shares_fakes: bool = False  # whether one pass of the generator serves both halves of a step
    optional: bool = False  # if it cannot start, the table goes on without it; its speed is nobody's reference


MODELS = {  # that are measured: the kind, and settings that differ from the recipe's
    "vae": ("vae", {}),
    "conv-vae": ("vae", {"architecture": "conv"}),
    "dcgan": ("dcgan", {}),
}
PEAK_OPERATIONS = 10**12  # a round of `PEAKS` is the time that so many take at the best rate
PEAKS = (
    Worker("matrix products, Keras", ".peak:keras_products"),
    Worker("matrix products, PyTorch", ".peak:torch_products", needs="torch"),
)
COMPILED = {"overrides": {"engine": "compiled"}}
SHARED = {"overrides": {"engine": "compiled", "share_fakes": True}}
CONDITIONAL = {"overrides": {"engine": "compiled", "share_fakes": True, "conditional": True}}
CLASSES = 10  # of a conditional worker's labels
WORKERS = {
    "vae": (
        Worker("bare `train_on_batch`", ".keras_loops:bare_vae"),
        Worker("Keras `fit`", ".keras_loops:fit_vae"),
        Worker("ours", ".keras_loops:ours"),
        Worker("ours, compiled", ".keras_loops:ours", COMPILED, "tensorflow"),
        Worker("PyTorch", ".torch_baseline:train_vae", needs="torch"),
        Worker("PyTorch, `torch.compile`", ".torch_baseline:train_vae", {"compiled": True}, "torch", optional=True),
    ),
    "dcgan": (
        Worker("bare `train_on_batch`", ".keras_loops:bare_dcgan"),
        Worker("bare, fakes stay on the device", ".keras_loops:bare_dcgan", {"fakes_on_device": True}),
        Worker("ours", ".keras_loops:ours"),
        Worker("ours, unfused", ".keras_loops:unfused", {}, "tensorflow"),
        Worker("ours, compiled", ".keras_loops:ours", COMPILED, "tensorflow"),
        Worker("ours, compiled, unfused", ".keras_loops:unfused", COMPILED, "tensorflow"),
        Worker("ours, compiled, shared fakes", ".keras_loops:ours", SHARED, "tensorflow", shares_fakes=True),
        Worker("ours, shared fakes, conditional", ".keras_loops:ours", CONDITIONAL, "tensorflow", shares_fakes=True),
        Worker("PyTorch", ".torch_baseline:train_dcgan", needs="torch", shares_fakes=True),
        Worker("PyTorch, channels-last", ".torch_baseline:train_dcgan", {"channels_last": True}, "torch", True),
    ),
}


def missing(package: str) -> str | None:
    """Return why a worker that needs a package cannot take part, or None."""
    backend = os.environ["KERAS_BACKEND"]
    if package == "torch" and not importlib.util.find_spec("torch"):
        return "PyTorch is not installed; its rows are left out (pip install torch)."
    if package == "tensorflow" and backend != "tensorflow":
        return f"The compiled engine runs on TensorFlow, not on {backend}; its rows are left out."
    return None
