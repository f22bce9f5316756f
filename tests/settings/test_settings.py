"""Groups of settings: what values they take, how they are named and replaced."""

import dataclasses
import subprocess
import sys

import pytest

from keras_gen.errors import InputError
from keras_gen.settings import (
    SETTINGS,
    DCGANSettings,
    DecoderSettings,
    EncoderSettings,
    GeneratorSettings,
    VAESettings,
    fields_of,
    parse_sets,
    resolve_settings,
)
from keras_gen.settings.overrides import assign

# The names of run.json of format version 1, and where their values are now.
TRAINING_NAMES = "epochs batch_size seed evaluate_every precision engine distribute jit optimizer "
FLAT_NAMES = {
    "vae": {
        "training.{}": TRAINING_NAMES + "learning_rate learning_rate_schedule clip_norm beta kl_warmup",
        "encoder.{} decoder.{}": "latent_dim architecture intermediate_dim activation layer_norm filters",
        "decoder.{}": "likelihood",
    },
    "dcgan": {
        "training.{}": TRAINING_NAMES + "generator_learning_rate discriminator_learning_rate loss adam_beta_1 "
        "label_smoothing discriminator_steps concatenate_batches augment ema share_fakes",
        "generator.{} discriminator.{}": "init_stddev kernel_size leaky_alpha batch_norm_momentum",
        "generator.{}": "latent_dim latent_distribution output_activation upsampling generator_filters "
        "generator_base_filters generator_extra_layers generator_activation",
        "discriminator.{}": "spectral_norm dropout discriminator_filters discriminator_extra_layers "
        "discriminator_batch_norm discriminator_activate_last",
    },
}


@pytest.mark.parametrize(
    ("kind", "name", "places"),
    [
        (kind, name, places)
        for kind, names_of in FLAT_NAMES.items()
        for places, names in names_of.items()
        for name in names.split()
    ],
)
def test_every_flat_name_of_format_version_1_sets_what_it_named(kind, name, places):
    groups = SETTINGS[kind].groups
    expected = set()
    for place in places.split():
        group, _, field = place.format(name).partition(".")
        expected.add((group, field if field in groups[group].__dataclass_fields__ else field.removeprefix(f"{group}_")))
    group, field = min(expected)
    assigned = assign(groups, {name: groups[group].__dataclass_fields__[field].default})
    assert {(group, field) for group, values in assigned.items() for field in values} == expected


@pytest.mark.parametrize(
    ("kind", "name", "value", "message"),
    [
        ("vae", "epochs", "-3", "`training.epochs` must be a whole number from 1 to 1000000; received -3"),
        ("vae", "epochs", "2.5", "`training.epochs` must be a whole number from 1 to 1000000; received 2.5"),
        ("vae", "epochs", 2.0, "`training.epochs` must be a whole number from 1 to 1000000; received 2.0"),
        ("vae", "epochs", True, "`training.epochs` must be a whole number from 1 to 1000000; received true"),
        ("vae", "batch_size", 1, "`training.batch_size` must be a whole number from 2 to 65536; received 1"),
        ("vae", "seed", -1, "`training.seed` must be a whole number from 0 to 2147483647; received -1"),
        ("vae", "learning_rate", "nan", "`training.learning_rate` must be a number above 0 and up to 10; received nan"),
        ("vae", "learning_rate", 0, "`training.learning_rate` must be a number above 0 and up to 10; received 0"),
        ("vae", "beta", True, "`training.beta` must be a number from 0 to 1e+06; received true"),
        ("vae", "architecture", "deep", "`encoder.architecture` must be one of dense, conv; received deep"),
        ("vae", "layer_norm", 1, "`encoder.layer_norm` must be true or false; received 1"),
        ("vae", "channels", 2, "`data.channels` must be one of 1, 3, 4, or none; received 2"),
        (
            "vae",
            "image_size",
            "3",
            "`data.image_size` must be a whole number from 4 to 1024, or two as HEIGHTxWIDTH, or none; received 3",
        ),
        (
            "vae",
            "intermediate_dim",
            "5,,6",
            "`encoder.intermediate_dim` must be a whole number from 0 to 65536, or several with commas between; "
            "received 5,,6",
        ),
        (
            "dcgan",
            "init_stddev",
            0,
            "`generator.init_stddev` must be a number above 0 and up to 10, or none; received 0",
        ),
        (
            "dcgan",
            "augment",
            "blur",
            "`training.augment` must be none, or some of color,translation,cutout,mirror,auto with commas between; "
            "received blur",
        ),
        (
            "dcgan",
            "loss",
            "a" * 200,
            "`training.loss` must be one of cross_entropy, hinge; received " + "a" * 40 + "…" + "a" * 39,
        ),
        ("dcgan", "loss", "\x1b[31m", r"`training.loss` must be one of cross_entropy, hinge; received \x1b[31m"),
        ("dcgan", "generator", 5, "`generator` must be a table of settings; received 5"),
        ("vae", "distribute", "mirrored", '`distribute="mirrored"` needs the other engine; add `engine="compiled"`'),
        ("dcgan", "share_fakes", True, '`share_fakes` needs the other engine; add `engine="compiled"`'),
        ("dcgan", "loss", "hinge", '`training.loss="hinge"` has no labels to smooth; add `label_smoothing=0`'),
        ("dcgan", "kernal_size", 4, "kernal_size is not a setting; did you mean kernel_size?"),
        ("dcgan", "generater_filters", 4, "generater_filters is not a setting; did you mean generator_filters?"),
        (
            "dcgan",
            "generator",
            {"kernal_size": 4},
            "generator.kernal_size is not a setting; did you mean generator.kernel_size?",
        ),
        (
            "vae",
            "decoder",
            {"latent_dim": 5},
            "`decoder.latent_dim` is 5 and `encoder.latent_dim` 2; give both by `latent_dim`",
        ),
    ],
)
def test_a_wrong_value_or_name_is_told_with_what_would_be_right(kind, name, value, message):
    with pytest.raises(InputError) as caught:
        SETTINGS[kind]().replace(**{name: value})
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("training.seed", 0),
        ("training.seed", 2**31 - 1),
        ("training.label_smoothing", 0.5),
        ("generator.leaky_alpha", 0),
    ],
)
def test_both_bounds_are_allowed(name, value):
    group, _, field = name.partition(".")
    assert DCGANSettings().replace(**{group: {field: value}}).flat()[name] == value


@pytest.mark.parametrize(("kind", "every"), [("vae", 1), ("dcgan", 5)])
def test_patience_alone_measures_a_loss_each_epoch_and_a_kid_each_fifth(kind, every):
    assert resolve_settings(kind, patience=3).training.evaluate_every == every
    assert resolve_settings(kind, patience=3, evaluate_every=2).training.evaluate_every == 2


@pytest.mark.parametrize(
    ("training", "message"),
    [
        ({"jit": "on"}, '`distribute="mirrored"` cannot be compiled with XLA; leave `jit` out'),
        (
            {"clip_norm": 1},
            '`distribute="mirrored"` cannot clip gradients of a whole batch; add `training.clip_norm="none"`',
        ),
    ],
)
def test_what_tf_distribute_cannot_do(training, message):
    with pytest.raises(InputError, match=message.split(";")[0]):
        VAESettings(training={"engine": "compiled", "distribute": "mirrored"} | training)


@pytest.mark.parametrize(
    ("group", "name", "text", "value"),
    [
        ("training", "epochs", "7", 7),
        ("training", "generator_learning_rate", "2e-4", 2e-4),
        ("training", "label_smoothing", 0, 0.0),
        ("training", "augment", "mirror,color", "color,mirror"),
        ("training", "augment", "", "none"),
        ("training", "augment", ["cutout"], "cutout"),
        ("generator", "init_stddev", "none", None),
        ("discriminator", "batch_norm", "false", False),
        ("data", "channels", "3", 3),
        ("data", "image_size", "32x56", "32x56"),
        ("data", "image_size", (48, 40), "48x40"),
        ("data", "image_size", "64", 64),
    ],
)
def test_text_from_the_command_line_and_lists_from_a_file_become_values(group, name, text, value):
    kept = getattr(getattr(DCGANSettings().replace(**{group: {name: text}}), group), name)
    assert (kept, type(kept)) == (value, type(value))


@pytest.mark.parametrize(
    ("given", "kept", "widths"),
    [
        (256, 256, (256,)),
        ("256", 256, (256,)),
        ("512,256, 128", "512,256,128", (512, 256, 128)),
        ([7, 5], "7,5", (7, 5)),
    ],
)
def test_one_hidden_layer_or_several(given, kept, widths):
    encoder = EncoderSettings(intermediate_dim=given)
    assert (encoder.intermediate_dim, encoder.hidden_widths) == (kept, widths)


def test_the_decoder_mirrors_the_encoder_in_all_that_is_not_given():
    assert VAESettings(encoder={"latent_dim": 5, "filters": 8}).decoder == DecoderSettings(latent_dim=5, filters=8)
    apart = VAESettings(encoder=EncoderSettings(latent_dim=5), decoder={"filters": 9})
    assert (apart.encoder.filters, apart.decoder.filters, apart.decoder.latent_dim) == (32, 9, 5)
    later = apart.replace(encoder={"filters": 16, "activation": "silu"}, latent_dim=6)
    assert later.decoder == DecoderSettings(latent_dim=6, filters=9, activation="silu")


def test_a_name_with_its_group_wins_over_one_for_all_groups_and_nothing_is_given_twice():
    settings = DCGANSettings().replace(generator_kernel_size=4, kernel_size=3)
    assert (settings.generator.kernel_size, settings.discriminator.kernel_size) == (4, 3)
    with pytest.raises(InputError, match=r"`training\.batch_size` is given twice \(5 and 6\)"):
        resolve_settings("dcgan", batch_size=5, training={"batch_size": "6"})


def test_groups_may_be_objects_and_what_is_asked_of_both_models_is_a_property():
    vae = VAESettings(training=dataclasses.replace(VAESettings().training, epochs=3), encoder={"latent_dim": 7})
    assert (vae.kind, vae.training.epochs, vae.latent_dim, vae.latent_distribution) == ("vae", 3, 7, "normal")
    assert (vae.pixel_range, vae.convolutional, vae.loss_unit) == ((0.0, 1.0), False, "nats")
    assert vae.replace(encoder={"architecture": "conv"}).convolutional
    generator = GeneratorSettings(latent_distribution="uniform", output_activation="sigmoid")
    gan = DCGANSettings(generator=generator, training={"loss": "hinge", "label_smoothing": 0})
    assert (gan.kind, gan.latent_dim, gan.latent_distribution) == ("dcgan", 100, "uniform")
    assert (gan.pixel_range, gan.convolutional, gan.loss_unit) == ((0.0, 1.0), True, "")
    assert (DCGANSettings().pixel_range, DCGANSettings().loss_unit) == ((-1.0, 1.0), "nats")


def test_differences_name_each_changed_setting_once():
    old = VAESettings(recipe="chapter")
    new = old.replace(recipe="tuned", latent_dim=3, layer_norm=True, epochs=9, clip_norm=2)
    assert old.differences(new, may_change=("epochs", "recipe")) == [
        "`training.clip_norm` was none, now 2.0",
        "`encoder.latent_dim` was 2, now 3",
        "`encoder.layer_norm` was false, now true",
    ]
    assert old.differences(old.replace(epochs=9), may_change=("training.epochs",)) == []
    apart = old.replace(decoder={"filters": 5})
    assert apart.differences(old) == ["`decoder.filters` was 5, now 32"]


def test_set_names_a_group_a_field_and_a_value():
    texts = ["generator.kernel_size = 4", "training.augment=color,mirror", "generator.filters=8"]
    overrides = {"generator": {"kernel_size": "4", "filters": "8"}, "training": {"augment": "color,mirror"}}
    assert parse_sets("dcgan", texts) == overrides
    settings = resolve_settings("dcgan", **overrides)
    assert (settings.generator.kernel_size, settings.discriminator.kernel_size) == (4, 5)


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("encoder.intermediate_dim=[512, 256]", {"intermediate_dim": "512,256"}),
        ("encoder.activation='silu'", {"activation": "silu"}),
        ('decoder.likelihood="gaussian"', {"likelihood": "gaussian"}),
    ],
)
def test_set_takes_a_value_as_a_recipe_file_has_it(text, settings):
    assert resolve_settings("vae", **parse_sets("vae", [text])) == resolve_settings("vae", **settings)


@pytest.mark.parametrize("value", ["[512,", "[2]", '"2', "[" * 9999])
def test_a_set_that_is_nearly_so_has_the_error_of_its_setting(value):
    with pytest.raises(InputError, match=r"^`encoder\.latent_dim` must be a whole number"):
        resolve_settings("vae", **parse_sets("vae", [f"encoder.latent_dim={value}"]))


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["generator.kernel_size"], "`set` generator.kernel_size has no value; write generator.kernel_size=VALUE"),
        (["generator.kernel_size="], "`set` generator.kernel_size has no value; write generator.kernel_size=VALUE"),
        (["kernel_size=4"], "kernel_size is not a setting; did you mean generator.kernel_size?"),
        (["generater.filters=4"], "generater.filters is not a setting; did you mean generator.filters?"),
        (["training.epochs=4", "training.epochs=4"], "`set` training.epochs is given twice; give it once"),
    ],
)
def test_a_wrong_set_is_told(texts, message):
    with pytest.raises(InputError) as caught:
        parse_sets("dcgan", texts)
    assert str(caught.value) == message


def test_every_setting_says_what_it_means_and_its_default_is_allowed():
    for kind, whole in SETTINGS.items():
        whole()
        assert all(len(field.metadata["help"]) > 8 for _, field in fields_of(kind))


def test_help_need_not_wait_for_keras_or_numpy():
    code = "import sys, keras_gen.settings; print(sorted({'keras', 'numpy', 'tensorflow'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
