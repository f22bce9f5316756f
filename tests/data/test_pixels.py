import numpy as np
import pytest

from keras_gen.data import to_range, to_uint8

EVERY_BYTE = np.arange(256, dtype=np.uint8)


@pytest.mark.parametrize("pixel_range", [(0.0, 1.0), (-1.0, 1.0)])
def test_every_byte_survives_the_way_there_and_back(pixel_range):
    floats = to_range(EVERY_BYTE, pixel_range)
    assert floats.dtype == np.float32
    assert (floats.min(), floats.max()) == pytest.approx(pixel_range, abs=1e-6)
    np.testing.assert_array_equal(to_uint8(floats, pixel_range), EVERY_BYTE)


def test_values_outside_the_range_are_clipped():
    assert to_uint8(np.array([-7.0, 7.0]), (-1.0, 1.0)).tolist() == [0, 255]
