import numpy as np
from PIL import Image

from keras_gen.figures import image_grid, save_grid
from keras_gen.figures.grids import GAP, labelled_grid


def numbered(count, size=4, channels=1):
    """Image i is filled with the value i, its top left pixel with 200 + i."""
    images = np.zeros((count, size, size, channels), np.uint8) + np.arange(count, dtype=np.uint8).reshape(-1, 1, 1, 1)
    images[:, 0, 0] += 200
    return images


def test_every_image_is_in_its_cell_in_reading_order():
    grid = image_grid(numbered(5), columns=3)
    assert grid.shape == (4 + GAP + 4, 3 * 4 + 2 * GAP, 1)
    for number in range(5):
        row, column = divmod(number, 3)
        top, left = row * (4 + GAP), column * (4 + GAP)
        np.testing.assert_array_equal(grid[top : top + 4, left : left + 4], numbered(5)[number])
    assert (grid[4 + GAP :, 2 * (4 + GAP) :] == 255).all()  # the empty cell
    assert (grid[4 : 4 + GAP] == 255).all()  # the gap


def test_grids_are_about_square_unless_told():
    assert image_grid(numbered(16)).shape[:2] == (4 * 6 - GAP, 4 * 6 - GAP)
    assert image_grid(numbered(1)).shape == (4, 4, 1)


def test_files_hold_the_same_pixels_enlarged(tmp_path):
    for channels in (1, 3):
        images = numbered(4, 32, channels)
        images[..., 0] += 7
        save_grid(images, tmp_path / "grid.png")
        pixels = np.asarray(Image.open(tmp_path / "grid.png"))
        grid = image_grid(images)
        assert pixels.shape[:2] == (2 * grid.shape[0], 2 * grid.shape[1])
        np.testing.assert_array_equal(pixels[::2, ::2].reshape(grid.shape), grid)
        np.testing.assert_array_equal(pixels[1::2, 1::2].reshape(grid.shape), grid)


def test_labels_stand_above_their_images():
    images = np.stack([np.full((4, 4, 1), level, np.uint8) for level in (0, 100, 200)])
    figure = labelled_grid(images, ["a", "b", "c"], columns=2)
    assert [axes.get_title() for axes in figure.axes] == ["a", "b", "c"]
    assert [int(axes.images[0].get_array().max()) for axes in figure.axes] == [0, 100, 200]
