"""Images in the latent space: what a network made is found again, and files and arrays of the user's are read."""

import random
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from keras_gen.data.pixels import to_range
from keras_gen.errors import InputError
from keras_gen.latent import inversion
from keras_gen.latent.descent import Inverter, image_loss
from keras_gen.latent.inversion import CANDIDATES, _atypical, _estimated, _starts, coarse_rows
from keras_gen.latent.own_images import given_images
from keras_gen.run import load_run
from tests.small import train_small


def with_contrast(run):
    """Multiply the weights of a run's barely trained generator, so that its images differ."""
    for variable in run.model("generator").trainable_variables:
        variable.assign(variable * 4)
    return run


@pytest.fixture(scope="module")
def runs(command_runs):
    loaded = {name: load_run(path) for name, path in command_runs.items()}
    with_contrast(loaded["dcgan"])
    return loaded


def test_images_that_a_generator_made_are_found_again(runs):
    run = runs["dcgan"]
    own = run.generate(3, seed=5)
    assert np.ptp(own, axis=0).mean() > 20  # they differ
    weights, state = run.model("generator").get_weights(), random.getstate()

    found = run.project(own, starts=2, steps=150)

    assert found.latents.shape == (3, 20) and found.latents.dtype == np.float32
    np.testing.assert_array_equal(found.images, run.decode(found.latents))
    assert found.errors.max() < 0.001
    differences = np.mean(((found.images - own.astype(float)) / 255) ** 2, axis=(1, 2, 3))
    np.testing.assert_allclose(found.errors, differences, rtol=1e-4)
    assert (np.abs(np.mean(found.latents**2, axis=1) - 1) < 0.7).all()  # as typical as draws
    assert run.model("generator").trainable and random.getstate() == state
    for before, after in zip(weights, run.model("generator").get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_a_vae_encodes_and_refining_is_never_worse(runs):
    run = runs["vae"]
    _, held_out = run.datasets()
    images = held_out.images[:4]
    encoded, refined = run.project(images), run.project(images, refine=True, steps=40)
    np.testing.assert_array_equal(encoded.latents, run.encode(images))
    assert (refined.errors <= encoded.errors).all() and refined.errors.mean() < 0.99 * encoded.errors.mean()


@pytest.mark.parametrize("kind", ["vae", pytest.param("dcgan", marks=pytest.mark.slow)])
def test_without_its_label_an_image_of_a_conditional_run_is_found_with_the_one_that_fits(image_sets, kind):
    run = train_small(kind, *image_sets(), conditional=True)
    if kind == "dcgan":
        with_contrast(run)
        labels = np.array([1, 0, 1])
        images = run.generate(3, label=labels)
        assert run.project(images, labels, starts=1, steps=20).labels.tolist() == labels.tolist()
        found = run.project(images, starts=2, steps=100)
        assert found.labels.tolist() == labels.tolist()
        assert found.errors.max() < 0.001
    else:
        images = run.datasets()[1].images[:3]
        found = run.project(images)
        errors = [run.project(images, label).errors for label in (0, 1)]
        assert found.labels.tolist() == np.argmin(errors, axis=0).tolist()
        np.testing.assert_array_equal(found.errors, np.min(errors, axis=0))


def test_more_images_than_a_batch_are_each_found_by_their_own_start(runs):
    run = runs["dcgan"]
    points = run.draw(5, 9)
    inverter = Inverter(run.model("generator"), run.pixel_range, lambda z: 0.0 * z[:, 0] + 7000, rows=2)
    rates = []

    def note_rate():
        rates.append(float(inverter._optimizer.learning_rate))

    found = inverter.descend(points + 0.05, run.decode(points), 80, taken=note_rate)
    errors = np.mean((run.decode(found) / 255 - run.decode(points) / 255) ** 2, axis=(1, 2, 3))
    assert errors.max() < 0.001
    assert rates[:80] * 2 == rates[80:]  # three batches, each with a rate that falls to about 0
    assert rates[:80] == sorted(rates[:80], reverse=True) and rates[79] < 0.001
    targets = to_range(run.decode(points[:2]), run.pixel_range)
    assert inverter._model.predict_on_batch(targets) == pytest.approx(7, abs=0.5)  # a thousandth of what is atypical
    # Nothing is left of what was found before.
    np.testing.assert_array_equal(*(inverter.descend(points[:2], run.decode(points[2:4]), 3) for _ in range(2)))


@pytest.mark.parametrize("low", [0, -1])
def test_images_are_as_far_apart_as_their_pixels_and_blocks_of_pixels(low):
    target = np.full((2, 8, 8, 1), low, np.float32)
    image = target.copy()
    image[1, 5, 2] = 1  # one pixel of 64, a quarter of a block of 16, and a sixteenth of one of 4
    np.testing.assert_allclose(image_loss(target, image, (low, 1)), [0, 1 / 64 + 1 / 256 + 1 / 1024], rtol=1e-5)


@pytest.mark.parametrize(
    ("distribution", "typical_length", "point", "penalty"),
    [
        ("uniform", None, [0.9, -3, 1, 0], 1),
        ("normal", 2.0, [1, -1, 1, -1], 0),
        ("normal", 2.0, [2, 2, 0, 0], 1),
        ("normal", None, [2.9, -5, 0, 0], 1),
    ],
)
def test_what_no_draw_is_like_costs_something(distribution, typical_length, point, penalty):
    settings = SimpleNamespace(latent_distribution=distribution)
    atypical = _atypical(SimpleNamespace(settings=settings, typical_length=typical_length))
    np.testing.assert_allclose(atypical(np.array([point], np.float32)), [penalty], atol=1e-6)


def test_blocks_of_pixels_are_averaged_and_points_estimated_from_them():
    levels = np.random.default_rng(0).integers(0, 256, (300, 14, 16, 1))
    images = levels.repeat(2, axis=1).repeat(2, axis=2).astype(np.uint8)
    np.testing.assert_allclose(coarse_rows(images), levels.reshape(300, -1) / 255, rtol=1e-6)
    images = np.random.default_rng(1).integers(0, 256, (300, 4, 4, 1)).astype(np.uint8)
    x = images.reshape(300, -1) / 255
    points = (x - x[:290].mean(axis=0)) @ np.random.default_rng(2).normal(size=(16, 3))
    for dimensions in (3, 1):
        known, wanted = np.split(points[:, :dimensions], [290])
        np.testing.assert_allclose(_estimated(known, images[:290], images[290:]), wanted, atol=0.02)


def test_each_image_is_followed_from_the_best_of_its_starts(monkeypatch):
    class Stays:
        rows = 2

        def __init__(self, *_):
            pass

        def descend(self, starts, *_):
            return starts

    starts = np.array([[[90, 0], [12, 0], [50, 0]], [[190, 0], [12, 0], [255, 0]]])
    monkeypatch.setattr(inversion, "Inverter", Stays)
    monkeypatch.setattr(inversion, "_starts", lambda *_: (starts, None))
    run = SimpleNamespace(
        settings=SimpleNamespace(latent_distribution="normal"),
        typical_length=None,
        image_model="generator",
        model=lambda name: None,
        pixel_range=(0, 1),
        decode=lambda latents, labels: latents[:, :1, None, None].astype(np.uint8),
    )
    found = inversion.inverted(run, np.array([10, 200], np.uint8).reshape(2, 1, 1, 1))
    assert found.latents[:, 0].tolist() == [12, 190]


def test_each_start_has_the_label_of_its_image_and_the_estimate_that_of_the_nearest(monkeypatch):
    generator = np.random.default_rng(0)
    draws = generator.normal(size=(CANDIDATES, 4)).astype(np.float32)
    images = generator.integers(0, 256, (CANDIDATES, 8, 8, 1)).astype(np.uint8)
    run = SimpleNamespace(
        conditional=True,
        label_counts=(np.arange(2), None),
        draw=lambda count: draws,
        decode=lambda latents, labels: images,
        at_typical_length=lambda latents: latents,
    )
    points, labels = _starts(run, images[:8], None, 3)
    numbers = [np.flatnonzero((draws == point).all(axis=1))[0] for point in points[:, 1:3].reshape(-1, 4)]
    assert numbers[::2] == list(range(8))
    assert labels[:, 1:3].ravel().tolist() == [number % 2 for number in numbers]
    assert labels[:, 0].tolist() == [0, 1] * 4
    assert labels[:, 3:].tolist() == [[0, 1]] * 8  # the estimate with every label
    np.testing.assert_array_equal(points[:, 3:], points[:, :1].repeat(2, axis=1))
    own_labels = 1 - np.arange(8) % 2
    points, labels = _starts(run, images[:8], own_labels, 3)
    numbers = [np.flatnonzero((draws == point).all(axis=1))[0] for point in points[:, 1:].reshape(-1, 4)]
    assert labels.tolist() == own_labels[:, np.newaxis].repeat(3, axis=1).tolist()
    assert [number % 2 for number in numbers] == labels[:, 1:].ravel().tolist()
    for limit, count in ((2, 5), (1, 3)):
        monkeypatch.setattr(inversion, "MAX_SEARCHED", limit)
        assert _starts(run, images[:8], None, 3)[0].shape[1] == count


def test_files_folders_and_arrays_are_read_as_training_images_are(runs, tmp_path):
    run = runs["vae"]
    _, held_out = run.datasets()
    pixels = held_out.images[:2]
    (tmp_path / "folder").mkdir()
    for number, image in enumerate(pixels[..., 0]):
        Image.fromarray(image).convert("RGB").save(tmp_path / "folder" / f"{number}.png")
    np.save(tmp_path / "images.npy", pixels[..., 0] / 255)
    np.save(tmp_path / "large.npy", np.kron(pixels, np.ones((1, 2, 2, 3), np.uint8)))  # twice as large, in colour
    np.save(tmp_path / "one.npy", pixels[1, ..., 0])
    wide = np.pad(np.kron(pixels[0, ..., 0], np.ones((3, 3), np.uint8)), ((0, 0), (7, 7)))
    Image.fromarray(wide).save(tmp_path / "wide.png")

    names = [tmp_path / "folder", tmp_path / "images.npy", tmp_path / "one.npy", 1, "0"]
    read, called = given_images(run, names)
    np.testing.assert_array_equal(read, pixels[[0, 1, 0, 1, 1, 1, 0]])
    assert called[0].endswith("0.png") and called[3].endswith("images.npy[1]") and called[-1] == "held-out image 0"
    for name in ("large.npy", "wide.png"):
        read, _ = given_images(run, str(tmp_path / name))
        assert np.abs(read[0].astype(int) - pixels[0]).mean() < 6
    np.testing.assert_array_equal(given_images(run, pixels / 255)[0], pixels)


def test_what_cannot_be_projected_gets_one_line(runs, tmp_path):
    run = runs["dcgan"]
    Image.new("L", (16, 16), 255).save(tmp_path / "blank.png")
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "nothing").mkdir()
    np.save(tmp_path / "table.npy", np.arange(10))
    for images, message in (
        (tmp_path / "blank.png", "blank.png is of one flat colour"),
        (np.zeros((2, 16, 16)), "image 0 (and 1 other) is of one flat colour"),
        (tmp_path / "text.png", "is not an image"),
        (tmp_path / "nothing", "holds no image"),
        (tmp_path / "gone.npy", "does not exist"),
        (tmp_path / "gone.png", "cannot be opened"),
        (tmp_path / "table.npy", "table.npy has shape (10,)"),
        (np.zeros((2, 9, 9, 3)), "this run takes (n, 16, 16, 1)"),
        ([], "images have shape (0,)"),
        (None, "images have dtype object"),
        (9999, "there is no held-out image 9999"),
    ):
        with pytest.raises(InputError) as raised:
            run.project(images)
        assert message in str(raised.value)
        assert "\n" not in str(raised.value)
    with pytest.raises(InputError, match="always found by gradient descent; leave `refine` out"):
        run.project(0, refine=True)
    with pytest.raises(InputError, match="`starts` must be a whole number from 1 to 64"):
        run.project(0, starts=0)


def test_views_of_a_dcgan_take_images(runs, tmp_path, monkeypatch):
    run = runs["dcgan"]
    monkeypatch.setattr(run, "project", partial(run.project, starts=1, steps=50))
    own = run.generate(2, seed=5)
    for number, image in enumerate(own[..., 0]):
        Image.fromarray(image).save(tmp_path / f"{number}.png")
    first, last = tmp_path / "0.png", tmp_path / "1.png"
    walk = run.view("interpolate", start=first, end=last, steps=3)
    assert np.abs(walk.array[[0, -1]].astype(int) - own).mean() < 5
    assert walk.remarks[0].startswith("Found by gradient descent, with a mean squared error of 0.000")
    swept = run.view("traverse", start=last, rows=1, steps=3)
    assert swept.name.startswith("traversal-of-")
    changed = run.view("concept", plus=[1], minus=[2], apply=first, steps=2, strength=(0.0, 0.0))
    assert np.abs(changed.array[0].astype(int) - own[0]).mean() < 20  # brought to the typical length
    assert run.view("concept", start=0, end=1, apply=last, steps=2).remarks[0].startswith("Classes of 4,000")


@pytest.mark.parametrize("size", [(8, 12), (16, 24), (20, 20)])
def test_an_array_of_another_size_is_brought_to_the_sides_of_a_rectangular_run(size, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (3, *size)).astype(np.uint8)
    np.save(tmp_path / "images.npy", pixels)
    found, names = given_images(SimpleNamespace(image_shape=(8, 12, 1)), tmp_path / "images.npy")
    assert found.shape == (3, 8, 12, 1) and names[2].endswith("images.npy[2]")
    if size == (8, 12):
        np.testing.assert_array_equal(found[..., 0], pixels)


def test_a_colour_may_be_the_same_everywhere():
    pixels = np.random.default_rng(0).integers(0, 256, (1, 4, 4, 3)).astype(np.uint8)
    pixels[..., 0] = 255
    np.testing.assert_array_equal(given_images(SimpleNamespace(image_shape=(4, 4, 3)), pixels)[0], pixels)
