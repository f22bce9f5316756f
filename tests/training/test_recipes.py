"""What the recipes promise, beyond what test_settings.py checks of their values."""

import json
from pathlib import Path

import pytest

from keras_gen import resolve_settings
from keras_gen.cli.main import main
from keras_gen.cli.train import train_command
from tests.drawings import draw_shapes


def test_the_tuned_dcgan_is_the_chapter_s_with_what_was_found_to_help():
    for dataset, only_there in (("photos", {}), ("cifar10:ship", {"augment": "mirror"})):
        chapter, tuned = (resolve_settings("dcgan", dataset, recipe).as_dict() for recipe in ("chapter", "tuned"))
        differing = {name: value for name, value in tuned.items() if value != chapter[name]}
        rates = {"generator_learning_rate": 2e-4, "discriminator_learning_rate": 2e-4}
        assert differing == {"recipe": "tuned", "ema": 0.999, "batch_size": 32} | rates | only_there


def test_the_tuned_vae_learns_many_dimensions_more_slowly_and_flags_still_win():
    plane, many = (resolve_settings("vae", "mnist", "tuned", latent_dim=count) for count in ("2", "20"))
    assert (plane.activation, plane.learning_rate) == ("relu", 0.003)
    assert (many.activation, many.learning_rate) == ("silu", 0.002)
    assert resolve_settings("vae", "mnist", "tuned", latent_dim=20, learning_rate=0.004).learning_rate == 0.004
    assert resolve_settings("vae", "mnist", latent_dim=20).learning_rate == 0.001  # the chapter's has one rate


@pytest.mark.parametrize("dataset", ["mnist", "mnist5k", "fashion_mnist"])
def test_digits_and_clothes_are_not_augmented(dataset):
    tuned = resolve_settings("dcgan", dataset, "tuned")
    assert (tuned.augment, tuned.ema, tuned.batch_size) == ("none", 0.999, 32)


@pytest.mark.slow
def test_the_tuned_recipe_learns_a_folder_of_drawings_and_does_not_memorise_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draw_shapes(Path("shapes"), 600)
    sizes = ["--generator-filters", "32", "--generator-base-filters", "48", "--discriminator-filters", "16"]
    flags = ["--dataset", "shapes", "--recipe", "tuned", "--epochs", "40", *sizes]
    monkeypatch.setattr("sys.argv", ["train_dcgan.py", *flags, "--out", "run"])
    assert train_command("dcgan") == 0
    assert main(["evaluate", "run"]) == 0
    scores = json.loads(Path("run/metrics.json").read_text())
    assert not any(found["memorising"] for found in scores["memorising"].values())
    assert scores["classes"]["missing"] == []
