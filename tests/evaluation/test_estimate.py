import numpy as np
import pytest

from keras_gen.evaluation import Estimate


def test_the_standard_error_of_a_mean_is_its_spread_over_many_repeats():
    draws = np.random.default_rng(0).normal(3, 2, (2000, 25))
    estimates = [Estimate.of_mean(row) for row in draws]
    assert estimates[0].value == pytest.approx(draws[0].mean())
    spread = np.std([estimate.value for estimate in estimates])
    assert np.sqrt(np.mean([estimate.standard_error**2 for estimate in estimates])) == pytest.approx(spread, rel=0.05)
