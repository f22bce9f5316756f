"""A number that was measured, with how far off it may be."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Estimate:
    """An estimate and its standard error, in the same unit.

    Attributes:
        value: What was measured.
        standard_error: How much it would vary if it were measured again on other images.
    """

    value: float
    standard_error: float

    def __str__(self) -> str:
        """The value and its error, which has two digits."""
        if not (np.isfinite(self.standard_error) and self.standard_error > 0):
            return f"{self.value:.4g} ± {self.standard_error:.2g}"
        decimals = max(0, 1 - int(np.floor(np.log10(self.standard_error))))
        return f"{self.value:.{decimals}f} ± {self.standard_error:.{decimals}f}"

    @property
    def is_beyond_error(self) -> bool:
        """Whether it is more than two standard errors away from 0."""
        return abs(self.value) > 2 * self.standard_error

    @classmethod
    def of_mean(cls, values: np.ndarray) -> "Estimate":
        """Return the mean of independent values, at least two, shape (n,)."""
        values = np.asarray(values, np.float64)
        return cls(float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))))
