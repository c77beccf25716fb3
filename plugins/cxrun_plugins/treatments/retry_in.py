"""Retry in: the same record again, after an interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from cxrun import DURATION, Action, Call, DialAgain, Schema, Treatment, duration_text, hookimpl, seconds


@dataclass(frozen=True, slots=True)
class RetryIn(Treatment):
    """Dials the same record again after `interval`, which may be another one each time.

    The interval counts from when the call was dialed. Of a list of intervals the first is for the first time, the
    second for the second, and the last for every further one. After `attempts` times the next treatment of the
    sequence is asked; without it, each interval is used once. For intervals that grow evenly, see `redial`.

    Example::

        treatments:
          - on: answering_machine
            do:
              - retry_in: {interval: 1d}
          - on: no_answer
            do:
              - retry_in: {interval: [30m, 2h, 1d], attempts: 5}
    """

    name: ClassVar[str] = "retry_in"
    for_absent_agents: ClassVar[bool] = True
    schema: ClassVar[Schema] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["interval"],
        "properties": {
            "interval": {
                "description": "How long to wait, e.g. 4h, or a list of such, e.g. [30m, 2h, 1d].",
                "anyOf": [*DURATION["anyOf"], {"type": "array", "minItems": 1, "items": DURATION}],
            },
            "attempts": {
                "description": "How often at most, before the next treatment is asked. Without it, once for each "
                "interval.",
                "type": "integer",
                "minimum": 1,
            },
        },
    }

    interval: str | float | Sequence[str | float]
    attempts: int | None = None

    def __post_init__(self) -> None:
        if self.attempts is not None and self.attempts < len(self._intervals):
            raise ValueError(
                f"of {len(self._intervals)} intervals only the first {self.attempts} would be used; "
                "leave attempts out, or shorten the list"
            )

    @property
    def _intervals(self) -> Sequence[str | float]:
        return (self.interval,) if isinstance(self.interval, str | int | float) else self.interval

    def apply(self, call: Call) -> Action | None:
        intervals = self._intervals
        attempts = self.attempts or len(intervals)
        if call.applied >= attempts:
            return None
        wait = seconds(intervals[min(call.applied, len(intervals) - 1)])
        return DialAgain(
            call.dialed + wait, f"retry in {duration_text(wait)}, {call.applied + 1} of {attempts}"
        )


@hookimpl
def register_treatments() -> list[type[Treatment]]:
    return [RetryIn]
