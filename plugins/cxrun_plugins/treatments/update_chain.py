"""Update chain: all records of the customer get this result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cxrun import Action, Call, Schema, Treatment, UpdateChain, hookimpl


@dataclass(frozen=True, slots=True)
class UpdateWholeChain(Treatment):
    """Gives all records of the chain this call's result and finishes the chain.

    Records of the chain that were final before get the result too; `finish` leaves each record its own.

    Example::

        treatments:
          - on: wrong_number
            do:
              - update_chain:
    """

    name: ClassVar[str] = "update_chain"
    schema: ClassVar[Schema] = {"type": "object", "additionalProperties": False}

    def apply(self, call: Call) -> Action | None:
        return UpdateChain("update chain")


@hookimpl
def register_treatments() -> list[type[Treatment]]:
    return [UpdateWholeChain]
