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


def adjusted(values: Sequence[float], controls: Sequence[Sequence[float]]) -> Estimate:
    """The mean of one figure over seeds, with what `controls` explain of its scatter taken out.

    A control is a figure of the same seeds whose true mean is known to be 0, such as the luck in a trial. The figure is
    regressed on the controls; what it is where they are 0 is the estimate, and its interval comes from what the
    controls leave unexplained, with a degree of freedom less for each. Too few seeds for that get the plain mean.
    The estimate is linear in `values`: that of a difference is the difference of the estimates.
    """
    count = len(values)
    if count < 2 * len(controls) + 4:
        return estimate(values)
    basis: list[list[float]] = []
    for control in controls:
        left = _without(control, basis)
        if _dot(left, left) > 1e-9 * _dot(control, control):
            basis.append(left)
    ones = _without([1.0] * count, basis)
    weight = _dot(ones, ones)
    mean = _dot(ones, values) / weight
    rest = [left - mean * one for left, one in zip(_without(values, basis), ones, strict=True)]
    freedom = count - len(basis) - 1
    scatter = _dot(rest, rest)
    if scatter < 1e-18 * _dot(values, values):
        scatter = 0.0
    half = t_quantile(freedom) * math.sqrt(scatter / freedom / weight)
    return Estimate(mean, mean - half, mean + half, count)


def _without(values: Sequence[float], basis: Sequence[Sequence[float]]) -> list[float]:
    """What is left of a vector when its parts along an orthogonal basis are taken away."""
    left = list(values)
    for other in basis:
        share = _dot(left, other) / _dot(other, other)
        left = [value - share * part for value, part in zip(left, other, strict=True)]
    return left


def _dot(left: Sequence[float], right: Sequence[float]) -> float:
    """The sum of products, as math.sumprod of Python 3.12."""
    return math.fsum(a * b for a, b in zip(left, right, strict=True))


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
