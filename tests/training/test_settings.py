import dataclasses

import pytest

from keras_gen import resolve_settings
from keras_gen.errors import InputError
from keras_gen.training.recipes import RECIPES, settings_of
from keras_gen.training.settings import SETTINGS


@pytest.mark.parametrize(
    ("kind", "name", "value", "message"),
    [
        ("vae", "epochs", "-3", "--epochs must be a whole number from 1 to 1000000; received -3"),
        ("vae", "epochs", "2.5", "--epochs must be a whole number"),
        ("vae", "batch_size", "1", "--batch-size must be a whole number from 2 to 65536; received 1"),
        ("vae", "latent_dim", "0", "--latent-dim must be"),
        ("vae", "seed", "-1", "--seed must be"),
        ("vae", "learning_rate", "nan", "--learning-rate must be a number above 0 and up to 10; received nan"),
        ("vae", "learning_rate", "0", "--learning-rate must be"),
        ("vae", "beta", "-1", "--beta must be a number from 0 to 1e"),
        ("vae", "architecture", "deep", "--architecture must be one of dense, conv; received deep"),
        ("vae", "precision", "float16", "--precision must be one of float32, mixed_bfloat16"),
        ("dcgan", "label_smoothing", "0.6", "--label-smoothing must be a number from 0 to 0.5; received 0.6"),
        ("dcgan", "init_stddev", "0", "--init-stddev must be a number above 0 and up to 10, or none; received 0"),
        ("dcgan", "discriminator_steps", "1e9", "--discriminator-steps must be"),
        ("dcgan", "adam_beta_1", "1", "--adam-beta-1 must be"),
        ("dcgan", "dropout", "1", "--dropout must be"),
    ],
)
def test_values_out_of_bounds_are_named_with_what_would_be_right(kind, name, value, message):
    with pytest.raises(InputError, match=message):
        resolve_settings(kind, **{name: value})


def test_text_from_the_command_line_becomes_numbers():
    settings = resolve_settings("dcgan", epochs="7", generator_learning_rate="2e-4", init_stddev="none")
    assert (settings.epochs, settings.generator_learning_rate, settings.init_stddev) == (7, 2e-4, None)


def test_every_setting_says_what_it_means():
    for kind in SETTINGS.values():
        for field in dataclasses.fields(kind):
            assert len(field.metadata["help"]) > 8


def test_a_run_s_settings_are_read_also_when_it_is_older_than_some_of_them():
    settings = resolve_settings("dcgan", "mnist", "article", epochs=7, seed=3)
    run = {"kind": "dcgan", "settings": settings.as_dict(), "dataset": {"name": "mnist"}}
    assert settings_of(run) == settings
    del run["settings"]["augment"]
    assert settings_of(run) == settings
    run["settings"]["from_the_future"] = 1
    with pytest.raises(InputError, match=r"settings that are not known \(from_the_future\); use a newer keras_gen"):
        settings_of(run)


def test_the_chapter_s_hyperparameters():
    vae, dcgan = resolve_settings("vae", "mnist"), resolve_settings("dcgan", "cifar10:automobile")
    assert (vae.epochs, vae.intermediate_dim, vae.latent_dim, vae.optimizer) == (50, 256, 2, "rmsprop")
    assert (dcgan.epochs, dcgan.batch_size, dcgan.label_smoothing) == (200, 128, 0.1)
    assert (dcgan.discriminator_learning_rate, dcgan.generator_learning_rate) == (1e-3, 1e-4)
    assert dcgan.pixel_range == (-1.0, 1.0)


@pytest.mark.parametrize(
    ("given", "kept", "widths"),
    [(256, 256, (256,)), ("256", 256, (256,)), ("512,256, 128", "512,256,128", (512, 256, 128))],
)
def test_one_hidden_layer_or_several(given, kept, widths):
    vae = resolve_settings("vae", intermediate_dim=given)
    assert (vae.intermediate_dim, vae.hidden_widths) == (kept, widths)


def test_the_article_s_hyperparameters():
    article = resolve_settings("dcgan", "mnist", recipe="article")
    assert (article.epochs, article.batch_size, article.latent_distribution) == (43, 64, "uniform")
    assert (article.optimizer, article.concatenate_batches, article.discriminator_batch_norm) == (
        "rmsprop",
        True,
        False,
    )
    assert (article.discriminator_learning_rate, article.generator_learning_rate) == (2e-4, 1e-4)
    assert article.pixel_range == (0.0, 1.0)


def test_defaults_come_from_recipe_and_data_set_and_are_overridden_by_name():
    epochs = [resolve_settings("dcgan", name).epochs for name in ("cifar10:automobile", "cifar10", "mnist", "own")]
    assert epochs == [200, 20, 20, 200]
    assert resolve_settings("dcgan", "cifar10:frog", epochs=3).epochs == 3


def test_unknown_recipes_are_answered_with_the_known_ones():
    with pytest.raises(InputError, match="--recipe best is not known; choose one of chapter, tuned, article"):
        resolve_settings("dcgan", recipe="best")


def test_recipes_set_every_setting_that_has_no_default_and_none_of_the_machine_s():
    machine = {"recipe", "seed", "evaluate_every", "precision", "engine", "distribute", "jit", "share_fakes"}
    for kind, recipes in RECIPES.items():
        fields = dataclasses.fields(SETTINGS[kind])
        needed = {field.name for field in fields if field.default is dataclasses.MISSING} - machine
        for recipe in recipes.values():
            assert needed <= set(recipe.settings) <= {field.name for field in fields} - machine
            assert all(set(some) <= set(recipe.settings) for some in (*recipe.on.values(), recipe.beyond_plane))
