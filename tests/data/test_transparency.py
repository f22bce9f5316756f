from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from keras_gen.data import ImageSet, load_dataset, to_range, to_uint8
from keras_gen.data.inspection import inspect
from keras_gen.errors import InputError
from keras_gen.figures.grids import image_grid, to_pillow
from keras_gen.latent.inversion import coarse_rows
from keras_gen.latent.walks import _changes
from keras_gen.training.findings import mean_distance
from keras_gen.transparency import on_checkerboard, on_white

RANDOM = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))


def discs(hidden=0, count=20, size=16):
    """Return images of a red disc on nothing; what is hidden has any colour."""
    images = np.full((count, size, size, 4), hidden, np.uint8)
    distance = np.hypot(*(np.mgrid[:size, :size] - size / 2))
    for number, image in enumerate(images):
        image[distance < 3 + number % 4] = 250 - number, 10, 20, 255
        image[distance >= 3 + number % 4, 3] = 0
    return images


@pytest.fixture
def stickers(tmp_path):
    def make(images, name="stickers"):
        (tmp_path / name).mkdir()
        for number, image in enumerate(images):
            Image.fromarray(image).save(tmp_path / name / f"{number:02d}.png")
        return tmp_path / name

    return make


def loaded(data, **options):
    said = []
    train, held_out = load_dataset(data, say=said.append, **options)
    return np.concatenate([train.images, held_out.images]), train.fingerprint, "\n".join(said)


@pytest.mark.parametrize("pixel_range", [(0.0, 1.0), (-1.0, 1.0)])
def test_networks_see_premultiplied_colours_and_files_get_their_own_again(pixel_range):
    images = discs()
    seen = to_range(discs(hidden=200), pixel_range)
    np.testing.assert_array_equal(seen, to_range(images, pixel_range))
    np.testing.assert_array_equal(to_uint8(seen, pixel_range), images)
    half = np.full((1, 1, 1, 4), (200, 100, 0, 128), np.uint8)
    low, high = pixel_range
    np.testing.assert_allclose(
        (to_range(half, (low, high))[..., :3] - low) / (high - low), [[[[0.394, 0.196, 0]]]], atol=2e-3
    )
    np.testing.assert_allclose(to_uint8(to_range(half, pixel_range), pixel_range), half, atol=1)
    beyond = np.array([1.5, -0.2, 0.3, 0.25]) * (high - low) + low
    assert to_uint8(beyond.reshape(1, 1, 1, 4), pixel_range).tolist() == [[[[255, 0, 255, 64]]]]


def test_hidden_colours_do_not_matter_in_any_form(stickers, tmp_path):
    _, expected, _ = loaded(stickers(discs()), channels=4)
    np.save(tmp_path / "few.npy", discs(hidden=70))
    for data in (stickers(discs(hidden=200), "others"), tmp_path / "few.npy", discs(hidden=90), ImageSet(discs(30))):
        images, fingerprint, said = loaded(data, channels=4)
        assert images.shape == (20, 16, 16, 4)
        assert fingerprint == expected
        assert "Alpha" not in said


def test_by_default_images_lie_on_white_and_it_is_said_of_many(stickers, tmp_path):
    np.save(tmp_path / "few.npy", discs(hidden=70))
    for data in (stickers(discs()), tmp_path / "few.npy", discs()):
        images, _, said = loaded(data)
        np.testing.assert_array_equal(np.sort(images, 0), np.sort(on_white(discs()), 0))
        assert "Alpha   20 of 20 images are partly transparent, and lie on white; `channels=4` keeps it" in said
    opaque = discs(count=40)
    opaque[:36, ..., 3] = 255
    assert "Alpha" not in loaded(stickers(opaque, "opaque"))[2]
    assert "Alpha" not in loaded(opaque)[2]


def test_resizing_mixes_no_hidden_colour_in(stickers):
    for data in (stickers(discs(hidden=255)), discs(hidden=255)):
        images, _, _ = loaded(data, channels=4, image_size=8)
        assert images.shape == (20, 8, 8, 4)
        assert images[images[..., 3] > 30][:, 1:3].max() < 30  # of tiny alphas, levels are coarse
        assert ((images[..., 3] > 0) & (images[..., 3] < 255)).any()


def test_other_images_get_an_opaque_channel(stickers):
    grey = RANDOM.integers(0, 256, (20, 16, 16), np.uint8)
    for data in (stickers(grey), grey):
        images, _, _ = loaded(data, channels=4)
        assert images.shape == (20, 16, 16, 4)
        assert images[..., 3].min() == 255


def test_pictures_show_what_is_transparent_on_a_checkerboard():
    grid = image_grid(discs(count=4), 2, gap=0)
    assert grid.shape == (32, 32, 3)
    assert grid[0, 0].tolist() == grid[2, 2].tolist() == [255] * 3
    assert grid[0, 2].tolist() == grid[2, 0].tolist() == [204] * 3
    assert grid[8, 8].tolist() == [250, 10, 20]
    assert to_pillow(discs()[0]).mode == "RGBA"
    opaque = RANDOM.integers(0, 256, (2, 8, 8, 3), np.uint8)
    assert on_checkerboard(opaque) is on_white(opaque) is opaque


def test_images_are_judged_as_they_look_on_white():
    with pytest.raises(InputError, match="of one flat colour"):
        inspect(ImageSet(np.repeat(discs(count=1) * np.uint8([1, 1, 1, 0]), 9, axis=0)))


def test_what_is_invisible_makes_no_difference():
    images = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 4), np.uint8)
    images[..., 3] = 0
    run = SimpleNamespace(decode=lambda latents, _: images[: len(latents)])
    assert mean_distance(images) == 0  # so the doctor sees them collapse
    assert not _changes(run, np.zeros(3), 1.0, None).any()  # and no dimension changes them
    assert not coarse_rows(images).any()
