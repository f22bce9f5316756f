"""Freezing weights, and proof of which weights a training step moved.

Why weights and not layers: `layer.trainable = False` also puts
BatchNormalization into inference mode, and the generator then plays against
another function than the discriminator that trains (docs/differences.md).
Why at every call: Keras 3 reads `trainable` when a step is traced or run, not
when it is compiled.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import keras
import numpy as np

from keras_gen.errors import RunError


@contextmanager
def frozen(model: keras.Model) -> Iterator[None]:
    """Keep a model's weights from training inside the `with`, but leave its layers in training mode.

    BatchNormalization goes on using the batch's own statistics and moving its averages.

    Example:
        ```python
        with keras_gen.frozen(discriminator):
            gan.train_on_batch(latents, np.ones((batch_size, 1)))
        ```

    Args:
        model: The model to freeze. Wrap every call: the first one traces or
            builds the step, and later ones may do so again.
    """
    variables = list(model.trainable_variables)  # kept, for the list is empty once they are frozen
    for variable in variables:
        variable.trainable = False
    try:
        yield
    finally:
        for variable in variables:
            variable.trainable = True


@contextmanager
def kept(variables: list[keras.Variable]) -> Iterator[None]:
    """Give variables the values back that they have now, when the `with` ends."""
    before = [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]
    yield
    for variable, value in zip(variables, before, strict=True):
        variable.assign(value)


@dataclass
class Movement:
    """What a training step did to one model's weights.

    Attributes:
        trained: Whether each trainable weight moved, by its path.
        statistics: The same for weights that no gradient moves, such as BatchNormalization's averages.
    """

    trained: dict[str, bool]
    statistics: dict[str, bool]


@contextmanager
def who_moved(**models: keras.Model) -> Iterator[dict[str, Movement]]:
    """Record which weights of some models change inside the `with`.

    Example:
        ```python
        with keras_gen.who_moved(generator=generator, discriminator=discriminator) as moves:
            discriminator.train_on_batch(images, labels)
        assert not any(moves["generator"].trained.values())
        ```

    Args:
        **models: The models to watch, by the names to report them under.

    Yields:
        A dictionary that is filled with a `Movement` for each model on leaving the `with`.
    """
    # Looked up once: what is frozen inside the `with` would be in another group afterwards.
    groups = {name: _groups(model) for name, model in models.items()}
    before = {name: {group: _values(each) for group, each in groups[name].items()} for name in groups}
    moves: dict[str, Movement] = {}
    yield moves
    for name in groups:
        changed = {}
        for group, variables in groups[name].items():
            now = _values(variables)
            changed[group] = {path: not np.array_equal(now[path], before[name][group][path]) for path in now}
        moves[name] = Movement(**changed)


def _groups(model: keras.Model) -> dict[str, list[keras.Variable]]:
    return {"trained": model.trainable_weights, "statistics": model.non_trainable_weights}


def _values(variables: list[keras.Variable]) -> dict[str, np.ndarray]:
    return {variable.path: np.array(keras.ops.convert_to_numpy(variable)) for variable in variables}


def check_moves(step: str, moves: dict[str, Movement], expected: dict[str, str]) -> str:
    """Compare what a step moved with what it should move.

    A bias may stay still: in front of BatchNormalization its gradient is zero.

    Args:
        step: What to call the step in messages.
        moves: From `who_moved`.
        expected: For each model `everything`, `nothing`, or `statistics`
            (BatchNormalization's averages, but no trained weight).

    Returns:
        A clause that says what moved.

    Raises:
        RunError: The step moved what it must not, or left still what it must move.
    """
    clauses = []
    for name, expectation in expected.items():
        movement = moves[name]
        trained, statistics = movement.trained, movement.statistics
        still = [path for path, moved in trained.items() if not moved and not path.endswith("/bias")]
        if expectation == "everything" and still:
            raise RunError(
                f"audit: the {step} step left {len(still)} of {len(trained)} weights of the {name} still "
                f"(first {still[0]}); it must train them all, so a `trainable` flag or the learning rate is wrong"
            )
        moved = [path for path, moved in trained.items() if moved]
        if expectation != "everything" and moved:
            raise RunError(
                f"audit: the {step} step moved {len(moved)} of {len(trained)} weights of the {name} "
                f"(first {moved[0]}); it must not, so freeze that model around every call"
            )
        if expectation != "nothing" and statistics and not any(statistics.values()):
            raise RunError(
                f"audit: the {step} step ran the BatchNormalization of the {name} in inference mode; the networks "
                "then play against other functions than those that train: freeze weights, not layers"
            )
        if expectation == "nothing" and any(statistics.values()):
            raise RunError(f"audit: the {step} step moved the BatchNormalization averages of the {name}; it must not")
        if expectation == "everything":
            clauses.append(f"the {name} ({sum(trained.values())} of {len(trained)} weights)")
        elif expectation == "statistics" and statistics:
            clauses.append(f"BatchNormalization's averages in the {name}")
    return f"the {step} step moved {' and '.join(clauses)}, nothing else"
