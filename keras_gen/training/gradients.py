"""What the doctor looks for in the optimisers: gradients that have vanished or exploded."""

import math

import keras

from keras_gen.training.findings import Finding, brief

VANISHED, EXPLODED = 1e-10, 1e5  # root mean square of a layer's gradient


def check_gradients(optimizers: dict[str, keras.optimizers.Optimizer]) -> Finding | None:
    """Look at the optimisers' running averages of each kernel's gradient."""
    for name, optimizer in optimizers.items():
        for kernel, size in _gradient_sizes(optimizer):
            if not size < EXPLODED:
                return Finding(
                    "exploding gradients",
                    f"Exploding gradients in the {name} ({kernel}: {brief(size)}): lower its learning rate tenfold.",
                )
            if size < VANISHED:
                return Finding(
                    "dead gradients",
                    f"Dead gradients in the {name} ({kernel} gets none, as when no unit behind it is active any more): "
                    "start again with a lower learning rate.",
                )
    return None


def _gradient_sizes(optimizer: keras.optimizers.Optimizer) -> list[tuple[str, float]]:
    """Return the root mean square of each kernel's gradient, as the optimiser remembers it.

    Adam's first moment forgets in a few steps, its second takes thousands; RMSprop has the second alone, and forgets
    it in some tens.
    """
    moments = {kind: [moment for moment in optimizer.variables if moment.path.endswith(kind)] for kind in _MOMENTS}
    kind = _MOMENTS[0] if moments[_MOMENTS[0]] else _MOMENTS[1]
    sizes = []
    for variable in moments[kind]:
        if len(variable.shape) < 2:  # biases in front of BatchNormalization have no gradient, and need none
            continue
        values = variable.value if kind == _MOMENTS[1] else keras.ops.square(variable.value)
        kernel = variable.path.split("/")[-1].removesuffix(kind).replace("_kernel", "")
        sizes.append((kernel, math.sqrt(max(0.0, float(keras.ops.mean(values))))))
    return sizes


_MOMENTS = ("_momentum", "_velocity")
