"""Predictive: dials ahead of the agents, as far as the abandon rate allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from cxrun import DURATION, DialingMode, Pacer, Pacing, Schema, hookimpl, seconds
from cxrun_plugins.dialing_modes.predictive.budget import PARAMETERS, Budget
from cxrun_plugins.dialing_modes.predictive.lookahead import Aim, Lookahead

_OF_DIALING_AHEAD: Final = (
    "mistaken_people", "mistaken_machines", "agent_busy_factor", "average_waiting_time", "agent_floor",
    "cancel_before_ring",
)  # fmt: skip
"""Parameters that mean something only where calls are placed ahead of agents."""


@dataclass(frozen=True, slots=True)
class Predictive(DialingMode):
    """Forecasts, for each further call, how likely its answer would find no agent, and dials while that is small.

    It learns how often and when calls are answered, how long agents talk and wrap up, and it knows how long each call
    in flight has rung and each conversation has lasted. From that it forecasts the agents that will be free and
    the calls that will be answered by the time one more call would be. It places that call if the chance to find nobody
    is below a threshold, which follows the unspent abandon budget: `abandon_rate` percent of the people who have
    answered, less those abandoned, over each window of `measured_over`. As the budget runs out the threshold falls
    smoothly to that of progressive dialing, one call per ready agent. The rate of a short window is never certain:
    a budget of a few calls is kept back. The more calls of budget a window has had, the more calmly it follows.

    The abandon rate is kept and the agents are as busy as it allows, unless one of two aims asks for less:
    `agent_busy_factor`, talking and wrapping agents in percent, or `average_waiting_time`, an agent's wait for a call.
    What they hold back is the dialing ahead first, so that fewer people are abandoned, and none where agents need not
    be busier than with one call each; only then are ready agents kept waiting.

    Small groups gain least, for one answer too many is a larger part of theirs: where progressive dialing keeps agents
    busy for 71 % of their time (answer rate 0.3, talk 120 s, wrap-up 20 s), it is 74 % with 2 agents, 77 % with 3, 80 %
    with 5, 84 % with 10, 90 % with 25, 94 % with 50 and 96 % with 100, and one agent gains nothing.

    It dials progressively until it has seen 10 answers and called for a minute, and while fewer than `agent_floor`
    agents are logged in; until it has seen 20 conversations, it dials ahead of ready agents only. With
    `engage_agent_first` each call is bound to an agent before it is placed: nobody who answers waits, and there is
    one call per ready agent.

    With `cancel_before_ring` it calls off its newest calls, as long as the called phone does not ring and the dialer
    can tell, once the chance that they find no agent is three times what it takes to place one: when agents leave, or
    more people answer than expected. Each is an attempt with the result dropped_no_answer, so it costs attempts.

    A cap of 1 % is a matter of `abandon_rate: 1`: it costs 2.8 points of agent utilisation with 10 agents, 1.7 with 50
    and 1.2 with 100, if callers wait 2 seconds (exact bounds for exponential times, answer rate 0.3).

    Example::

        mode: {predictive: {abandon_rate: 3}}
    """

    name: ClassVar[str] = "predictive"
    schema: ClassVar[Schema] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            **PARAMETERS,
            "agent_busy_factor": {
                "description": "How busy agents should be, in percent; no calls are placed to make them busier.",
                "type": ["number", "null"],
                "exclusiveMinimum": 0,
                "exclusiveMaximum": 100,
                "default": None,
            },
            "average_waiting_time": {
                "anyOf": [DURATION, {"type": "null"}],
                "description": "How long agents should wait between calls, e.g. 20s; not to be shorter.",
                "default": None,
            },
            "agent_floor": {
                "description": "Agents logged in below whom it dials progressively.",
                "type": "integer",
                "minimum": 1,
                "default": 2,
            },
            "engage_agent_first": {
                "description": "Whether an agent is bound to each call before it is placed.",
                "type": "boolean",
                "default": False,
            },
            "cancel_before_ring": {
                "description": "Whether calls that turn out to be too many are called off before they ring.",
                "type": "boolean",
                "default": False,
            },
        },
    }

    abandon_rate: float = 3
    measured_over: Sequence[str] = ("day", "30_days")
    mistaken_people: float = 0
    mistaken_machines: float = 0
    agent_busy_factor: float | None = None
    average_waiting_time: float | None = None
    agent_floor: int = 2
    engage_agent_first: bool = False
    cancel_before_ring: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "measured_over", tuple(self.measured_over))
        if self.average_waiting_time is not None:
            object.__setattr__(self, "average_waiting_time", seconds(self.average_waiting_time))
            if self.agent_busy_factor is not None:
                raise ValueError("agent_busy_factor and average_waiting_time: give one of them, not both")

    @property
    def agent_first(self) -> bool:
        return self.engage_agent_first

    @property
    def cancels_before_ring(self) -> bool:
        return self.cancel_before_ring

    @property
    def without_effect(self) -> Sequence[str]:
        return _OF_DIALING_AHEAD if self.engage_agent_first else ()

    @property
    def abandon_caps(self) -> Mapping[str, float]:
        return dict.fromkeys(self.measured_over, self.abandon_rate)

    def start(self, now: float) -> Pacer:
        aim = None
        if self.agent_busy_factor is not None:
            aim = Aim(busy=self.agent_busy_factor / 100)
        elif self.average_waiting_time is not None:
            aim = Aim(wait=self.average_waiting_time)
        budget = Budget(self.abandon_rate, self.measured_over, self.mistaken_people, self.mistaken_machines)
        return Lookahead(budget, now, floor=self.agent_floor, aim=aim, bound=self.engage_agent_first)

    def new_calls(self, pacing: Pacing) -> int:
        return self.start(pacing.now).new_calls(pacing)


@hookimpl
def register_dialing_modes() -> list[type[DialingMode]]:
    return [Predictive]
