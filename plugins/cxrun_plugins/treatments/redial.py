"""Redial: the same record again, after an interval that may grow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cxrun import DURATION, Action, Call, DialAgain, Schema, Treatment, duration_text, hookimpl, seconds


@dataclass(frozen=True, slots=True)
class Redial(Treatment):
    """Dials the same record again after `interval`, each further time `increment` later.

    With interval 30m and increment 5m the record is dialed again after 30, 35 and 40 minutes, counted
    from when the call before was dialed. After `attempts` times, 3 by default, the next treatment of the
    sequence is asked. The increment is 0 by default.

    Example::

        treatments:
          - on: [busy, no_answer]
            do:
              - redial: {interval: 30m, increment: 5m, attempts: 3}
              - next_in_chain:
    """

    name: ClassVar[str] = "redial"
    for_absent_agents: ClassVar[bool] = True
    schema: ClassVar[Schema] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["interval"],
        "properties": {
            "interval": {**DURATION, "description": "How long to wait the first time, e.g. 30m."},
            "increment": {
                **DURATION,
                "description": "How much longer to wait each further time, e.g. 5m.",
                "default": 0,
            },
            "attempts": {
                "description": "How often at most, before the next treatment is asked.",
                "type": "integer",
                "minimum": 1,
                "default": 3,
            },
        },
    }

    interval: str | float
    increment: str | float = 0
    attempts: int = 3

    def apply(self, call: Call) -> Action | None:
        if call.applied >= self.attempts:
            return None
        wait = seconds(self.interval) + call.applied * seconds(self.increment)
        reason = f"redial in {duration_text(wait)}, {call.applied + 1} of {self.attempts}"
        return DialAgain(call.dialed + wait, reason)


@hookimpl
def register_treatments() -> list[type[Treatment]]:
    return [Redial]
