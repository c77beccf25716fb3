"""Next in chain at: the customer's next number, at a time of day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cxrun import Action, Call, Schema, Treatment, hookimpl
from cxrun_plugins.treatments.next_in_chain import ATTEMPTS, onward
from cxrun_plugins.treatments.retry_at import DAY, TIME, checked, moment_of, moment_text


@dataclass(frozen=True, slots=True)
class NextInChainAt(Treatment):
    """Dials the next record of the chain at a time of day, today, tomorrow or on a date.

    The time is that of the zone of the record that was dialed, as for `retry_at`. Without `day` it is the next
    time the clock shows it. If the time has passed, the next treatment of the sequence is asked; and so it is
    after the chain has been gone through `attempts` times, once by default, since this treatment was first used
    in it.

    Example::

        treatments:
          - on: no_answer
            do:
              - next_in_chain_at: {time: "18:00"}
    """

    name: ClassVar[str] = "next_in_chain_at"
    moves_on: ClassVar[bool] = True
    schema: ClassVar[Schema] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["time"],
        "properties": {"time": TIME, "day": DAY, "attempts": ATTEMPTS},
    }

    time: str
    day: str | None = None
    attempts: int = 1

    def __post_init__(self) -> None:
        checked(self.time, self.day)

    def apply(self, call: Call) -> Action | None:
        at = moment_of(call, self.time, self.day)
        return None if at is None else onward(call, self.attempts, at, f" {moment_text(self.time, self.day)}")


@hookimpl
def register_treatments() -> list[type[Treatment]]:
    return [NextInChainAt]
