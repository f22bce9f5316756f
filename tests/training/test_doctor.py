"""Sick runs, each made by its real cause, and healthy ones: every fault is found, and no healthy run is called sick."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest

from keras_gen import DCGANRun, load_dataset, load_run
from keras_gen.data import ImageSet
from keras_gen.evaluation import features
from keras_gen.indices import evenly_spaced_indices
from keras_gen.seeds import own_random_state
from keras_gen.training import DCGANTrainer, VAETrainer, findings
from keras_gen.training import dcgan as dcgan_module
from keras_gen.training.findings import (
    ALIKE,
    _nearest_distance,
    few_kinds,
    mean_distance,
    overfits_since,
    worsens_since,
)
from keras_gen.training.planning import Plan
from keras_gen.training.start import run_plan
from tests.conftest import striped_images
from tests.small import small_settings, train_small


def vae(**changed):
    return small_settings("vae", **{"epochs": 6, "batch_size": 24} | changed)


def dcgan(**changed):
    small = {"latent_dim": 8, "generator_filters": 8, "generator_base_filters": 8, "discriminator_filters": 8}
    rates = {"generator_learning_rate": 2e-3, "discriminator_learning_rate": 2e-3}
    return small_settings("dcgan", **{"epochs": 52, "batch_size": 24} | small | rates | changed)


@pytest.mark.parametrize("best", [160.0, 0.0, -1000.0])
def test_a_rise_is_measured_by_what_the_loss_is_or_by_what_was_learned(best):
    """A density's loss may be below 0, or pass through it."""

    def history(rise, good=2):
        held_out = [best + 100, best + 20, *[best] * good, *[best + rise] * 3]
        return [{"epoch": n + 1, "loss": best - n, "held_out_loss": loss} for n, loss in enumerate(held_out)]

    measure = max(abs(best), 100)
    assert overfits_since(history(0.021 * measure, good=1)) is None  # one epoch that happens to be good
    assert overfits_since(history(0.019 * measure)) is None
    assert overfits_since(history(0.021 * measure)) == 3


def examined(trainer, sets, settings, folder=None, **options):
    """Train, and return the run and what the doctor said."""
    said = []
    with own_random_state(settings.training.seed):
        trainer = trainer(sets[0].image_shape, settings)
    plan = Plan(trainer.kind, settings, "", [], *sets, None, None)
    run = run_plan(plan, trainer, folder, say=said.append, **options)
    return run, [line.removeprefix("Doctor  ") for line in said if line.startswith("Doctor")]


def stripes(size=8):
    return [
        ImageSet(*striped_images(count, size, 1, seed), ("upright", "lying"), "stripes")
        for seed, count in enumerate((240, 40))
    ]


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow)])
def test_no_healthy_vae_is_called_sick(seed):
    assert examined(VAETrainer, stripes(), vae(epochs=40 if seed else 20, seed=seed))[1] == []


@pytest.mark.parametrize(
    ("seed", "size", "epochs"),
    [(0, 8, 11), *(pytest.param(seed, size, 52, marks=pytest.mark.slow) for seed in range(3) for size in (8, 16))],
)
def test_no_healthy_dcgan_is_called_sick(seed, size, epochs, monkeypatch):
    if epochs < 50:
        monkeypatch.setattr(findings, "FEW_STEPS", 80)
    assert examined(DCGANTrainer, stripes(size), dcgan(seed=seed, epochs=epochs))[1] == []


class MeanOverPixels(VAETrainer):
    """The mistake of many published VAEs: Keras's own cross-entropy, which averages."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.vae.compile(optimizer=self.vae.optimizer, loss=keras.losses.BinaryCrossentropy(from_logits=True))


class layers_frozen:
    """The chapter's way of freezing."""

    def __init__(self, model):
        self.model = model

    def __enter__(self):
        self.model.trainable = False

    def __exit__(self, *_):
        self.model.trainable = True


class Chapter(DCGANTrainer):
    """The chapter's loop has no weight check, which would stop it in its first step."""

    def checked_step(self, images, batch, step):
        self.train_steps(images, [batch], step)
        return "none"


def noise(count, seed):
    return ImageSet(
        (np.random.default_rng(seed).random((count, 8, 8, 1)) > 0.5).astype(np.uint8) * 255, None, (), "noise"
    )


@pytest.fixture(scope="module")
def collapse():
    """A run whose posterior has collapsed, and what the doctor said."""
    return examined(VAETrainer, stripes(), vae(beta=500.0))


def test_posterior_collapse_by_a_kl_term_too_heavy(collapse):
    _, (line,) = collapse
    assert line.startswith("Posterior collapse: no latent dimension carries information")
    assert "lower `beta`" in line


def test_posterior_collapse_on_colour_images_is_told_the_likelihood():
    run = SimpleNamespace(image_shape=(8, 8, 3), settings=small_settings("vae"))
    assert 'use `likelihood="discretized_logistic"`' in findings._remedy_of_collapse(run)


def test_a_reconstruction_that_is_averaged():
    _, (line,) = examined(MeanOverPixels, stripes(), vae())
    assert "is averaged over the pixels, not summed" in line
    assert "keras_gen.models.reconstruction_loss" in line


def test_nothing_learned_by_a_learning_rate_too_low():
    _, (line,) = examined(VAETrainer, stripes(), vae(learning_rate=1e-9))
    assert line.startswith("Nothing is learned: after 3 epochs the loss is where it was")


def test_dead_gradients_by_a_learning_rate_that_kills_every_unit():
    _, lines = examined(VAETrainer, stripes(), vae(learning_rate=0.1, intermediate_dim=4, epochs=40))
    assert any(line.startswith("Dead gradients in the VAE (") and "lower learning rate" in line for line in lines)


def test_exploding_gradients_by_a_learning_rate_far_too_high():
    _, lines = examined(VAETrainer, stripes(), vae(learning_rate=0.3, intermediate_dim=4, epochs=2))
    assert any(line.startswith("Exploding gradients in the VAE (") for line in lines)


def test_memorising_by_too_few_images():
    settings = vae(epochs=30, intermediate_dim=256, latent_dim=16, batch_size=8, optimizer="adam", learning_rate=3e-3)
    _, (line,) = examined(VAETrainer, [noise(24, 0), noise(40, 1)], settings)
    assert line.startswith("The held-out loss rises since epoch ")
    assert "memorises" in line


@pytest.mark.slow
def test_the_chapter_s_loop_to_the_letter_and_our_remedy(monkeypatch):
    monkeypatch.setattr(dcgan_module, "frozen", layers_frozen)
    run, lines = examined(Chapter, stripes(16), dcgan(epochs=15))
    assert "is trained against another function" in lines[0]
    assert "freeze the discriminator's weights, not its layers, with keras_gen.frozen" in lines[0]
    assert not any("wins" in line for line in lines)
    assert run.history[-1]["discriminator_loss_fake"] < 0.1


def test_a_discriminator_that_wins_by_learning_while_the_generator_does_not():
    rates = {"discriminator_learning_rate": 2e-2, "generator_learning_rate": 1e-6, "label_smoothing": 0.0}
    settings = dcgan(**rates, generator_batch_norm_momentum=0.3, epochs=7)  # its averages settle in the first epoch
    _, (still, wins) = examined(DCGANTrainer, stripes(), settings)
    assert still.startswith("Nothing is learned: after 5 epochs the generator's images have not changed: raise")
    assert wins.startswith("The discriminator wins: ")
    assert "lower `discriminator_learning_rate`" in wins


def test_a_generator_that_wins_against_a_discriminator_that_does_not_learn():
    settings = dcgan(discriminator_learning_rate=1e-6, generator_learning_rate=1e-2, init_stddev=0.3, epochs=6)
    _, lines = examined(DCGANTrainer, stripes(), settings)
    assert lines[0].startswith("The generator wins: ")
    assert "raise `discriminator_learning_rate`" in lines[0]


def test_averages_that_have_not_settled_are_no_other_function():
    """The article's move by a hundredth a step: the discriminator sees images by averages, the generator by batches."""
    run, lines = examined(DCGANTrainer, stripes(), dcgan(recipe="article", epochs=5))
    last = run.history[-1]
    assert max(last["discriminator_loss_fake"], last["generator_loss"]) < 0.2  # it looks like another function
    assert not any("is trained against another" in line for line in lines)


def test_samples_that_collapse_because_nobody_tells_them_from_real_ones(monkeypatch):
    monkeypatch.setattr(findings, "FEW_STEPS", 50)  # these, which are easily learned, need no more
    settings = dcgan(discriminator_learning_rate=1e-7, epochs=7)
    run, lines = examined(DCGANTrainer, stripes(), settings)
    assert any(line.startswith("The generated images have collapsed") for line in lines)
    latents = np.random.default_rng(0).standard_normal((64, 8)).astype(np.float32)
    made = run.models["generator"].predict_on_batch(latents)
    real = run.datasets()[0].images[:64] / 127.5 - 1
    assert mean_distance(made) < ALIKE * mean_distance(real.astype(np.float32))


def collapsed(kinds, noise=3.0, seed=0):
    """64 noisy images of few kinds, from -1 to 1."""
    random = np.random.default_rng(seed)
    images = random.uniform(0, 255, (kinds, 8, 8, 1))[np.arange(64) % kinds]
    return images + random.normal(0, noise, images.shape)


def test_images_of_a_few_kinds_are_seen_though_they_are_far_apart():
    real = np.random.default_rng(9).integers(0, 256, (64, 8, 8, 1)).astype(np.uint8)
    assert mean_distance(collapsed(8)) > 0.8 * mean_distance(real)  # the other check sees nothing
    assert few_kinds(collapsed(8), real)
    assert not few_kinds(collapsed(64), real)


def test_a_healthy_generator_of_the_digit_1_alone_is_not_called_collapsed():
    digits, _ = load_dataset("mnist5k")
    real = digits.images[evenly_spaced_indices(len(digits), 64)]
    ones = digits.images[digits.labels == 1][:64]
    assert _nearest_distance(ones) / _nearest_distance(real) < 0.6
    assert not few_kinds(ones.astype(float), real)


def test_a_run_whose_generator_makes_a_few_images_is_found(monkeypatch):
    monkeypatch.setattr(findings, "FEW_STEPS", 20)
    decode = DCGANRun.decode

    def decode_few(run, latents, label=None):
        kinds = np.sign(latents[:, :2])
        return decode(run, np.tile(kinds, latents.shape[1] // 2))

    monkeypatch.setattr(DCGANRun, "decode", decode_few)
    _, lines = examined(DCGANTrainer, stripes(), dcgan(epochs=3, init_stddev=0.5))
    assert any(line.startswith("The generated images have collapsed to a few") for line in lines)


class Ruin(keras.callbacks.Callback):
    """Adds noise to the generator after each epoch from some on."""

    def on_epoch_end(self, epoch, logs=None):
        if epoch >= 2:
            for weight in self.model.get_layer("generator").trainable_variables:
                weight.assign(weight + (epoch - 1) * np.random.default_rng(epoch).normal(0, 1, weight.shape))


def test_a_run_that_is_ruined_after_its_best_epoch_is_found(monkeypatch, tmp_path):
    monkeypatch.setattr(features, "STEPS", 30)
    monkeypatch.setattr(features, "BATCH", 48)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    said, sets = [], stripes()
    small = {"latent_dim": 8, "generator_learning_rate": 2e-3, "discriminator_learning_rate": 2e-3}
    options = {"evaluate_every": 1, "doctor": True, "epochs": 5, "callbacks": [Ruin()], "say": said.append}
    run = train_small("dcgan", *sets, **small | options)
    best = min(run.metrics, key=lambda row: row["kid"])["epoch"]
    assert any(line.startswith(f"Doctor  The KID worsens since epoch {best} (from ") for line in said), run.metrics


def measured(*kids, error=0.01):
    return [{"epoch": n + 1, "kid": kid, "kid_standard_error": error} for n, kid in enumerate(kids)]


def test_a_kid_that_worsens_after_its_best_epoch():
    assert worsens_since(measured(0.5, 0.1, 0.2, 0.3))["epoch"] == 2
    for healthy in ((0.5, 0.1, 0.3, 0.11), (0.5, 0.1, 0.11, 0.12), (0.5, 0.3, 0.2, 0.1), (0.1, 0.3)):
        assert worsens_since(measured(*healthy)) is None
    assert worsens_since(measured(0.5, 0.1, 0.2, 0.3, error=0.1)) is None
    assert worsens_since([{"epoch": 1, "validation_loss": 2.0}] * 5) is None


def test_findings_are_kept_with_their_first_epoch_resolved_and_not_repeated_by_a_resumed_run(tmp_path, no_pictures):
    said, options = [], {"folder": tmp_path / "run", "doctor": True, "beta": 500.0}
    train_small("vae", *stripes(), **options, epochs=4, say=said.append)
    (line,) = (line for line in said if line.startswith("Doctor"))
    (finding,) = load_run(tmp_path / "run").findings
    text = line.removeprefix("Doctor  ")
    assert finding == {"name": "posterior collapse", "epoch": 3, "text": text, "resolved": None}
    said.clear()
    run = train_small("vae", **options, resume=True, epochs=5, say=said.append)
    assert not any(line.startswith("Doctor") for line in said)
    assert run.findings == load_run(tmp_path / "run").findings == [finding]


def test_the_doctor_can_be_left_out_and_changes_nothing(collapse):
    without, none = examined(VAETrainer, stripes(), vae(beta=500.0), doctor=False)
    assert (collapse[0].history, none) == (without.history, [])


def test_themean_distance_by_hand():
    images = np.array([[0, 0], [3, 4], [0, 8]], np.float32)
    assert mean_distance(images) == pytest.approx((5 + 8 + 5) / 3)
