"""Maps and rows of pictures, on a run that decodes and encodes as it is told: every image and dot in its place."""

from types import SimpleNamespace

import numpy as np
import pytest

from keras_gen import latent
from keras_gen.data import ImageSet
from keras_gen.latent import maps, own_images, walks
from keras_gen.latent.inversion import Projection

SHAPE = (4, 4, 1)


def a_run(codes, **options):
    """A VAE's run whose held-out images have these codes; the image of a code has its first number, times 10."""
    images = np.random.default_rng(0).integers(0, 256, (len(codes), *SHAPE)).astype(np.uint8)
    held_out = ImageSet(images, np.arange(len(codes)) % 3, tuple("abc"))
    places = {image.tobytes(): code for image, code in zip(images, codes, strict=True)}
    values = {
        "settings": SimpleNamespace(
            latent_dim=codes.shape[1], latent_distribution="normal", training=SimpleNamespace(seed=7)
        ),
        "conditional": False,
        "encodes": True,
        "image_shape": SHAPE,
        "datasets": lambda: (held_out, held_out),
        "labels_of": lambda images, indices=None: None,
        "encode": lambda images, labels=None: np.stack([places[image.tobytes()] for image in images]),
        "decode": lambda codes, labels=None: (
            np.rint(np.clip(10 * codes[:, :1, None, None], 0, 255)).astype(np.uint8) * np.ones(SHAPE, np.uint8)
        ),
    }
    return SimpleNamespace(**values | options)


@pytest.mark.parametrize("latent_dim", [1, 2, 5])
def test_dots_lie_where_the_codes_do(latent_dim):
    codes = np.random.default_rng(1).normal(size=(30, latent_dim)) * np.arange(1, latent_dim + 1)
    labels = np.arange(30) % 3
    expected = np.column_stack([codes, labels]) if latent_dim == 1 else codes
    if latent_dim > 2:
        expected = latent.principal_axes(codes).coordinates(codes)[:, :2]
    dots = maps.scatter(a_run(codes)).picture.axes[0].collections
    assert [part.get_label() for part in dots] == list("abc")
    for label, part in enumerate(dots):
        np.testing.assert_allclose(part.get_offsets(), expected[labels == label], rtol=1e-5, atol=1e-6)


def test_t_sne_lays_out_no_more_than_it_can_in_time(monkeypatch):
    seeds = []
    monkeypatch.setattr(maps, "MAX_TSNE", 6)
    monkeypatch.setattr(latent, "tsne", lambda codes, seed: seeds.append(seed) or codes[:, :2])
    codes = np.random.default_rng(1).normal(size=(12, 3))
    assert [len(maps.scatter(a_run(codes), "tsne", count).array) for count in (None, 4, 9)] == [6, 4, 6]
    assert seeds == [7] * 3


def test_the_axes_of_a_manifold_have_its_quantiles():
    view = maps.manifold(a_run(np.zeros((3, 4))), side=3, dimensions=(3, 1))
    (axes,) = view.picture.axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("z[3]", "z[1]")
    across, up = ([text.get_text() for text in texts] for texts in (axes.get_xticklabels(), axes.get_yticklabels()))
    assert across == up[::-1] and float(across[0].replace("−", "-")) < -0.5 < 0.5 < float(across[-1])


def test_more_reconstructions_than_a_row_holds_go_on_below():
    codes = np.arange(12.0).repeat(2).reshape(12, 2)
    run = a_run(codes)
    view = maps.reconstruct(run, range(12))
    corners = view.picture[:: (4 + 2) * 16, :: (4 + 2) * 16, 0]  # of each image, whose pixels are 16 times as large
    originals, white = run.datasets()[1].images[:, 0, 0, 0].tolist(), [255] * 8
    expected = [originals[:10], list(range(0, 100, 10)), [*originals[10:], *white], [100, 110, *white]]
    assert corners.tolist() == expected


def test_a_traversal_begins_at_the_image_that_is_named_and_sweeps_evenly():
    codes = np.array([[5.0, 3.0], [5.5, 3.5], [6.0, 1.0]])
    run = a_run(codes, encode_distribution=lambda images, labels: (codes, np.full_like(codes, -9)))
    images = walks.traverse(run, start=2, steps=5).array[..., 0, 0, 0]
    reach = 2.33 * np.hypot(codes[:, 0].std(), np.exp(-4.5))
    np.testing.assert_allclose(images[:5], 10 * np.linspace(5.5 - reach, 5.5 + reach, 5), atol=0.51)
    assert images[5:].tolist() == [60] * 5


def test_a_concept_is_added_to_the_generated_image_that_is_named():
    run = a_run(
        np.zeros((3, 2)),
        draw=lambda count, seed: np.array([[seed, 0.0]]),
        draw_seeds=lambda seeds: np.array([[seed, 0.0] for seed in seeds]),
        at_typical_length=lambda points: points,
    )
    strip = walks.concept(run, plus=[4], minus=[2], seed=5, steps=3).array
    assert strip[:, 0, 0, 0].tolist() == [50, 60, 70]


def test_differences_and_errors_of_what_was_found():
    originals = np.full((3, *SHAPE), 10, np.uint8)
    images = originals + np.array([20, 5, 0], np.uint8).reshape(3, 1, 1, 1)
    images[0] -= 25  # darker than the original
    found = Projection(originals, np.zeros((3, 2)), images, np.array([0.4, 0.1, 0.2]), None)
    run = a_run(np.zeros((3, 2)), project=lambda *_: found)
    view = own_images.project(run, [0, 1, 2])
    assert "Errors of 3 images: median 0.20000, largest 0.40000" in view.remarks
    assert view.array is found.latents and view.keeps_array
    (shown,) = view.picture.axes[0].images
    assert shown.get_array()[:: 4 + 2, :: 4 + 2].tolist() == [[10, 10, 10], [5, 15, 10], [5, 5, 0]]
