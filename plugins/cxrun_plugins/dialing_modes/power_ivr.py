"""Power IVR: calls placed evenly in time, without agents."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar, Final

from cxrun import DialingMode, Pacing, Schema, hookimpl

_SHORTEST_WAIT: Final = 0.1
_ROUNDING: Final = 1e-3
"""A call may be this part of a call early, so that a wait computed in floats does not fall just short."""


@dataclass(slots=True)
class _Bucket:
    """The calls that have become due and were not placed, as of `at` seconds and `placed` calls."""

    at: float = math.inf
    placed: int = 0
    due: float = 1.0


@dataclass(frozen=True, slots=True)
class PowerIvr(DialingMode):
    """Places a steady number of calls a minute that an announcement or IVR takes, without agents.

    The first call is placed at once, then one every 60 / `calls_per_minute` seconds, so that the calls
    placed never exceed the minutes run x `calls_per_minute` + 1. No more than `max_in_progress` calls,
    from place to end, are open at a time.

    Calls that could not be placed in time, because every port was taken or no record was due, are not
    made up for: after a stall at most one second's worth of calls, or a single one if that is less than
    one, is placed together. The mode remembers what has become due, so each campaign group needs its own.

    Example::

        mode: {power_ivr: {calls_per_minute: 120, max_in_progress: 30}}
    """

    name: ClassVar[str] = "power_ivr"
    needs_agents: ClassVar[bool] = False
    schema: ClassVar[Schema] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["calls_per_minute", "max_in_progress"],
        "properties": {
            "calls_per_minute": {
                "description": "Calls placed per minute, above 0 to 60000; may be below 1.",
                "type": "number",
                "exclusiveMinimum": 0,
                "maximum": 60000,
            },
            "max_in_progress": {
                "description": "Calls open at a time, from place to end; the ports this group may use.",
                "type": "integer",
                "minimum": 1,
            },
        },
    }

    calls_per_minute: float
    max_in_progress: int
    _bucket: _Bucket = field(default_factory=_Bucket, init=False, repr=False, compare=False)

    def new_calls(self, pacing: Pacing) -> int:
        free = self.max_in_progress - pacing.in_progress
        return max(0, min(math.floor(self._due(pacing)), free))

    def next_change(self, pacing: Pacing) -> float | None:
        if pacing.in_progress >= self.max_in_progress:
            return None
        due = self._due(pacing)
        wait = (math.floor(due) + 1 + _ROUNDING - due) * 60 / self.calls_per_minute
        return pacing.now + max(wait, _SHORTEST_WAIT)

    def _due(self, pacing: Pacing) -> float:
        """Bring the bucket up to date; the same pacing twice gives the same answer."""
        bucket, per_second = self._bucket, self.calls_per_minute / 60
        if pacing.since_start < bucket.at or pacing.placed < bucket.placed:
            bucket.due = 1.0
        else:
            bucket.due += (pacing.since_start - bucket.at) * per_second - (pacing.placed - bucket.placed)
        # what is over a whole number of calls is kept, else every late question would slow the pace
        whole = max(1, math.floor(per_second))
        bucket.due = min(bucket.due, whole + 1 - 2 * _ROUNDING)
        bucket.at, bucket.placed = pacing.since_start, pacing.placed
        return bucket.due + _ROUNDING


@hookimpl
def register_dialing_modes() -> list[type[DialingMode]]:
    return [PowerIvr]
