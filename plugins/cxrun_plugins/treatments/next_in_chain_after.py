"""Next in chain after: the customer's next number, after an interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cxrun import DURATION, Action, Call, Schema, Treatment, duration_text, hookimpl, seconds
from cxrun_plugins.treatments.next_in_chain import ATTEMPTS, onward


@dataclass(frozen=True, slots=True)
class NextInChainAfter(Treatment):
    """Dials the next record of the chain after `interval`.

    It does what `next_in_chain` does, and waits: the interval counts from when the call was dialed, and is the
    same within a pass and before a new one. After the last record the chain begins anew, until it has been gone
    through `attempts` times, once by default, since this treatment was first used in it.

    Example::

        treatments:
          - on: no_answer
            do:
              - next_in_chain_after: {interval: 2h, attempts: 3}
    """

    name: ClassVar[str] = "next_in_chain_after"
    moves_on: ClassVar[bool] = True
    schema: ClassVar[Schema] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["interval"],
        "properties": {
            "interval": {**DURATION, "description": "How long to wait, e.g. 2h."},
            "attempts": ATTEMPTS,
        },
    }

    interval: str | float
    attempts: int = 1

    def apply(self, call: Call) -> Action | None:
        wait = seconds(self.interval)
        return onward(call, self.attempts, call.dialed + wait, f" in {duration_text(wait)}")


@hookimpl
def register_treatments() -> list[type[Treatment]]:
    return [NextInChainAfter]
