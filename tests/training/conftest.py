import functools
import signal

import pytest

from keras_gen import ImageSet
from tests.conftest import striped_images
from tests.small import train_small


@pytest.fixture(scope="session")
def striped_sets():
    """The images of `image_sets`, for runs that several tests share."""
    return [
        ImageSet(*striped_images(count, seed=seed), ("upright", "lying"), "stripes")
        for seed, count in enumerate((64, 16))
    ]


@pytest.fixture(scope="session")
def undisturbed(striped_sets):
    """Return the run of a VAE, on the images of `image_sets`, that nothing disturbed, by its epochs."""
    return functools.cache(lambda epochs: train_small("vae", *striped_sets, epochs=epochs))


@pytest.fixture
def interruptible():
    """SIGINT raises KeyboardInterrupt, as it does not in a shell's background job."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
