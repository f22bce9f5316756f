"""Conditional runs: the networks are told the label, and the class of an image can be chosen."""

import shutil

import keras
import numpy as np
import pytest
from PIL import Image

from keras_gen import ImageSet, load_run
from keras_gen.cli.main import main
from keras_gen.errors import InputError
from keras_gen.figures.animation import CAPTION_HEIGHT
from keras_gen.latent.pictures import class_row
from keras_gen.run import Run
from keras_gen.training.planning import MAX_CLASSES, make_plan
from keras_gen.training.start import prepare
from tests.conftest import gif_frames, striped_images
from tests.small import NETS, quiet, train_small

KINDS = ("vae", "dcgan")
LEARNING = {
    "vae": {"epochs": 30, "learning_rate": 0.01},
    "dcgan": {
        **{"epochs": 12, "generator_learning_rate": 2e-3, "discriminator_learning_rate": 1e-3, "dropout": 0.0},
        **{"generator_filters": 8, "generator_base_filters": 8, "discriminator_filters": 8},
    },
}


def upright(images):
    images = np.asarray(images, np.float32)
    return images[:, :, :4].mean((1, 2, 3)) > images[:, :4].mean((1, 2, 3))


@pytest.fixture(scope="module", params=KINDS)
def run(request, tmp_path_factory):
    """A run whose labels only numbers could tell: their names are the other way round."""
    sets = [ImageSet(*striped_images(count, seed=count), ("1", "lying"), "stripes") for count in (256, 32)]
    folder = tmp_path_factory.mktemp("conditional") / request.param
    draw, options = Run.draw_epoch, LEARNING[request.param]
    with pytest.MonkeyPatch.context() as patch:  # two frames are enough for a film
        patch.setattr(Run, "draw_epoch", lambda run: draw(run) if run.epoch in (1, options["epochs"]) else None)
        train_small(request.param, *sets, folder=folder, conditional=True, doctor=True, **options)
    return load_run(folder)


def test_images_are_of_the_class_that_is_asked_for(run):
    assert upright(run.generate(40, label="1")).mean() > 0.8
    assert upright(run.generate(40, label="lying")).mean() < 0.2
    labels = run.draw_labels(200)
    assert 70 < labels.sum() < 130
    np.testing.assert_array_equal(run.generate(200), run.decode(run.draw(200), labels))
    counts = run.record["dataset"]["class_counts"]
    assert counts == [128, 128]


def test_saved_models_take_a_list_and_load_in_keras(run):
    model = keras.models.load_model(run.folder.model_path(run.image_model), compile=False)
    images = model([np.zeros((2, run.settings.latent_dim), np.float32), np.array([0, 1])])
    assert images.shape == (2, 8, 8, 1)
    assert not np.allclose(images[0], images[1])
    if run.encodes:
        means = run.models["encoder"]([np.zeros((2, 8, 8, 1), np.float32), np.array([0, 1])])[0]
        assert means.shape == (2, 2)
        assert not np.allclose(means[0], means[1])
    else:
        logits = run.models["discriminator"]([np.zeros((2, 8, 8, 1), np.float32), np.array([0, 1])])
        assert logits.shape == (2, 1)
        assert not np.allclose(logits[0], logits[1])


def test_every_view_takes_a_label(run):
    held_out = run.datasets()[1]
    if run.encodes:
        codes = run.encode(held_out.images, held_out.labels)
        rebuilt = run.decode(codes, held_out.labels)
        np.testing.assert_array_equal(upright(rebuilt), held_out.labels == 0)
        np.testing.assert_array_equal(run.encode(held_out.images[0], "1"), codes[:1])
        assert run.generate(4, label=1, prior="mixture").shape == (4, 8, 8, 1)
    for name in run.views:
        options = {"label": "lying"} if name not in ("scatter", "reconstruct") else {}
        if name == "concept":
            options |= {"plus": [1], "minus": [2]}
        if name == "project":
            options |= {"images": [0, 1], "starts": 1, "steps": 3}
        view = run.view(name, **options)
        assert view.name.endswith("-label-lying") == bool(options)
        if name in ("manifold", "traverse") and not run.encodes:
            assert upright(view.array).mean() < 0.3
    assert run.explore(run.folder.path / "page.html", label="lying").stat().st_size > 1000


def test_a_label_that_is_a_name_and_a_number_is_said_to_be_the_name(run, tmp_path, capsys):
    taken = "1 is taken for the label of that name (number 0), not for number 1, which is called lying"
    assert run.view("interpolate", seeds=[0, 1], label="1", to_label="1").remarks == (taken,)
    assert run.view("interpolate", seeds=[0, 1], label=1).remarks == ()
    lines = []
    run.film(tmp_path / "film.gif", frames=1, say=lines.append, label="1")
    assert [line for line in lines if "missing" not in line] == [taken]  # most epochs of this run have no picture
    assert main(["explore", str(run.folder.path), "--label", "1", "--out", str(tmp_path / "page.html")]) == 0
    assert taken in capsys.readouterr().out


def test_a_seed_draws_the_same_label_whatever_stands_beside_it(run, tmp_path):
    for name, words in {"many": ["--seeds", "3-30"], "one": ["--seeds", "30"], "seed": ["--seed", "30"]}.items():
        count = ["--count", "1"] * (name == "seed")
        assert main(["generate", str(run.folder.path), *words, *count, "--npy", str(tmp_path / f"{name}.npy")]) == 0
    labels = np.load(tmp_path / "many-labels.npy")
    assert set(labels) == {0, 1}
    for name in ("one", "seed"):
        assert np.load(tmp_path / f"{name}-labels.npy") == labels[-1:]
        np.testing.assert_array_equal(np.load(tmp_path / f"{name}.npy")[0], np.load(tmp_path / "many.npy")[-1])


def test_a_concept_of_a_folder_is_encoded_with_the_label_that_is_shown(run, tmp_path):
    if not run.encodes:
        return
    images = run.datasets()[1].images[:2]
    for number, image in enumerate(images):
        Image.fromarray(image[..., 0]).save(tmp_path / f"{number}.png")
    view = run.view("concept", start=0, end=tmp_path, label="lying", steps=2)
    end = run.encode(images, "lying").mean(axis=0)
    np.testing.assert_allclose(view.array[-1].astype(int), run.decode(end, "lying")[0].astype(int), atol=1)


def test_an_image_that_is_not_there_is_named(run):
    for name, option in (("traverse", "start"), ("directions", "at")):
        with pytest.raises(InputError, match="there is no held-out image 999; they are numbered from 0 to 31"):
            run.view(name, **{option: "999"})


def test_the_grid_of_an_epoch_has_a_class_a_row(run, monkeypatch):
    calls = []

    def decode(self, latents, label=None):
        calls.append((latents, label))
        return np.zeros((len(latents), 8, 8, 1), np.uint8)

    monkeypatch.setattr(Run, "decode", decode)
    monkeypatch.setattr("keras_gen.latent.pictures.save_figure", lambda *_: None)
    run.draw_epoch()
    ((latents, labels),) = calls
    np.testing.assert_array_equal(labels, np.repeat([0, 1], 10))  # a class a row
    np.testing.assert_array_equal(latents[:10], latents[10:])  # a latent point a column


def test_labels_that_are_missing_or_too_few_are_named(run):
    with pytest.raises(InputError, match=r"is a conditional run; say of which label the images are with `label`"):
        run.decode(np.zeros((1, run.settings.latent_dim)))
    with pytest.raises(InputError, match="`label` must be one label, or 3, one for each; received 2"):
        run.decode(np.zeros((3, run.settings.latent_dim)), [0, 1])
    with pytest.raises(InputError, match=r"is a conditional run; say of which label the images are with `label`"):
        run.interpolate(*run.draw(2), to_label=1)
    if run.encodes:
        with pytest.raises(InputError, match="`label` must be one label, or 3, one for each; received 2"):
            run.draw(3, labels=np.array([0, 1]), prior="mixture")
        with pytest.raises(InputError, match="there is no label 7"):
            run.draw(1, labels=np.array([7]), prior="mixture")
        with pytest.raises(InputError, match="an image file has no label, which a conditional run needs"):
            run.view("interpolate", start=0, end=run.folder.figures / "data.png")


IMAGES, LABELS = striped_images(60)
PLAIN, NAMED = ImageSet(IMAGES), ImageSet(IMAGES, LABELS, ("a", "b", "c"), "named")


@pytest.mark.parametrize(
    ("train", "held_out", "message"),
    [
        (PLAIN, PLAIN, "the training images of images have no labels, which `conditional` needs; use images that have"),
        (NAMED, PLAIN, "the held-out images of named have no labels, which `conditional` needs; use"),
        (
            ImageSet(IMAGES, np.arange(60) * 50, name="many"),
            NAMED,
            f"`conditional` takes 2 to {MAX_CLASSES:,} classes, and many has 60; use other labels",
        ),
        (
            ImageSet(IMAGES, np.zeros(60, int), name="one"),
            NAMED,
            "`conditional` takes 2 to 1,000 classes, and one has 1; use other labels, or leave it out",
        ),
        (
            ImageSet(IMAGES, np.where(np.arange(60) == 3, 2, LABELS), ("a", "b", "c"), "rare"),
            NAMED,
            "the class c has 1 training image, and `conditional` needs 2 or more of each; add images of it",
        ),
        (
            NAMED,
            ImageSet(IMAGES, np.full(60, 2), ("a", "b", "c"), "named"),
            "held-out images have the label c, which no training image has; `conditional` needs images of each class",
        ),
    ],
)
def test_labels_that_do_not_suit_are_refused_before_anything_is_written(train, held_out, message, tmp_path):
    with pytest.raises(InputError, match=message):
        train_small("vae", train, held_out, conditional=True, folder=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_unbalanced_classes_are_reported_before_training():
    lines = []
    few = ImageSet(IMAGES, (np.arange(60) >= 54).astype(int), ("many", "few"), "named")
    options = NETS["vae"] | {"recipe": "chapter", "batch_size": 16, "conditional": True}
    prepare(make_plan("vae", few, few, say=quiet, **options), lines.append)
    wanted = "Advice  the classes are unbalanced, from 6 images (few) to 54 (many); `balance_classes` shows each as"
    assert [line for line in lines if line.startswith(wanted)]


def test_an_unconditional_run_is_not_resumed_as_a_conditional_one(trained_runs, tmp_path):
    folder = shutil.copytree(trained_runs["vae"], tmp_path / "run")
    with pytest.raises(InputError, match=r"`training\.conditional` was false, now true; leave these out, or start"):
        train_small("vae", folder=folder, resume=True, conditional=True)


def test_a_walk_goes_from_one_class_to_another_at_one_latent_point_or_stays_in_one(run):
    walk = run.view("interpolate", label="1", to_label="lying", seeds=[5])
    point = run.draw_seeds([5])
    np.testing.assert_array_equal(walk.array[[0, -1]], run.decode(np.repeat(point, 2, axis=0), ["1", "lying"]))
    middle, ends = walk.array[4].astype(int), walk.array[[0, -1]].astype(int)
    assert (np.abs(ends - middle).mean(axis=(1, 2, 3)) > 3).all()  # it is neither
    assert walk.name == "interpolation-seeds-5-label-1-to-label-lying"
    assert len(run.view("interpolate", to_label=1, steps=3).array) == 3  # from the first label, at seed 0
    inside = run.view("interpolate", label="lying", seeds=[5, 6], steps=4)
    np.testing.assert_array_equal(inside.array[[0, -1]], run.decode(run.draw_seeds([5, 6]), "lying"))
    if run.encodes:
        held_out = run.datasets()[1]
        walk = run.view("interpolate", start=3, to_label="1", steps=3)
        code = run.encode(held_out.images[3], held_out.labels[3])
        np.testing.assert_array_equal(walk.array[[0]], run.decode(code, int(held_out.labels[3])))


def test_a_film_of_one_class_shows_its_row(run, tmp_path, monkeypatch):
    monkeypatch.setattr("keras_gen.latent.film.MAX_WIDTH", 10_000)  # nothing is made smaller
    run.film(tmp_path / "all.gif", frames=2)
    files = run.film(tmp_path / "lying.gif", frames=2, label="lying")
    assert tmp_path / "lying.gif" in files
    (whole, *_), (row, *_) = (gif_frames(tmp_path / name, "L")[0] for name in ("all.gif", "lying.gif"))
    whole, row = whole[CAPTION_HEIGHT:], row[CAPTION_HEIGHT:]
    start, end = (round(share * len(whole)) for share in class_row(run, "lying"))
    np.testing.assert_allclose(row.astype(int), whole[start:end].astype(int), atol=12)  # each has a palette of its own
    rows = np.flatnonzero((whole < 200).any(axis=1))  # of images and names on white
    assert abs(end - rows[-1]) < 12
    assert abs(start - (rows[0] + rows[-1]) / 2) < 12  # the second of two
    assert run.film(frames=1, label=1)[0].name == "film-label-1.gif"
    if run.encodes:  # of a class that no held-out image has, only the grids are there to show
        nobody = np.zeros((3, 2), np.float32), np.zeros(3, int)
        monkeypatch.setattr(type(run.folder), "read_codes", lambda *_: nobody)
        lines = []
        assert run.film(tmp_path / "none.gif", say=lines.append, label="lying") == [tmp_path / "none.gif"]
        assert lines[2:] == ["Left out: no held-out image has the label lying, so no plane is shown"]


def test_an_exported_network_is_served_with_its_labels(run, tmp_path):
    folder = run.export("saved_model", tmp_path / "out")
    served = keras.layers.TFSMLayer(folder / run.image_model, call_endpoint="serve")
    z, labels = run.draw(3), np.array([0, 1, 0], np.int32)
    expected = run.model(run.image_model).predict_on_batch([z, labels])
    np.testing.assert_allclose(served([z, labels]), expected, atol=1e-5)
    assert "and labels, int32 (n), to" in (folder / "README.md").read_text()
    assert "- Label 0: 1\n- Label 1: lying" in (folder / "README.md").read_text()
    with pytest.raises(InputError, match="takes labels, too, and cannot be exported to numpy; use another format"):
        run.export("numpy", tmp_path / "numpy")


def test_a_healthy_run_has_no_finding_of_its_labels(run):
    assert not [finding for finding in run.findings if "label" in finding["name"] or "class" in finding["name"]]


def test_an_unconditional_run_has_no_way_between_classes(trained_runs):
    run = load_run(trained_runs["vae"])
    with pytest.raises(InputError, match="is not conditional, so its networks take no label"):
        run.view("interpolate", to_label=1)
    with pytest.raises(InputError, match="is not conditional, so its grids have no row of a class; leave `label` out"):
        run.film(label=1)
