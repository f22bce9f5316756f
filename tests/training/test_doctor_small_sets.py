"""What goes wrong with few images, or with labels: each fault is made, and found."""

import numpy as np
import pytest

from keras_gen import DCGANRun, ImageSet
from keras_gen.evaluation import features
from keras_gen.training import DCGANTrainer, VAETrainer
from keras_gen.training.data_findings import data_findings, most_repeated
from keras_gen.training.findings import memorises_since
from tests.small import train_small
from tests.training.test_doctor import examined, noise, stripes, vae

NAMES = ("upright", "lying")


def changed(images, labels=None, names=NAMES):
    train, held_out = stripes()
    return ImageSet(images, train.labels if labels is None else labels, names, "stripes"), held_out


def test_an_image_that_is_there_often():
    images = stripes()[0].images.copy()
    assert most_repeated(images, np.arange(240))[1] == 1
    images[100:112] = images[7]
    run, (line,) = examined(VAETrainer, changed(images), vae(epochs=2))
    assert line.startswith("One image makes 5.4% of the training images (it is there 13 times, first as number 7)")
    assert [finding["epoch"] for finding in run.findings] == [1]
    images[103:112] = stripes()[1].images[:9]
    assert not list(data_findings(changed(images)[0], conditional=False))  # four of 240 are not often


@pytest.mark.parametrize("conditional", [False, True])
def test_a_class_of_a_handful_of_images(conditional):
    train, _ = stripes()
    labels = np.where(np.arange(240) < 4, 2, train.labels)
    (finding,) = data_findings(changed(train.images, labels, (*NAMES, "slanted"))[0], conditional)
    assert finding.text.startswith("The class slanted has only 4 training images: so few are memorised, or")


def test_many_small_folders_are_no_classes_to_learn():
    train, _ = stripes()
    sets = changed(train.images, np.arange(240) // 3, ())
    assert not list(data_findings(sets[0], conditional=False))
    assert list(data_findings(sets[0], conditional=True))


def test_the_discriminator_overfits_if_it_knows_training_images_alone():
    def history(*rows):
        return [
            {"discriminator_loss_real": real, "held_out_discriminator_loss_real": held_out} for real, held_out in rows
        ]

    assert memorises_since(history((0.7, 0.7), (0.4, 1.2), (0.4, 1.5), (0.4, 2.0)))
    assert not memorises_since(history((0.4, 1.2), (0.4, 1.5)))
    assert not memorises_since(history((0.4, 1.2), (0.4, 0.9), (0.4, 2.0)))
    assert not memorises_since(history(*[(0.8, 1.2)] * 4))  # it is not right about training images either


def test_a_discriminator_that_overfits_is_said_after_three_epochs(monkeypatch):
    names = ("discriminator_loss_real", "discriminator_loss_fake", "generator_loss")
    losses = {f"held_out_{name}": 3.0 for name in names}
    monkeypatch.setattr(DCGANTrainer, "held_out_losses", lambda self, images, classes: losses)
    run = train_small("dcgan", *stripes(), epochs=3, doctor=True, batch_size=80)
    (finding,) = run.findings
    assert finding["text"].startswith("The discriminator overfits: it takes training images for real and held-out ones")
    assert (finding["name"], finding["epoch"]) == ("discriminator overfits", 3)


def test_a_generator_that_copies_training_images_is_called_so_until_it_does_not(monkeypatch, tmp_path):
    monkeypatch.setattr(features, "STEPS", 30)
    monkeypatch.setattr(features, "BATCH", 48)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    train = noise(800, 0)

    def decode(run, latents, label=None):
        random = np.random.default_rng(run.epoch)
        if run.epoch < 3:
            return train.images[random.permutation(800)[: len(latents)]]
        return noise(len(latents), run.epoch + 50).images

    monkeypatch.setattr(DCGANRun, "decode", decode)
    run = train_small("dcgan", train, noise(40, 1), epochs=3, evaluate_every=1, doctor=True, batch_size=80)
    assert [row["copies"] > 50 for row in run.metrics] == [True, True, False]
    (finding,) = (finding for finding in run.findings if finding["name"] == "memorising")
    assert finding["text"].startswith("Memorising: about ")
    assert 'use `augment="auto"`, more images, fewer epochs or a smaller discriminator' in finding["text"]
    assert (finding["epoch"], finding["resolved"]) == (1, 3)


CONDITIONAL = {"epochs": 3, "conditional": True, "doctor": True, "batch_size": 24}


def test_a_decoder_that_ignores_labels_which_say_nothing():
    train, held_out = stripes()
    shuffled = ImageSet(train.images, np.random.default_rng(0).permutation(train.labels), NAMES, "stripes")
    run = train_small("vae", shuffled, held_out, **CONDITIONAL, learning_rate=0.01)
    (finding,) = run.findings
    assert finding["text"].startswith("The decoder ignores the label: images at one latent point are nearly the same")


def test_a_generator_that_does_not_hear_the_label(monkeypatch):
    monkeypatch.setattr("keras_gen.training.label_findings.FEW_STEPS", 20)
    monkeypatch.setattr("keras_gen.models.dcgan.LABEL_SCALE", 0.0)
    run = train_small("dcgan", *stripes(), **CONDITIONAL)
    assert [finding["text"][:31] for finding in run.findings] == ["The generator ignores the label"]


def test_a_class_that_has_collapsed_is_named(monkeypatch):
    monkeypatch.setattr("keras_gen.training.label_findings.FEW_STEPS", 20)
    decode, wrong = DCGANRun.decode, {1}

    def decode_collapsed(run, latents, label=None):
        random = np.random.default_rng(0)
        images = random.integers(0, 256, (len(latents), 8, 8, 1)).astype(np.uint8)
        return np.where(np.isin(label, list(wrong))[:, None, None, None], images[:1] // 2, images)

    monkeypatch.setattr(DCGANRun, "decode", decode_collapsed)
    (finding,) = train_small("dcgan", *stripes(), **CONDITIONAL).findings
    assert finding["name"] == "collapse of class 1"
    assert finding["text"].startswith("The class lying has collapsed: its generated images are much more alike than")
    wrong.add(0)
    names = {finding["name"] for finding in train_small("dcgan", *stripes(), **CONDITIONAL).findings}
    assert "every class collapsed" in names or "label ignored" in names
    monkeypatch.setattr(DCGANRun, "decode", decode)
