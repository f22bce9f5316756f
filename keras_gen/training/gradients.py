"""What the doctor looks for in the optimisers: gradients that have vanished or exploded."""

import math
from collections.abc import Iterator

import keras

from keras_gen.training.findings import Finding

VANISHED, EXPLODED = 1e-10, 1e5  # root mean square of a layer's gradient


def gradient_finding(optimizers: dict[str, keras.optimizers.Optimizer]) -> Finding | None:
    """Look at the optimisers' running averages of each kernel's gradient."""
    for name, optimizer in optimizers.items():
        for kernel, size in _gradient_sizes(optimizer):
            if not size < EXPLODED:
                return Finding(
                    "exploding gradients",
                    f"Exploding gradients in the {name} ({kernel}: {size:.2g}): lower its learning rate tenfold.",
                )
            if size < VANISHED:
                return Finding(
                    "dead gradients",
                    f"Dead gradients in the {name} ({kernel} gets none, as when no unit behind it is active any more): "
                    "start again with a lower learning rate.",
                )
    return None


def _gradient_sizes(optimizer: keras.optimizers.Optimizer) -> Iterator[tuple[str, float]]:
    """Yield the root mean square of each kernel's gradient, as the optimiser remembers it.

    Adam's first moment forgets in a few steps, its second takes thousands; RMSprop has the second alone, and forgets
    it in some tens.
    """
    paths = [variable.path for variable in optimizer.variables]
    moment = "_momentum" if any(path.endswith("_momentum") for path in paths) else "_velocity"
    for variable in optimizer.variables:
        # Biases in front of BatchNormalization have no gradient, and need none.
        if variable.path.endswith(moment) and len(variable.shape) >= 2:
            squares = variable.value if moment == "_velocity" else keras.ops.square(variable.value)
            kernel = variable.path.split("/")[-1].removesuffix(moment).replace("_kernel", "")
            yield kernel, math.sqrt(max(float(keras.ops.mean(squares)), 0.0))  # NaN stays NaN
