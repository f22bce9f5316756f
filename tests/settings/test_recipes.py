"""Recipes: their values, files, conditions, and the settings of runs."""

import json
from types import SimpleNamespace

import pytest

from keras_gen.errors import InputError
from keras_gen.settings import (
    SETTINGS,
    default_recipe,
    fields_of,
    recipe_choices,
    recipe_names,
    resolve_settings,
    settings_from_record,
    to_toml,
)
from keras_gen.text import printable


def images(name="photos", count=100, shape=(32, 32, 3)):
    """What resolve_settings asks of an ImageSet."""
    return type("Images", (SimpleNamespace,), {"__len__": lambda self: count})(name=name, image_shape=shape)


def changed(settings):
    """The settings that are not the defaults, by group and name."""
    default = type(settings)()
    return {
        f"{group}.{name}": value
        for group in settings.groups
        for name, value in vars(getattr(settings, group)).items()
        if value != getattr(getattr(default, group), name)
    }


EQUAL_RATES = {"training.generator_learning_rate": 2e-4, "training.discriminator_learning_rate": 2e-4}
TUNED_VAE = {
    "training.optimizer": "adam",
    "training.learning_rate": 3e-3,
    "training.learning_rate_schedule": "cosine",
    "training.kl_warmup": 10,
    "encoder.intermediate_dim": "512,256,128",
    "encoder.layer_norm": True,
    "decoder.intermediate_dim": "512,256,128",
    "decoder.layer_norm": True,
}
TUNED_DCGAN = EQUAL_RATES | {"training.batch_size": 32, "training.ema": 0.999}
ARTICLE = {
    "training.epochs": 43,
    "training.batch_size": 64,
    "training.optimizer": "rmsprop",
    "training.discriminator_learning_rate": 2e-4,
    "training.label_smoothing": 0.0,
    "training.concatenate_batches": True,
    "generator.latent_distribution": "uniform",
    "generator.output_activation": "sigmoid",
    "generator.init_stddev": None,
    "generator.batch_norm_momentum": 0.99,
    "generator.filters": 32,
    "generator.base_filters": 128,
    "generator.extra_layers": 2,
    "generator.activation": "relu",
    "discriminator.init_stddev": None,
    "discriminator.batch_norm_momentum": 0.99,
    "discriminator.filters": 32,
    "discriminator.extra_layers": 1,
    "discriminator.batch_norm": False,
    "discriminator.activate_last": False,
    "discriminator.dropout": 0.0,
}


@pytest.mark.parametrize(
    ("kind", "dataset", "recipe", "expected"),
    [
        ("vae", "mnist", "chapter", {}),
        ("vae", "mnist5k", "chapter", {"training.epochs": 150}),
        ("vae", "photos", "chapter", {}),
        ("vae", "mnist", "tuned", TUNED_VAE),
        ("vae", "mnist5k", "tuned", TUNED_VAE),
        ("vae", "fashion_mnist", "tuned", TUNED_VAE),
        ("dcgan", "cifar10:automobile", "chapter", {}),
        ("dcgan", "photos", "chapter", {}),
        ("dcgan", "cifar10", "chapter", {"training.epochs": 20}),
        ("dcgan", "mnist", "chapter", EQUAL_RATES | {"training.epochs": 20}),
        ("dcgan", "fashion_mnist", "chapter", EQUAL_RATES | {"training.epochs": 20}),
        ("dcgan", "mnist5k", "chapter", EQUAL_RATES | {"training.epochs": 30, "training.batch_size": 64}),
        ("dcgan", "photos", "tuned", TUNED_DCGAN),
        ("dcgan", "cifar10:ship", "tuned", TUNED_DCGAN | {"training.augment": "mirror"}),
        ("dcgan", "cifar10", "tuned", TUNED_DCGAN | {"training.augment": "mirror", "training.epochs": 20}),
        ("dcgan", "mnist", "tuned", TUNED_DCGAN | {"training.epochs": 3}),
        ("dcgan", "mnist5k", "tuned", TUNED_DCGAN | {"training.epochs": 30}),
        ("dcgan", "fashion_mnist", "article", ARTICLE),
        ("dcgan", "mnist5k", "article", ARTICLE | {"training.epochs": 100}),
    ],
)
def test_what_each_recipe_changes_of_the_chapter_s_values(kind, dataset, recipe, expected):
    assert changed(resolve_settings(kind, dataset, recipe)) == expected


@pytest.mark.parametrize(
    ("data", "expected", "reasons"),
    [
        (images("mnist5k", 4000, (28, 28, 1)), ("dense", 2, "bernoulli", 32, 50), []),
        (images(count=4000, shape=(28, 28, 1)), ("dense", 20, "bernoulli", 32, 50), ["grey images of your own"]),
        (
            images(count=30_000, shape=(30, 30, 3)),
            ("dense", 64, "discretized_logistic", 16, 10),
            ["colour images", "a size that convolutions cannot halve", "20,000 images or more"],
        ),
        (images(count=4000), ("conv", 64, "discretized_logistic", 16, 50), ["colour images"]),
        (
            images(count=500, shape=(64, 112, 4)),
            ("conv", 64, "discretized_logistic", 16, 100),
            ["colour images", "fewer than 2,000 images"],
        ),
    ],
)
def test_the_tuned_vae_looks_at_the_data_and_says_what_it_chose(data, expected, reasons):
    settings = resolve_settings("vae", data, "tuned")
    network = settings.decoder
    chosen = (network.architecture, network.latent_dim, network.likelihood, network.filters, settings.training.epochs)
    assert chosen == expected
    assert [line.split(":")[0] for line in recipe_choices("vae", data, "tuned")] == reasons


def test_what_was_asked_for_is_no_choice_of_the_recipe():
    (line,) = recipe_choices("vae", images(count=4000), "tuned", latent_dim=8, likelihood="gaussian")
    assert line.startswith("colour images: architecture conv, intermediate_dim 256, filters 16, batch_size 50")
    assert recipe_choices("vae", images(), "chapter") == []
    for dimensions in (2, 20):  # of digits, which are no images of one's own
        assert recipe_choices("vae", images("mnist", shape=(28, 28, 1)), "tuned", latent_dim=dimensions) == []


def test_digits_brought_to_colours_are_not_binarized():
    for channels, share in ((1, 0.5), (3, 0)):
        data = images("mnist", shape=(28, 28, channels))
        assert resolve_settings("vae", data, "tuned", latent_dim=20).training.binarize_inputs == share


def test_conditions_follow_what_is_set_and_overrides_win_over_them():
    for latent_dim, values in (("2", ("relu", 3e-3, 0)), (3, ("silu", 2e-3, 0.5)), ("20", ("silu", 2e-3, 0.5))):
        tuned = resolve_settings("vae", "mnist", "tuned", latent_dim=latent_dim)
        training = tuned.training
        assert (tuned.encoder.activation, training.learning_rate, training.binarize_inputs) == values
        assert tuned.decoder.activation == tuned.encoder.activation
    assert resolve_settings("vae", "mnist", "tuned", latent_dim=20, learning_rate=4e-3).training.learning_rate == 4e-3
    assert resolve_settings("dcgan", "mnist", "chapter", epochs=3).training.epochs == 3


@pytest.mark.parametrize(
    ("kind", "dataset", "recipe", "reason"),
    [
        ("vae", "mnist", "chapter", "these are the book chapter's images"),
        ("dcgan", "cifar10:automobile", "chapter", "these are the book chapter's images"),
        ("vae", "mnist5k", "tuned", "it was chosen for digits"),
        ("dcgan", "mnist5k", "tuned", "it was chosen for digits"),
        ("dcgan", "mnist", "tuned", "the default for other images than the chapter's"),
        ("vae", "fashion_mnist", "tuned", "the default for other images than the chapter's"),
        ("vae", "photos", "tuned", "the default for other images than the chapter's"),
        ("dcgan", "photos", "tuned", "the default for other images than the chapter's"),
        ("vae", "cifar10:automobile", "tuned", "the default for other images than the chapter's"),
    ],
)
def test_the_default_recipe_depends_on_the_data(kind, dataset, recipe, reason):
    assert default_recipe(kind, dataset) == (recipe, reason)
    for data in (dataset, images(dataset)):
        assert resolve_settings(kind, data).recipe == recipe


@pytest.fixture
def recipe_file(tmp_path):
    def write(text):
        path = tmp_path / "mine.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize(
    ("condition", "holds", "fails"),
    [
        ('dataset = "photos"', images(), images("faces")),
        ('dataset = ["cifar10:*", "mnist"]', "cifar10:ship", "cifar10"),
        ("channels = 3", images(), images(shape=(32, 32, 1))),
        ("size = { at_least = 64 }", images(shape=(32, 64, 3)), images()),
        ("size = { at_least = 64 }", images(shape=(64, 32, 3)), images(shape=(63, 63, 3))),
        ("size = [28, 32]", images(), images(shape=(30, 30, 3))),
        ("images = { at_least = 100, below = 200 }", images(), images(count=200)),
        ("images = { below = 1000 }", images(), "photos"),  # of a name alone nothing else is known
        ("reachable = true", images(shape=(32, 56, 3)), images(shape=(32, 64, 3))),
        ('dataset = "photos"\nchannels = 3', images(), images(shape=(32, 32, 1))),
    ],
)
def test_a_table_applies_where_all_its_conditions_hold(recipe_file, condition, holds, fails):
    path = recipe_file(f"[training]\nepochs = 7\n[[when]]\n{condition}\ntraining.epochs = 8\n")
    assert resolve_settings("dcgan", holds, path).training.epochs == 8
    assert resolve_settings("dcgan", fails, path).training.epochs == 7


def test_a_file_starts_from_its_base_later_tables_win_and_overrides_win_over_all(recipe_file):
    text = 'base = "tuned"\n[training]\nema = 0.9\n[[when]]\ntraining.epochs = 5\n[[when]]\ntraining.epochs = 6\n'
    path = recipe_file("\ufeff" + text)  # with the mark that some editors write first
    settings = resolve_settings("dcgan", "mnist", str(path), latent_dim=9)
    assert changed(settings) == TUNED_DCGAN | {
        "training.ema": 0.9,
        "training.epochs": 6,
        "generator.latent_dim": 9,
    }
    assert settings.recipe == str(path)
    assert resolve_settings("dcgan", "mnist", path, epochs="4").training.epochs == 4


@pytest.mark.parametrize("kind", SETTINGS)
def test_what_a_dry_run_prints_is_a_recipe_file_with_the_same_settings(kind, recipe_file):
    for name in recipe_names(kind):
        settings = resolve_settings(kind, "mnist5k", name, latent_dim=30, image_size=28, seed=3)
        again = resolve_settings(kind, "photos", recipe_file(to_toml(settings)))
        assert settings.differences(again, may_change=("recipe",)) == []
    apart = resolve_settings("vae", decoder={"filters": 5})
    assert resolve_settings("vae", recipe=recipe_file(to_toml(apart))).decoder.filters == 5


CONDITION = "must be a number, several, { at_least = 3 } or { below = 3 }; received"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[training", "{} is no valid TOML: Expected ']' at the end of a table declaration (at end of document)"),
        (
            "[training]\nepochs = '5'",
            '{}: `training.epochs` must be a whole number from 1 to 1000000, without quotes; received "5"',
        ),
        (
            "[training]\nclip_norm = '5'",
            '{}: `training.clip_norm` must be a number above 0 and up to 1e+09, or none, without quotes; received "5"',
        ),
        ("[training]\nepochs = 5.0", "{}: `training.epochs` must be a whole number from 1 to 1000000; received 5.0"),
        ("[training]\nbeta = true", "{}: `training.beta` must be a number from 0 to 1e+06; received true"),
        ("[training]\nbeta = -1", "{}: `training.beta` must be a number from 0 to 1e+06; received -1"),
        (
            "[encoder]\nlayer_norm = 'true'",
            '{}: `encoder.layer_norm` must be true or false, without quotes; received "true"',
        ),
        ("[encoder]\nfilters = [3]", "{}: `encoder.filters` must be a whole number from 1 to 4096; received [3]"),
        ("[training]\nbetta = 1", "{}: training.betta is not a setting; did you mean training.beta?"),
        ("[traning]\nbeta = 1", "{}: traning is not a setting; did you mean training?"),
        ("epochs = 3", "{}: epochs is not a setting; did you mean training.epochs?"),
        ("training = 3", "{}: `training` must be a table of settings; received 3"),
        ("[generator]\nfilters = 3", "{}: this is a recipe of a DCGAN, not of a variational autoencoder"),
        ("model = 'dcgan'", "{}: this is a recipe of a DCGAN, not of a variational autoencoder"),
        ("model = 'gan'", "{}: `model` must be vae; received gan"),
        (
            "base = 'best'",
            "{}: `base` must be a built-in recipe: bound, chapter, iwae, keras_io, pythae, tuned; received best",
        ),
        ("[when]\nimages = 3", "{}: `when` must be written as [[when]], once for each table"),
        ("[[when]]\nimagse = 3", "{}: imagse is not a setting; did you mean images?"),
        ("[[when]]\nimages = '3'", f"{{}}: the condition `images` {CONDITION} '3'"),
        ("[[when]]\nimages = {{ at_most = 3 }}", f"{{}}: the condition `images` {CONDITION} {{'at_most': 3}}"),
        ("[[when]]\nreachable = 1", "{}: the condition `reachable` must be true or false; received 1"),
        ("[[when]]\nwhy = 3", "{}: `why` must be a text; received 3"),
        ("[[when]]\ndataset = 3", "{}: the condition `dataset` must be a name or several; received 3"),
        # what is wrong is told where its condition does not hold, too
        (
            "[[when]]\nimages = 3\ntraining.epochs = 0",
            "{}: `training.epochs` must be a whole number from 1 to 1000000; received 0",
        ),
    ],
)
def test_a_wrong_file_is_told_in_one_line(recipe_file, text, message):
    path = recipe_file(text.replace("{{", "{").replace("}}", "}"))
    with pytest.raises(InputError) as caught:
        resolve_settings("vae", recipe=path)
    assert str(caught.value).replace(str(path), "PATH") == message.replace("{}", "PATH", 1).replace("`", "")


RECIPES = "bound, chapter, iwae, keras_io, pythae, tuned"
NOT_KNOWN = f"is not known; choose one of {RECIPES}, or name a .toml file or the folder of a run"


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ("best", f'`recipe="best"` {NOT_KNOWN}'),
        ("runs/0001-gone", f'`recipe="runs/0001-gone"` {NOT_KNOWN}'),
        ("", f'`recipe=""` {NOT_KNOWN}'),
        (5, f'`recipe="5"` {NOT_KNOWN}'),
        ("gone.toml", "gone.toml cannot be read (No such file or directory); name a recipe file that is there"),
    ],
)
def test_a_recipe_that_is_not_there(recipe, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        resolve_settings("vae", recipe=recipe)
    assert str(caught.value) == message


def record(kind="vae", version=2, dataset="mnist", **settings):
    return {"kind": kind, "format_version": version, "settings": settings, "dataset": {"name": dataset}}


def test_a_run_of_either_format_version_has_its_settings():
    settings = resolve_settings("dcgan", "mnist", "article", epochs=7, seed=3)
    assert settings_from_record(record("dcgan", **settings.as_dict())) == settings
    old = {
        name if sum(field.name == name for _, field in fields_of("dcgan")) == 1 else f"{group}_{name}": value
        for group in settings.groups
        for name, value in vars(getattr(settings, group)).items()
    }
    del old["dropout"]  # a setting that the version which made the run did not have
    assert settings_from_record(record("dcgan", 1, recipe="article", **old)) == settings
    del old["epochs"]
    assert settings_from_record(record("dcgan", 1, recipe="article", **old)).training.epochs == 43
    own = settings_from_record(record("dcgan", 2, recipe="gone/mine.toml", training={"epochs": 7}))
    assert (own.recipe, own.training.epochs, own.training.batch_size) == ("gone/mine.toml", 7, 128)
    for unknown in ({"from_the_future": 1}, {"training": {"from_the_future": 1}}):
        with pytest.raises(InputError, match=r"not known \(.*from_the_future\); use a newer keras_gen"):
            settings_from_record(record("dcgan", **unknown))


@pytest.mark.parametrize("version", [1, 2])
def test_a_setting_that_is_newer_than_the_run_is_off_whatever_its_recipe_says_today(version):
    values = resolve_settings("vae", "mnist", "tuned", epochs=3, latent_dim=20).as_dict()
    assert values["training"].pop("binarize_inputs") == 0.5
    old = settings_from_record(record("vae", version, **values))
    assert old.training.binarize_inputs == 0
    assert (old.recipe, old.training.epochs, old.decoder.hidden_widths) == ("tuned", 3, (512, 512, 512))


def test_a_run_is_a_recipe(tmp_path):
    settings = resolve_settings("vae", "mnist", "tuned", latent_dim=5)
    (tmp_path / "run.json").write_text(json.dumps(record(**settings.as_dict())))
    again = resolve_settings("vae", "photos", tmp_path, encoder={"filters": 16})
    assert settings.differences(again) == [
        f"`recipe` was tuned, now {printable(tmp_path, 80)}",
        "`encoder.filters` was 32, now 16",
    ]
    assert again.decoder.filters == 16


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "RUN/run.json holds no settings of a run; name another run, a recipe or a .toml file"),
        ("[]", "RUN/run.json holds no settings of a run; name another run, a recipe or a .toml file"),
        ('{"kind": "vae"}', "RUN/run.json holds no settings of a run; name another run, a recipe or a .toml file"),
        (record("dcgan"), "RUN is a run of a DCGAN, not of a variational autoencoder"),
        (record(version=99), "RUN/run.json has format version 99; use the version of keras_gen that made it"),
        (record(training={"epochs": 0}), "RUN: `training.epochs` must be a whole number from 1 to 1000000; received 0"),
        (
            record(training={"now": 0}),
            "RUN: the run has a setting that is not known (training.now); use a newer keras_gen",
        ),
    ],
)
def test_a_run_that_cannot_be_a_recipe(content, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "RUN").mkdir()
    (tmp_path / "RUN/run.json").write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(InputError) as caught:
        resolve_settings("vae", recipe="RUN")
    assert str(caught.value) == message
