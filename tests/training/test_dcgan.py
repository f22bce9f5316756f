import contextlib

import keras
import numpy as np
import pytest

from keras_gen import resolve_settings, train_dcgan
from keras_gen.errors import RunError
from keras_gen.training import DCGANTrainer, RunFolder
from keras_gen.training.dcgan import FAKE, GENERATOR, REAL
from tests.conftest import values_of

SMALL = {
    "epochs": 2,
    "batch_size": 16,
    "latent_dim": 6,
    "generator_filters": 8,
    "generator_base_filters": 8,
    "discriminator_filters": 8,
}


def settings(**overrides):
    return resolve_settings("dcgan", **SMALL | overrides)


def quiet(_):
    pass


def weights_of(models):
    return values_of(weight for model in models.values() for weight in model.variables)


def test_the_generator_learns_two_kinds_of_stripes(image_sets):
    """Half of each image is bright and half dark: a generator that learned makes the same contrast."""
    run = train_dcgan(
        *image_sets(train=256), settings(epochs=60, generator_learning_rate=1e-3, discriminator_steps=1), say=quiet
    )
    latents = np.random.default_rng(0).normal(size=(64, 6)).astype(np.float32)
    images = run.models["generator"].predict_on_batch(latents)[..., 0]
    left_right = images[:, :, :4].mean((1, 2)) - images[:, :, 4:].mean((1, 2))
    top_bottom = images[:, :4].mean((1, 2)) - images[:, 4:].mean((1, 2))
    assert np.mean(np.maximum(left_right, top_bottom) > 0.7) > 0.8
    assert 0.1 < np.mean(left_right > top_bottom) < 0.9  # both kinds, not one


@pytest.mark.parametrize("recipe", ["chapter", "article"])
def test_the_same_seed_gives_the_same_run_and_another_seed_another(image_sets, recipe):
    runs = [train_dcgan(*image_sets(), settings(seed=seed, recipe=recipe), say=quiet) for seed in (5, 5, 6)]
    assert runs[0].history == runs[1].history != runs[2].history
    for one, two in zip(weights_of(runs[0].models), weights_of(runs[1].models), strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_step_trains_first_the_discriminator_then_the_generator(image_sets):
    trainer = DCGANTrainer((8, 8, 1), settings(discriminator_steps=3))
    calls = []
    for name in ("discriminator", "gan"):
        model = getattr(trainer, name)
        original = model.train_on_batch

        def spy(x, y, name=name, original=original, **kwargs):
            calls.append((name, len(x), float(np.mean(y)), len(trainer.discriminator.trainable_variables) > 0))
            return original(x, y, **kwargs)

        model.train_on_batch = spy
    trainer.train_step(image_sets(train=48)[0].images, 1, 1)
    discriminator = [("discriminator", 16, pytest.approx(0.9), True), ("discriminator", 16, 0.0, True)]
    assert calls == [*discriminator * 3, ("gan", 16, 1.0, False)]


@pytest.mark.parametrize(("augment", "real_as_is"), [("mirror", False), ("none", True)])
def test_mirror_flips_about_half_of_the_real_images_and_no_generated_one(image_sets, augment, real_as_is):
    trainer = DCGANTrainer((8, 8, 1), settings(augment=augment))
    fakes = trainer.generator.predict_on_batch(trainer._latents(16, trainer._stream(1, 1, 0)))
    seen, original = [], trainer.judge.train_on_batch

    def spy(x, y, **kwargs):
        seen.append(x)
        return original(x, y, **kwargs)

    trainer.judge.train_on_batch = spy
    images = image_sets(train=16)[0].images
    trainer.train_step(images, 1, 1)
    real = images / np.float32(127.5) - 1
    flipped = [np.allclose(now, was[:, ::-1], atol=1e-6) for now, was in zip(seen[0], real, strict=True)]
    kept = [np.allclose(now, was, atol=1e-6) for now, was in zip(seen[0], real, strict=True)]
    assert all(kept) == real_as_is
    assert all(np.logical_or(flipped, kept))
    assert 2 <= sum(kept) <= 16
    np.testing.assert_allclose(seen[1], fakes, atol=1e-6)


def test_augmentation_is_between_the_images_and_the_discriminator_in_training_alone(image_sets):
    trainer = DCGANTrainer((8, 8, 1), settings(augment="cutout"))
    images = np.ones((4, 8, 8, 1), np.float32)
    plain = trainer.discriminator.predict_on_batch(images)
    np.testing.assert_array_equal(trainer.judge.predict_on_batch(images), plain)
    losses = trainer.held_out_losses(image_sets()[1].images)
    assert losses == trainer.held_out_losses(image_sets()[1].images)
    assert losses != DCGANTrainer((8, 8, 1), settings()).held_out_losses(image_sets()[1].images)
    assert "augment" not in [layer.name for layer in trainer.models["discriminator"].layers]


def test_concatenated_batches_are_one_update_with_both_labels(image_sets):
    trainer = DCGANTrainer((8, 8, 1), settings(concatenate_batches=True, dropout=0.0))
    calls, original = [], trainer.discriminator.train_on_batch

    def spy(x, y, **kwargs):
        calls.append((x, y))
        logits = trainer.discriminator.stateless_call(
            [v.value for v in trainer.discriminator.trainable_variables],
            [v.value for v in trainer.discriminator.non_trainable_variables],
            x,
            training=True,
        )[0]
        calls.append(keras.ops.convert_to_numpy(keras.ops.binary_crossentropy(y, logits, from_logits=True)))
        return original(x, y, **kwargs)

    trainer.discriminator.train_on_batch = spy
    images = image_sets(train=16)[0].images
    trainer.train_step(images, 1, 1)
    (x, y), losses = calls
    np.testing.assert_allclose(x[:16], images / 127.5 - 1, atol=1e-6)
    np.testing.assert_allclose(y, np.repeat([[0.9], [0.0]], 16, axis=0))
    means = trainer.losses()
    assert means[REAL] == pytest.approx(losses[:16].mean(), rel=1e-4)
    assert means[FAKE] == pytest.approx(losses[16:].mean(), rel=1e-4)


def test_latents_come_from_the_chosen_distribution_and_are_new_at_every_step():
    for name, low, high in (("uniform", -1, 1), ("normal", -np.inf, np.inf)):
        trainer = DCGANTrainer((8, 8, 1), settings(latent_distribution=name, latent_dim=64))
        latents = [trainer._latents(64, trainer._stream(1, step, 0)) for step in (1, 2)]
        assert not np.array_equal(*latents)
        assert low <= latents[0].min()
        assert latents[0].max() <= high
        assert latents[0].std() == pytest.approx(1 if name == "normal" else 3**-0.5, abs=0.05)


@pytest.mark.parametrize("concatenate", [False, True])
def test_held_out_losses_are_of_the_functions_that_play_and_leave_no_trace(image_sets, concatenate):
    train, held_out = image_sets(held_out=16)
    overrides = {"concatenate_batches": concatenate, "dropout": 0.0, "label_smoothing": 0.0}
    trainer = DCGANTrainer(train.image_shape, settings(**overrides))
    for step in range(5):
        trainer.train_step(train.images[:16], 1, step)
    before = weights_of({"gan": trainer.gan, "discriminator": trainer.discriminator})
    first, second = (trainer.held_out_losses(held_out.images) for _ in range(2))
    assert first == second
    for one, two in zip(before, weights_of({"gan": trainer.gan, "discriminator": trainer.discriminator}), strict=True):
        np.testing.assert_array_equal(one, two)
    if not concatenate:  # then a training step on the same batch reports the same loss
        loss = trainer.discriminator.train_on_batch(held_out.images / np.float32(127.5) - 1, np.ones((16, 1)))
        assert first[f"held_out_{REAL}"] == pytest.approx(float(loss), rel=1e-4)


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
    trainer._scale = lambda images: seen.append(images) or DCGANTrainer._scale(trainer, images)
    trainer.held_out_losses(held_out.images)
    np.testing.assert_array_equal(np.concatenate(seen), held_out.images)


@pytest.mark.parametrize(
    "overrides",
    [
        {"recipe": "article"},
        {"optimizer": "rmsprop"},
        {"discriminator_steps": 2},
        {"latent_distribution": "uniform"},
        {"output_activation": "sigmoid"},
        {"discriminator_batch_norm": False},
        {"precision": "mixed_bfloat16"},
    ],
)
def test_every_setting_trains_and_passes_the_audit(image_sets, overrides):
    said = []
    run = train_dcgan(*image_sets(), settings(**overrides), say=said.append)
    assert "generator step moved the generator" in said[0]
    assert all(np.isfinite(list(row.values())).all() for row in run.history)


def test_a_broken_loop_is_stopped_by_the_audit(image_sets, monkeypatch):
    """The generator's step without freezing trains the discriminator toward 'real' too."""
    monkeypatch.setattr("keras_gen.training.dcgan.frozen", lambda model: contextlib.nullcontext())
    with pytest.raises(RunError, match=r"generator step moved .* weights of the discriminator"):
        train_dcgan(*image_sets(), settings(), say=quiet)


def test_a_loss_that_is_not_finite_stops_the_run_and_is_named(image_sets):
    trainer = DCGANTrainer((8, 8, 1), settings())
    trainer.generator.get_layer("dense").kernel.assign(np.full((6, 128), np.nan))
    with pytest.raises(RunError, match="discriminator_loss_fake became nan at step 3 of epoch 2"):
        trainer.train_step(image_sets(train=16)[0].images, 2, 3)


def test_the_last_losses_are_those_of_this_epoch(image_sets):
    trainer = DCGANTrainer((8, 8, 1), settings())
    images = image_sets(train=16)[0].images
    returned, original = [], trainer.gan.train_on_batch
    trainer.gan.train_on_batch = lambda x, y: returned.append(original(x, y)) or returned[-1]
    for epoch in (1, 2):
        trainer.start_epoch()
        returned.clear()
        for step in range(3):
            trainer.train_step(images, epoch, step)
    assert trainer.losses()[GENERATOR] == pytest.approx(np.mean(returned))


def test_the_moving_average_is_what_is_saved_and_the_other_weights_train(image_sets):
    trainer = DCGANTrainer((8, 8, 1), settings(ema=0.9))
    plain = DCGANTrainer((8, 8, 1), settings())
    images = image_sets(train=48)[0].images
    line = trainer.audited_step(images, np.arange(16), 1, 1)
    assert line == plain.audited_step(images, np.arange(16), 1, 1)  # the audit is of the networks that play
    for step, start in ((2, 16), (3, 32)):
        for each in (trainer, plain):
            each.train_step(images[start : start + 16], 1, step)
    for one, two in zip(weights_of(trainer.players), weights_of(plain.models), strict=True):
        np.testing.assert_array_equal(one, two)  # averaging changes nothing about the training
    averaged = trainer.models["generator"]
    assert averaged is not trainer.generator
    assert float(trainer.average.variables[-1]) == 3
    assert not np.allclose(averaged.get_weights()[0], trainer.generator.get_weights()[0])
    kept = {id(variable) for group in trainer.variables.values() for variable in group}
    assert kept >= {id(variable) for variable in averaged.variables}


def test_the_hinge_loss_trains_and_a_spectral_norm_holds_after_every_step(image_sets):
    changed = {"loss": "hinge", "label_smoothing": 0.0, "spectral_norm": True, "discriminator_batch_norm": False}
    run = train_dcgan(*image_sets(), settings(**changed), say=quiet)
    row = run.history[-1]
    # One function cannot lose less than 2 on both halves where it cannot tell them apart: here it can a little.
    assert 0 < row[REAL] + row[FAKE] < 2.5
    assert row[f"held_out_{GENERATOR}"] != 0
    for layer in run.models["discriminator"].layers:
        if hasattr(layer, "kernel"):
            kernel = keras.ops.convert_to_numpy(layer.kernel)
            largest = np.linalg.svd(kernel.reshape(-1, kernel.shape[-1]), compute_uv=False)[0]
            assert largest == pytest.approx(1, abs=0.05)


def test_resumed_averages_are_those_of_a_run_that_was_not_interrupted(image_sets, tmp_path):
    sets = image_sets()
    whole = train_dcgan(*sets, settings(ema=0.9), say=quiet)
    folder = RunFolder.create(tmp_path / "run", "dcgan", "stripes")
    train_dcgan(*sets, settings(ema=0.9, epochs=1), folder=folder, say=quiet)
    resumed = train_dcgan(*sets, settings(ema=0.9), folder=folder, resume=True, say=quiet)
    for one, two in zip(weights_of(whole.models), weights_of(resumed.models), strict=True):
        np.testing.assert_array_equal(one, two)
    saved = folder.load_model("generator")
    for one, two in zip(saved.get_weights(), whole.models["generator"].get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
