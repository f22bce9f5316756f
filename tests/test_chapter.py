"""docs/chapter: the chapter's programs in plain Keras take the same steps as our trainers."""

import importlib.util
import re
from itertools import cycle
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_gen
from keras_gen.training import make_trainer

DOCS = Path("docs")
STEPS = 20
pytestmark = pytest.mark.usefixtures("no_xla")  # which draws other dropout


@pytest.fixture
def float64():
    """In float32 the two soon differ: Adam's first steps have the size of the rate, however small the gradient."""
    before = keras.config.floatx()
    compute_in("float64")
    yield
    compute_in(before)


def compute_in(dtype):
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)


def script(name):
    spec = importlib.util.spec_from_file_location(f"chapter_{name}", DOCS / "chapter" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def copy_state(model, other):
    """Give a model the weights, and the states of the random generators, of another one of the same layers."""
    for variable, value in zip(model.variables, other.variables, strict=True):
        variable.assign(value)


@pytest.mark.parametrize("name", ["vae", "dcgan"])
def test_a_script_is_short_and_needs_nothing_of_ours(name):
    text = (DOCS / "chapter" / f"{name}.py").read_text(encoding="utf-8")
    assert text.count("\n") <= 120
    assert "keras_gen" not in text


def test_the_vae_takes_the_same_first_steps():
    chapter = script("vae")
    trainer = make_trainer("vae", (28, 28, 1), keras_gen.resolve_settings("vae", "mnist", recipe="chapter", jit="off"))
    encoder, decoder, vae = chapter.make_vae()
    copy_state(encoder, trainer.models["encoder"])
    copy_state(decoder, trainer.models["decoder"])
    images = keras_gen.load_dataset("mnist5k")[0].images
    losses = []
    for step in range(STEPS):
        batch = images[100 * step : 100 * step + 100]
        rows = batch.reshape(100, 784).astype("float32") / 255
        losses.append((vae.train_on_batch(rows, rows), trainer.train_step(batch)["loss"]))
    np.testing.assert_allclose(*np.transpose(losses), rtol=1e-5)
    assert losses[-1][0] < 0.6 * losses[0][0]


@pytest.mark.parametrize("steps", [2, pytest.param(STEPS, marks=pytest.mark.slow)])
def test_the_dcgan_takes_the_same_first_steps(steps, float64, request):
    if steps == 2:
        request.getfixturevalue("eagerly")
    chapter = script("dcgan")
    settings = keras_gen.resolve_settings("dcgan", "cifar10:automobile", recipe="chapter", batch_size=2, jit="off")
    trainer = make_trainer("dcgan", (32, 32, 3), settings)
    generator, discriminator, gan = chapter.make_dcgan()
    copy_state(generator, trainer.generator)
    copy_state(discriminator, trainer.discriminator)
    images = np.random.default_rng(0).integers(0, 256, (2 * steps, 32, 32, 3)).astype(np.uint8)
    turns = cycle((0, 1))

    def draw(count):
        return trainer.draw_latents(count, next(turns))

    losses = []
    for trainer.step in range(1, steps + 1):
        batch = images[2 * trainer.step - 2 : 2 * trainer.step]
        real = trainer.scaled(batch)
        losses.append((chapter.train_step(generator, discriminator, gan, real, draw), trainer.train_step(batch)))
    np.testing.assert_allclose([a for a, _ in losses], [list(b.values()) for _, b in losses], rtol=1e-5)


def test_every_counterpart_exists():
    rows = re.findall(r"`(\w+)` in `(keras_gen/[\w/]+\.py)`", (DOCS / "chapter.md").read_text(encoding="utf-8"))
    assert len(rows) > 25
    for name, file in rows:
        text = Path(file).read_text(encoding="utf-8")
        assert re.search(rf"^ *(def|class) {name}\b", text, re.MULTILINE), (name, file)
