"""Retry in: the same record again, after a fixed interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cxrun import DURATION, Action, Call, DialAgain, Schema, Treatment, duration_text, hookimpl, seconds


@dataclass(frozen=True, slots=True)
class RetryIn(Treatment):
    """Dials the same record again after `interval`.

    The interval counts from when the call was dialed and is the same each time. After `attempts` times, once
    by default, the next treatment of the sequence is asked. For intervals that grow, see `redial`.

    Example::

        treatments:
          - on: answering_machine
            do:
              - retry_in: {interval: 1d}
    """

    name: ClassVar[str] = "retry_in"
    schema: ClassVar[Schema] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["interval"],
        "properties": {
            "interval": {**DURATION, "description": "How long to wait, e.g. 4h."},
            "attempts": {
                "description": "How often at most, before the next treatment is asked.",
                "type": "integer",
                "minimum": 1,
                "default": 1,
            },
        },
    }

    interval: str | float
    attempts: int = 1

    def apply(self, call: Call) -> Action | None:
        if call.applied >= self.attempts:
            return None
        wait = seconds(self.interval)
        return DialAgain(
            call.dialed + wait, f"retry in {duration_text(wait)}, {call.applied + 1} of {self.attempts}"
        )


@hookimpl
def register_treatments() -> list[type[Treatment]]:
    return [RetryIn]
