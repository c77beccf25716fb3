"""Reschedule: the callback itself, at another time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cxrun import (
    CALLBACKS,
    DURATION,
    PERSONAL,
    Action,
    Call,
    Reschedule,
    Schema,
    Treatment,
    duration_text,
    hookimpl,
    seconds,
)
from cxrun_plugins.treatments.retry_at import DAY, TIME, checked, moment_of, moment_text


@dataclass(frozen=True, slots=True)
class RescheduleCallback(Treatment):
    """Moves a callback to another time; it stays a callback, and its owner's.

    Either after `interval`, counted from when the call was dialed, or at a `time` of day, today, tomorrow or on a
    date, in the zone of the record as for `retry_at`. It answers for callbacks alone; for other records, if the
    time has passed, and after `attempts` times, once by default, the next treatment of the sequence is asked.

    Example::

        treatments:
          - on: agent_callback_error
            do:
              - reschedule: {interval: 30m, attempts: 2}
              - reschedule: {time: "09:00", day: tomorrow}
              - assign_to_group:
    """

    name: ClassVar[str] = "reschedule"
    for_absent_agents: ClassVar[bool] = True
    schema: ClassVar[Schema] = {
        "type": "object",
        "additionalProperties": False,
        "anyOf": [{"required": ["interval"]}, {"required": ["time"]}],
        "properties": {
            "interval": {**DURATION, "description": "How long to wait, e.g. 30m."},
            "time": TIME,
            "day": DAY,
            "attempts": {
                "description": "How often at most, before the next treatment is asked.",
                "type": "integer",
                "minimum": 1,
                "default": 1,
            },
        },
    }

    interval: str | float | None = None
    time: str | None = None
    day: str | None = None
    attempts: int = 1

    def __post_init__(self) -> None:
        if self.interval is not None and (self.time is not None or self.day is not None):
            raise ValueError("either interval or time is expected, and day goes with time")
        if self.time is not None:
            checked(self.time, self.day)

    def apply(self, call: Call) -> Action | None:
        if call.record.record_type not in CALLBACKS | PERSONAL or call.applied >= self.attempts:
            return None
        at: float | None
        if self.time is None:
            wait = seconds(self.interval or 0)
            at, when = call.dialed + wait, f"in {duration_text(wait)}"
        else:
            at, when = moment_of(call, self.time, self.day), moment_text(self.time, self.day)
        if at is None:
            return None
        return Reschedule(at, f"callback moved, {when}, {call.applied + 1} of {self.attempts}")


@hookimpl
def register_treatments() -> list[type[Treatment]]:
    return [RescheduleCallback]
