"""Progressive: a number of lines for each agent who is ready."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import ClassVar

from cxrun import DialingMode, Pacing, Schema, hookimpl


@dataclass(frozen=True, slots=True)
class Progressive(DialingMode):
    """Dials `lines_per_agent` lines for each agent who is ready, less what is already under way.

    With m lines per agent, new calls = floor(m x (ready - queued - ceil(dialed / m))), never negative:
    calls in the queue claim an agent each, and calls being dialed claim their share. With m of 0.7, 4
    agents ready, none queued and 1 call being dialed, 1 call is placed.

    The default of 1 loses no answered call for want of an agent, as long as agents do not leave and are the group's
    own: one that shares them with a group that dials ahead, such as `predictive`, can find them taken. Above 1
    some answered calls may find no agent. Below 1 some ready agents stay without a call, and a single one gets none
    at all, because the result is rounded down: a group that never has the agents for one call is refused.

    With `engage_agent_first` an agent is bound to each call before it is placed: nobody who answers waits, and an
    agent who is bound counts as ready in the formula. There cannot be more lines than agents then.

    With `cancel_before_ring` calls that have become too many, because agents have left, are called off as long as the
    called phone does not ring, if the dialer can tell.

    Example::

        mode: {progressive: {lines_per_agent: 1.2}}
    """

    name: ClassVar[str] = "progressive"
    schema: ClassVar[Schema] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "lines_per_agent": {
                "description": "Lines dialed per ready agent, above 0 to 100; may be below 1.",
                "type": "number",
                "exclusiveMinimum": 0,
                "maximum": 100,
                "default": 1,
            },
            "engage_agent_first": {
                "description": "Whether an agent is bound to each call before it is placed.",
                "type": "boolean",
                "default": False,
            },
            "cancel_before_ring": {
                "description": "Whether calls that are too many once agents have left are called off before they ring.",
                "type": "boolean",
                "default": False,
            },
        },
    }

    lines_per_agent: float = 1
    engage_agent_first: bool = False
    cancel_before_ring: bool = False
    _ratio: tuple[int, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # the decimal as written: in binary 1.4 x 45 falls below 63, and 21 / 0.7 above 30
        ratio = Fraction(str(self.lines_per_agent)).as_integer_ratio()
        object.__setattr__(self, "_ratio", ratio)
        if self.engage_agent_first and self.lines_per_agent > 1:
            raise ValueError(
                "engage_agent_first binds an agent to each line: lines_per_agent must be at most 1"
            )

    @property
    def agent_first(self) -> bool:
        return self.engage_agent_first

    @property
    def without_effect(self) -> Sequence[str]:
        return ("cancel_before_ring",) if self.engage_agent_first else ()

    @property
    def fewest_agents(self) -> int:
        lines, agents = self._ratio
        return -(-agents // lines)

    @property
    def dials_ahead(self) -> bool:
        return self.lines_per_agent > 1

    @property
    def cancels_before_ring(self) -> bool:
        return self.cancel_before_ring

    def surplus(self, pacing: Pacing) -> int:
        lines, agents = self._ratio
        if self.engage_agent_first:
            return 0
        return max(0, pacing.dialed - max(0, -(-lines * (pacing.ready - pacing.queued) // agents)))

    def new_calls(self, pacing: Pacing) -> int:
        lines, agents = self._ratio
        taken = -(-pacing.dialed * agents // lines)
        ready = pacing.ready + pacing.dialed if self.engage_agent_first else pacing.ready
        return max(0, lines * (ready - pacing.queued - taken) // agents)


@hookimpl
def register_dialing_modes() -> list[type[DialingMode]]:
    return [Progressive]
