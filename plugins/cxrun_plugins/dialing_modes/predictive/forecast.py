"""The forecast: what has been seen of calls and conversations, and how likely one more call finds no agent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

_MEMORY: Final = 4000
"""Observations after which older ones begin to fade."""
EDGE: Final = 1024
"""Ages in a table, in its steps; older is as old as that."""


class Times:
    """How long something takes, as a histogram: `step` seconds each, the last for all that is longer."""

    __slots__ = ("_faded", "count", "counts", "step", "total")

    def __init__(self, step: float, size: int) -> None:
        self.step = step
        self.counts = [0.0] * size
        self._faded = [0.0] * size
        self.count = 0.0
        self.total = 0.0

    def add(self, seconds: float) -> None:
        place = int(seconds / self.step)
        self.counts[min(max(0, place), len(self.counts) - 1)] += 1
        self.count += 1
        self.total += seconds

    def fade(self, going: Sequence[int] = ()) -> None:
        """Let what was seen count half if it is much; `going` as for `hazards`."""
        if self.count > _MEMORY:
            self.counts = [count / 2 for count in self.counts]
            self.count /= 2
            self.total /= 2
            # the steps they have passed count half too, though they will be counted in full
            self._faded = [
                (faded - passed) / 2 for faded, passed in zip(self._faded, self._passed(going), strict=True)
            ]

    def _passed(self, ages: Sequence[int]) -> list[float]:
        """How many of these ages, in steps, are past each step; those in it count half."""
        passed = [0.0] * len(self.counts)
        for age in ages:
            passed[min(age, len(passed) - 1)] += 1
        beyond = 0.0
        for place in range(len(passed) - 1, -1, -1):
            here = passed[place]
            passed[place] = beyond + here / 2
            beyond += here
        return passed

    @property
    def mean(self) -> float:
        return self.total / self.count if self.count else 0.0

    def hazards(self, going: Sequence[int] = ()) -> list[float]:
        """The share of those that have come to a step that end in it, up to the last that was seen.

        `going` are the ages, in steps, of those that have not ended yet: those that have are the short ones at first
        (the product-limit estimate of Kaplan and Meier, 1958). Where little was seen it leans towards the mean, as if
        three more had come that far.
        """
        left, exposed = self.count, []
        for count, passed, faded in zip(self.counts, self._passed(going), self._faded, strict=True):
            if left + passed < 0.5:
                break
            exposed.append(left + passed + faded)
            left -= count
        usual = min(1.0, self.count / max(1.0, sum(exposed)))
        return [(count + 3 * usual) / (risk + 3) for count, risk in zip(self.counts, exposed, strict=False)]

    def survivors(self) -> list[float]:
        """The share that takes longer than each multiple of the step, down to 0."""
        left, shares = self.count, [1.0]
        for count in self.counts:
            left -= count
            if left < 1e-6 * self.count:
                break
            shares.append(left / self.count)
        shares.append(0.0)
        return shares

    def quantile(self, share: float) -> float:
        wanted, seen = share * self.count, 0.0
        for place, count in enumerate(self.counts):
            seen += count
            if seen >= wanted and count:
                return (place + 1 - (seen - wanted) / count) * self.step
        return len(self.counts) * self.step

    def remember(self) -> list[float]:
        last = max((place for place, count in enumerate(self.counts) if count), default=-1)
        return [round(self.total, 3), *(round(count, 3) for count in self.counts[: last + 1])]

    def recall(self, memory: Sequence[float]) -> None:
        self.total, *counts = map(float, memory)
        if len(counts) > len(self.counts):
            raise ValueError(f"{len(counts)} counts do not fit a table of {len(self.counts)}")
        self.counts[: len(counts)] = counts
        self.count = sum(counts)


class Table:
    """By age: the chance that something happens within a horizon, and what it adds to the second and third cumulant."""

    __slots__ = ("chance", "third", "variance")

    def __init__(self, chances: Sequence[float]) -> None:
        variances = [p * (1 - p) for p in chances]
        self.chance = _padded(chances)
        self.variance = _padded(variances)
        self.third = _padded([v * (1 - 2 * p) for p, v in zip(chances, variances, strict=True)])


def _padded(values: Sequence[float]) -> list[float]:
    return [*values, *[values[-1]] * (EDGE - len(values))]


def ending(times: Times, horizon: float) -> list[float]:
    """By age in steps: the chance that it ends within the horizon."""
    if not times.count:
        return [1.0]
    survivors = times.survivors()
    span = horizon / times.step
    chances = []
    for age in range(len(survivors) - 1):
        # the age is half a step further on the average
        left = (survivors[age] + survivors[age + 1]) / 2
        if left * times.count < 1:
            break
        chances.append(1 - at(survivors, age + 0.5 + span) / left)
    return [*chances, max(0.5, chances[-1])] if chances else [1.0]


def at(survivors: Sequence[float], place: float) -> float:
    """A survivor function between two steps."""
    below = int(place)
    if below + 1 >= len(survivors):
        return survivors[-1]
    return survivors[below] + (place - below) * (survivors[below + 1] - survivors[below])


def freed(hazards: Sequence[float], step: float, wrapped: Sequence[float], horizon: float) -> list[float]:
    """By age of a conversation, in steps: the chance that its agent has wrapped up within the horizon."""
    ready = [1 - at(wrapped, max(0.0, horizon - step * ahead)) for ahead in range(int(horizon / step) + 1)]
    ready[0] = 1 - at(wrapped, max(0.0, horizon - step / 4))
    last = len(hazards) - 1
    part = horizon / step - int(horizon / step) - 0.5
    chances = []
    for age in range(last + 1):
        going, chance = 1.0, 0.0
        for ahead, done in enumerate(ready):
            hazard = hazards[min(age + ahead, last)] * (0.5 if not ahead else 1.0)
            chance += going * hazard * done
            going *= 1 - hazard
        if len(wrapped) == 2 and part > 0:
            chance += going * hazards[min(age + len(ready), last)] * part
        chances.append(min(1.0, chance))
    return chances


def answering(rate: float, answered: Sequence[float], ended: Sequence[float], span: float) -> list[float]:
    """By age of a call, in steps: the chance that it is answered within `span` steps."""
    chances = [rate * (1 - at(answered, span))]
    last = len(ended) - 1
    for age in range(1, len(answered) - 1):
        left = (answered[age] + answered[age + 1]) / 2
        open_ = rate * left + (1 - rate) * ((ended[age] + ended[age + 1]) / 2 if age < last else 0.0)
        soon = left - at(answered, age + 0.5 + span)
        chances.append(rate * soon / open_ if open_ > 1e-9 else 0.0)
    return [*chances, 0.0]


_ROOT: Final = math.sqrt(0.5)
_DENSITY: Final = 1 / math.sqrt(2 * math.pi) / 6
_MUCH: Final = 64
"""Agents and calls that are added up exactly."""
_MOST: Final = 1000
"""Calls that are placed at once."""


class _Many:
    """The free agents a call will find, by the first three cumulants."""

    __slots__ = ("change", "mean", "third", "variance")

    def __init__(
        self, mean: float, variance: float, third: float, change: tuple[float, float, float]
    ) -> None:
        self.mean = mean
        self.variance = variance
        self.third = third
        self.change = change

    def nobody(self, further: int = 0) -> float:
        """The chance that a call finds no agent if so many are placed before it."""
        each_mean, each_variance, each_third = self.change
        variance = self.variance + further * each_variance
        deviation = math.sqrt(variance)
        z = (0.5 - self.mean + further * each_mean) / deviation
        chance = 0.5 * math.erfc(-z * _ROOT)
        third = self.third - further * each_third
        chance += third / (deviation * variance) * (1 - z * z) * math.exp(-z * z / 2) * _DENSITY
        return chance if chance > 0 else 0.0

    def called(self) -> _Many:
        """The same once a call is placed."""
        mean, variance, third = self.change
        return _Many(self.mean - mean, self.variance + variance, self.third - third, self.change)


class _Few:
    """The same as an exact distribution: of agents who become free and of calls that are not answered."""

    __slots__ = ("answered", "chance", "free", "freed", "limit", "shares")

    def __init__(self, free: int, freed: Sequence[float], answered: list[float], chance: float) -> None:
        self.free = free
        self.freed = freed
        self.answered = answered
        self.limit = len(answered) - free
        self.chance = chance
        shares = [1.0]
        for share in freed:
            shares = _with(shares, share)
        for share in answered:
            shares = _with(shares, 1 - share)
        self.shares = shares

    def nobody(self) -> float:
        return sum(self.shares[: self.limit + 1]) if self.limit >= 0 else 0.0

    def called(self) -> _Few | _Many:
        """The same once a call is placed; no longer exact once there is much to add up, and little to gain by it."""
        self.shares = _with(self.shares, 1 - self.chance)
        self.answered.append(self.chance)
        self.limit += 1
        if len(self.shares) < _MUCH:
            return self
        many = _cumulants(self.free, self.freed, self.answered, self.chance)
        return many if many.variance >= 1 else self


def _with(shares: list[float], chance: float) -> list[float]:
    """The distribution of a sum, with one more that is 1 with this chance."""
    rest = 1 - chance
    return [a * rest + b * chance for a, b in zip([*shares, 0.0], [0.0, *shares], strict=True)]


def _cumulants(free: int, freed: Sequence[float], answered: Sequence[float], chance: float) -> _Many:
    mean, variance, third = float(free), 0.0, 0.0
    for sign, shares in ((1, freed), (-1, answered)):
        for share in shares:
            one = share * (1 - share)
            mean += sign * share
            variance += one
            third += sign * one * (1 - 2 * share)
    one = chance * (1 - chance)
    return _Many(mean, variance, third, (chance, one, one * (1 - 2 * chance)))


def room(forecasts: Sequence[_Many | _Few], limit: float) -> int:
    """How many calls can be placed, `_MOST` at most, before the chances that the next one finds no agent pass a limit.

    The limit is for their sum over the forecasts.
    """
    placed = 0
    while not all(isinstance(one, _Many) for one in forecasts):
        if placed == _MOST or sum(one.nobody() for one in forecasts) > limit:
            return placed
        placed += 1
        forecasts = [one.called() for one in forecasts]
    known = [one for one in forecasts if isinstance(one, _Many)]

    def within(further: int) -> bool:
        return sum([one.nobody(further) for one in known]) <= limit

    if not within(0):
        return placed
    # the answer is above `low` and not above `high`: most often one
    most, low, step = _MOST - placed, 0, 1
    while low + step < most and within(low + step):
        low, step = low + step, 2 * step
    high = min(most, low + step)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if within(middle) else (low, middle)
    return placed + high


def forecast(
    free: int,
    calls: list[int],
    talks: list[int],
    wraps: list[int],
    call: Table,
    talk: Table,
    wrap: Table,
) -> _Many | _Few:
    """The agents that a further call will find free when it is answered."""
    variance = (
        sum([call.variance[age] for age in calls])
        + sum([talk.variance[age] for age in talks])
        + sum([wrap.variance[age] for age in wraps])
    )
    if variance < 1:
        freed = [talk.chance[age] for age in talks] + [wrap.chance[age] for age in wraps]
        return _Few(free, freed, [call.chance[age] for age in calls], call.chance[0])
    mean = (
        free
        - sum([call.chance[age] for age in calls])
        + sum([talk.chance[age] for age in talks])
        + sum([wrap.chance[age] for age in wraps])
    )
    third = (
        sum([talk.third[age] for age in talks])
        + sum([wrap.third[age] for age in wraps])
        - sum([call.third[age] for age in calls])
    )
    return _Many(mean, variance, third, (call.chance[0], call.variance[0], call.third[0]))
