"""Power: a fixed ratio of calls in flight to agents who are ready."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import ClassVar

from cxrun import DialingMode, Pacing, Schema, hookimpl


@dataclass(frozen=True, slots=True)
class Power(DialingMode):
    """Keeps `calls_per_agent` calls in flight for each agent who is ready.

    Calls in flight, that is placed and not yet answered or ended, are topped up to floor(calls_per_agent x
    (ready - queued)); a call that waits in the queue claims one ready agent. The ratio is fixed: it does
    not look at how many calls are answered, so anything above 1 abandons calls when answers come
    together. The default of 1.5 is a starting point, not a recommendation; watch the abandon rate.

    Example::

        mode: {power: {calls_per_agent: 1.5}}
    """

    name: ClassVar[str] = "power"
    schema: ClassVar[Schema] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "calls_per_agent": {
                "description": "Calls in flight per ready agent, 1 to 100.",
                "type": "number",
                "minimum": 1,
                "maximum": 100,
                "default": 1.5,
            },
        },
    }

    calls_per_agent: float = 1.5
    _ratio: tuple[int, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # the decimal as written: in binary 1.4 x 45 falls below 63
        ratio = Fraction(str(self.calls_per_agent)).as_integer_ratio()
        object.__setattr__(self, "_ratio", ratio)

    @property
    def dials_ahead(self) -> bool:
        return self.calls_per_agent > 1

    def new_calls(self, pacing: Pacing) -> int:
        calls, agents = self._ratio
        return max(0, calls * (pacing.ready - pacing.queued) // agents - pacing.dialed)


@hookimpl
def register_dialing_modes() -> list[type[DialingMode]]:
    return [Power]
