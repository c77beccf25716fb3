"""The `predictive_ivr` dialing mode: dials ahead of the channels, no agents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from cxrun import DialingMode, Pacer, Pacing, Schema, hookimpl
from cxrun_plugins.dialing_modes.predictive.budget import PARAMETERS, Budget
from cxrun_plugins.dialing_modes.predictive.lookahead import Lookahead
from cxrun_plugins.dialing_modes.progressive_ivr import CHANNELS


@dataclass(frozen=True, slots=True)
class PredictiveIvr(DialingMode):
    """Dials as `predictive` does, with the channels of an announcement or IVR in place of agents.

    It learns how often and when calls are answered and how long a channel is taken, and places as many calls as the
    abandon rate allows. An answered call that finds every channel taken waits for one, and is dropped after
    the connect window.

    Example::

        mode: {predictive_ivr: {channels: 30, abandon_rate: 3}}
    """

    name: ClassVar[str] = "predictive_ivr"
    needs_agents: ClassVar[bool] = False
    schema: ClassVar[Schema] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["channels"],
        "properties": {"channels": CHANNELS, **PARAMETERS},
    }

    channels: int
    abandon_rate: float = 3
    measured_over: Sequence[str] = ("day", "30_days")
    mistaken_people: float = 0
    mistaken_machines: float = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "measured_over", tuple(self.measured_over))

    @property
    def capacity(self) -> int:
        return self.channels

    @property
    def abandon_caps(self) -> Mapping[str, float]:
        return dict.fromkeys(self.measured_over, self.abandon_rate)

    def start(self, now: float) -> Pacer:
        budget = Budget(self.abandon_rate, self.measured_over, self.mistaken_people, self.mistaken_machines)
        return Lookahead(budget, now)

    def new_calls(self, pacing: Pacing) -> int:
        return self.start(pacing.now).new_calls(pacing)


@hookimpl
def register_dialing_modes() -> list[type[DialingMode]]:
    return [PredictiveIvr]
