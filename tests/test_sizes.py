import pytest

from keras_gen.errors import InputError
from keras_gen.sizes import PAIRS, as_size, doublings, halvings, nearest_pair, sides, widths


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((28, 28), (7, 7, 2)),
        ((32, 32), (4, 4, 3)),
        ((512, 512), (4, 4, 7)),
        ((8, 8), (4, 4, 1)),
        ((32, 56), (4, 7, 3)),
        ((48, 40), (6, 5, 3)),
    ],
)
def test_each_side_is_a_base_of_4_to_7_doubled_as_often(size, expected):
    assert doublings(*size) == expected


@pytest.mark.parametrize(
    ("size", "nearest"),
    [
        ((30, 30), "`image_size=28` or 32"),
        ((7, 7), "`image_size=8`"),
        ((1024, 1024), "`image_size=512`"),
        ((0, 0), "`image_size=8`"),
        ((24, 40), "`image_size='32x40'` or 24x28"),
        ((64, 48), "`image_size='56x48'` or 64x64"),
        ((500, 300), "`image_size='448x320'` or 448x256"),
    ],
)
def test_other_sizes_are_refused_with_the_nearest_named(size, nearest):
    with pytest.raises(InputError, match=f"cannot reach .* pixels .* resize with {nearest}$"):
        doublings(*size)


def test_the_nearest_pair_changes_the_shape_as_little_as_it_can():
    assert nearest_pair(24, 40) == (32, 56)  # and not 32x40, for which much would be cropped
    assert nearest_pair(40, 71) == (32, 56)
    assert nearest_pair(64, 64) == (64, 64)
    assert all(nearest_pair(*pair) == pair for pair in PAIRS)


@pytest.mark.parametrize(
    ("value", "size"),
    [(64, 64), ("64", 64), ("32x56", "32x56"), ((32, 56), "32x56"), ([48, 48], 48), ("32X56", "32x56")],
)
def test_a_size_is_a_side_or_height_and_width(value, size):
    assert as_size(value) == size
    assert sides(size) == ((32, 56) if size == "32x56" else (size, size))


@pytest.mark.parametrize("value", [True, 2.5, "x", "32x", 3, 1025, "32x2000", (1, 2, 3), (), "32x32x3"])
def test_what_is_no_size_is_refused(value):
    with pytest.raises(ValueError):
        as_size(value)


def test_discriminators_halve_the_longer_side_down_to_4_pixels():
    assert [halvings(size) for size in (8, 28, 32, 40, 64, 128)] == [1, 3, 3, 4, 4, 5]
    assert halvings(32, 56) == 4


def test_widths_double_inwards_up_to_the_most():
    assert widths(64, 5, most=512) == [64, 128, 256, 512, 512]
