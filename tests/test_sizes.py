import pytest

from keras_gen.errors import InputError
from keras_gen.sizes import doublings, halvings, square_size, widths


@pytest.mark.parametrize(
    ("size", "expected"),
    [(28, (7, 2)), (32, (4, 3)), (64, (4, 4)), (128, (4, 5)), (48, (6, 3)), (40, (5, 3)), (8, (4, 1))],
)
def test_a_size_is_a_base_of_4_to_7_doubled(size, expected):
    assert doublings(size) == expected


@pytest.mark.parametrize(
    ("size", "nearest"), [(30, "28 or 32"), (100, "96 or 112"), (7, "8"), (1024, "512"), (-4, "8"), (0, "8")]
)
def test_other_sizes_are_refused_with_the_nearest_named(size, nearest):
    with pytest.raises(InputError, match=f"cannot reach {size} pixels .* --image-size {nearest}$"):
        doublings(size)


def test_images_must_be_square():
    assert square_size((28, 28, 1)) == 28
    with pytest.raises(InputError, match="30x40, not square; crop and resize with --image-size 28"):
        square_size((30, 40, 3))


def test_discriminators_halve_down_to_4_pixels():
    assert [halvings(size) for size in (8, 28, 32, 40, 64, 128)] == [1, 3, 3, 4, 4, 5]


def test_widths_double_inwards_up_to_the_most():
    assert widths(64, 5, most=512) == [64, 128, 256, 512, 512]
