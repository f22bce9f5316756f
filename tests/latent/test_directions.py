"""Directions of a latent space."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from keras_gen import latent
from keras_gen.data import ImageSet
from keras_gen.errors import InputError
from keras_gen.latent import directions, groups
from keras_gen.latent.directions import Directions, find_directions
from keras_gen.latent.groups import class_points
from keras_gen.models import build_generator
from keras_gen.run import load_run
from tests.small import train_small

SHAPE = (8, 8, 1)


@pytest.mark.parametrize("classes", [None, 3])
def test_sefa_directions_are_those_that_the_first_layer_amplifies_most(classes: int | None) -> None:
    generator = build_generator(SHAPE, latent_dim=6, base_filters=4, filters=4, classes=classes)
    layer = generator.get_layer("dense")
    kernel = np.random.default_rng(0).normal(size=layer.kernel.shape)
    kernel[4] *= 100  # z[4] counts most, then z[1]
    kernel[1] *= 10
    layer.kernel.assign(kernel)

    found = latent.sefa_directions(generator, 3)

    assert found.dtype == np.float32 and found.shape == (3, 6)
    assert np.abs(found).argmax(axis=1)[:2].tolist() == [4, 1]
    assert found[0, 4] > 0.99 and found[1, 1] > 0.9  # the largest number is positive
    np.testing.assert_allclose(found @ found.T, np.eye(3), atol=1e-5)
    lengths = np.linalg.norm(found @ kernel[:6], axis=1)
    assert (np.diff(lengths) < 0).all()
    assert len(latent.sefa_directions(generator, 100)) == 6


@pytest.mark.parametrize("distribution", ["normal", "uniform"])
def test_a_generator_s_latent_points_deviate_along_a_direction_as_draws_do(distribution: str) -> None:
    generator = build_generator(SHAPE, latent_dim=6, base_filters=4, filters=4)
    settings = SimpleNamespace(latent_distribution=distribution)
    run = SimpleNamespace(encodes=False, conditional=True, settings=settings, model=lambda name: generator)
    found = find_directions(run, 3)
    draws = latent.draw_latents(np.random.default_rng(0), 4000, 6, distribution) @ found.vectors.T
    np.testing.assert_allclose(draws.std(axis=0), found.deviations, rtol=0.05)
    np.testing.assert_allclose(draws.mean(axis=0), found.centres, atol=0.05)


def test_points_on_a_direction_are_so_many_deviations_from_its_centre() -> None:
    vector = np.array([[0.6, 0.8]], np.float32)
    found = Directions(vector, ("one",), np.array([2.0]), np.array([0.5]))
    points = found.through(np.array([5.0, -1.0], np.float32), 0, np.array([-3, 0, 3]))
    np.testing.assert_allclose(points @ vector[0], [0.5, 2, 3.5], rtol=1e-6)
    across = points @ np.array([0.8, -0.6])
    np.testing.assert_allclose(across, across[0], rtol=1e-5)  # nothing else changes


def test_a_vae_s_directions_are_its_active_dimensions_by_kl_and_the_dead_are_named(command_runs) -> None:
    run = load_run(command_runs["vae3"])
    _, held_out = run.datasets()
    layers = [run.model("encoder").get_layer(name) for name in ("z_mean", "z_log_var")]
    for layer in layers:  # z[1] collapses, z[2] carries more than z[0]
        kernel, bias = layer.get_weights()
        kernel[:, 1], bias[1] = 0, 0
        layer.set_weights([kernel, bias])
    kernel, bias = layers[0].get_weights()
    layers[0].set_weights([kernel * [3, 1, 30], bias])

    found = run.directions()

    assert [name.split()[0] for name in found.names] == ["z[2]", "z[0]", "towards", "towards"]
    np.testing.assert_array_equal(found.vectors[:2], np.eye(3)[[2, 0]])
    assert found.remarks == ("Dead dimensions (KL below 0.01 nats): z[1]",)
    codes = run.encode(held_out.images)
    along = codes @ found.vectors[2]
    name = found.names[2].removeprefix("towards ")
    label = run.label_names.index(name)
    assert along[held_out.labels == label].mean() > along[held_out.labels != label].mean()


def test_directions_of_a_dcgan_lead_towards_the_classes_that_a_classifier_sees(image_sets, monkeypatch) -> None:
    run = train_small("dcgan", *image_sets(), epochs=1)
    train, _ = run.datasets()

    def decode(latents, label=None):
        return train.images[(np.asarray(latents)[:, 2] < 0).astype(int)]  # z[2] decides between upright and lying

    monkeypatch.setattr(run, "decode", decode)
    found = run.directions(2)
    assert found.names == ("direction 1", "direction 2", "towards upright", "towards lying")
    assert np.abs(found.vectors[2:]).argmax(axis=1).tolist() == [2, 2]
    assert found.vectors[2, 2] > 0.95 and found.vectors[3, 2] < -0.95
    np.testing.assert_allclose(found.deviations, 1, atol=0.1)
    assert "right for 100% of held-out images" in found.remarks[0]
    walk = run.view("concept", start="upright", end="lying", steps=2).array
    np.testing.assert_array_equal(walk, train.images[:2])


def test_the_classifier_is_judged_by_held_out_images(image_sets) -> None:
    train, held_out = image_sets()
    run = SimpleNamespace(
        encodes=False,
        draw=lambda count: np.zeros((count, 2)),
        decode=lambda points: train.images[np.arange(len(points)) % len(train)],
    )
    remarks = []
    _, labels = class_points(run, train, replace(held_out, labels=1 - held_out.labels), remarks)
    assert (labels[: len(train)] == train.labels).all()
    assert remarks[0].endswith("which is right for 0% of held-out images")


def test_codes_of_some_of_the_images_have_their_own_labels(image_sets, monkeypatch) -> None:
    train, held_out = image_sets()
    monkeypatch.setattr(groups, "CLASS_IMAGES", 5)
    run = SimpleNamespace(encodes=True, encode=lambda images: images)
    points, labels = class_points(run, train, held_out, [])
    numbers = [np.flatnonzero((train.images == point).all(axis=(1, 2, 3)))[0] for point in points]
    assert len(numbers) == 5 and labels.tolist() == train.labels[numbers].tolist()


@pytest.mark.parametrize(("limit", "shown"), [(10, "acd"), (2, "ad")])
def test_the_largest_classes_have_directions_and_tiny_ones_none(limit: int, shown: str, monkeypatch) -> None:
    labels = np.repeat(np.arange(4), (20, 9, 10, 30))
    images = ImageSet(np.eye(4)[labels].reshape(-1, 2, 2, 1).astype(np.uint8), labels, tuple("abcd"))
    zeros = np.zeros((1, 4), np.float32)
    run = SimpleNamespace(
        encodes=True,
        conditional=False,
        datasets=lambda: (images, images),
        labels_of=lambda images: None,
        encode=lambda images: images.reshape(-1, 4),
        encode_distribution=lambda images, labels: (zeros, zeros),
        label_names="abcd",
    )
    monkeypatch.setattr(directions, "MAX_CLASSES", limit)
    found = find_directions(run)
    # All dimensions are dead: one is shown, in whose row nothing changes.
    assert found.names == ("z[0]  0.00 nats", *(f"towards {name}" for name in shown))
    assert found.vectors[1:].argmax(axis=1).tolist() == ["abcd".index(name) for name in shown]


def test_a_conditional_run_has_no_directions_of_classes(image_sets) -> None:
    run = train_small("dcgan", *image_sets(), epochs=1, conditional=True)
    assert run.directions(3).names == ("direction 1", "direction 2", "direction 3")
    assert run.view("directions", seeds=[4, 5], count=2, label=1).array.shape == (2 * 2 * 5, 8, 8, 1)


def test_rows_of_the_picture_sweep_each_point(command_runs) -> None:
    run = load_run(command_runs["dcgan"])
    found = run.directions(2)
    view = run.view("directions", count=2, seeds=[7, 9], steps=3)
    latents = [found.through(point, 1, np.array([-3, 0, 3])) for point in run.draw_seeds([7, 9])]
    np.testing.assert_array_equal(view.array[6:12], run.decode(np.concatenate(latents)))
    vae = load_run(command_runs["vae"])
    code = vae.encode(vae.datasets()[1].images[3:4])[0]
    latents = vae.directions(1).through(code, 0, np.array([-3, 0, 3]))
    np.testing.assert_array_equal(vae.view("directions", at=3, count=1, steps=3).array[:3], vae.decode(latents))
    with pytest.raises(InputError, match="`at` is a given image and `seeds` are generated ones"):
        run.view("directions", seeds=[7], at=0)
