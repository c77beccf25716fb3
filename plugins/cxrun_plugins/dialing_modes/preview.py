"""Preview: an agent sees the record before the call is placed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cxrun import DURATION, DialingMode, Pacing, Schema, hookimpl, seconds


@dataclass(frozen=True, slots=True)
class Preview(DialingMode):
    """Shows each ready agent one record and places the call after his preview.

    The agent is bound to the record before it is dialed and counts as ready no longer, so nobody who
    answers ever waits for an agent. The call is placed `preview_time` after the record was shown, 20
    seconds by default; 0 places it at once.

    Example::

        mode: {preview: {preview_time: 45s}}
    """

    name: ClassVar[str] = "preview"
    schema: ClassVar[Schema] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "preview_time": {
                **DURATION,
                "description": "How long an agent looks at the record before the call is placed, e.g. 20s.",
                "default": "20s",
            },
        },
    }

    preview_time: float = 20.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "preview_time", seconds(self.preview_time))

    @property
    def agent_first(self) -> bool:
        return True

    def new_calls(self, pacing: Pacing) -> int:
        return max(0, pacing.ready)


@hookimpl
def register_dialing_modes() -> list[type[DialingMode]]:
    return [Preview]
