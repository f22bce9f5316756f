"""The compiled engine takes the very steps of the loops of `train_on_batch`."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gen import RunFolder
from keras_gen.errors import RunError
from keras_gen.models.normalization import BatchNormalization
from keras_gen.training import compiled, make_trainer
from keras_gen.training.compiled_dcgan import CompiledDCGANTrainer
from tests.conftest import striped_images, values_of
from tests.small import small_settings, train_small

KINDS = ("vae", "dcgan")
STEPS = 20
# In front of BatchNormalization a bias has no effect, and its gradient is rounding noise.
NOISE = (
    "generator/conv_1/bias",
    "conv_transpose_1/bias",
    "conv_transpose_2/bias",
    "conv_transpose_3/bias",
    "conv_2/bias",
)


def trainer(kind, engine, size=8, channels=1, **overrides):
    settings = small_settings(kind, engine=engine, **overrides)
    made = make_trainer(kind, (size, size, channels), settings, 2 if settings.training.conditional else None)
    made.class_labels = np.arange(64) % 2 if settings.training.conditional else None  # of `striped_images(64)`
    return made


def batches_of(trainer, steps, count=64):
    random = np.random.default_rng(1)
    return [random.permutation(count)[: trainer.images_per_step] for _ in range(steps)]


def take_steps(trainer, images, batches, most=7):
    """Check the weights in the first step, and take the others in calls of several."""
    trainer.checked_step(images, batches[0], 1)
    most = min(most, trainer.steps_per_execution)
    for start in range(1, len(batches), most):
        trainer.train_steps(images, batches[start : start + most], start + 1)
    return trainer.losses()


def values_now(trainer):
    return values_of(variable for group in trainer.variables.values() for variable in group)


def assert_equal_variables(one, two, tolerance, exempt=NOISE):
    """Compare tensor by tensor, by the norm of the difference relative to the norm."""
    for group in one.variables:
        for a, b in zip(one.variables[group], two.variables[group], strict=True):
            if exempt and any(name.replace("/", "_") in a.path.replace("/", "_") for name in exempt):
                continue
            first, second = (np.asarray(each, np.float64) for each in values_of([a, b]))
            difference = np.linalg.norm(first - second)
            assert difference <= tolerance * max(np.linalg.norm(first), 1e-12), (group, a.path, difference)


@pytest.fixture(scope="module")
def begin():
    """Return a compiled trainer, by its kind, that begins anew; it is traced once for all tests."""
    traced = {}

    def begin(kind):
        if kind not in traced:
            one = trainer(kind, "compiled")
            traced[kind] = one, {name: values_of(group) for name, group in one.variables.items()}
        one, first = traced[kind]
        for name, group in one.variables.items():
            for variable, value in zip(group, first[name], strict=True):
                variable.assign(value)
        one.start_epoch(1)
        return one

    return begin


@pytest.fixture
def float64():
    """Compute in double precision."""
    before, policy = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    yield
    keras.config.set_floatx(before)
    keras.config.set_dtype_policy(policy)


TUNED = {
    "loss": "hinge",
    "label_smoothing": 0,
    "spectral_norm": True,
    "discriminator_batch_norm": False,
    "upsampling": "resize",
    "ema": 0.9,
}
DEEP = {"intermediate_dim": "24,12", "activation": "silu", "layer_norm": True, "kl_warmup": 3}
CASES = [  # test_adaptive.py has one of a DCGAN
    ("vae", DEEP | {"likelihood": "binarized", "conditional": True}),
    ("vae", {"binarize_inputs": 0.5, "conditional": True}),
]
SLOW_CASES = [
    ("vae", {}),
    ("dcgan", {"loss": "hinge", "label_smoothing": 0, "ema": 0.9, "conditional": True}),
    ("vae", {"importance_samples": 3, "binarize_inputs": 0.5, "optimizer": "adam"}),
    ("vae", {"conditional": True, "importance_samples": 3, "kl_warmup": 3, "optimizer": "adam", "adam_epsilon": 1e-4}),
    ("dcgan", TUNED | {"conditional": True}),
    ("dcgan", {"conditional": True}),
    ("vae", {"conditional": True, "likelihood": "discretized_logistic"}),
    ("vae", {"architecture": "conv", "optimizer": "adam", "beta": 2.0, "filters": 8}),
    ("dcgan", {"recipe": "article"}),
    ("dcgan", {"discriminator_steps": 2, "augment": "mirror"}),
    ("dcgan", {"conditional": True, "discriminator_steps": 2, "concatenate_batches": True, "augment": "mirror"}),
    ("vae", {"conditional": True, "architecture": "conv", "filters": 8}),
]
SLOW = [pytest.param(*case, marks=pytest.mark.slow) for case in SLOW_CASES]
FLOAT32_CASES = [("dcgan", {}), *(pytest.param(*case, marks=pytest.mark.slow) for case in CASES), *SLOW]
ALL_CASES = [*CASES, pytest.param("dcgan", {}, marks=pytest.mark.slow), *SLOW]


@pytest.mark.parametrize(("kind", "overrides"), ALL_CASES, ids=str)
def test_both_engines_have_the_same_weights_after_twenty_steps(kind, overrides, float64):
    images, _ = striped_images(64)
    trainers = [trainer(kind, engine, **overrides) for engine in ("train_on_batch", "compiled")]
    assert trainers[0].models["decoder" if kind == "vae" else "generator"].weights[0].dtype == "float64"
    batches = batches_of(trainers[0], STEPS)
    one, two = (take_steps(each, images, batches) for each in trainers)
    assert one == pytest.approx(two, rel=1e-6)
    assert_equal_variables(*trainers, 1e-6)


@pytest.mark.parametrize(("kind", "overrides"), FLOAT32_CASES, ids=str)
def test_both_engines_have_the_same_first_losses_and_gradients_in_float32(kind, overrides, begin):
    """After one step the optimisers' moments are the gradients, and their squares, times a constant."""
    images, _ = striped_images(64)
    compiled_one = trainer(kind, "compiled", **overrides) if overrides else begin(kind)
    trainers = [trainer(kind, "train_on_batch", **overrides), compiled_one]
    batches = batches_of(trainers[0], 1)
    one, two = (take_steps(each, images, batches) for each in trainers)
    assert one == pytest.approx(two, rel=1e-4)
    assert_equal_variables(*trainers, 1e-4)


def test_the_fused_normalisation_takes_the_same_step_as_keras_s(monkeypatch, eagerly):
    """From the same checkpoint, too: the variables have the same names and order."""
    images, _ = striped_images(64)
    lines, trainers = [], []
    for call in (BatchNormalization.call, keras.layers.BatchNormalization.call):
        monkeypatch.setattr(BatchNormalization, "call", call)
        trainers.append(trainer("dcgan", "train_on_batch"))
        lines.append(trainers[-1].checked_step(images, np.arange(16), 1))
    fused, plain = trainers
    assert lines[0] == lines[1]
    assert fused.losses() == pytest.approx(plain.losses(), rel=1e-5)
    assert_equal_variables(fused, plain, 1e-4)
    names = [[variable.name for group in one.variables.values() for variable in group] for one in trainers]
    assert names[0] == names[1]


@pytest.mark.slow
def test_augmentation_draws_the_same_numbers_in_both_engines():
    images, _ = striped_images(64, channels=3)
    every = "color,translation,cutout,mirror"
    trainers = [trainer("dcgan", engine, channels=3, augment=every) for engine in ("train_on_batch", "compiled")]
    one, two = (take_steps(each, images, batches_of(each, 3)) for each in trainers)
    assert one == pytest.approx(two, rel=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_the_numbers_do_not_depend_on_how_many_steps_a_call_takes(kind, begin):
    images, _ = striped_images(64)
    ends = []
    for most in (1, 12):
        one = begin(kind)
        batches = batches_of(one, 12)
        for start in range(0, 12, most):
            one.train_steps(images, batches[start : start + most], start + 1)
        ends.append((one.losses(), values_now(one)))
    assert ends[0][0] == ends[1][0]
    for before, after in zip(ends[0][1], ends[1][1], strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("kind", ["vae", pytest.param("dcgan", marks=pytest.mark.slow)])
def test_images_stay_with_the_host_without_a_gpu_or_where_they_do_not_fit_and_the_numbers_are_the_same(
    kind, monkeypatch
):
    images, _ = striped_images(64)
    monkeypatch.setattr(compiled, "gpus", lambda: ["a GPU"])
    held = trainer(kind, "compiled")
    one = take_steps(held, images, batches_of(held, 8))
    assert held._held[0] is images
    for name, value in (("HELD_BYTES", 100), ("gpus", lambda: [])):
        with monkeypatch.context() as patch:
            patch.setattr(compiled, name, value)
            fed = trainer(kind, "compiled")
            assert take_steps(fed, images, batches_of(fed, 8)) == one
            assert fed._held is None


@pytest.mark.parametrize(
    ("kind", "overrides"),
    [("vae", {}), ("vae", {"likelihood": "binarized"}), ("dcgan", {"discriminator_steps": 2, "augment": "mirror"})],
    ids=str,
)
def test_devices_share_out_each_turn_s_images_and_read_no_others(kind, overrides):
    images, _ = striped_images(64)
    one = trainer(kind, "compiled", **overrides)
    batches = batches_of(one, 3)
    count = one.images_per_step // one.turns
    whole = one._shown(images, batches, 1, slice(count))
    assert whole.shape == (3, one.turns, count, 8, 8, 1)
    parts = [one._shown(images, batches, 1, part) for part in (slice(0, count // 2), slice(count // 2, count))]
    np.testing.assert_array_equal(np.concatenate(parts, axis=2), whole)
    if kind == "vae" and not overrides:
        read = set()

        class Watched:
            def take(self, places, axis):
                read.update(places.ravel().tolist())
                return images.take(places, axis)

        one._shown(Watched(), batches, 1, slice(0, count // 2))
        assert read == set(np.stack(batches)[:, : count // 2].ravel().tolist())


@pytest.mark.slow
def test_a_call_is_traced_once_however_many_steps_it_takes():
    images, _ = striped_images(64)
    traced = trainer("dcgan", "compiled")
    take_steps(traced, images, batches_of(traced, 12), most=3)
    take_steps(traced, images, batches_of(traced, 12), most=5)
    assert traced._call.experimental_get_tracing_count() == 1


def test_shared_fakes_are_trained_on_as_by_pytorch_s_usual_loop(float64, monkeypatch):
    """One pass of the generator in training mode; its gradient flows through the discriminator after its update."""
    images, _ = striped_images(64)
    shared = trainer("dcgan", "compiled", share_fakes=True, optimizer="rmsprop", dropout=0.0)
    plain = trainer("dcgan", "compiled", optimizer="rmsprop", dropout=0.0)
    batch, passes = np.arange(16), []
    call = type(shared.generator).call
    with monkeypatch.context() as patch:
        counted = lambda self, *args, **kwargs: (passes.append(self.name), call(self, *args, **kwargs))[1]  # noqa: E731
        patch.setattr(type(shared.generator), "call", counted)
        shared.train_steps(images, [batch], 1)
    assert passes.count("generator") == 1
    generator, discriminator = plain.generator, plain.discriminator
    latents = plain.draw_latents(16, 0)
    crossentropy = keras.losses.BinaryCrossentropy(from_logits=True)
    with tf.GradientTape() as generator_tape:
        fakes = generator(latents, training=True)
    for shown, label in ((images[batch] / 127.5 - 1, 0.9), (tf.stop_gradient(fakes), 0.0)):
        with tf.GradientTape() as tape:
            loss = crossentropy(np.full((16, 1), np.float32(label)), discriminator(shown, training=True))
        variables = discriminator.trainable_variables
        plain.optimizers["discriminator"].apply(tape.gradient(loss, [v.value for v in variables]), variables)
    with generator_tape:
        loss = crossentropy(np.ones((16, 1)), discriminator(fakes, training=True))
    variables = generator.trainable_variables
    plain.optimizers["generator"].apply(generator_tape.gradient(loss, [v.value for v in variables]), variables)
    assert shared.losses()["generator_loss"] == pytest.approx(float(loss), rel=1e-6)
    assert_equal_variables(shared, plain, 1e-5)


@pytest.mark.slow
def test_a_gan_with_shared_fakes_learns_stripes(image_sets):
    options = {"engine": "compiled", "share_fakes": True, "epochs": 40, "generator_learning_rate": 1e-3}
    filters = {"generator_filters": 8, "generator_base_filters": 8, "discriminator_filters": 8, "latent_dim": 6}
    run = train_small("dcgan", *image_sets(train=256), **options, **filters)
    latents = np.random.default_rng(0).normal(size=(64, 6)).astype(np.float32)
    images = run.models["generator"].predict_on_batch(latents)[..., 0]
    left_right = images[:, :, :4].mean((1, 2)) - images[:, :, 4:].mean((1, 2))
    top_bottom = images[:, :4].mean((1, 2)) - images[:, 4:].mean((1, 2))
    assert np.mean(np.maximum(left_right, top_bottom) > 0.7) > 0.7
    assert 0.1 < np.mean(left_right > top_bottom) < 0.9  # both kinds, not one


@pytest.mark.parametrize("kind", ["vae", pytest.param("dcgan", marks=pytest.mark.slow)])
def test_whole_runs_have_the_same_history(kind, image_sets):
    """With a last batch that is not full, and epochs of several calls."""
    runs = [train_small(kind, *image_sets(train=70), engine=engine) for engine in ("train_on_batch", "compiled")]
    for one, two in zip(*(run.history for run in runs), strict=True):
        assert one == pytest.approx(two, rel=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_loss_that_is_not_finite_is_named_with_its_step(kind, begin):
    """What comes behind it in the same call is not computed, and does not hide it."""
    images, _ = striped_images(64)
    one = begin(kind)
    batches = batches_of(one, 9)
    one.train_steps(images, batches[:3], 1)
    broken = one.models["encoder" if kind == "vae" else "discriminator"].trainable_variables[0]
    one.train_steps(images, batches[3:5], 4)
    broken.assign(np.full(broken.shape, np.nan))
    one.train_steps(images, batches[5:], 6)
    term = {"vae": "loss", "dcgan": "discriminator_loss_real"}[kind]
    with pytest.raises(RunError, match=f"the {term} became nan at step 6 of epoch 1"):
        _ = one.sums  # as before every checkpoint
    optimizer = one.optimizers["VAE" if kind == "vae" else "generator"]
    assert int(optimizer.iterations.numpy()) == 6  # the call ended with the broken step


def test_no_checkpoint_is_written_behind_a_loss_that_is_not_finite(tmp_path, image_sets, no_pictures):
    class Breaks(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                kernel = self.model.trainable_variables[0]
                kernel.assign(np.full(kernel.shape, np.nan))

    path = tmp_path / "run"
    options = {"engine": "compiled", "callbacks": [Breaks()], "epochs": 4, "folder": path, "save_every": 0}
    with pytest.raises(RunError, match=r"the loss became (nan|inf) at step \d+ of epoch \d+; try a lower"):
        train_small("vae", *image_sets(), **options)
    files = list(RunFolder(path).checkpoints.glob("*.npz"))
    assert files
    for file in files:
        with np.load(file) as arrays:
            assert all(np.isfinite(arrays[name]).all() for name in arrays.files if name.startswith("vae/"))


def test_the_weight_check_rehearses_each_half_and_takes_it_back(monkeypatch, begin):
    images, _ = striped_images(64)
    one, batch = begin("dcgan"), np.arange(16)
    line = one.checked_step(images, batch, 1)
    assert line.startswith("the discriminator step changed the discriminator (")
    assert "the generator step changed the generator (" in line
    checked = values_now(one)
    begin("dcgan").train_steps(images, [batch], 1)
    for with_check, without in zip(checked, values_now(one), strict=True):
        np.testing.assert_array_equal(with_check, without)

    wrong = lambda self, images, classes, latents: self._generator_half(classes, latents)  # noqa: E731
    monkeypatch.setattr(CompiledDCGANTrainer, "_discriminator_half", wrong)
    with pytest.raises(RunError, match="weight check: the discriminator step did not change"):
        begin("dcgan")._rehearsed(images, batch, 1)
