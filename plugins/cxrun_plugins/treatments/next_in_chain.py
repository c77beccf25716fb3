"""Next in chain: the customer's next number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cxrun import Action, Call, DialNext, RecordStatus, Schema, Treatment, hookimpl


@dataclass(frozen=True, slots=True)
class NextInChain(Treatment):
    """Dials the next record of the chain at once.

    The next record is one that stands later in the chain and still waits for its turn. After the last one
    the chain begins anew, until it has been gone through `attempts` times, once by default; then the next
    treatment of the sequence is asked. A record that is alone in its chain has no next one, so the next
    treatment is asked at once. A record that is passed by may be dialed again only while a pass remains.

    Example::

        treatments:
          - on: [busy, no_answer]
            do:
              - next_in_chain: {attempts: 2}
    """

    name: ClassVar[str] = "next_in_chain"
    schema: ClassVar[Schema] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "attempts": {
                "description": "How often the chain is gone through, the first time included.",
                "type": "integer",
                "minimum": 1,
                "default": 1,
            },
        },
    }

    attempts: int = 1

    def apply(self, call: Call) -> Action | None:
        if call.record.chain_size < 2:
            return None
        more_passes = call.passes + 1 < self.attempts
        if any(
            record.chain_n > call.record.chain_n and record.record_status == RecordStatus.CHAIN_READY
            for record in call.chain
        ):
            return DialNext(call.now, "next in chain", more_passes=more_passes)
        if more_passes:
            reason = f"chain begins anew, {call.passes + 2} of {self.attempts}"
            return DialNext(call.now, reason, new_pass=True, more_passes=True)
        return None


@hookimpl
def register_treatments() -> list[type[Treatment]]:
    return [NextInChain]
