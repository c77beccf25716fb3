"""Retry at: the same record again, at a time of day."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, ClassVar, Final
from zoneinfo import ZoneInfo

from cxrun import (
    TIME_OF_DAY,
    Action,
    Call,
    Check,
    DialAgain,
    Problem,
    Schema,
    Scope,
    Treatment,
    check,
    clock_moment,
    hookimpl,
    time_of_day,
)

TIME: Final[dict[str, Any]] = {**TIME_OF_DAY, "description": "When on that day, HH:MM in the record's zone."}
DAY: Final[dict[str, Any]] = {
    "description": "today, tomorrow or a date, YYYY-MM-DD; without it, the next day on which the time is still to "
    "come.",
    "type": "string",
    "pattern": r"^(today|tomorrow|[0-9]{4}-[0-9]{2}-[0-9]{2})$",
}
ATTEMPTS: Final[dict[str, Any]] = {
    "description": "How often at most, before the next treatment is asked.",
    "type": "integer",
    "minimum": 1,
    "default": 1,
}


def checked(at: str, day: str | None) -> None:
    """Raise ValueError for a time or a date that does not exist."""
    time_of_day(at)
    if day and re.match("[0-9]", day):
        try:
            date.fromisoformat(day)
        except ValueError:
            raise ValueError(f"there is no day {day}") from None


def moment_of(call: Call, at: str, day: str | None) -> float | None:
    """When the clock of the record shows a time on a day (Unix UTC seconds), None if that has passed.

    Of several zones the last to show it counts; a record of unknown zone has UTC.
    """
    moments = [_in_zone(zone, call.now, time_of_day(at), day) for zone in call.record.zones or ("UTC",)]
    latest = max(moments)
    return latest if latest > call.now else None


def moment_text(at: str, day: str | None) -> str:
    """The same in words."""
    return f"at {at}" if day is None else f"{day} at {at}" if day.isalpha() else f"on {day} at {at}"


def _in_zone(zone: str, now: float, second: int, day: str | None) -> float:
    today = datetime.fromtimestamp(now, ZoneInfo(zone)).date()
    chosen = today
    if day == "tomorrow":
        chosen += timedelta(days=1)
    elif day and day != "today":
        chosen = date.fromisoformat(day)
    moment = clock_moment(zone, chosen, second)
    return clock_moment(zone, today + timedelta(days=1), second) if day is None and moment <= now else moment


@dataclass(frozen=True, slots=True)
class RetryAt(Treatment):
    """Dials the same record again at a time of day, today, tomorrow or on a date.

    The time is that of the record's zone; of several zones the last to show it counts, and a record of unknown
    zone has UTC. Without `day` it is the next time the clock shows it. If the time has passed, as with `today` in
    the evening, the next treatment of the sequence is asked; and so it is after `attempts` times, once by default.

    Example::

        treatments:
          - on: no_answer
            do:
              - retry_at: {time: "18:30", day: today}
              - retry_at: {time: "09:30", day: tomorrow, attempts: 2}
    """

    name: ClassVar[str] = "retry_at"
    for_absent_agents: ClassVar[bool] = True
    schema: ClassVar[Schema] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["time"],
        "properties": {
            "time": TIME,
            "day": DAY,
            "attempts": ATTEMPTS,
        },
    }

    time: str
    day: str | None = None
    attempts: int = 1

    def __post_init__(self) -> None:
        checked(self.time, self.day)

    def apply(self, call: Call) -> Action | None:
        at = moment_of(call, self.time, self.day)
        if at is None or call.applied >= self.attempts:
            return None
        when = moment_text(self.time, self.day)
        return DialAgain(at, f"retry {when}, {call.applied + 1} of {self.attempts}")


@check("CX115", "warning")
def day_has_passed(scope: Scope) -> Iterator[Problem]:
    """A treatment is for a day that has passed.

    It never has an answer any more; the next treatment of the sequence is asked at once.

    Bad::

        ruleset: retry
        treatments:
          - {on: no_answer, do: [retry_at: {time: "18:30", day: 2020-12-24}]}

    Good::

        ruleset: retry
        treatments:
          - {on: no_answer, do: [retry_at: {time: "18:30", day: tomorrow}]}
    """
    for group in scope.groups:
        for ruleset in group.rulesets:
            for rule in ruleset.treatments:
                for step in rule.steps:
                    day = getattr(step.element, "day", None)
                    if isinstance(day, str) and day[:1].isdigit() and date.fromisoformat(day) < scope.today:
                        message = f"can never run again: {day} has passed"
                        yield scope.in_step(group, ruleset, step, message)


@hookimpl
def register_checks() -> Iterable[Check]:
    return [day_has_passed]


@hookimpl
def register_treatments() -> list[type[Treatment]]:
    return [RetryAt]
