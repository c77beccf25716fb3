"""The `progressive_ivr` dialing mode: one call for each free channel, no agents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from cxrun import DialingMode, Pacing, Schema, hookimpl

CHANNELS: Final[Schema] = {
    "description": "Answered calls that can be served at a time.",
    "type": "integer",
    "minimum": 1,
}


@dataclass(frozen=True, slots=True)
class ProgressiveIvr(DialingMode):
    """Places one call for each free channel of an announcement or IVR, without agents.

    A call that is dialed claims a channel before it is answered, so nobody who answers ever waits for one; while it
    rings, the channel is idle.

    Example::

        mode: {progressive_ivr: {channels: 30}}
    """

    name: ClassVar[str] = "progressive_ivr"
    needs_agents: ClassVar[bool] = False
    schema: ClassVar[Schema] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["channels"],
        "properties": {"channels": CHANNELS},
    }

    channels: int

    @property
    def capacity(self) -> int:
        return self.channels

    def new_calls(self, pacing: Pacing) -> int:
        return max(0, pacing.ready - pacing.queued - pacing.dialed)


@hookimpl
def register_dialing_modes() -> list[type[DialingMode]]:
    return [ProgressiveIvr]
