"""Sick runs, each made by its real cause, and healthy ones: every ailment is named once, no healthy run is."""

import json

import keras
import numpy as np
import pytest

from keras_gen import RunFolder, resolve_settings
from keras_gen.data import ImageSet
from keras_gen.training import DCGANTrainer, VAETrainer
from keras_gen.training import dcgan as dcgan_module
from keras_gen.training.doctor import ALIKE, _mean_distance, _overfitting
from keras_gen.training.loop import run_epochs


def vae(**changed):
    return resolve_settings("vae", **{"epochs": 6, "batch_size": 24, "intermediate_dim": 16} | changed)


def dcgan(**changed):
    small = {"latent_dim": 8, "generator_filters": 8, "generator_base_filters": 8, "discriminator_filters": 8}
    rates = {"generator_learning_rate": 2e-3, "discriminator_learning_rate": 2e-3}
    return resolve_settings("dcgan", **{"epochs": 52, "batch_size": 24} | small | rates | changed)


@pytest.mark.parametrize("best", [160.0, 0.0, -1000.0])
def test_a_rise_is_measured_by_what_the_loss_is_or_by_what_was_learned(best):
    """A density's loss may be below 0, or pass through it."""

    def history(rise):
        held_out = [best + 100, best + 20, best, *[best + rise] * 3]
        return [{"epoch": n + 1, "loss": best - n, "held_out_loss": each} for n, each in enumerate(held_out)]

    measure = max(abs(best), 100)
    assert _overfitting(history(0.019 * measure)) is None
    assert "rises since epoch 3" in _overfitting(history(0.021 * measure)).text


def examined(trainer, sets, folder=None, **options):
    """Train, and return what the doctor said: the ailments and the lines."""
    said = []
    run = run_epochs(trainer, *sets, folder, say=said.append, **options)
    return run, [line.removeprefix("Doctor  ") for line in said if line.startswith("Doctor")]


@pytest.fixture(scope="module")
def stripes():
    from tests.conftest import striped_images

    def make(size=8):
        return [
            ImageSet(*striped_images(count, size, 1, seed), ("upright", "lying"), "stripes")
            for seed, count in enumerate((240, 40))
        ]

    return make


@pytest.mark.parametrize("seed", range(3))
def test_no_healthy_vae_is_called_sick(stripes, seed):
    assert examined(VAETrainer((8, 8, 1), vae(epochs=40, seed=seed)), stripes())[1] == []


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize("size", [8, pytest.param(16, marks=pytest.mark.slow)])
def test_no_healthy_dcgan_is_called_sick(stripes, seed, size):
    assert examined(DCGANTrainer((size, size, 1), dcgan(seed=seed)), stripes(size))[1] == []


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
    """The chapter's loop has no audit, which would stop it in its first step."""

    def audited_step(self, images, batch, epoch, step):
        self.train_step(images[batch], epoch, step)
        return "none"


def noise(count, seed):
    return ImageSet(
        (np.random.default_rng(seed).random((count, 8, 8, 1)) > 0.5).astype(np.uint8) * 255, None, (), "noise"
    )


def test_posterior_collapse_by_a_kl_term_too_heavy(stripes):
    _, (line,) = examined(VAETrainer((8, 8, 1), vae(beta=500.0)), stripes())
    assert line.startswith("Posterior collapse: no latent dimension carries information")
    assert "lower --beta" in line


def test_a_reconstruction_that_is_averaged(stripes):
    _, (line,) = examined(MeanOverPixels((8, 8, 1), vae()), stripes())
    assert "is averaged over the pixels, not summed" in line
    assert "keras_gen.models.reconstruction_loss" in line


def test_nothing_learned_by_a_learning_rate_too_low(stripes):
    _, (line,) = examined(VAETrainer((8, 8, 1), vae(learning_rate=1e-9)), stripes())
    assert line.startswith("Nothing is learned: after 3 epochs the loss is where it was")
    _, lines = examined(DCGANTrainer((8, 8, 1), dcgan(generator_learning_rate=1e-6, epochs=8)), stripes())
    assert any(line.startswith("Nothing is learned: after 7 epochs the generator's images") for line in lines)


def test_dead_gradients_by_a_learning_rate_that_kills_every_unit(stripes):
    _, lines = examined(VAETrainer((8, 8, 1), vae(learning_rate=0.1, intermediate_dim=4, epochs=60)), stripes())
    assert any(line.startswith("Dead gradients in the VAE (") and "lower learning rate" in line for line in lines)


def test_exploding_gradients_by_a_learning_rate_far_too_high(stripes):
    _, lines = examined(VAETrainer((8, 8, 1), vae(learning_rate=0.3, intermediate_dim=4, epochs=60)), stripes())
    assert any(line.startswith("Exploding gradients in the VAE (") for line in lines)


def test_memorising_by_too_few_images():
    settings = vae(epochs=30, intermediate_dim=256, latent_dim=16, batch_size=8, optimizer="adam", learning_rate=3e-3)
    _, (line,) = examined(VAETrainer((8, 8, 1), settings), [noise(24, 0), noise(40, 1)])
    assert line.startswith("The held-out loss rises since epoch ")
    assert "memorises" in line


def test_the_chapter_s_loop_to_the_letter_and_our_remedy(stripes, monkeypatch):
    monkeypatch.setattr(dcgan_module, "frozen", layers_frozen)
    run, lines = examined(Chapter((16, 16, 1), dcgan(epochs=15)), stripes(16))
    assert "plays against another function" in lines[0]
    assert "freeze the discriminator's weights, not its layers, with keras_gen.frozen" in lines[0]
    assert not any("wins" in line for line in lines)
    assert run.history[-1]["discriminator_loss_fake"] < 0.1


def test_a_discriminator_that_wins_by_learning_much_faster(stripes):
    settings = dcgan(discriminator_learning_rate=5e-3, generator_learning_rate=1e-5, label_smoothing=0.0, epochs=25)
    _, lines = examined(DCGANTrainer((8, 8, 1), settings), stripes())
    assert lines[0].startswith("The discriminator wins: ")
    assert "lower --discriminator-learning-rate" in lines[0]


def test_a_generator_that_wins_against_a_discriminator_that_does_not_learn(stripes):
    settings = dcgan(discriminator_learning_rate=1e-6, generator_learning_rate=1e-2, init_stddev=0.3, epochs=30)
    _, lines = examined(DCGANTrainer((8, 8, 1), settings), stripes())
    assert lines[0].startswith("The generator wins: ")
    assert "raise --discriminator-learning-rate" in lines[0]


def test_averages_that_have_not_settled_are_no_other_function(stripes):
    """The article's move by a hundredth a step: the discriminator sees images by averages, the generator by batches."""
    small = {"latent_dim": 8, "generator_filters": 8, "generator_base_filters": 8, "discriminator_filters": 8}
    rates = {"generator_learning_rate": 2e-3, "discriminator_learning_rate": 2e-3}
    settings = resolve_settings("dcgan", recipe="article", epochs=5, batch_size=24, **small, **rates)
    run, lines = examined(DCGANTrainer((8, 8, 1), settings), stripes())
    last = run.history[-1]
    assert max(last["discriminator_loss_fake"], last["generator_loss"]) < 0.2  # it looks like another function
    assert not any("plays against another" in line for line in lines)


def test_samples_that_collapse_because_nobody_tells_them_from_real_ones(stripes):
    settings = dcgan(discriminator_learning_rate=1e-7)
    run, lines = examined(DCGANTrainer((8, 8, 1), settings), stripes())
    assert any(line.startswith("The generated images have collapsed") for line in lines)
    latents = np.random.default_rng(0).standard_normal((64, 8)).astype(np.float32)
    made = run.models["generator"].predict_on_batch(latents)
    real = run.train.images[:64] / 127.5 - 1
    assert _mean_distance(made) < ALIKE * _mean_distance(real.astype(np.float32))


def test_findings_are_kept_and_not_repeated_by_a_resumed_run(stripes, tmp_path):
    folder = RunFolder.create(tmp_path / "run", "vae", "stripes")
    _, lines = examined(VAETrainer((8, 8, 1), vae(beta=500.0, epochs=4)), stripes(), folder)
    (finding,) = json.loads((tmp_path / "run" / "run.json").read_text())["findings"]
    assert finding == {"ailment": "posterior collapse", "epoch": 3, "text": lines[0]}
    _, again = examined(VAETrainer((8, 8, 1), vae(beta=500.0, epochs=6)), stripes(), folder, resume=True)
    assert again == []
    assert json.loads((tmp_path / "run" / "run.json").read_text())["findings"] == [finding]


def test_the_doctor_can_be_left_out_and_changes_nothing(stripes):
    def losses(**options):
        run, lines = examined(VAETrainer((8, 8, 1), vae(beta=500.0)), stripes(), **options)
        return run.history, lines

    with_doctor, lines = losses()
    without, none = losses(doctor=False)
    assert (with_doctor, none) == (without, [])
    assert lines


def test_the_mean_distance_by_hand():
    images = np.array([[0, 0], [3, 4], [0, 8]], np.float32)
    assert _mean_distance(images) == pytest.approx((5 + 8 + 5) / 3)
