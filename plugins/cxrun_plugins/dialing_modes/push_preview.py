"""Push preview: an agent is given a record, and accepts or rejects it before the call is placed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cxrun import DURATION, DialingMode, Offer, Pacing, Schema, hookimpl, seconds


@dataclass(frozen=True, slots=True)
class PushPreview(DialingMode):
    """Gives each ready agent one record, and places the call when he accepts it.

    A record he rejects goes back, and he is given the next one. If he does neither within `timeout`, the record is
    dialed all the same, or skipped like a rejected one, as `on_timeout` says. A record that went back is given to
    nobody for the time of `again_after`; no attempt is counted, for nobody was called. The agent is bound to the
    record before it is dialed, so nobody who answers ever waits for an agent.

    Example::

        mode: {push_preview: {timeout: 45s, on_timeout: skip}}
    """

    name: ClassVar[str] = "push_preview"
    schema: ClassVar[Schema] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "timeout": {
                **DURATION,
                "description": "How long an agent has to accept or reject the record, e.g. 30s; more than 0.",
                "default": "30s",
            },
            "on_timeout": {
                "description": "What becomes of the record if he does neither: dial it, or skip it.",
                "enum": ["dial", "skip"],
                "default": "dial",
            },
            "again_after": {
                **DURATION,
                "description": "How long a rejected or skipped record is left alone, e.g. 15m.",
                "default": "15m",
            },
        },
    }

    timeout: float = 30.0
    on_timeout: str = "dial"
    again_after: float = 900.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "timeout", seconds(self.timeout))
        object.__setattr__(self, "again_after", seconds(self.again_after))
        if self.timeout <= 0:
            raise ValueError("timeout: an agent needs some time to answer; progressive dials without asking")

    @property
    def agent_first(self) -> bool:
        return True

    @property
    def preview_time(self) -> float:
        return self.timeout

    @property
    def offer(self) -> Offer:
        return Offer(self.on_timeout, self.again_after)

    def new_calls(self, pacing: Pacing) -> int:
        return max(0, pacing.ready)


@hookimpl
def register_dialing_modes() -> list[type[DialingMode]]:
    return [PushPreview]
