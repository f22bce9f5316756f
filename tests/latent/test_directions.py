"""Directions of a latent space."""

import numpy as np
import pytest

from keras_gen import latent
from keras_gen.models import build_generator

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
