"""Freezing weights, and proof of which weights a training step changed.

Why weights and not layers: `layer.trainable = False` also puts
BatchNormalization into inference mode, and the generator is then trained against
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

    Raises:
        ValueError: The model is not built, so that its weights do not exist yet and could not be frozen.
    """
    if not isinstance(model, keras.layers.Layer) or not _is_built(model):
        raise ValueError(
            "frozen needs a model whose weights exist; build or call it first. "
            f"Received: {f'{model.name}, unbuilt' if hasattr(model, 'name') else type(model).__name__}"
        )
    variables = list(model.trainable_variables)  # looked up now: the list is empty once they are frozen
    for variable in variables:
        variable.trainable = False
    try:
        yield
    finally:
        for variable in variables:
            variable.trainable = True


def _is_built(model: keras.Model) -> bool:
    """Return whether a model and all its layers have their weights."""
    return model.built and all(layer.built for layer in model._flatten_layers(include_self=False))


@contextmanager
def restored(variables: list[keras.Variable]) -> Iterator[None]:
    """Give variables the values back that they have now, when the `with` ends."""
    before = [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]
    try:
        yield
    finally:
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)


@dataclass
class WeightChanges:
    """Which of a model's weights changed, by path: the trainable ones, and those that no gradient changes."""

    trained: dict[str, bool]
    statistics: dict[str, bool]


@contextmanager
def weight_changes(**models: keras.Model) -> Iterator[dict[str, WeightChanges]]:
    """Record which weights of some models change inside the `with`.

    Example:
        ```python
        with keras_gen.weight_changes(generator=generator, discriminator=discriminator) as changes:
            discriminator.train_on_batch(images, labels)
        assert not any(changes["generator"].trained.values())
        ```

    Args:
        **models: The models to watch, by the names to report them under.

    Yields:
        A dictionary that is filled with the `WeightChanges` of each model on leaving the `with`.
    """
    # Looked up once: what is frozen inside the `with` would be in another group afterwards.
    groups = {name: _groups(model) for name, model in models.items()}
    before = {name: {group: _values(variables) for group, variables in groups[name].items()} for name in groups}
    changes: dict[str, WeightChanges] = {}
    yield changes
    for name in groups:
        changed = {}
        for group, variables in groups[name].items():
            now = _values(variables)
            changed[group] = {path: not np.array_equal(now[path], before[name][group][path]) for path in now}
        changes[name] = WeightChanges(**changed)


who_moved = weight_changes  # its name before version 0.2


def _groups(model: keras.Model) -> dict[str, list[keras.Variable]]:
    return {"trained": model.trainable_weights, "statistics": model.non_trainable_weights}


def _values(variables: list[keras.Variable]) -> dict[str, np.ndarray]:
    """Return values by path; weights that share a path, as in a model used twice, are numbered."""
    values: dict[str, np.ndarray] = {}
    for variable in variables:
        path, number = variable.path, 2
        while path in values:
            path, number = f"{variable.path} ({number})", number + 1
        values[path] = np.array(keras.ops.convert_to_numpy(variable))
    return values


def check_changes(step: str, changes: dict[str, WeightChanges], expected: dict[str, str]) -> str:
    """Return a clause on what a step changed, or raise RunError if that is not what it should change.

    That is, for each model, `everything`, `nothing`, or `statistics` (BatchNormalization's averages, but no trained
    weight). A bias may stay as it was: in front of BatchNormalization its gradient is zero.
    """
    clauses = []
    for name, expectation in expected.items():
        trained, statistics = changes[name].trained, changes[name].statistics
        unchanged = [path for path, changed in trained.items() if not changed and "/bias" not in path]
        if expectation == "everything" and unchanged:
            raise RunError(
                f"weight check: the {step} step did not change {len(unchanged)} of {len(trained)} weights of the "
                f"{name} (first {unchanged[0]}); it must: a `trainable` flag or the learning rate is wrong"
            )
        changed = [path for path, changed in trained.items() if changed]
        if expectation != "everything" and changed:
            raise RunError(
                f"weight check: the {step} step changed {len(changed)} of {len(trained)} weights of the {name} "
                f"(first {changed[0]}); it must not, so freeze that model around every call"
            )
        if expectation != "nothing" and statistics and not any(statistics.values()):
            raise RunError(
                f"weight check: the {step} step ran the BatchNormalization of the {name} in inference mode; the "
                "networks are then trained against other functions than each other: freeze weights, not layers"
            )
        if expectation == "nothing" and any(statistics.values()):
            raise RunError(
                f"weight check: the {step} step changed the BatchNormalization averages of the {name}; it must not"
            )
        if expectation == "everything":
            clauses.append(f"the {name} ({sum(trained.values())} of {len(trained)} weights)")
        elif expectation == "statistics" and statistics:
            clauses.append(f"BatchNormalization's averages in the {name}")
    return f"the {step} step changed {' and '.join(clauses)}, nothing else"
