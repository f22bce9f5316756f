import contextlib
import gc
import os
import shutil

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
if "PYTEST_XDIST_WORKER" in os.environ:  # the processes share the cores: threads of each would wait for those of others
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    gc.disable()  # until the first test: what is imported stays

import keras
import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

from keras_gen.benchmarks.pages import chromium
from keras_gen.data import ImageSet

if keras.backend.backend() == "tensorflow":  # it takes a fifth of a tiny training to rewrite its graphs
    import tensorflow as tf
    from tensorflow.python.framework import ops

    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})


def pytest_collection_finish(session):
    """Spare the garbage collector what has been imported: most of what it would look through after each file."""
    gc.collect()
    gc.freeze()
    gc.enable()
    gc.set_threshold(20_000, 20, 20)  # a graph is a million objects that all last to the end of its test


FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)


def striped_images(count, size=8, channels=1, seed=0):
    """Images with a bright half, upright or lying, under noise: two classes a tiny net can learn."""
    random = np.random.default_rng(seed)
    images = random.integers(0, 60, (count, size, size, channels))
    labels = np.arange(count) % 2
    images[labels == 0, :, : size // 2] += 180
    images[labels == 1, : size // 2] += 180
    return images.astype(np.uint8), labels


def values_of(variables):
    """The values of Keras variables as NumPy arrays of their own."""
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def gif_frames(path, mode="RGB"):
    """The frames of a GIF as NumPy arrays, and what it says of itself at the last one."""
    with Image.open(path) as film:
        pixels = []
        for number in range(film.n_frames):
            film.seek(number)
            pixels.append(np.asarray(film.convert(mode)))
        return pixels, film.info


@pytest.fixture(scope="module", autouse=True)
def forgotten_graphs():
    """Free the graphs of a file's models: TensorFlow registers the gradients that they define, and never lets go."""
    yield
    if keras.backend.backend() == "tensorflow":
        registry = ops.gradient_registry._registry
        for name in [name for name in registry if name.startswith("CustomGradient-")]:
            del registry[name]
        gc.collect()
        gc.freeze()  # what outlives its file lasts to the end: no need to look through it again


@pytest.fixture(scope="module", autouse=True)
def layout(request):
    """Leave axes where they are, but in the tests of figures: to lay them out takes half of a drawing's time."""
    with pytest.MonkeyPatch.context() as patch:
        if "figures" not in request.path.parts:
            patch.setattr("matplotlib.layout_engine.do_constrained_layout", lambda *_, **__: None)
        yield


@pytest.fixture
def image_sets():
    """Make a training and a held-out set of small striped images."""

    def make(train=64, held_out=16, size=8, channels=1):
        return tuple(
            ImageSet(*striped_images(count, size, channels, seed), ("upright", "lying"), "stripes")
            for seed, count in enumerate((train, held_out))
        )

    return make


@pytest.fixture
def npz_file(tmp_path):
    """Write arrays as tmp_path/images.npz."""

    def write(**arrays):
        path = tmp_path / "images.npz"
        np.savez(path, **arrays)
        return path

    return write


SMALL_SETTINGS = {
    "vae": {"encoder": {"intermediate_dim": 16}, "training": {"jit": "off"}},  # XLA would take most of the time
    "vae3": {"encoder": {"intermediate_dim": 16, "latent_dim": 3}, "training": {"jit": "off"}},
    "dcgan": {"generator": {"latent_dim": 20, "filters": 4, "base_filters": 4}, "discriminator": {"filters": 4}},
}


def small_flags(name):
    """The flags that give small settings on the command line."""
    groups = SMALL_SETTINGS[name].items()
    return ["--recipe", "chapter"] + [
        word
        for group, values in groups
        for key, value in values.items()
        for word in ("--set", f"{group}.{key}={value}")
    ]


def train_small(name, data, folder, **settings):
    """Train a small run of a kind, and return its folder."""
    import keras_gen

    train = keras_gen.train_dcgan if name == "dcgan" else keras_gen.train_vae
    settings = {"recipe": "chapter", "epochs": 2, "batch_size": 24} | SMALL_SETTINGS[name] | settings
    train(str(data), folder=folder, say=lambda _: None, **settings)
    return folder


def made_once(tmp_path_factory, name, make):
    """Return a folder that the first worker of pytest-xdist which needs it makes, and all share."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    whole = folder.with_name(f"{name}-is-whole")
    with FileLock(f"{folder}.lock"):
        if not whole.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            whole.touch()
    return folder


@pytest.fixture(scope="session")
def command_runs(tmp_path_factory):
    """The folders of small finished runs of the training commands, by name: vae (two dimensions), vae3, dcgan.

    Whoever changes one copies it. Beside them are stripes.npz, their data, and what was printed, such as vae.txt.
    """
    from keras_gen.cli.train import train_command

    def make(root):
        images, labels = striped_images(80, size=16)
        np.savez(root / "stripes.npz", images=images, labels=labels)
        for name in SMALL_SETTINGS:
            words = ["--dataset", str(root / "stripes.npz"), "--epochs", "2", "--batch-size", "24", *small_flags(name)]
            with open(root / f"{name}.txt", "w") as output, contextlib.redirect_stdout(output):
                assert train_command(name.rstrip("3"), [*words, "--out", str(root / name)]) == 0

    root = made_once(tmp_path_factory, "command-runs", make)
    return {name: root / name for name in SMALL_SETTINGS}


@pytest.fixture(scope="session")
def browser():
    """A real Chromium; where there is none, the test is skipped with a loud line."""
    executable = chromium()
    if executable is None:
        assert "KERAS_GEN_REQUIRE_BROWSER" not in os.environ, "no Chromium is installed"
        pytest.skip("NOT TESTED: pages in a browser, for no Chromium is installed (apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=executable, args=FLAGS.split())
        yield started
        started.close()


def without_pictures(patch):
    """Let runs draw nothing: what they train and save is the same, in half the time."""
    from keras_gen.run import Run

    results = {"draw_data": None, "draw_epoch": None, "draw_figures": [], "report": None, "report_progress": None}
    for name, result in results.items():
        patch.setattr(Run, name, lambda self, *_, result=result, **__: result)
    patch.setattr(Run, "missing_pictures", lambda self: False)


def with_tiny_pictures(patch):
    """Let figures be made as ever, and saved as one pixel: to draw them takes most of the time."""
    pixel = Image.new("L", (1, 1))
    patch.setattr("keras_gen.figures.style._print_png", lambda figure, path: pixel.save(path, "png"))


@pytest.fixture
def tiny_pictures(monkeypatch):
    with_tiny_pictures(monkeypatch)


@pytest.fixture
def no_pictures(monkeypatch):
    without_pictures(monkeypatch)


def without_xla(patch):
    """Let Keras compile no network with XLA: that takes seconds for each, and few steps gain nothing from it."""
    compile_ = keras.Model.compile
    patch.setattr(keras.Model, "compile", lambda *a, **k: compile_(*a, **k | {"jit_compile": False}))


@pytest.fixture
def no_xla(monkeypatch):
    without_xla(monkeypatch)


@contextlib.contextmanager
def untraced():
    """Run what would be traced as it stands: tracing takes longer than a step or two."""
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)


@pytest.fixture
def eagerly():
    with untraced():
        yield


@pytest.fixture(scope="session")
def trained_runs(tmp_path_factory):
    """The folders of small finished runs, trained from Python on the same .npz, by kind.

    Their pictures are of one pixel. Copy one to change it.
    """
    from tests.small import train_small

    def make(root):
        images, labels = striped_images(60, size=16)
        np.savez(root / "stripes.npz", images=images, labels=labels)
        with pytest.MonkeyPatch.context() as patch, untraced():
            with_tiny_pictures(patch)
            for kind in ("vae", "dcgan"):
                train_small(kind, root / "stripes.npz", folder=root / kind, epochs=1)

    root = made_once(tmp_path_factory, "trained-runs", make)
    return {kind: root / kind for kind in ("vae", "dcgan")}
