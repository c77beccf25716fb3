"""Luck as numbers: distributions, and what a call comes to.

A piece of luck is a 64-bit number. It stands for one above 0 and below 1, `((luck >> 12) + 0.5) * UNIT`: 52 bits and
a half are exact in a float, 64 would round up to 1.
"""

from __future__ import annotations

import math
import struct
from bisect import bisect_right
from collections.abc import Callable, Hashable, Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from statistics import NormalDist
from typing import TYPE_CHECKING, Final, TypeVar
from zoneinfo import ZoneInfo

from cxrun import WEEKDAYS, CallResult, DeviceType, Placed, Record, Value, key_text

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
UNIT: Final = 2**-52
LUCK: Final = struct.Struct("<8Q")
"""Eight pieces of luck."""
_PERSON_ITSELF: Final = struct.Struct("<6sq")
_STANDARD: Final = NormalDist()

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


class People:
    """How differently people answer: each record has a readiness of its own, the same at every call.

    Readiness is drawn from the seed and the record. Its mean is 1 and its coefficient of variation `cv`; it is inverse
    Gaussian (drawn after Michael, Schucany, Haas, The American Statistician 30, 1976). The chance that a person does
    not answer is `e ** -(readiness * hazard)`, and the hazard such that the mean of the chances over all people is the
    chance everybody would have if they were alike (frailty after Hougaard, Biometrika 71, 1984).
    """

    def __init__(self, cv: float, seed: int) -> None:
        self._squared = cv * cv
        self._hash = blake2b(key=seed_key(seed), digest_size=LUCK.size)

    def readiness(self, record_id: int) -> float:
        drawn = self._hash.copy()
        drawn.update(_PERSON_ITSELF.pack(b"person", record_id))
        scatter, side = LUCK.unpack(drawn.digest())[:2]
        half = self._squared * _STANDARD.inv_cdf(((scatter >> 12) + 0.5) * UNIT) ** 2 / 2
        more = 1 + half + math.sqrt(half * (half + 2))
        return more if ((side >> 12) + 0.5) * UNIT * (1 + more) < 1 else 1 / more

    def chance(self, mean: float, record_id: int) -> float:
        """The chance that this person answers, where that of people on average is `mean`, below 1."""
        alike = -math.log1p(-mean)
        return -math.expm1(-self.readiness(record_id) * alike * (1 + self._squared * alike / 2))


def seed_key(seed: int) -> bytes:
    """What all luck of a seed is drawn with."""
    return blake2b(str(seed).encode()).digest()


class Outcomes:
    """Draws a call's result from the weights that hold for its record, hour, weekday and attempt."""

    def __init__(self, world: Simulated, seed: int) -> None:
        self._weights = {CallResult[word.upper()]: weight for word, weight in world.outcomes.items()}
        self._by_hour = {int(hour): factors for hour, factors in world.by_hour.items()}
        self._by_weekday = {WEEKDAYS.index(day): factors for day, factors in world.by_weekday.items()}
        self._timed = bool(self._by_hour or self._by_weekday)
        self._by_device = {
            int(DeviceType[word.upper()]): factors for word, factors in world.by_device.items()
        }
        self._by_attempt = {int(number): factors for number, factors in world.by_attempt.items()}
        self._by_field = tuple(world.by_field.items())
        self._people = People(world.people_differ, seed) if world.people_differ else None
        self._bent = bool(
            self._timed or self._by_device or self._by_attempt or self._by_field or self._people
        )
        self._plain = odds(self._weights)
        self._odds: dict[tuple[object, ...], Odds[CallResult]] = {}
        self._quarter = 0
        self._times: dict[str, tuple[int, int]] = {}

    def draw(self, record: Record, at: float, luck: int) -> CallResult:
        """The result of a call placed at `at`."""
        if not self._bent:
            return pick(self._plain, luck)
        found = self._odds_of(record.tz, record.contact_info_type, record.attempt, record.fields, at)
        return pick(found if self._people is None else self._of_person(found, record.record_id), luck)

    def of(self, result: CallResult, call: Placed) -> float:
        """The chance of a result, could the call ring for ever."""
        found = self._odds_of(call.tz, call.device, call.attempt, call.fields, call.at)
        bounds, values = found if self._people is None else self._of_person(found, call.record_id)
        if result not in values:
            return 0.0
        place = values.index(result)
        return ([*bounds, 1.0][place]) - ([0.0, *bounds][place])

    def _of_person(self, found: Odds[CallResult], record_id: int) -> Odds[CallResult]:
        """The odds of this person, where those of people on average were found; what is left keeps its proportions."""
        bounds, values = found
        if PERSON not in values:
            return found
        assert self._people is not None
        place = values.index(PERSON)
        first = bounds[place - 1] if place else 0.0
        mean = (bounds[place] if place < len(bounds) else 1.0) - first
        if mean >= 1:
            return found
        answers = self._people.chance(mean, record_id)
        rest = (1 - answers) / (1 - mean)
        moved = answers - mean * rest
        return [bound * rest + (moved if n >= place else 0.0) for n, bound in enumerate(bounds)], values

    def _odds_of(
        self, tz: str, device: int, attempt: int, fields: Mapping[str, Value], at: float
    ) -> Odds[CallResult]:
        hour, day = self._local_time(tz, at) if self._timed else (-1, -1)
        attempt = attempt if attempt in self._by_attempt else 0
        own = tuple(_kind(fields.get(name), by) for name, by in self._by_field) if self._by_field else ()
        key = (hour, day, device, attempt, own)
        found = self._odds.get(key)
        if found is None:
            factors = (
                self._by_hour.get(hour, {}),
                self._by_weekday.get(day, {}),
                self._by_device.get(device, {}),
                self._by_attempt.get(attempt, {}),
                *(by.get(kind, {}) for (_, by), kind in zip(self._by_field, own, strict=True)),
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


def _kind(value: Value, by: Mapping[str, Numbers]) -> str:
    """The text by which a value has factors, "" if it has none."""
    text = key_text(value) or ""
    return text if text in by else ""


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
