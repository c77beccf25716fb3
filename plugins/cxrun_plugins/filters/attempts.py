"""Attempts: no more than so many attempts in a time."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import ClassVar, Final
from zoneinfo import ZoneInfo

from cxrun import (
    COUNTED_RESULTS,
    DURATION,
    PASS,
    CallResult,
    Defer,
    Exclude,
    Filter,
    Moment,
    Schema,
    Verdict,
    duration_text,
    hookimpl,
    seconds,
)

_IN_FLIGHT: Final = frozenset({CallResult.OK, CallResult.UNKNOWN})
_FOR_EVER: Final = 3650 * 86400.0
_TWO_DAYS: Final = 2 * 86400.0
_LONGEST_DAY: Final = 25 * 3600.0


@dataclass(frozen=True, slots=True)
class Attempts(Filter):
    """Holds a record back while `at_most` attempts have been made within a time.

    `within` is a duration, then an attempt counts until that long after it was placed, not at that very
    moment any more; or `day`, then attempts since local midnight in the record's zone count, the earliest
    midnight if the number may be in several zones, and those of the last 25 hours, the longest a day can
    be, if the zone is unknown. The record is deferred to the moment when fewer than `at_most` count.
    Without `within` attempts never expire, and the record is excluded; ten years are looked back upon.

    `per` says whose attempts are counted together: those to the `client` (the default: all his numbers, in
    whatever list), those to the `device` (the number, whoever's record it is), or `client_and_device`
    (this client on this number).

    `results` are the call results that count. By default: busy, no_answer, answering_machine,
    fax_detected, overflowed, abandoned, dropped, dropped_no_answer, silence, answer, wrong_party,
    wrong_number. An attempt with one of `dispositions` counts whatever its result. An attempt whose
    result is not known yet, or was lost, always counts.

    Example::

        filters:
          - attempts: {at_most: 3, within: 24h}
          - attempts: {at_most: 1, within: day, per: device, results: [answering_machine]}
    """

    name: ClassVar[str] = "attempts"
    schema: ClassVar[Schema] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["at_most"],
        "properties": {
            "at_most": {
                "description": "How many attempts may be made within the time, 1 or more.",
                "type": "integer",
                "minimum": 1,
            },
            "within": {
                "description": "A duration such as 24h or 7d, or day: since local midnight. "
                "Without it attempts count for ever.",
                "anyOf": [*DURATION["anyOf"], {"const": "day"}],
            },
            "per": {
                "description": "Whose attempts are counted together.",
                "enum": ["client", "device", "client_and_device"],
                "default": "client",
            },
            "results": {
                "description": "The call results that count; the default is those that reached the line.",
                "type": "array",
                "items": {"enum": [result.word for result in CallResult]},
                "default": [result.word for result in sorted(COUNTED_RESULTS)],
            },
            "dispositions": {
                "description": "Disposition codes of agents that count whatever the call result is.",
                "type": "array",
                "items": {"type": "string"},
                "default": [],
            },
        },
    }

    at_most: int
    within: str | float | None = None
    per: str = "client"
    results: Sequence[str] | None = None
    dispositions: Collection[str] = ()
    _counted: frozenset[int] = field(init=False, repr=False, compare=False)
    _window: float = field(init=False, repr=False, compare=False)
    _reason: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        window = _FOR_EVER
        if self.within is not None:
            window = _TWO_DAYS if self.within == "day" else seconds(self.within)
        if window <= 0:
            raise ValueError("within must be longer than 0s; leave it out to count attempts for ever")
        results = (
            COUNTED_RESULTS if self.results is None else {CallResult[word.upper()] for word in self.results}
        )
        object.__setattr__(self, "_counted", frozenset(int(result) for result in results | _IN_FLIGHT))
        object.__setattr__(self, "_window", window)
        object.__setattr__(self, "_reason", self._described())

    @property
    def window(self) -> float:
        return self._window

    def check(self, moment: Moment) -> Verdict:
        if len(moment.attempts) < self.at_most:
            return PASS
        placed = self._placed(moment)
        if placed is None:
            return PASS
        if self.within is None:
            return Exclude(self._reason)
        if self.within != "day":
            return Defer(placed + self._window, self._reason)
        until = self._next_day(placed, moment)
        return PASS if until <= moment.now else Defer(until, self._reason)

    def _placed(self, moment: Moment) -> float | None:
        """When the attempt that fills the cap was placed: the newest that counts but `at_most` - 1."""
        now, window, left = moment.now, self._window, self.at_most
        client = None if self.per == "device" else moment.record.client
        phone = None if self.per == "client" else moment.record.phone
        for attempt in reversed(moment.attempts):
            # the same sum as for the Defer, so that rounding cannot keep an attempt in at its very end
            if attempt.placed + window <= now:
                return None
            if (
                (client is None or attempt.client == client)
                and (phone is None or attempt.phone == phone)
                and (attempt.call_result in self._counted or attempt.disposition in self.dispositions)
            ):
                left -= 1
                if left == 0:
                    return attempt.placed
        return None

    def _next_day(self, placed: float, moment: Moment) -> float:
        """When an attempt belongs to an earlier day in every zone of the record."""
        zones = moment.record.zones
        if not zones:
            return placed + _LONGEST_DAY
        return max(_next_midnight(zone, placed) for zone in zones)

    def _described(self) -> str:
        noun = "attempt" if self.at_most == 1 else "attempts"
        span = ""
        if self.within == "day":
            span = " today"
        elif self.within is not None:
            span = f" in {self.within if isinstance(self.within, str) else duration_text(self.within)}"
        return f"{self.at_most} {noun}{span} per {self.per.replace('_', ' ')} reached"


def _next_midnight(name: str, at: float) -> float:
    """The first moment of the day after the one in which `at` falls; 25 hours on for an unknown zone."""
    try:
        zone = ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return at + _LONGEST_DAY
    day = datetime.fromtimestamp(at, zone).date() + timedelta(days=1)
    return datetime.combine(day, time(), zone).timestamp()


@hookimpl
def register_filters() -> list[type[Filter]]:
    return [Attempts]
