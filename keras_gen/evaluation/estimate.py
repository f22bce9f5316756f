"""A number that was measured, with how far off it may be."""

from __future__ import annotations

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

    @classmethod
    def of_mean(cls, values: np.ndarray) -> Estimate:
        """Return the mean of independent values, at least two, shape (n,)."""
        values = np.asarray(values, np.float64)
        return cls(float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))))
