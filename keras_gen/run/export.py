"""A run's networks for other programs, with a card that says what they are."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from keras_gen.errors import InputError
from keras_gen.run.arguments import check_one_of
from keras_gen.run.new_folder import make_folder
from keras_gen.settings import NAMES, to_toml
from keras_gen.text import printable

if TYPE_CHECKING:
    import keras

    from keras_gen.run.run import Run

FORMATS = ("onnx", "saved_model", "litert", "numpy")
KERAS_FORMATS = {"onnx": ("onnx", ".onnx"), "saved_model": ("tf_saved_model", ""), "litert": ("litert", ".tflite")}
PACKAGES = {"onnx": ("onnx", "tf2onnx")}
LOADING = {
    "onnx": """\
session = onnxruntime.InferenceSession("{name}.onnx")
session.run(None, {{session.get_inputs()[0].name: x}})""",
    "saved_model": """\
network = tensorflow.saved_model.load("{name}")
network.serve(x)""",
    "litert": """\
interpreter = tensorflow.lite.Interpreter("{name}.tflite")
interpreter.get_signature_runner()""",
    "numpy": """\
from numpy_network import Network  # the file beside this one

Network("{name}.npz")(x)""",
}


def export_run(run: Run, to: str, out: str | Path | None = None) -> Path:
    """Write a run's networks in another program's format, and return the new folder.

    Args:
        run: The run.
        to: `onnx`, `saved_model`, `litert` or `numpy`.
        out: A path that does not exist yet; None is `exports/FORMAT` in the run's folder.

    Raises:
        InputError: The format is not known, its package is missing, or a layer has no counterpart in it.
    """
    check_one_of("to", to, FORMATS)
    if missing := [name for name in PACKAGES.get(to, ()) if importlib.util.find_spec(name) is None]:
        raise InputError(f"export to {to} needs a package that is not installed; pip install {' '.join(missing)}")
    if out is None:
        if run.folder is None:
            raise InputError("this run has no folder; say with `out` where the files should go")
        out = run.folder.path / "exports" / to
    networks = _networks(run)

    def prepare(folder: Path) -> None:
        for name, network in networks.items():
            if to == "numpy":
                _write_numpy(network, folder / f"{name}.npz")
            else:
                _write_keras(network, folder / name, to)
        if to == "numpy":
            shutil.copy(Path(__file__).parents[1] / "models" / "numpy_network.py", folder)
        (folder / "README.md").write_text(_card(run, to, networks), encoding="utf-8")

    return make_folder(out, to, prepare=prepare)


def _networks(run: Run) -> dict[str, keras.Model]:
    """Return what is exported: an encoder gives mean and log variance, and no sample."""
    import keras

    networks = dict(run.models)
    if (encoder := networks.pop("encoder", None)) is not None:
        for number, name in enumerate(("encoder_mean", "encoder_log_var")):
            networks[name] = keras.Model(encoder.inputs, encoder.outputs[number], name=name)
    return networks


def _write_keras(network: keras.Model, path: Path, to: str) -> None:
    name, ending = KERAS_FORMATS[to]
    with contextlib.redirect_stdout(io.StringIO()):  # TensorFlow prints what it wrote
        network.export(f"{path}{ending}", format=name, verbose=False)


def _write_numpy(network: keras.Model, path: Path) -> None:
    from keras_gen.models.exporting import export, foreign_layers

    if len(network.inputs) > 1:
        raise InputError(f"the {network.name} takes labels, too, and cannot be exported to numpy; use another format")
    if foreign := foreign_layers(network):
        raise InputError(f"the {network.name} cannot be exported to numpy ({foreign[0]}); use another format")
    operations = export(network)
    text = json.dumps([[operation.kind, operation.options] for operation in operations])
    weights = {
        f"{number}.{name}": array
        for number, operation in enumerate(operations)
        for name, array in operation.weights.items()
    }
    np.savez(path, operations=np.frombuffer(text.encode(), np.uint8), **weights)


def _card(run: Run, to: str, networks: dict[str, keras.Model]) -> str:
    """Return a model card: what the networks are, what they were trained on, how good they are, how to load them."""
    data, low, high = run.record["dataset"], *run.pixel_range
    shapes = [
        f"- `{name}`: float32 {_shape(network.inputs[0].shape)}{_labels(network)} to {_shape(network.output_shape)}"
        for name, network in networks.items()
    ]
    scores = run.folder.read_scores() if run.folder is not None else {}
    name = next(iter(networks))
    labels = [
        f"- Label {number}: {printable(label)}"
        for number, label in enumerate(run.label_names if run.conditional else ())
    ]
    return "\n".join(
        [
            f"# {NAMES[run.kind]} of {run.name}",
            "",
            f"Made by keras_gen: run `{run.record.get('id', 'unknown')}`, {run.models_text}.",
            "",
            "- License of the weights: (fill in; it depends on the images)",
            f"- Training images: {data['train']['count']:,} of {run.name}, "
            f"{' x '.join(map(str, run.image_shape))}; {data['held_out']['count']:,} held out",
            f"- Pixels: from {low:g} to {high:g}"
            + "; red, green and blue are multiplied by alpha" * (run.image_shape[-1] == 4),
            *shapes,
            *labels,
            "",
            "## Scores on held-out images",
            "",
            "```json",
            json.dumps(scores, indent=2) if scores else "not measured: python -m keras_gen evaluate RUN",
            "```",
            "",
            "## How to load a network",
            "",
            "```python",
            LOADING[to].format(name=name),
            "```",
            "",
            "## Settings",
            "",
            "```toml",
            to_toml(run.settings).rstrip(),
            "```",
            "",
        ]
    )


def _labels(network: keras.Model) -> str:
    return " and labels, int32 (n)," if len(network.inputs) > 1 else ""


def _shape(shape: tuple | list) -> str:
    if isinstance(shape, list):  # of a conditional network: the labels, too
        return " and ".join(map(_shape, shape))
    return f"({', '.join(['n', *map(str, shape[1:])])})"
