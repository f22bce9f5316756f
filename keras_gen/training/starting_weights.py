"""`start_from`: networks begin with weights of another run, or of a saved model, instead of random ones."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import keras

from keras_gen.errors import InputError
from keras_gen.run import load_run
from keras_gen.run.networks import MODELS, load_model
from keras_gen.settings import NAMES
from keras_gen.text import PATH_LENGTH, counted, listed, printable
from keras_gen.training.trainer import Trainer


def take_weights(trainer: Trainer, path: str, say: Callable[[str], None], before: dict | None = None) -> dict:
    """Set the weights of a trainer's networks from those of a run folder or a .keras file, layer by layer.

    Networks of other images or other settings differ in some layers. Those of one kind and one shape are matched in
    their order, as many as possible; the others keep the random weights that they have.

    Args:
        trainer: A new one.
        path: Of the run or the file.
        say: Is told what was taken.
        before: What this function returned when the run began, for one that is resumed from its beginning.

    Returns:
        What run.json says of it: path, checksum of all weights that were taken, layers by network.

    Raises:
        InputError: It is of another kind, damaged, or no layer fits, or the weights are not those of `before`.
    """
    shown, checksum = printable(path, PATH_LENGTH), hashlib.sha256()
    models, origin = _saved_models(trainer.kind, Path(path), shown)
    lines, layers = [], {}
    for name, model in models.items():
        pairs = matching_layers(_weighted(model), _weighted(trainer.networks[name]))
        for saved, new in pairs:
            new.set_weights(saved.get_weights())
            for array in saved.get_weights():
                checksum.update(array.tobytes())
        taken = [new.name for _, new in pairs]
        left = [layer.name for layer in _weighted(trainer.networks[name]) if layer.name not in taken]
        layers[name] = taken
        lines.append(f"{name} {_summary(taken, left)}")
    if not any(layers.values()):
        raise InputError(
            f"no layer of {shown} fits these networks; use a run of the same kind of images and settings, or leave "
            "`start_from` out"
        )
    if before and before["sha256"] != checksum.hexdigest():
        raise InputError(f"{shown} has changed since the run began from it; put it back, or start a new run")
    trainer.networks_replaced()
    say(f"Start   from the weights of {shown}{origin}: {'; '.join(lines)}")
    return {"path": path, "sha256": checksum.hexdigest(), "layers": layers}


def matching_layers(saved: list[keras.Layer], new: list[keras.Layer]) -> list[tuple[keras.Layer, keras.Layer]]:
    """Return the most pairs of layers with weights of the same shapes that keep the order of both lists."""
    kinds = [[_signature(layer) for layer in layers] for layers in (saved, new)]
    longest = [[0] * (len(new) + 1) for _ in range(len(saved) + 1)]  # common subsequences of what follows
    for i in reversed(range(len(saved))):
        for j in reversed(range(len(new))):
            equal = kinds[0][i] == kinds[1][j]
            longest[i][j] = 1 + longest[i + 1][j + 1] if equal else max(longest[i + 1][j], longest[i][j + 1])
    pairs, i, j = [], 0, 0
    while i < len(saved) and j < len(new):
        if kinds[0][i] == kinds[1][j]:
            pairs.append((saved[i], new[j]))
            i, j = i + 1, j + 1
        elif longest[i + 1][j] >= longest[i][j + 1]:
            i += 1
        else:
            j += 1
    return pairs


def _saved_models(kind: str, path: Path, shown: str) -> tuple[dict[str, keras.Model], str]:
    """Return the saved networks by name, and which ones they are."""
    if os.path.isdir(path):
        run = load_run(path)
        if run.kind != kind:
            raise InputError(f"{shown} is a run of a {NAMES[run.kind]}; `start_from` needs one of a {NAMES[kind]}")
        return run.models, f" ({run.models_text})"
    if not os.path.isfile(path):
        raise InputError(f"{shown} does not exist; `start_from` takes the folder of a run, or a .keras file")
    if path.suffix != ".keras":
        raise InputError(f"{shown} is no .keras file; `start_from` takes one, or the folder of a run")
    model, _ = load_model(path, None)
    if model.name not in MODELS[kind]:
        networks = " or ".join(MODELS[kind])
        raise InputError(f"{shown} is a model {printable(model.name)}; `start_from` needs the {networks} of a run")
    return {model.name: model}, ""


def _weighted(model: keras.Model) -> list[keras.Layer]:
    return [layer for layer in model.layers if layer.weights]


def _signature(layer: keras.Layer) -> tuple:
    return type(layer).__name__, *(tuple(weight.shape) for weight in layer.weights)


def _summary(taken: list[str], left: list[str]) -> str:
    if not left:
        return f"all {counted(len(taken), 'layer')}"
    return f"{len(taken)} of {counted(len(taken) + len(left), 'layer')}, not {listed(left)}"
