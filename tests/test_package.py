"""The package as a whole: the order of its parts, what importing it needs, the size of its files."""

import ast
import logging
import os
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path

import keras_gen
from keras_gen._keras import _damaged_settings, import_keras

PACKAGE = Path("keras_gen")
LAYERS = (
    {"cli"},
    {"benchmarks", "training", "pages", "evaluation", "latent", "figures", "minimal_runs"},
    {"run"},
    {"settings", "models", "data", "minimal"},
    {"seeds", "signals", "sizes", "indices", "cores", "files", "text", "transparency", "errors", "_lazy", "_keras"},
)
LEVELS = {name: level for level, names in enumerate(LAYERS) for name in names}
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__main__.py")


def part_of(module):
    """The package or module below keras_gen that a dotted name is in, or None."""
    root, _, rest = module.partition(".")
    return (rest.split(".")[0] or None) if root == "keras_gen" else None


def imported_parts(path):
    """The parts of keras_gen that a file imports when it is imported itself."""
    nodes = ast.parse(path.read_text(encoding="utf-8")).body
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.ImportFrom):
            names = [
                f"{node.module}.{alias.name}" if node.module == "keras_gen" else node.module for alias in node.names
            ]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            names = []
            if (
                isinstance(node, ast.If | ast.Try | ast.With | ast.ClassDef)
                and "TYPE_CHECKING" not in ast.unparse(node)[:30]
            ):
                nodes += [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]
        yield from filter(None, map(part_of, names))


def test_no_part_imports_one_above_it_and_there_are_no_circles():
    edges, wrong = {}, []
    for path in MODULES:
        part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        for other in set(imported_parts(path)) - {part}:
            edges.setdefault(part, set()).add(other)
            if part in LEVELS and LEVELS[other] < LEVELS[part]:
                wrong.append(f"{path} imports {other}")
            if part == "minimal" and LEVELS[other] < len(LAYERS) - 1:
                wrong.append(f"{path} imports {other}, and minimal needs NumPy alone")
    assert wrong == []
    assert edges.get("training", set()).isdisjoint({"figures", "evaluation", "pages"})
    assert [part for part in edges if part in reachable(edges, part)] == []


def reachable(edges, start):
    found, waiting = set(), list(edges[start])
    while waiting:
        part = waiting.pop()
        if part not in found:
            found.add(part)
            waiting += edges.get(part, ())
    return found


def test_every_file_can_be_read_at_one_sitting():
    lengths = {str(path): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert {path: length for path, length in lengths.items() if length > 300} == {}


def python(code, **environment):
    """Run code in a new process, with variables of the environment, and return what it printed."""
    variables = {name: value for name, value in (os.environ | environment).items() if value is not None}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=variables)
    assert done.returncode == 0, done.stderr[-1000:]
    return done.stdout + done.stderr


def test_every_module_imports_on_a_system_without_posix_and_tensorflow_is_silent():
    modules = [".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in MODULES]
    modules = [name for name in modules if not name.endswith("torch_baseline")]
    missing = ("fcntl", "termios", "resource", "pwd", "grp")
    code = f"""
import importlib, sys
sys.modules |= dict.fromkeys({missing})
import keras_gen.lessons
for name in {modules}:
    importlib.import_module(name)
import tensorflow
tensorflow.zeros(())
"""
    lines = python(code, TF_CPP_MIN_LOG_LEVEL=None).splitlines()
    assert [line for line in lines if any(word in line for word in ("absl", "cuda", "TensorFlow"))] == []


def test_advice_against_retracing_is_dropped_and_other_warnings_are_not(caplog):
    """A second training in one notebook would bring it."""
    import_module("keras_gen.models")
    logger = logging.getLogger("tensorflow")
    logger.warning("5 out of the last %d calls to %s triggered tf.function retracing. Tracing is expensive", 7, "f")
    logger.warning("a fault")
    assert set(caplog.messages) == {"a fault"}


def test_keras_is_imported_without_a_stderr_and_without_a_folder_for_temporary_files(monkeypatch):
    """As under pythonw, and in a container that cannot be written to."""

    def refuse():
        raise FileNotFoundError("No usable temporary directory found")

    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", None)
        import_keras()
    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    import_keras()


def test_a_keras_json_that_keras_cannot_use_is_named(tmp_path):
    (tmp_path / "keras.json").write_text('{"epsilon": "x"}')
    code = "from keras_gen._keras import import_keras\ntry: import_keras()\nexcept ValueError as error: print(error)"
    said = python(code, KERAS_HOME=str(tmp_path))
    assert (
        said.startswith(f"{tmp_path / 'keras.json'} cannot be used (Invalid `epsilon`") and "mend or remove it" in said
    )


def test_a_matplotlibrc_that_is_not_utf_8_is_named():
    try:
        exec(compile("b'\\xff'.decode()", "site-packages/matplotlib/__init__.py", "exec"))
    except UnicodeDecodeError as error:
        assert str(_damaged_settings(error)).startswith("the file matplotlibrc cannot be read, for it is not UTF-8")
    assert _damaged_settings(ValueError("of another kind")) is None


def test_help_imports_neither_numpy_nor_keras():
    code = (
        "import contextlib, sys; from keras_gen.cli.main import main\n"
        "for command in ('train-vae', 'train-dcgan'):\n"
        "    for flag in ('--help', '--help-all'):\n"
        "        with contextlib.suppress(SystemExit): main([command, flag])\n"
        "assert not {'numpy', 'keras', 'tensorflow', 'matplotlib'} & set(sys.modules)"
    )
    assert python(code).count("usage: ") == 4


def test_the_help_of_each_command_is_soon_there():
    """Figures, data sets and what is measured need a second to import."""
    code = (
        "import contextlib, sys; from keras_gen.cli.main import COMMANDS, main\n"
        "for command in COMMANDS:\n"
        "    with contextlib.suppress(SystemExit): main([command, '--help'])\n"
        "late = ('keras', 'tensorflow', 'matplotlib', 'PIL', 'keras_gen.data.loading', 'keras_gen.benchmarks.tasks')\n"
        "assert not set(late) & set(sys.modules), set(late) & set(sys.modules)"
    )
    python(code)


def test_the_citation_is_of_this_version():
    lines = Path("docs/CITATION.cff").read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("cff-version:") and f"version: {keras_gen.__version__}" in lines


def test_a_report_is_made_without_keras():
    code = "import sys, keras_gen.pages.report; assert not {'keras', 'tensorflow'} & set(sys.modules)"
    python(code)
