"""Finish: the chain is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from cxrun import Action, Call, Finish, Schema, Treatment, hookimpl

_FINISH: Final = Finish("finish")


@dataclass(frozen=True, slots=True)
class FinishChain(Treatment):
    """Writes the result and finishes the whole chain; no record of it is dialed again.

    A result that no treatment answers does the same. Saying it is of use where a sequence for one result
    must not fall to that for `other`.

    Example::

        treatments:
          - on: wrong_number
            do:
              - finish:
    """

    name: ClassVar[str] = "finish"
    schema: ClassVar[Schema] = {"type": "object", "additionalProperties": False}

    def apply(self, call: Call) -> Action | None:
        return _FINISH


@hookimpl
def register_treatments() -> list[type[Treatment]]:
    return [FinishChain]
