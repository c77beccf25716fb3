"""Means and how sure they are: Student's t interval, worked out here so that nothing heavy is needed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from statistics import fmean, stdev
from typing import Final, NamedTuple

CONFIDENCE: Final = 0.95
"""The chance that an interval holds the true mean."""


class Estimate(NamedTuple):
    """A mean over seeds and its 95% interval; `low` and `high` are None for a single seed."""

    mean: float
    low: float | None
    high: float | None
    seeds: int

    @property
    def certain(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def estimate(values: Sequence[float]) -> Estimate:
    """The mean of one figure over seeds, which are independent of one another, with its t interval."""
    mean, count = fmean(values), len(values)
    if count < 2:
        return Estimate(mean, None, None, count)
    half = t_quantile(count - 1) * stdev(values) / math.sqrt(count)
    return Estimate(mean, mean - half, mean + half, count)


@cache
def t_quantile(freedom: int, confidence: float = CONFIDENCE) -> float:
    """The t such that Student's distribution has `confidence` of its mass between -t and t."""
    low, high = 0.0, 1e6
    for _ in range(200):
        middle = (low + high) / 2
        if _within(middle, freedom) < confidence:
            low = middle
        else:
            high = middle
    return high


def _within(t: float, freedom: int) -> float:
    """The mass between -t and t; a finite series for a whole number of degrees of freedom (Abramowitz, Stegun 26.7)."""
    angle = math.atan2(t, math.sqrt(freedom))
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = freedom % 2
    term = total = (cosine if odd else 1.0) if freedom > 1 else 0.0
    for n in range(2 + odd, freedom - 1, 2):
        term *= cosine * cosine * (n - 1) / n
        total += term
    return (angle + sine * total) * 2 / math.pi if odd else sine * total
