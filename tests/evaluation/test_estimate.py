import numpy as np
import pytest

from keras_gen.evaluation import Estimate


def test_the_standard_error_of_a_mean_is_its_spread_over_many_repeats():
    draws = np.random.default_rng(0).normal(3, 2, (2000, 25))
    estimates = [Estimate.of_mean(row) for row in draws]
    assert estimates[0].value == pytest.approx(draws[0].mean())
    spread = np.std([estimate.value for estimate in estimates])
    assert np.sqrt(np.mean([estimate.standard_error**2 for estimate in estimates])) == pytest.approx(spread, rel=0.05)


@pytest.mark.parametrize(
    ("value", "error", "text", "beyond"),
    [
        (12.3456, 0.0123, "12.346 ± 0.012", True),
        (1234.6, 25, "1235 ± 25", True),
        (-0.5, 0.2, "-0.50 ± 0.20", True),
        (0.4, 0.2, "0.40 ± 0.20", False),
        (0.41, 0.2, "0.41 ± 0.20", True),
        (1.5, 0, "1.5 ± 0", True),
    ],
)
def test_an_error_has_two_digits_and_two_of_it_are_a_difference(value, error, text, beyond):
    assert (str(Estimate(value, error)), Estimate(value, error).is_beyond_error) == (text, beyond)
