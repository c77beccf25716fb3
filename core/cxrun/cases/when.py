"""Times as a case writes them: dates and times by the clock of its zone, or as they follow from the step before."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import Final, NamedTuple, Self
from zoneinfo import ZoneInfo

from cxrun.elements import seconds

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WRITTEN: Final = (
    "write 2026-03-02 09:00, 09:00 for the next time it is nine, mon 09:00, or 30m for half an hour later; "
    "a zone may follow"
)
_WHEN: Final = re.compile(
    r"(?:(?P<date>\d{4}-\d\d-\d\d)[ T]|(?P<day>mon|tue|wed|thu|fri|sat|sun) +)?"
    r"(?P<clock>\d?\d:\d\d(?::\d\d)?)"
    r"(?: *(?P<offset>Z|[+-]\d\d:\d\d)| +(?P<zone>[A-Z]\w*(?:/\w+(?:[+-]\w+)*)*))?"
)
_AFTER: Final = re.compile(r"\d+(?:\.\d+)?[smhd]")
_MINUTE: Final = 60


class When(NamedTuple):
    """A time as it is written. Without seconds it means that whole minute."""

    text: str
    date: date | None = None
    weekday: int | None = None
    clock: time = time(0)
    zone: str | None = None
    exact: bool = False
    after: float | None = None

    @classmethod
    def read(cls, text: str) -> Self:
        """Parse a time. Raises ValueError that says what would be right."""
        if _AFTER.fullmatch(text):
            return cls(text, after=seconds(text), exact=True)
        found = _WHEN.fullmatch(text)
        if found is None:
            raise ValueError(f"'{text}' is no time; {WRITTEN}")
        zone = found["zone"]
        if found["offset"]:
            zone = "UTC" if found["offset"] == "Z" else found["offset"]
        elif zone and not known_zone(zone):
            raise ValueError(f"no time zone named '{zone}'; write an IANA name such as America/New_York")
        try:
            day = date.fromisoformat(found["date"]) if found["date"] else None
            hours, minutes, *rest = (int(part) for part in found["clock"].split(":"))
            clock = time(hours, minutes, rest[0] if rest else 0)
        except ValueError as error:
            raise ValueError(f"'{text}' is no time: {error}") from None
        weekday = DAYS.index(found["day"]) if found["day"] else None
        return cls(text, day, weekday, clock, zone, bool(rest))

    def at(self, base: float, zone: str) -> float:
        """Return Unix UTC seconds; what names no date is the next such time not before the minute of `base`.

        Raises ValueError for a time that the clock of the zone skips.
        """
        if self.after is not None:
            return base + self.after
        info = _zone(self.zone or zone)
        if self.date is not None:
            return _moment(self.date, self.clock, info, self.text)
        earliest = base if self.exact else base // _MINUTE * _MINUTE
        day = datetime.fromtimestamp(earliest, info).date()
        while True:
            if self.weekday in (None, day.weekday()):
                moment = _moment(day, self.clock, info, self.text)
                if moment >= earliest:
                    return moment
            day += timedelta(days=1)

    def means(self, at: float, base: float, zone: str) -> bool:
        """Whether `at` is this time, or within this minute."""
        meant = self.at(base, zone)
        return meant <= at < meant + (1 if self.exact else _MINUTE)


def written(at: float, base: float, zone: str, *, exact: bool = False) -> str:
    """A time as a case would write it beside a step at `base`: the clock alone if it is the same day."""
    info = _zone(zone)
    moment = datetime.fromtimestamp(at, info)
    same_day = moment.date() == datetime.fromtimestamp(base, info).date()
    clock = f"{moment:%H:%M:%S}" if exact else f"{moment:%H:%M}"
    return clock if same_day and at >= base // _MINUTE * _MINUTE else f"{moment:%Y-%m-%d} {clock}"


def known_zone(name: str) -> bool:
    """Whether there is an IANA zone of this name."""
    try:
        _zone(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


@lru_cache(maxsize=256)
def _zone(name: str) -> tzinfo:
    if name[0] in "+-":
        offset = datetime.fromisoformat(f"2000-01-01T00:00{name}").tzinfo
        assert offset is not None
        return offset
    return ZoneInfo(name)


def _moment(day: date, clock: time, zone: tzinfo, text: str) -> float:
    moment = datetime.combine(day, clock, zone)
    at = moment.timestamp()
    if datetime.fromtimestamp(at, zone).replace(tzinfo=None) != moment.replace(tzinfo=None):
        raise ValueError(f"'{text}' is skipped by the clock of {zone} on {day}")
    return at
