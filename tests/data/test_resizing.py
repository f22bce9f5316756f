import numpy as np
import pytest
from PIL import Image

from keras_gen.data import ImageSet
from keras_gen.data.decoding import Header, too_small
from keras_gen.data.resizing import Unusable, eight_bit, fit, reduced, upright


def test_resizing_crops_the_centre_and_renews_the_fingerprint():
    images = np.zeros((2, 8, 16, 3), np.uint8)
    images[:, :, 4:12] = 200  # the centre square; the rest is cut off
    before = ImageSet(images, None, (), "wide")
    after = fit(before, 4)
    assert after.images.shape == (2, 4, 4, 3)
    assert (after.images == 200).all()
    assert after.fingerprint != before.fingerprint


def test_images_of_the_right_size_and_channels_are_left_alone():
    before = ImageSet(np.zeros((1, 8, 8, 1), np.uint8), None, (), "right")
    assert fit(before) is fit(before, 8) is fit(before, None, 1) is before


def test_grey_and_colour_are_turned_into_each_other():
    colours = np.zeros((1, 2, 2, 3), np.uint8) + np.array([200, 100, 50], np.uint8)
    grey = fit(ImageSet(colours, None, (), "orange"), channels=1)
    assert grey.images.ravel().tolist() == [round(0.299 * 200 + 0.587 * 100 + 0.114 * 50)] * 4  # ITU-R 601
    back = fit(grey, channels=3)
    assert back.images.shape == (1, 2, 2, 3)
    assert (back.images == grey.images).all()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # fromarray's mode, the one way to make CMYK from an array
@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.new("RGBA", (1, 1), (10, 20, 30, 0)), (255, 255, 255)),
        (Image.new("RGBA", (1, 1), (0, 0, 0, 128)), (127, 127, 127)),
        (Image.new("LA", (1, 1), (40, 0)), (255, 255, 255)),
        (Image.new("CMYK", (1, 1), (255, 0, 0, 0)), (0, 255, 255)),
        (Image.new("I;16", (1, 1), 65535), 255),
        (Image.new("I;16", (1, 1), 257 * 77), 77),
        (Image.new("I", (1, 1), 257 * 77), 77),
        (Image.new("1", (1, 1), 1), 255),
        (Image.new("L", (1, 1), 99), 99),
        (Image.new("HSV", (1, 1), (0, 255, 255)), (255, 0, 0)),
    ],
    ids=lambda value: getattr(value, "mode", ""),
)
def test_every_kind_of_pixel_comes_out_as_a_viewer_shows_it(image, expected):
    assert eight_bit(image)[0].getpixel((0, 0)) == expected


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_the_highest_value_is_that_of_the_brightest_colour(mode):
    assert eight_bit(Image.new(mode, (1, 1), (9, 200, 30))).highest == 200


@pytest.mark.parametrize(("mode", "value"), [("F", 0.5), ("I", 70_000), ("I", -1)])
def test_pixels_without_an_agreed_range_are_refused(mode, value):
    with pytest.raises(Unusable, match="save it with 8 or 16 bits"):
        eight_bit(Image.new(mode, (1, 1), value))


def test_palettes_are_looked_up_with_their_transparent_colour():
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putpixel((1, 0), 1)
    assert [eight_bit(image)[0].getpixel((x, 0)) for x in (0, 1)] == [(255, 0, 0), (0, 0, 255)]
    image.info["transparency"] = 1
    assert [eight_bit(image)[0].getpixel((x, 0)) for x in (0, 1)] == [(255, 0, 0), (255, 255, 255)]


def test_a_transparent_level_of_16_bits_is_white():
    image = Image.new("I;16", (2, 1), 257 * 40)
    image.putpixel((1, 0), 257 * 50)
    image.info["transparency"] = 257 * 40
    assert [eight_bit(image)[0].getpixel((x, 0)) for x in (0, 1)] == [255, 50]


@pytest.mark.parametrize("mode", ["RGB", "I;16"])
def test_the_camera_s_rotation_is_carried_out(mode):
    image = Image.new(mode, (2, 1))
    image.putpixel((0, 0), (255, 255, 255) if mode == "RGB" else 65535)
    image.getexif()[0x0112] = 6  # held turned: show it a quarter turn clockwise
    turned = eight_bit(upright(image))[0].convert("L")
    assert turned.size == (1, 2)
    assert [turned.getpixel((0, y)) for y in (0, 1)] == [255, 0]


def test_resizing_is_lanczos_of_the_centre_pixel_for_pixel():
    wide = np.random.default_rng(0).integers(0, 256, (1, 24, 40, 3), np.uint8)
    expected = Image.fromarray(wide[0, :, 8:32]).resize((8, 8), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(fit(ImageSet(wide), 8).images[0], np.asarray(expected))
    tall = wide.swapaxes(1, 2)
    expected = Image.fromarray(np.ascontiguousarray(tall[0, 8:32])).resize((8, 8), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(fit(ImageSet(tall), 8).images[0], np.asarray(expected))


@pytest.mark.parametrize("sides", [(900, 40), (40, 900)])
def test_a_huge_image_of_any_shape_stays_at_least_twice_as_large_as_it_will_be(sides):
    assert 16 <= min(reduced(Image.new("L", sides), 8).picture.size) < 40


@pytest.mark.parametrize(("width", "height", "fits"), [(16, 8, True), (15, 8, False), (16, 7, False)])
def test_images_are_enlarged_four_times_at_most(width, height, fits):
    assert (too_small(Header(width, height, "L"), 32, 64) is None) == fits
