"""Calling hours: only while it is a decent hour where the phone rings."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import ClassVar, Final, NamedTuple
from zoneinfo import ZoneInfo

from cxrun import (
    DAYS,
    DURATION,
    PASS,
    REGION,
    STATE_FIELD,
    WEEKDAYS,
    Defer,
    Evidence,
    Exclude,
    Filter,
    Moment,
    Record,
    Region,
    Schema,
    by_precision,
    clock_text,
    days_of,
    hookimpl,
    most_precise,
    place_of,
    seconds,
    time_of_day,
)
from cxrun_plugins.clocks import (
    CACHED,
    UNKNOWN_ZONE,
    ByClock,
    Stretch,
    Stretches,
    always,
    check_unknown_zone,
    zones_to_keep,
)

_DAY: Final = 86400
_HORIZON: Final = 8 * _DAY
# a day to align on, two horizons (an exclusion is known for as long as it looks ahead), a day of margin
_SCAN: Final = 2 * _HORIZON + 3 * _DAY
_BLOCK: Final = 32 * _DAY
_TIME: Final = "([01]?[0-9]|2[0-4]):[0-5][0-9]"
_DESCRIBED: Final = (
    "HH:MM-HH:MM for every day, or a mapping of days (mon, mon-fri) to that, a list of them, or closed. "
    "Without it, the record's own daily_from to daily_till."
)
_SPAN: Final = {"description": _DESCRIBED, "type": "string", "pattern": f"^{_TIME}-{_TIME}$"}
_HOURS: Final = {
    "description": _DESCRIBED,
    "anyOf": [
        _SPAN,
        {
            "type": "object",
            "minProperties": 1,
            "propertyNames": {**DAYS, "description": _DESCRIBED},
            "additionalProperties": {
                "description": _DESCRIBED,
                "anyOf": [
                    {**_SPAN, "pattern": f"^({_TIME}-{_TIME}|closed)$"},
                    {"type": "array", "minItems": 1, "items": _SPAN},
                ],
            },
        },
    ],
}

Hours = str | Mapping[str, str | Sequence[str]]
Spans = list[tuple[int, int]]
"""Times from and till, ascending and apart from each other."""
Week = tuple[tuple[tuple[int, int], ...], ...]
"""For each day from Monday the hours that open on it, in seconds since its midnight; past 86400 if they
close on the next day."""


class _Plan(NamedTuple):
    """Hours of a week, and how they were written."""

    week: Week
    text: str


@dataclass(frozen=True, slots=True)
class CallingHours(ByClock[Sequence[_Plan | None]]):
    """Defers a record until it is within calling hours where the phone is.

    `hours` is HH:MM-HH:MM for every day, or a mapping of days to that, to a list of them, or to `closed`;
    days are mon to sun or ranges such as mon-fri, and days that are not named are closed. Without `hours`
    the record's own daily_from and daily_till hold, every day. At 09:00 it is time for 09:00-20:00, at 20:00
    it is too late. Hours may go over midnight, such as 22:00-02:00, and belong to the day on which they
    open; 00:00-24:00 is the whole day.

    `regions` has hours of their own for a country (US), a state (US-TX) or the beginning of a number (+1305):
    those of the most precise region a record is in take the place of `hours`. The country is that of the
    number; the state is what the list's field `state` says, or the field that `state_field` names, else that
    of the area code, which is known for the USA and Canada. Where the state is not known, the hours of every
    region that it may be in must be open.

    The clock is that of the record's zone; if the number may be in several, all of them must be open at
    once. When clocks are set, the time they show decides: an hour that is skipped is lost, an hour that is
    repeated counts twice. A record that must wait is deferred to the next moment at which every zone is
    open; if none comes within 8 days, it is excluded.

    `margin`, 30 seconds by default, is how long before the end the last call may start, so that a phone
    does not ring after hours; where the ring time of the group is longer, that counts. It is shorter than
    a day.

    A record of unknown zone is excluded, unless `unknown_zone` names the zone to assume instead. One whose
    zone is not in the time zone database is excluded always.

    The hours and the days they hold on are for the user to set: no default is any jurisdiction's rule.

    Example::

        filters:
          - calling_hours: {hours: "09:00-20:00"}
          - calling_hours:
              hours:
                mon-fri: ["09:00-12:30", "14:00-20:00"]
                sat: "10:00-18:00"
                sun: closed
              margin: 1m
              unknown_zone: America/New_York
          - calling_hours:
              hours: "08:00-21:00"
              regions:
                US-FL: "08:00-20:00"
                US-TX: {mon-sat: "09:00-21:00", sun: "12:00-21:00"}
    """

    name: ClassVar[str] = "calling_hours"
    schema: ClassVar[Schema] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "hours": _HOURS,
            "regions": {
                "description": "Hours of regions that have their own, e.g. {US-TX: 09:00-21:00}.",
                "type": "object",
                "minProperties": 1,
                "propertyNames": REGION,
                "additionalProperties": _HOURS,
            },
            "state_field": STATE_FIELD,
            "margin": {
                **DURATION,
                "description": "How long before the end of the hours the last call may start, e.g. 30s; "
                "shorter than a day.",
                "default": "30s",
            },
            "unknown_zone": UNKNOWN_ZONE,
        },
    }

    hours: Hours | None = None
    regions: Mapping[str, Hours] | None = None
    state_field: str | None = None
    margin: str | float = "30s"
    unknown_zone: str = "exclude"
    _usual: _Plan | None = field(init=False, repr=False, compare=False)
    _regions: Mapping[Region, _Plan] = field(init=False, repr=False, compare=False)
    _stretches: Stretches = field(init=False, repr=False, compare=False, default_factory=Stretches)

    def __post_init__(self) -> None:
        usual = None if self.hours is None else _Plan(_week(self.hours), _text(self.hours))
        regions = {}
        for name, hours in (self.regions or {}).items():
            regions[Region.read(name)] = _Plan(_week(hours), f"of {name} {_text(hours)}")
        object.__setattr__(self, "_usual", usual)
        object.__setattr__(self, "_regions", by_precision(regions))
        if seconds(self.margin) >= _DAY:
            raise ValueError(f"a margin of {self.margin} is too long; it must be shorter than a day")
        check_unknown_zone(self.unknown_zone)

    def _kind(self, moment: Moment) -> tuple[Hashable, Sequence[_Plan | None]]:
        """The hours that count for a record are told with it, None for its own."""
        record = moment.record
        plans = self._plans(record)
        key: Hashable = (record.tz, moment.ring_time)
        if self._regions:
            key = (key, *(plan and plan.text for plan in plans))
        if None in plans:
            key = (key, record.daily_from, record.daily_till)
        return key, plans

    def evidence(self, moment: Moment) -> Sequence[Evidence]:
        record = moment.record
        kept = _kept(self._plans(record), record)
        stretch = self._stretch(moment, self._plans(record))
        zones = zones_to_keep(record.zones, self.unknown_zone)
        if stretch.verdict is not PASS or isinstance(zones, Exclude):
            return ()
        hours = " and ".join(plan.text for plan in kept)
        text = f"calls may start, by the hours {hours} in {_zones_text(zones)}"
        return [Evidence(text, stretch.since, stretch.till)]

    def _plans(self, record: Record) -> Sequence[_Plan | None]:
        """The hours that must be open; None stands for the record's own."""
        if not self._regions:
            return (self._usual,)
        return most_precise(self._regions, place_of(record, self.state_field), self._usual)

    def _stretch(self, moment: Moment, told: Sequence[_Plan | None]) -> Stretch:
        now, record = moment.now, moment.record
        plans = _kept(told, record)
        zones = zones_to_keep(record.zones, self.unknown_zone)
        if isinstance(zones, Exclude):
            return always(zones)
        hours = f"{' and '.join(plan.text for plan in plans)} in {_zones_text(zones)}"
        too_far = Exclude(f"no calling hours {hours} within 8 days")

        start = int(now // _DAY) * _DAY
        end = start + _SCAN
        margin = max(seconds(self.margin), moment.ring_time)
        since: float = start
        for opens, closes in _open_in_all(zones, plans, start, end):
            last = closes - margin
            if last <= opens:
                continue
            if last <= now:
                since = last
                continue
            if opens <= now:
                return Stretch(opens, last, PASS)
            near = max(since, opens - _HORIZON)
            if near <= now:
                return Stretch(near, opens, Defer(opens, f"outside calling hours {hours}"))
            return Stretch(since, near, too_far)
        return Stretch(since, end - margin - _HORIZON, too_far)


def _kept(plans: Sequence[_Plan | None], record: Record) -> list[_Plan]:
    return [plan or _own_plan(record.daily_from, record.daily_till) for plan in plans]


def _zones_text(zones: Sequence[str]) -> str:
    if len(zones) <= 3:
        return " and ".join(zones)
    return f"{zones[0]} and {len(zones) - 1} more zones"


def _text(hours: Hours) -> str:
    if isinstance(hours, str):
        return hours
    return ", ".join(
        f"{days} {spans if isinstance(spans, str) else ' and '.join(spans)}" for days, spans in hours.items()
    )


def _week(hours: Hours) -> Week:
    """Read `hours`. Raises ValueError for what is no time, no day, or a day named twice."""
    week: dict[int, tuple[tuple[int, int], ...]] = {}
    named: dict[int, str] = {}
    for days, texts in ({"mon-sun": hours} if isinstance(hours, str) else hours).items():
        spans = tuple(_spans([texts] if isinstance(texts, str) else texts))
        for day in days_of(days):
            if day in named:
                raise ValueError(f"{WEEKDAYS[day]} is named twice, in '{named[day]}' and in '{days}'")
            named[day], week[day] = days, spans
    if not any(week.values()):
        raise ValueError("every day is closed, so nothing could ever be dialed")
    return tuple(week.get(day, ()) for day in range(7))


@lru_cache(maxsize=CACHED)
def _own_plan(daily_from: int, daily_till: int) -> _Plan:
    """The record's own hours on every day; none where they are not times of day."""
    text = f"{clock_text(daily_from)}-{clock_text(daily_till)}"
    if not (0 <= daily_from < _DAY and 0 <= daily_till <= _DAY) or daily_from == daily_till:
        return _Plan(((),) * 7, text)
    till = daily_till if daily_till > daily_from else daily_till + _DAY
    return _Plan((((daily_from, till),),) * 7, text)


def _spans(texts: Sequence[str]) -> Spans:
    found = []
    for text in texts:
        if text == "closed" and len(texts) == 1:
            continue
        if not re.fullmatch(r"\d\d?:[0-5]\d-\d\d?:[0-5]\d", text):
            raise ValueError(f"'{text}' are no hours; write HH:MM-HH:MM, e.g. 09:00-20:00")
        opens, closes = (time_of_day(part) for part in text.split("-"))
        if opens == _DAY:
            raise ValueError(f"'{text}' opens at the end of the day; write 00:00 of the next day")
        if opens == closes:
            raise ValueError(f"'{text}' is no time at all; the whole day is 00:00-24:00")
        found.append((opens, closes if closes > opens else closes + _DAY))
    return _merged(sorted(found))


def _merged(spans: Iterable[tuple[int, int]]) -> Spans:
    """Join spans, which come in the order in which they open, that touch or overlap."""
    merged: Spans = []
    for opens, closes in spans:
        if merged and opens <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(closes, merged[-1][1]))
        else:
            merged.append((opens, closes))
    return merged


def _open_in_all(zones: Sequence[str], plans: Sequence[_Plan], start: int, end: int) -> Spans:
    """When all plans are open in all zones at once, in Unix seconds between `start` and `end`."""
    common: Spans = [(start, end)]
    for other in (_open(zone, plan.week, start, end) for zone in zones for plan in plans):
        both: Spans = []
        i = j = 0
        while i < len(common) and j < len(other):
            opens, closes = max(common[i][0], other[j][0]), min(common[i][1], other[j][1])
            if opens < closes:
                both.append((opens, closes))
            if common[i][1] <= other[j][1]:
                i += 1
            else:
                j += 1
        common = both
    return common


def _open(zone: str, week: Week, start: int, end: int) -> Spans:
    """When a zone is open: the hours of its days, as its clock shows them, on the line of Unix seconds."""
    found = []
    for block in range(start // _BLOCK, end // _BLOCK + 1):
        for since, till, offset in _offsets(zone, block):
            first, last = max(since, start), min(till, end)
            if first >= last:
                continue
            for day in range((first + offset) // _DAY - 1, (last + offset) // _DAY + 1):
                midnight = day * _DAY - offset
                # 1970-01-01, day 0, was a Thursday
                for opens, closes in week[(day + 3) % 7]:
                    span = max(midnight + opens, first), min(midnight + closes, last)
                    if span[0] < span[1]:
                        found.append(span)
    return _merged(found)


@lru_cache(maxsize=CACHED)
def _offsets(zone: str, block: int) -> tuple[tuple[int, int, int], ...]:
    """The zone's offsets from UTC over one block of days: since, till, seconds.

    A clock is found set by looking once a day; no zone sets its clock and back within one.
    """
    clock = ZoneInfo(zone)

    def offset(at: int) -> int:
        ahead = datetime.fromtimestamp(at, clock).utcoffset()
        assert ahead is not None
        return int(ahead.total_seconds())

    since = block * _BLOCK
    found = []
    for day in range(since, since + _BLOCK, _DAY):
        before, after = day, day + _DAY
        if offset(before) == offset(after):
            continue
        while after - before > 1:
            middle = (before + after) // 2
            if offset(middle) == offset(day):
                before = middle
            else:
                after = middle
        found.append((since, after, offset(before)))
        since = after
    found.append((since, (block + 1) * _BLOCK, offset(since)))
    return tuple(found)


@hookimpl
def register_filters() -> list[type[Filter]]:
    return [CallingHours]
