"""What the contenders of one table all do, and who they are. Nothing here imports a backend."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import numpy as np

from keras_gen.training.recipes import resolve_settings
from keras_gen.training.settings import Settings


@dataclass(frozen=True)
class Task:
    """One model of the chapter's recipe, on images of noise.

    Attributes:
        kind: `vae` or `dcgan`.
        image_shape: Height, width and channels.
        precision: `float32` or `mixed_bfloat16`.
        batch_size: Images in a step.
        steps: Steps in a lap, which is what is timed.
        sizes: Settings that differ from the recipe's.
    """

    kind: str
    image_shape: tuple[int, int, int]
    precision: str
    batch_size: int
    steps: int = 1
    sizes: dict = field(default_factory=dict, hash=False)

    def settings(self, **more: object) -> Settings:
        """Return the settings of a run that does this."""
        given = {"precision": self.precision, "batch_size": self.batch_size, "epochs": 1_000_000}
        return resolve_settings(self.kind, "noise", **given | self.sizes | more)

    def images(self) -> np.ndarray:
        """Return the uint8 images of a lap."""
        count = self.batch_size * self.steps
        return np.random.default_rng(0).integers(0, 256, (count, *self.image_shape), np.uint8)

    @classmethod
    def of(cls, values: dict) -> Task:
        """Return what `dataclasses.asdict` has taken apart and JSON has carried."""
        return cls(**values | {"image_shape": tuple(values["image_shape"])})


@dataclass(frozen=True)
class Contender:
    """A way to train.

    Attributes:
        title: Its row in the table.
        program: `module:function` of this package that does it.
        options: What that function is given besides the task.
        needs: `keras`, or the package that it cannot do without.
        shares_fakes: Whether one pass of the generator serves both halves of a step.
        optional: Whether the table goes on without it if it cannot start; its speed is then nobody's reference.
    """

    title: str
    program: str
    options: dict = field(default_factory=dict, hash=False)
    needs: str = "keras"
    shares_fakes: bool = False
    optional: bool = False


COMPILED = {"engine": "compiled"}
PEAK_OPERATIONS = 10**12  # a lap of `PEAKS` is the time that so many take at the best rate
PEAKS = (
    Contender("matrix products, Keras", "peak:keras_products"),
    Contender("matrix products, PyTorch", "peak:torch_products", needs="torch"),
)

CONTENDERS = {
    "vae": (
        Contender("bare `train_on_batch`", "keras_loops:bare_vae"),
        Contender("Keras `fit`", "keras_loops:fit_vae"),
        Contender("ours", "keras_loops:ours"),
        Contender("ours, compiled", "keras_loops:ours", {"changes": COMPILED}, "tensorflow"),
        Contender("PyTorch", "peers:train_vae", needs="torch"),
        Contender("PyTorch, `torch.compile`", "peers:train_vae", {"compiled": True}, "torch", optional=True),
    ),
    "dcgan": (
        Contender("bare `train_on_batch`", "keras_loops:bare_dcgan"),
        Contender("bare, fakes stay on the device", "keras_loops:bare_dcgan", {"fakes_on_device": True}),
        Contender("ours", "keras_loops:ours"),
        Contender("ours, compiled", "keras_loops:ours", {"changes": COMPILED}, "tensorflow"),
        Contender(
            "ours, compiled, shared fakes",
            "keras_loops:ours",
            {"changes": COMPILED | {"share_fakes": True}},
            "tensorflow",
            shares_fakes=True,
        ),
        Contender("PyTorch", "peers:train_dcgan", needs="torch", shares_fakes=True),
        Contender(
            "PyTorch, channels-last", "peers:train_dcgan", {"channels_last": True}, needs="torch", shares_fakes=True
        ),
    ),
}


def as_json(task: Task) -> dict:
    """Return a task as JSON can hold it; `Task.of` puts it together again."""
    return dataclasses.asdict(task)
