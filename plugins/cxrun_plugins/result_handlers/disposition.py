"""Disposition: the agent's word on how a call ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from cxrun import Call, CallResult, Conclude, Handling, ResultHandler, Schema, hookimpl


@dataclass(frozen=True, slots=True)
class Disposition(ResultHandler):
    """Turns the agent's disposition code into the call result to write.

    What the agent says outweighs what the line reported: a call that was answered becomes, say,
    wrong_party or do_not_call, and the treatments of that result follow. Codes are compared exactly as
    written. A code that is not listed leaves the result as it is, and so does a call without one.

    Example::

        results:
          - disposition: {codes: {WP: wrong_party, WN: wrong_number, DNC: do_not_call}}
    """

    name: ClassVar[str] = "disposition"
    schema: ClassVar[Schema] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["codes"],
        "properties": {
            "codes": {
                "description": "For each disposition code of the agents the call result to write.",
                "type": "object",
                "minProperties": 1,
                "additionalProperties": {"enum": [result.word for result in CallResult]},
            },
        },
    }

    codes: Mapping[str, str]

    def handle(self, call: Call) -> Handling | None:
        if call.disposition is None or call.disposition not in self.codes:
            return None
        word = self.codes[call.disposition]
        return Conclude(CallResult[word.upper()], f"disposition {call.disposition}: {word}")


@hookimpl
def register_result_handlers() -> list[type[ResultHandler]]:
    return [Disposition]
