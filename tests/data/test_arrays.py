import numpy as np
import pytest

from keras_gen import ImageSet
from keras_gen.data.arrays import Part, named_parts, prepare
from keras_gen.errors import InputError

RANDOM = np.random.default_rng(0)
BYTES = RANDOM.integers(0, 256, (40, 8, 8), dtype=np.uint8)
UNIT = BYTES / 255  # floats that scale back to the same bytes
COLOURS = RANDOM.integers(0, 256, (40, 8, 8, 3), dtype=np.uint8)
CLASSES = np.arange(40) % 10


def bits(count):
    return np.rint(UNIT * (2**count - 1)).astype(np.uint16)


@pytest.mark.parametrize(
    ("images", "tolerance"),
    [
        (BYTES, 0),
        (BYTES.astype(np.int64), 0),
        (BYTES.astype(">u2"), 0),
        (BYTES.astype(np.float32), 0),
        (BYTES.tolist(), 0),
        (np.asfortranarray(BYTES), 0),
        (UNIT, 0),
        (UNIT.astype(">f4"), 0),
        (UNIT.astype(np.float16), 1),
        (UNIT * 2 - 1, 0),
        (np.float32(UNIT * 2 - 1) * np.float32(1.0000001), 0),
        (UNIT * 254.5 + 0.2, 1),
        (bits(10), 0),
        (bits(12), 0),
        (bits(14).astype(np.int32), 0),
        (bits(16), 0),
        (bits(12).astype(np.float32), 0),
    ],
)
def test_pixels_of_any_range_become_bytes(images, tolerance):
    difference = np.abs(ImageSet.from_arrays(images).images[..., 0].astype(int) - BYTES)
    assert difference.max() <= tolerance


def test_many_blank_images_do_not_make_the_others_nearly_black():
    blank = (np.arange(40) < 30)[:, np.newaxis, np.newaxis]
    found = ImageSet.from_arrays(np.where(blank, 0, UNIT)).images[..., 0]
    np.testing.assert_array_equal(found, np.where(blank, 0, BYTES))


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float32])
def test_masks_become_black_and_white(dtype):
    mask = (BYTES > 127).astype(dtype)
    np.testing.assert_array_equal(ImageSet.from_arrays(mask).images[..., 0], np.where(BYTES > 127, 255, 0))
    np.testing.assert_array_equal(mask, BYTES > 127)  # the user's own array is as it was


@pytest.mark.parametrize("black", [0, -1])
def test_what_resampling_adds_beyond_black_and_white_is_clipped(black):
    span = 1 - black
    images = np.clip(UNIT * span + black, black, 1)
    images[0, 0] = black - 0.05 * span
    images[0, 1] = 1 + 0.05 * span
    bytes_ = ImageSet.from_arrays(images).images[..., 0]
    np.testing.assert_array_equal(bytes_[0, :2], [[0] * 8, [255] * 8])
    np.testing.assert_array_equal(bytes_[1:], BYTES[1:])


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (UNIT - UNIT.mean(), "no usual range; .* mean-centred or standardised, undo that"),
        ((UNIT - UNIT.mean()) / UNIT.std(), "no usual range"),
        (0.97 * UNIT - np.mean(0.97 * UNIT, axis=0), "no usual range"),
        (np.where(UNIT > 0.5, 0.96, -0.96) - np.where(UNIT > 0.5, 0.96, -0.96).mean(), "no usual range"),
        (BYTES - BYTES.mean(), "no usual range"),
        (UNIT * 1.5, "pixels from 0.0 to 1.5 are in no usual range|pixels from 0 to 1.5 are in no usual range"),
        ((BYTES.astype(int) - 128).astype(np.int8), "pixels from -128 to 127 are in no usual range"),
        (BYTES.astype(np.uint64) << 40, "no usual range"),
        (BYTES % 17, "nearly black if 255 is white; brighten them, or, if 16 is about white, divide by it"),
        (UNIT * 16 // 1, "nearly black if 255 is white"),
        (UNIT / 255, "nearly black if 1 is white"),
        (np.where(np.arange(40).reshape(-1, 1, 1) == 7, 65535, bits(12)).astype(np.uint16), "nearly black if 65535"),
        (BYTES.astype(int) * 270 // 255, "in two ways; clip them at 255 if that is white, or divide by 1023"),
        (np.where(UNIT > 0.9, np.nan, UNIT), "not finite"),
        (np.where(UNIT > 0.9, np.inf, UNIT), "not finite"),
        (BYTES.astype(object), "dtype object"),
        (UNIT.astype(np.complex64), "dtype complex64"),
        (np.zeros((4, 8, 8), [("a", "u1")]), "dtype "),
        (BYTES.astype("M8[s]"), "dtype datetime64"),
        (np.array(["a.png"]), "dtype <U5"),
        (None, "dtype object"),
    ],
)
def test_pixels_of_no_known_range_are_refused(images, message):
    with pytest.raises(InputError, match=message) as caught:
        ImageSet.from_arrays(images)
    assert len(str(caught.value)) < 300


def test_layouts_are_recognised():
    first = np.moveaxis(COLOURS, -1, 1)
    for images in (COLOURS, first, np.moveaxis(COLOURS, 0, -1)):
        np.testing.assert_array_equal(ImageSet.from_arrays(images).images, COLOURS)
    grey = BYTES[..., np.newaxis]
    for images in (BYTES, grey, BYTES[:, np.newaxis], BYTES.reshape(40, 64), np.moveaxis(BYTES, 0, -1)):
        np.testing.assert_array_equal(ImageSet.from_arrays(images).images, grey)


@pytest.mark.parametrize(
    ("shape", "read"),
    [
        ((28, 28, 500), (500, 28, 28, 1)),
        ((200, 8, 30), (200, 8, 30, 1)),
        ((20, 8, 12), (20, 8, 12, 1)),
        ((3, 28, 28), (3, 28, 28, 1)),
        ((3, 32, 32, 3), (3, 32, 32, 3)),
        ((3, 3, 32, 32), (3, 32, 32, 3)),
        ((28, 28, 1, 50), (50, 28, 28, 1)),
        ((64, 64, 64, 3), (64, 64, 64, 3)),
        ((5, 2, 2, 3), (5, 2, 2, 3)),
        ((40, 8, 8, 4), (40, 8, 8, 4)),
        ((40, 4, 8, 8), (40, 8, 8, 4)),
        ((28, 28, 4, 50), (50, 28, 28, 4)),
    ],
)
def test_shapes_that_have_one_likely_reading(shape, read):
    assert ImageSet.from_arrays(RANDOM.integers(0, 256, shape, np.uint8)).images.shape == read


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((28, 28, 28), r"could be \(n, height, width\) or \(height, width, n\); reshape or transpose"),
        ((60, 48, 64), "could be"),
        ((28, 28, 3), r"could be \(height, width, n\) or one image"),
        ((64, 64), r"could be \(n, pixels\) or one image"),
        ((40, 3072), r"rows of \(n, height, width, channels\) or rows of \(n, channels, height, width\)"),
        ((28, 28), "is one image"),
        ((40, 785), r"has shape \(40, 785\); give \(n, height, width\)"),
        ((40, 16), "has shape"),
        ((40, 8, 8, 8), "has shape"),
        ((40, 0, 8), "has shape"),
        ((2, 3, 4, 5, 6), "has shape"),
        ((10,), "has shape"),
        ((), "has shape"),
        ((0, 8, 8), "has no images"),
    ],
)
def test_shapes_that_are_no_images_or_have_two_readings_are_refused(shape, message):
    with pytest.raises(InputError, match=message):
        ImageSet.from_arrays(np.zeros(shape, np.uint8))


def test_labels_and_the_other_part_decide_between_two_readings():
    last = np.moveaxis(RANDOM.integers(0, 256, (12, 8, 8), np.uint8), 0, -1)
    either = RANDOM.integers(0, 256, (20, 16, 24), np.uint8)
    assert ImageSet.from_arrays(either, np.arange(20)).images.shape == (20, 16, 24, 1)
    assert ImageSet.from_arrays(either, np.arange(24)).images.shape == (24, 20, 16, 1)
    lines = []
    parts, _ = prepare([Part(last), Part(last[:, :, :8])], say=lines.append)
    assert [images.shape for images, _ in parts] == [(12, 8, 8, 1), (8, 8, 8, 1)]
    assert lines == ["Layout  images and images of shape (8, 8, 12) read as (height, width, n): 12 images of 8x8"]


def test_the_range_is_recognised_from_all_parts_together():
    lines = []
    dark = BYTES.astype(np.uint16) // 2
    ((train, _), (held_out, _)), _ = prepare([Part(bits(12)), Part(dark)], say=lines.append)
    assert (train.max(), held_out.max()) == (255, 8)  # on its own, the second would be taken as 8 bits
    assert lines == ["Pixels  images and images run from 0 to 4095: 0 is taken as black, 4095 as white"]
    with pytest.raises(InputError, match="mix uint8 and float64; give both one type"):
        prepare([Part(BYTES), Part(UNIT)])
    with pytest.raises(InputError, match="give both parts images of one shape"):
        prepare([Part(BYTES), Part(BYTES[:, :4, :4])])


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (CLASSES, "0123456789"),
        (CLASSES.astype(float).tolist(), "0123456789"),
        (CLASSES[:, np.newaxis], "0123456789"),
        (CLASSES[np.newaxis], "0123456789"),
        (np.eye(10)[CLASSES], "0123456789"),
        (np.eye(10, dtype=bool)[CLASSES], "0123456789"),
        (CLASSES.astype(object), "0123456789"),
        (CLASSES * 3 - 3, ["-3", "0", "3", "6", "9", "12", "15", "18", "21", "24"]),
        (np.array(list("abcdefghij"))[CLASSES], "abcdefghij"),
        (np.array(list("abcdefghij"), object)[CLASSES], "abcdefghij"),
        (np.array([b"\xc3\xa4", *[bytes([c]) for c in b"bcdefghij"]])[CLASSES], "äbcdefghij"),
    ],
)
def test_labels_in_any_form_are_numbered_and_named(labels, names):
    image_set = ImageSet.from_arrays(BYTES, labels)
    assert [image_set.class_names[label] for label in image_set.labels] == [names[label] for label in CLASSES]
    assert image_set.class_names == tuple(sorted(names) if isinstance(names, str) else names)


def test_given_class_names_are_all_kept_in_their_order():
    assert ImageSet.from_arrays(BYTES, CLASSES % 2, "abc").class_names == ("a", "b", "c")
    image_set = ImageSet.from_arrays(BYTES, np.array(["b", "a"])[CLASSES % 2], "bac")
    assert (image_set.class_names, image_set.labels[:2].tolist()) == (("b", "a", "c"), [0, 1])
    for labels in (CLASSES, np.array(list("abcdefghij"))[CLASSES]):
        with pytest.raises(InputError, match="which is none of the 3 class names"):
            ImageSet.from_arrays(BYTES, labels, "abc")


@pytest.mark.parametrize(
    "labels",
    [
        CLASSES[:3],
        np.arange(50),
        CLASSES + 0.5,
        CLASSES * np.nan,
        CLASSES * 1j,
        3,
        np.eye(10)[CLASSES] + np.eye(10)[(CLASSES + 1) % 10],
        np.full((40, 10), 0.1),
        np.array([{}] * 40),
        np.full(40, 2**63, np.uint64),
    ],
)
def test_labels_that_are_not_one_for_each_image_are_refused(labels):
    with pytest.raises(InputError, match="give 40 whole numbers or texts, one for each image, or one-hot rows"):
        ImageSet.from_arrays(BYTES, labels)


X, Y, XT, YT, OTHER = BYTES, CLASSES, BYTES[:9], CLASSES[:9], np.zeros(3)


@pytest.mark.parametrize(
    ("arrays", "found"),
    [
        ({"images": X, "labels": Y}, (X, Y)),
        ({"imgs": X, "latents": OTHER}, (X, None)),
        ({"X_train": X, "Y_train": Y, "X_test": XT, "Y_test": YT}, (X, Y, XT, YT)),
        ({"train_images": X, "train_labels": Y, "test_images": XT, "test_labels": YT}, (X, Y, XT, YT)),
        ({"val_images": OTHER, "train_images": X, "test_images": XT}, (X, None, XT, None)),
        ({"x_train": X, "x_val": XT, "y_val": YT}, (X, None, XT, YT)),
        ({"train": X, "test": XT, "x": OTHER}, (X, None, XT, None)),
        ({"X": X, "y": Y}, (X, Y)),
        ({"arr_0": X, "arr_1": Y}, (X, Y)),
        ({"arr_0": X, "arr_1": XT}, (X, None)),
        ({"my_pictures": X}, (X, None)),
    ],
)
def test_images_and_labels_are_found_by_their_usual_names(arrays, found):
    parts, _ = named_parts(arrays, "photos.npz")
    values = [value for part in parts for value in (part.images, part.labels)]
    assert len(values) == len(found)
    assert all(value is array for value, array in zip(values, found, strict=True))


def test_arrays_without_a_known_name_are_listed():
    with pytest.raises(
        InputError, match=r"photos\.npz has no array named images, x_train or the like; it has pictures, z"
    ):
        named_parts({"pictures": X, "z": X}, "photos.npz")


class OnDevice:
    """A tensor that its library does not convert."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("cannot convert cuda:0\nuse cpu()")


def test_what_cannot_be_an_array_gives_one_line():
    for images, labels in ((OnDevice(), None), (BYTES, OnDevice())):
        with pytest.raises(InputError, match=r"\(cannot convert cuda:0 use cpu\(\)\); give a NumPy array"):
            ImageSet.from_arrays(images, labels)
    for images, labels in (([[1, 2], [3]], None), (BYTES, [[1], [2, 3]]), (ImageSet(COLOURS), None)):
        with pytest.raises(InputError, match=r"cannot be made an array|ImageSet already"):
            ImageSet.from_arrays(images, labels)
