"""Times as rulesets write them: durations, times of day, days of the week; and when a clock shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WEEKDAY: Final = f"({'|'.join(WEEKDAYS)})"
"""A regular expression for one of them."""
DURATION: Final[Mapping[str, Any]] = {
    "description": "A duration: seconds, or a number with s, m, h or d, e.g. 30m.",
    "anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?[smhd]$"}],
}
TIME_OF_DAY: Final[Mapping[str, Any]] = {
    "description": "A time of day, HH:MM or HH:MM:SS; 24:00 is the end of the day.",
    "type": "string",
    "pattern": r"^([01]?[0-9]|2[0-4]):[0-5][0-9](:[0-5][0-9])?$",
}
DAYS: Final[Mapping[str, Any]] = {
    "description": "A day of the week, mon to sun, or several: mon-fri.",
    "type": "string",
    "pattern": f"^{WEEKDAY}(-{WEEKDAY})?$",
}
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(duration: str | float) -> float:
    """Return a `DURATION` in seconds; "1.5h" is 5400."""
    if isinstance(duration, str):
        return float(duration[:-1]) * _UNITS[duration[-1]]
    return float(duration)


def duration_text(value: float) -> str:
    """Return seconds the way a ruleset writes them: 5400 is "90m", 7 is "7s"."""
    for unit in ("d", "h", "m"):
        if value and value % _UNITS[unit] == 0:
            return f"{value / _UNITS[unit]:.12g}{unit}"
    return f"{value:.12g}s"


def time_of_day(text: str) -> int:
    """Return a `TIME_OF_DAY` as seconds since midnight, 0 to 86400.

    Raises ValueError for a time past 24:00.
    """
    hours, minutes, *rest = (int(part) for part in text.split(":"))
    total = hours * 3600 + minutes * 60 + (rest[0] if rest else 0)
    if total > 86400:
        raise ValueError(f"'{text}' is past the end of the day, 24:00")
    return total


def clock_text(second_of_day: int) -> str:
    """Return seconds since midnight as HH:MM."""
    return f"{second_of_day // 3600:02}:{second_of_day % 3600 // 60:02}"


def days_of(text: str) -> list[int]:
    """Return the days that `DAYS` names, 0 for Monday; sat-mon goes over Sunday.

    Raises ValueError for a text that names none.
    """
    words = text.split("-")
    if len(words) > 2 or not set(words) <= set(WEEKDAYS):
        raise ValueError(f"'{text}' is no day; write {', '.join(WEEKDAYS)} or e.g. mon-fri")
    first, last = WEEKDAYS.index(words[0]), WEEKDAYS.index(words[-1])
    return [(first + n) % 7 for n in range((last - first) % 7 + 1)]


def known_zone(name: str) -> bool:
    """Whether the time zone database has a zone of this name."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def clock_moment(zone: str, day: date, second: int) -> float:
    """Return when the clock of a zone shows a second of the day (Unix UTC seconds), the first time it does.

    One that is skipped comes as much later as the clock is set forward.
    """
    return (datetime.combine(day, time(), ZoneInfo(zone)) + timedelta(seconds=second)).timestamp()


def next_day(zones: Sequence[str], at: float, days: int = 1) -> float:
    """Return the first moment (Unix UTC seconds) that is `days` days after the day of `at` in every zone.

    Of an unknown zone it is the latest that moment can be: 25 hours after `at` for one day.
    """
    latest = at + days * 86400 + 3600
    return max((_midnight(zone, at, days, latest) for zone in zones), default=latest)


def _midnight(zone: str, at: float, days: int, otherwise: float) -> float:
    if not known_zone(zone):
        return otherwise
    return clock_moment(zone, datetime.fromtimestamp(at, ZoneInfo(zone)).date() + timedelta(days=days), 0)
