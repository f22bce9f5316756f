import contextlib

import keras
import numpy as np
import pytest

from keras_gen import train_dcgan
from keras_gen.errors import RunError
from keras_gen.latent import draw_latents
from keras_gen.seeds import random_stream
from keras_gen.training import DCGANTrainer
from keras_gen.training.dcgan import FAKE, GENERATOR, REAL
from tests.conftest import values_of
from tests.drawings import draw_shapes
from tests.small import small_settings, train_small, weights_of

BATCH = np.arange(16)


def settings(**overrides):
    return small_settings("dcgan", **{"latent_dim": 6} | overrides)


def variables_of(*models):
    return values_of(variable for model in models for variable in model.variables)


def assert_equal(ones, others):
    for one, other in zip(ones, others, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_the_generator_learns_two_kinds_of_stripes(image_sets):
    """Half of each image is bright and half dark: a generator that learned makes the same contrast."""
    filters = {"generator_filters": 8, "generator_base_filters": 8, "discriminator_filters": 8, "latent_dim": 6}
    run = train_small("dcgan", *image_sets(train=256), epochs=60, generator_learning_rate=1e-3, **filters)
    latents = np.random.default_rng(0).normal(size=(64, 6)).astype(np.float32)
    images = run.models["generator"].predict_on_batch(latents)[..., 0]
    left_right = images[:, :, :4].mean((1, 2)) - images[:, :, 4:].mean((1, 2))
    top_bottom = images[:, :4].mean((1, 2)) - images[:, 4:].mean((1, 2))
    assert np.mean(np.maximum(left_right, top_bottom) > 0.7) > 0.8
    assert 0.1 < np.mean(left_right > top_bottom) < 0.9  # both kinds, not one


def test_the_same_seed_gives_the_same_run_and_another_seed_another(image_sets):
    runs = [train_small("dcgan", *image_sets(), epochs=1, seed=seed) for seed in (5, 5, 6)]
    assert runs[0].history == runs[1].history != runs[2].history
    assert_equal(weights_of(runs[0]), weights_of(runs[1]))


class Spy:
    """Notes what a model is trained on, and whether the discriminator was frozen, and lets it train."""

    def __init__(self, trainer, *names):
        self.calls = []
        for name in names:
            self._watch(trainer, name, getattr(trainer, name))

    def _watch(self, trainer, name, model):
        original = model.train_on_batch

        def train_on_batch(x, y, **kwargs):
            frozen = not trainer.discriminator.trainable_variables
            self.calls.append((name, np.array(x), np.array(y), frozen))
            return original(x, y, **kwargs)

        model.train_on_batch = train_on_batch


def test_a_step_trains_first_the_discriminator_then_the_generator(image_sets, eagerly):
    trainer = DCGANTrainer((8, 8, 1), settings(discriminator_steps=3))
    spy = Spy(trainer, "discriminator", "gan")
    trainer.train_step(image_sets(train=48)[0].images)
    discriminator = [("discriminator", 16, pytest.approx(0.9), False), ("discriminator", 16, 0.0, False)]
    calls = [(name, len(x), float(np.mean(y)), frozen) for name, x, y, frozen in spy.calls]
    assert calls == [*discriminator * 3, ("gan", 16, 1.0, True)]
    images = image_sets(train=48)[0].images / np.float32(127.5) - 1
    shown = np.concatenate([spy.calls[turn][1] for turn in (0, 2, 4)])
    np.testing.assert_allclose(shown, images, atol=1e-6)  # each turn has images of its own


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_smoothing_reaches_the_labels_of_real_images_alone(image_sets, smoothing, eagerly):
    trainer = DCGANTrainer((8, 8, 1), settings(label_smoothing=smoothing))
    spy = Spy(trainer, "discriminator", "gan")
    trainer.train_step(image_sets(train=16)[0].images)
    real, fake, generator = (y for _, _, y, _ in spy.calls)
    np.testing.assert_allclose(real, np.full((16, 1), 1 - smoothing), rtol=1e-6)
    np.testing.assert_array_equal(fake, np.zeros((16, 1)))
    np.testing.assert_array_equal(generator, np.ones((16, 1)))


def test_every_turn_of_every_step_has_latents_of_its_own(image_sets, eagerly):
    """The generator's, too: it must not be trained on those that the discriminator has just been shown."""
    trainer = DCGANTrainer((8, 8, 1), settings(discriminator_steps=2))
    drawn, original = [], trainer.generator.predict_on_batch
    trainer.generator.predict_on_batch = lambda z: drawn.append(np.array(z)) or original(z)
    spy = Spy(trainer, "gan")
    images = image_sets(train=32)[0].images
    for epoch, step in ((1, 1), (1, 2), (2, 1), (1, 1)):
        trainer.epoch, trainer.step = epoch, step
        trainer.train_step(images)
        drawn.append(spy.calls[-1][1])
    steps = [np.stack(drawn[start : start + 3]) for start in range(0, 12, 3)]
    np.testing.assert_array_equal(steps[0], steps[3])  # drawn by seed, epoch and step, so that a resume repeats them
    points = np.concatenate(steps[:3]).reshape(-1, 6)
    assert len(np.unique(points, axis=0)) == len(points) == 3 * 3 * 16


@pytest.mark.parametrize(("augment", "real_as_is"), [("mirror", False), ("none", True)])
def test_mirror_flips_about_half_of_the_real_images_and_no_generated_one(image_sets, augment, real_as_is, eagerly):
    trainer = DCGANTrainer((8, 8, 1), settings(augment=augment))
    fakes = trainer.generator.predict_on_batch(trainer.draw_latents(16, 0))
    spy = Spy(trainer, "augmented_discriminator")
    images = image_sets(train=16)[0].images
    trainer.train_step(images)
    seen = [x for _, x, _, _ in spy.calls]
    real = images / np.float32(127.5) - 1
    flipped = [np.allclose(now, was[:, ::-1], atol=1e-6) for now, was in zip(seen[0], real, strict=True)]
    same = [np.allclose(now, was, atol=1e-6) for now, was in zip(seen[0], real, strict=True)]
    assert all(same) == real_as_is
    assert all(np.logical_or(flipped, same))
    assert 2 <= sum(same) <= 16
    np.testing.assert_allclose(seen[1], fakes, atol=1e-6)


def test_augmentation_is_between_the_images_and_the_discriminator_in_training_alone(image_sets):
    trainer = DCGANTrainer((8, 8, 1), settings(augment="cutout"))
    images = np.ones((4, 8, 8, 1), np.float32)
    plain = trainer.discriminator.predict_on_batch(images)
    np.testing.assert_array_equal(trainer.augmented_discriminator.predict_on_batch(images), plain)
    losses = trainer.held_out_losses(image_sets()[1].images)
    assert losses == trainer.held_out_losses(image_sets()[1].images)
    assert losses != DCGANTrainer((8, 8, 1), settings()).held_out_losses(image_sets()[1].images)
    assert "augment" not in [layer.name for layer in trainer.models["discriminator"].layers]


def test_concatenated_batches_are_one_update_with_both_labels(image_sets, eagerly):
    trainer = DCGANTrainer((8, 8, 1), settings(concatenate_batches=True, dropout=0.0))
    images = image_sets(train=16)[0].images
    discriminator = trainer.discriminator
    fakes = trainer.generator.predict_on_batch(trainer.draw_latents(16, 0))
    both = np.concatenate([images / np.float32(127.5) - 1, fakes])
    groups = discriminator.trainable_variables, discriminator.non_trainable_variables
    values = [[variable.value for variable in group] for group in groups]
    logits = discriminator.stateless_call(*values, both, training=True)[0]
    spy = Spy(trainer, "discriminator")
    means = trainer.train_step(images)
    ((_, x, y, _),) = spy.calls
    np.testing.assert_allclose(x, both, atol=1e-6)
    np.testing.assert_allclose(y, np.repeat([[0.9], [0.0]], 16, axis=0))
    losses = keras.ops.convert_to_numpy(keras.ops.binary_crossentropy(y, logits, from_logits=True))
    assert means[REAL] == pytest.approx(losses[:16].mean(), rel=1e-4)
    assert means[FAKE] == pytest.approx(losses[16:].mean(), rel=1e-4)


def test_latents_come_from_the_chosen_distribution():
    for name, low, high in (("uniform", -1, 1), ("normal", -np.inf, np.inf)):
        trainer = DCGANTrainer((8, 8, 1), settings(latent_distribution=name, latent_dim=64))
        latents = trainer.draw_latents(64, 0)
        assert low <= latents.min() and latents.max() <= high
        assert latents.std() == pytest.approx(1 if name == "normal" else 3**-0.5, abs=0.05)


@pytest.mark.parametrize("concatenate", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_held_out_losses_are_computed_in_training_mode_and_leave_no_trace(image_sets, concatenate):
    train, held_out = image_sets(held_out=16)
    overrides = {"concatenate_batches": concatenate, "dropout": 0.0, "label_smoothing": 0.0, "seed": 3}
    rates = {"generator": 2e-4, "discriminator": 5e-4}
    overrides |= {f"{name}_learning_rate": rate for name, rate in rates.items()} | {"adam_beta_1": 0.25}
    trainer = DCGANTrainer(train.image_shape, settings(**overrides))
    assert {name: float(one.learning_rate) for name, one in trainer.optimizers.items()} == pytest.approx(rates)
    assert {one.beta_1 for one in trainer.optimizers.values()} == {0.25}
    for trainer.step in range(1, 6):
        trainer.train_step(train.images[:16])
    before = variables_of(trainer.gan, trainer.discriminator)
    first, second = (trainer.held_out_losses(held_out.images) for _ in range(2))
    assert first == second
    assert_equal(before, variables_of(trainer.gan, trainer.discriminator))
    if not concatenate:  # then a training step on the same batch reports the same loss
        z = draw_latents(random_stream(3, "held_out"), 16, 6, "normal")
        on_fake = trainer.discriminator(trainer.generator.predict_on_batch(z), training=True)
        losses = {
            FAKE: np.logaddexp(0, on_fake).mean(),  # -log(1 - p)
            GENERATOR: np.logaddexp(0, -trainer.gan(z, training=True)).mean(),  # -log p
            REAL: trainer.discriminator.train_on_batch(held_out.images / np.float32(127.5) - 1, np.ones((16, 1))),
        }
        for name, loss in losses.items():
            assert first[f"held_out_{name}"] == pytest.approx(float(loss), rel=1e-4), name


def test_dropout_does_not_blur_the_held_out_losses(image_sets):
    train, held_out = image_sets()
    trainer = DCGANTrainer(train.image_shape, settings(dropout=0.5))
    first = trainer.held_out_losses(held_out.images)
    trainer.discriminator(held_out.images.astype(np.float32), training=True)  # draws: the next dropout is another
    assert trainer.held_out_losses(held_out.images) == first


def test_every_image_takes_part_in_the_held_out_losses(image_sets):
    _, held_out = image_sets(held_out=37)
    trainer = DCGANTrainer((8, 8, 1), settings())
    seen = []
    trainer.scaled = lambda images: seen.append(images) or DCGANTrainer.scaled(trainer, images)
    trainer.held_out_losses(held_out.images)
    np.testing.assert_array_equal(np.concatenate(seen), held_out.images)


@pytest.mark.parametrize(
    "overrides",
    [
        pytest.param({"recipe": "article"}, marks=pytest.mark.slow),  # test_doctor.py trains by it, too
        pytest.param(
            {"optimizer": "rmsprop", "discriminator_steps": 2, "latent_distribution": "uniform"}, marks=pytest.mark.slow
        ),
        {"output_activation": "sigmoid", "discriminator_batch_norm": False, "precision": "mixed_bfloat16"},
    ],
)
def test_every_setting_trains_and_passes_the_weight_check(image_sets, overrides):
    said = []
    run = train_small("dcgan", *image_sets(), epochs=1, say=said.append, **overrides)
    assert any("the generator step changed the generator" in line for line in said)
    assert all(np.isfinite(list(row.values())).all() for row in run.history)


def test_a_broken_loop_is_stopped_in_its_first_step(image_sets, monkeypatch, eagerly):
    """The generator's step without freezing would train the discriminator toward 'real', too."""
    monkeypatch.setattr("keras_gen.training.dcgan.frozen", lambda model: contextlib.nullcontext())
    with pytest.raises(ValueError, match="can only be called for the variables it was originally built with"):
        train_small("dcgan", *image_sets())


def test_a_loss_that_is_not_finite_stops_the_run_and_is_named(image_sets, eagerly):
    trainer = DCGANTrainer((8, 8, 1), settings())
    trainer.generator.get_layer("dense").kernel.assign(np.full((6, 64), np.nan))
    with pytest.raises(RunError, match="discriminator_loss_fake became nan at step 3 of epoch 2"):
        trainer.epoch = 2
        trainer.train_steps(image_sets(train=16)[0].images, [BATCH], 3)


def test_the_last_losses_are_those_of_this_epoch(image_sets, eagerly):
    trainer = DCGANTrainer((8, 8, 1), settings())
    images = image_sets(train=16)[0].images
    returned, original = [], trainer.gan.train_on_batch
    trainer.gan.train_on_batch = lambda x, y: returned.append(original(x, y)) or returned[-1]
    for epoch in (1, 2):
        trainer.start_epoch(epoch)
        returned.clear()
        trainer.train_steps(images, [BATCH] * 3, 1)
    assert trainer.losses()[GENERATOR] == pytest.approx(np.mean(returned))


def test_the_moving_average_is_what_is_saved_and_the_other_weights_train(image_sets):
    trainer = DCGANTrainer((8, 8, 1), settings(ema=0.9))
    plain = DCGANTrainer((8, 8, 1), settings())
    images = image_sets(train=48)[0].images
    line = trainer.checked_step(images, BATCH, 1)
    assert line == plain.checked_step(images, BATCH, 1)  # of the networks that train
    for either in (trainer, plain):
        either.train_steps(images, [BATCH + 16, BATCH + 32], 2)
    # averaging changes nothing about the training
    assert_equal(variables_of(*trainer.networks.values()), variables_of(*plain.models.values()))
    averaged = trainer.models["generator"]
    assert averaged is not trainer.generator
    assert float(trainer.average.variables[-1]) == 3
    assert not np.allclose(averaged.get_weights()[0], trainer.generator.get_weights()[0])
    saved = {id(variable) for group in trainer.variables.values() for variable in group}
    assert saved >= {id(variable) for variable in averaged.variables}


def test_the_hinge_loss_trains_and_a_spectral_norm_holds_after_every_step(image_sets):
    changed = {"loss": "hinge", "label_smoothing": 0.0, "spectral_norm": True, "discriminator_batch_norm": False}
    run = train_small("dcgan", *image_sets(), **changed)
    row = run.history[-1]
    # One function cannot lose less than 2 on both halves where it cannot tell them apart: here it can a little.
    assert 0 < row[REAL] + row[FAKE] < 2.5
    assert row[f"held_out_{GENERATOR}"] != 0
    for layer in run.models["discriminator"].layers:
        if hasattr(layer, "kernel"):
            kernel = keras.ops.convert_to_numpy(layer.kernel)
            largest = np.linalg.svd(kernel.reshape(-1, kernel.shape[-1]), compute_uv=False)[0]
            assert largest == pytest.approx(1, abs=0.05)


@pytest.mark.slow
def test_the_tuned_recipe_learns_a_folder_of_drawings_and_does_not_memorise_it(tmp_path):
    draw_shapes(tmp_path / "shapes", 600)
    sizes = {"generator_filters": 32, "generator_base_filters": 48, "discriminator_filters": 16}
    run = train_dcgan(tmp_path / "shapes", recipe="tuned", epochs=40, folder=tmp_path / "run", **sizes)
    scores = run.evaluate()
    assert not any(found["memorising"] for found in scores["memorising"].values())
    assert scores["classes"]["missing"] == []
