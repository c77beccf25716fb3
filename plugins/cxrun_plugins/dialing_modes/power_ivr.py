"""The `power_ivr` dialing mode: calls per minute, no agents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cxrun import DialingMode, Pacing, Schema, hookimpl


@dataclass(frozen=True, slots=True)
class PowerIvr(DialingMode):
    """Places a steady number of calls a minute that an announcement or IVR takes, without agents.

    One call is placed every 60 / `calls_per_minute` seconds, and no more than `max_in_progress` calls, from
    place to end, are open at a time. Calls that could not be placed in time, because every port was taken or
    no record was due, are not made up for: after a stall at most one second's worth is placed together.

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
                "description": "Calls placed per minute, above 0; may be below 1.",
                "type": "number",
                "exclusiveMinimum": 0,
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

    @property
    def calls_per_second(self) -> float:
        return self.calls_per_minute / 60

    def new_calls(self, pacing: Pacing) -> int:
        return max(0, self.max_in_progress - pacing.in_progress)


@hookimpl
def register_dialing_modes() -> list[type[DialingMode]]:
    return [PowerIvr]
