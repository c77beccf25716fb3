"""Luck as numbers: distributions, and what a call comes to.

A piece of luck is a 64-bit number. It stands for one above 0 and below 1, `((luck >> 12) + 0.5) * UNIT`: 52 bits and
a half are exact in a float, 64 would round up to 1.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Hashable, Mapping
from datetime import UTC, datetime
from statistics import NormalDist
from typing import TYPE_CHECKING, Final, TypeVar
from zoneinfo import ZoneInfo

from cxrun import WEEKDAYS, CallResult, DeviceType, Record

if TYPE_CHECKING:
    from cxrun_plugins.dialers.simulated import Simulated

Numbers = Mapping[str, float]
"""Numbers by word: weights, factors on weights, or the parts of a time such as its mean."""

PERSON: Final = CallResult.ANSWER
MACHINE: Final = CallResult.ANSWERING_MACHINE
ANSWERED: Final = frozenset({PERSON, MACHINE, CallResult.FAX_DETECTED, CallResult.SILENCE})
FAILED: Final = frozenset(
    {
        CallResult.BUSY,
        CallResult.SIT_DETECTED,
        CallResult.SIT_INVALID_NUMBER,
        CallResult.SIT_VACANT_CODE,
        CallResult.SIT_INTERCEPT,
        CallResult.SIT_UNKNOWN,
        CallResult.SIT_NO_CIRCUIT,
        CallResult.SIT_REORDER,
        CallResult.ALL_TRUNKS_BUSY,
        CallResult.NU_TONE,
        CallResult.NO_DIAL_TONE,
        CallResult.NO_PROGRESS,
        CallResult.NO_RINGBACK,
        CallResult.NO_PORT_AVAILABLE,
        CallResult.GENERAL_ERROR,
        CallResult.SYSTEM_ERROR,
        CallResult.DIAL_ERROR,
        CallResult.SWITCH_ERROR,
    }
)
ANALYSIS: Final[Numbers] = {"delay": 0, "delay_cv": 0.5, "person_as_machine": 0, "machine_as_person": 0}
"""The parts of `call_analysis` that are not given."""

UNIT: Final = 2**-52

_Draw = Callable[[int], float]
_T = TypeVar("_T", bound=Hashable)
Odds = tuple[list[float], list[_T]]


def uniform(*, min: float, max: float) -> _Draw:
    span = max - min
    return lambda luck: min + span * (((luck >> 12) + 0.5) * UNIT)


def exponential(*, mean: float) -> _Draw:
    return lambda luck: -mean * math.log(((luck >> 12) + 0.5) * UNIT)


def lognormal(*, mean: float, cv: float) -> _Draw:
    if not mean or not cv:
        return lambda luck: mean
    variance = math.log1p(cv * cv)
    inverse = NormalDist(math.log(mean) - variance / 2, math.sqrt(variance)).inv_cdf
    return lambda luck: math.exp(inverse(((luck >> 12) + 0.5) * UNIT))


def share_within(limit: float, *, mean: float, cv: float) -> float:
    """The share of a lognormal time that is no longer than a limit."""
    if not mean or not cv:
        return float(mean <= limit)
    variance = math.log1p(cv * cv)
    return (
        NormalDist(math.log(mean) - variance / 2, math.sqrt(variance)).cdf(math.log(limit)) if limit else 0.0
    )


def odds(weights: Mapping[_T, float]) -> Odds[_T]:
    """The values, in an order of their own, and where the share of each but the last ends between 0 and 1."""
    values = sorted(weights, key=str)
    shares = [weights[value] for value in values]
    total = math.fsum(shares)
    bounds = [math.fsum(shares[:n]) / total for n in range(1, len(shares))]
    return bounds, values


def pick(odds: Odds[_T], luck: int) -> _T:
    bounds, values = odds
    return values[bisect_right(bounds, ((luck >> 12) + 0.5) * UNIT)]


class Outcomes:
    """Draws a call's result from the weights that hold for its record, hour, weekday and attempt."""

    def __init__(self, world: Simulated) -> None:
        self._weights = {CallResult[word.upper()]: weight for word, weight in world.outcomes.items()}
        self._by_hour = {int(hour): factors for hour, factors in world.by_hour.items()}
        self._by_weekday = {WEEKDAYS.index(day): factors for day, factors in world.by_weekday.items()}
        self._timed = bool(self._by_hour or self._by_weekday)
        self._by_device = {
            int(DeviceType[word.upper()]): factors for word, factors in world.by_device.items()
        }
        self._by_attempt = {int(number): factors for number, factors in world.by_attempt.items()}
        self._bent = bool(self._timed or self._by_device or self._by_attempt)
        self._plain = odds(self._weights)
        self._odds: dict[tuple[int, int, int, int], Odds[CallResult]] = {}
        self._quarter = 0
        self._times: dict[str, tuple[int, int]] = {}

    def draw(self, record: Record, at: float, luck: int) -> CallResult:
        """The result of a call placed at `at`."""
        if not self._bent:
            return pick(self._plain, luck)
        return pick(self._odds_of(record.tz, record.contact_info_type, record.attempt, at), luck)

    def of(self, result: CallResult, tz: str, device: int, attempt: int, at: float) -> float:
        """The chance of a result, could the call ring for ever."""
        bounds, values = self._odds_of(tz, device, attempt, at)
        if result not in values:
            return 0.0
        place = values.index(result)
        return ([*bounds, 1.0][place]) - ([0.0, *bounds][place])

    def _odds_of(self, tz: str, device: int, attempt: int, at: float) -> Odds[CallResult]:
        hour, day = self._local_time(tz, at) if self._timed else (-1, -1)
        attempt = attempt if attempt in self._by_attempt else 0
        key = (hour, day, device, attempt)
        found = self._odds.get(key)
        if found is None:
            factors = (
                self._by_hour.get(hour, {}),
                self._by_weekday.get(day, {}),
                self._by_device.get(device, {}),
                self._by_attempt.get(attempt, {}),
            )
            found = self._odds[key] = odds(
                {
                    result: weight * math.prod(by.get(result.word, 1) for by in factors)
                    for result, weight in self._weights.items()
                }
            )
        return found

    def _local_time(self, tz: str, at: float) -> tuple[int, int]:
        """Hour and weekday, 0 for Monday, in a record's first zone; worked out once per zone and quarter hour."""
        quarter = int(at // 900)
        if quarter != self._quarter:
            self._quarter = quarter
            self._times.clear()
        known = self._times.get(tz)
        if known is None:
            zone = ZoneInfo(tz.split()[0]) if tz else UTC
            local = datetime.fromtimestamp(quarter * 900, zone)
            known = self._times[tz] = (local.hour, local.weekday())
        return known


class Analysis:
    """Tells what has answered, after a while, and not always rightly."""

    def __init__(self, parts: Numbers) -> None:
        self._delay = lognormal(mean=parts["delay"], cv=parts["delay_cv"])
        self._errors = {
            PERSON: (parts["person_as_machine"], MACHINE),
            MACHINE: (parts["machine_as_person"], PERSON),
        }

    def of(self, result: CallResult, error: int, delay: int) -> tuple[float, CallResult]:
        """How long the line listens, and what it takes the answer for; two numbers of luck decide."""
        share, mistaken = self._errors.get(result, (0.0, result))
        taken_for = mistaken if ((error >> 12) + 0.5) * UNIT < share else result
        return self._delay(delay), taken_for
