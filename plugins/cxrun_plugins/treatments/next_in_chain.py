"""Next in chain: the customer's next number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final

from cxrun import Action, Call, DialNext, Schema, Treatment, hookimpl

ATTEMPTS: Final[dict[str, Any]] = {
    "description": "How often the chain is gone through, the first time included.",
    "type": "integer",
    "minimum": 1,
    "default": 1,
}


def onward(call: Call, attempts: int, at: float, when: str = "") -> Action | None:
    """Dial the next record of the chain at a time (Unix UTC seconds), `when` in words; None at the end of the last
    pass, and for a record that is alone in its chain."""
    if call.record.chain_size < 2:
        return None
    more_passes = call.passes + 1 < attempts
    if call.remaining:
        return DialNext(at, f"next in chain{when}", more_passes=more_passes)
    if more_passes:
        reason = f"chain begins anew{when}, {call.passes + 2} of {attempts}"
        return DialNext(at, reason, new_pass=True, more_passes=True)
    return None


@dataclass(frozen=True, slots=True)
class NextInChain(Treatment):
    """Dials the next record of the chain at once.

    The next record is one that still waits for its turn, in the order of the list or of the group's `devices`.
    After the last one the chain begins anew, until it has been gone through `attempts` times, once by default,
    since this treatment was first used in it; then the next treatment of the sequence is asked. A record that
    is alone in its chain has no next one, so the next treatment is asked at once. A record that is passed by may
    be dialed again only while a pass remains.

    Example::

        treatments:
          - on: [busy, no_answer]
            do:
              - next_in_chain: {attempts: 2}
    """

    name: ClassVar[str] = "next_in_chain"
    moves_on: ClassVar[bool] = True
    schema: ClassVar[Schema] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {"attempts": ATTEMPTS},
    }

    attempts: int = 1

    def apply(self, call: Call) -> Action | None:
        return onward(call, self.attempts, call.now)


@hookimpl
def register_treatments() -> list[type[Treatment]]:
    return [NextInChain]
