"""When campaign groups start, pause and stop: entries of a day rule and times of day in a zone.

    - {weekdays: mon-fri, start: "09:00", pause: "12:00", zone: America/New_York}
    - {weekdays: mon-fri, start: "13:00", stop: "17:00", zone: America/New_York}
    - {date: 2026-12-24, stop: "12:00", zone: America/New_York}

A time of day is the first moment at which the clocks of the zone show it or later: one that is skipped when
summer time begins counts when the clocks have skipped it, one that comes twice counts the first time.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from cxrun.errors import near
from cxrun.times import TIME_OF_DAY, WEEKDAY, days_of, time_of_day

ACTIONS: Final = ("start", "pause", "stop")
_FURTHEST: Final = 64
"""Days within which every rule but a date comes again: the 31st is at most 62 days away."""

_AT: Final = {**TIME_OF_DAY, "description": "A time of day in the zone, HH:MM or HH:MM:SS."}
SCHEDULE_SCHEMA: Final[Mapping[str, Any]] = {
    "type": "array",
    "minItems": 1,
    "description": "When groups start, pause and stop.",
    "items": {
        "type": "object",
        "description": "Times of day, and on which days: every day unless it says date, weekdays or day.",
        "additionalProperties": False,
        "properties": {
            "start": {**_AT, "description": "When dialing starts, HH:MM."},
            "pause": {**_AT, "description": "When no new calls are placed until the next start, HH:MM."},
            "stop": {**_AT, "description": "When dialing stops and buffered records are released, HH:MM."},
            "date": {
                "type": "string",
                "pattern": "^20[0-9]{2}-[01][0-9]-[0-3][0-9]$",
                "description": "Once, on this day: YYYY-MM-DD.",
            },
            "weekdays": {
                "type": "string",
                "pattern": f"^{WEEKDAY}(-{WEEKDAY})?(, ?{WEEKDAY}(-{WEEKDAY})?)*$",
                "description": "Weekly, on these days: mon-fri, or e.g. mon, wed.",
            },
            "day": {
                "description": "Monthly, on this day of the month: 1 to 31, or last.",
                "anyOf": [{"type": "integer", "minimum": 1, "maximum": 31}, {"const": "last"}],
            },
            "zone": {"type": "string", "description": "The IANA time zone of the times; UTC if absent."},
        },
    },
}


class Change(NamedTuple):
    """What a schedule says at a moment (Unix UTC seconds): start, pause or stop; `zone` is whose clock says so."""

    at: float
    action: str
    zone: str


def problems(entries: Sequence[Mapping[str, Any]]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What is wrong with entries that keep to the schema: where, and what."""
    for index, entry in enumerate(entries):
        if not any(action in entry for action in ACTIONS):
            yield (index,), "says neither start, pause nor stop"
        days = [key for key in ("date", "weekdays", "day") if key in entry]
        if len(days) > 1:
            yield (index, days[1]), f"is said beside {days[0]}; an entry has one of the two"
        if "date" in entry:
            try:
                date.fromisoformat(entry["date"])
            except ValueError:
                yield (index, "date"), f"'{entry['date']}' is no day of the calendar"
        zone = entry.get("zone", "UTC")
        if zone not in available_timezones():
            yield (index, "zone"), f"no time zone named '{zone}'{_near_zone(zone)}"
        times: dict[int, str] = {}
        for action in ACTIONS:
            if action not in entry:
                continue
            try:
                second = time_of_day(entry[action])
            except ValueError as error:
                yield (index, action), str(error)
                continue
            if second in times:
                yield (index, action), f"{entry[action]} is also when this entry says {times[second]}"
            times.setdefault(second, action)


def _near_zone(zone: str) -> str:
    close = near(zone, available_timezones())
    return close if "did you mean" in close else "; write an IANA name such as America/New_York"


class Schedule:
    """A schedule that can be asked what it says. `entries` keep to the schema and have no problems."""

    def __init__(self, entries: Sequence[Mapping[str, Any]]) -> None:
        self._times = [each for entry in entries for each in _times(entry)]

    def said(self, at: float) -> Change | None:
        """The latest change up to a moment, None if there was none yet."""
        found = (time.last(at) for time in self._times)
        last = max((change for change in found if change), key=lambda c: (c.at, c.rank), default=None)
        return last.change if last else None

    def next(self, at: float) -> Change | None:
        """The first change after a moment, None if there will be none."""
        found = (time.first(at) for time in self._times)
        first = min(
            (change for change in found if change), key=lambda c: (c.at, _negative(c.rank)), default=None
        )
        return first.change if first else None

    def next_start(self, at: float) -> Change | None:
        """The first start after a moment, None if there will be none."""
        found = (time.first(at) for time in self._times if time.action == "start")
        first = min((change for change in found if change), key=lambda c: c.at, default=None)
        return first.change if first else None


class Shifts:
    """When a group may dial by its schedule, from a moment on; always, if it has none.

    A shift is from a start till the next pause or stop, as (since, till) in Unix UTC seconds.
    """

    def __init__(self, schedule: Schedule | None, since: float) -> None:
        self._schedule = schedule
        self._shifts: list[tuple[float, float]] = []
        self._known = since
        self._ended = False
        if schedule is None:
            self._shifts.append((-math.inf, math.inf))
            self._ended = True
        else:
            said = schedule.said(since)
            self._running: float | None = since if said is not None and said.action == "start" else None

    def at(self, moment: float) -> tuple[float, float] | None:
        """The shift a moment is in, else the next one; None if there will be none."""
        n = bisect_right(self._shifts, moment, key=lambda shift: shift[1])
        while n == len(self._shifts):
            if self._ended:
                return None
            self._read_on()
            n = bisect_right(self._shifts, moment, key=lambda shift: shift[1])
        return self._shifts[n]

    def _read_on(self) -> None:
        """Find the next shift."""
        assert self._schedule is not None
        for _ in range(_FURTHEST):
            change = self._schedule.next(self._known)
            if change is None:
                self._ended = True
                if self._running is not None:
                    self._shifts.append((self._running, math.inf))
                return
            self._known = change.at
            if change.action == "start":
                self._running = change.at if self._running is None else self._running
            elif self._running is not None:
                self._shifts.append((self._running, change.at))
                self._running = None
                return
        # it never stops as far as one can see
        self._ended = True
        if self._running is not None:
            self._shifts.append((self._running, math.inf))


class _Ranked(NamedTuple):
    """A change, and which of several at one moment counts: the narrower rule, then start."""

    change: Change
    rank: tuple[int, int]

    @property
    def at(self) -> float:
        return self.change.at


def _negative(rank: tuple[int, int]) -> tuple[int, int]:
    return (-rank[0], -rank[1])


@dataclass(frozen=True)
class _Time:
    """One action of one entry. `second` counts from midnight and may reach into the next day."""

    action: str
    second: int
    zone: str
    once: date | None
    weekdays: frozenset[int] | None
    day: int | str | None

    @property
    def _rank(self) -> tuple[int, int]:
        narrow = 3 if self.once else 2 if self.day else 1 if self.weekdays else 0
        return (narrow, self.action == "start")

    def last(self, at: float) -> _Ranked | None:
        """The latest time this was said, up to a moment."""
        return self._nearest(at, range(1, -_FURTHEST, -1), lambda moment: moment <= at)

    def first(self, at: float) -> _Ranked | None:
        """The first time this is said, after a moment."""
        return self._nearest(at, range(-3, _FURTHEST), lambda moment: moment > at)

    def _nearest(self, at: float, offsets: range, fits: Any) -> _Ranked | None:
        zone = ZoneInfo(self.zone)
        for day in self._days(at, zone, offsets):
            moment = _moment(day, self.second, zone)
            if fits(moment):
                return _Ranked(Change(moment, self.action, self.zone), self._rank)
        return None

    def _days(self, at: float, zone: ZoneInfo, offsets: range) -> Iterator[date]:
        """The days it is said on, of those so many days from the day of a moment."""
        if self.once:
            yield self.once
            return
        today = datetime.fromtimestamp(at, zone).date()
        yield from (day for offset in offsets if self._falls(day := today + timedelta(offset)))

    def _falls(self, day: date) -> bool:
        if self.weekdays is not None:
            return day.weekday() in self.weekdays
        if self.day == "last":
            return (day + timedelta(1)).day == 1
        return self.day is None or day.day == self.day


def _times(entry: Mapping[str, Any]) -> Iterator[_Time]:
    start = time_of_day(entry["start"]) if "start" in entry else 0
    for action in ACTIONS:
        if action in entry:
            second = time_of_day(entry[action])
            yield _Time(
                action,
                second + 86400 * (second < start),
                entry.get("zone", "UTC"),
                date.fromisoformat(entry["date"]) if "date" in entry else None,
                _weekdays(entry["weekdays"]) if "weekdays" in entry else None,
                entry.get("day"),
            )


def _weekdays(text: str) -> frozenset[int]:
    """The days that mon-fri or mon, wed names, 0 for Monday."""
    return frozenset(day for part in re.split(", ?", text) for day in days_of(part))


def _moment(day: date, second: int, zone: ZoneInfo) -> float:
    """The first moment (Unix UTC seconds) at which the clocks of the zone show this time of this day, or later."""
    wanted = datetime.combine(day, time()) + timedelta(seconds=second)
    moment = wanted.replace(tzinfo=zone).timestamp()
    if _shown(moment, zone) == wanted:
        return moment
    early, late = int(wanted.replace(tzinfo=zone, fold=1).timestamp()), int(moment)
    while late - early > 1:
        middle = (early + late) // 2
        early, late = (early, middle) if _shown(middle, zone) >= wanted else (middle, late)
    return float(late)


def _shown(moment: float, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(moment, UTC).astimezone(zone).replace(tzinfo=None)
