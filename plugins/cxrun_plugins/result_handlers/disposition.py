"""Disposition: the agent's word on how a call ended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from cxrun import (
    Call,
    CallResult,
    Check,
    Conclude,
    Handling,
    Problem,
    ResultHandler,
    Schema,
    Scope,
    check,
    hookimpl,
)


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


@check("CX114", "error")
def refusal_unheard(scope: Scope) -> Iterator[Problem]:
    """A disposition says do not call, and the number never reaches a suppression list.

    The agent's code becomes the result `do_not_call`, and no treatment that writes to a list, such as `do_not_call`,
    answers it. The chain is finished, and the next import brings the customer back.

    Bad::

        ruleset: retry
        results:
          - disposition: {codes: {REFUSED: do_not_call}}

    Good::

        ruleset: retry
        results:
          - disposition: {codes: {REFUSED: do_not_call}}
        treatments:
          - {on: do_not_call, do: [do_not_call: {list: dnc, client: true}]}
    """
    for group in scope.groups:
        rules = [rule for ruleset in group.rulesets for rule in ruleset.treatments]
        writes = any(
            step.element.suppression_lists()
            for rule in rules
            for step in rule.steps
            if CallResult.DO_NOT_CALL in rule.on or rule.other
        )
        for ruleset in group.rulesets if not writes else ():
            for step in ruleset.results:
                element = step.element
                if isinstance(element, Disposition) and CallResult.DO_NOT_CALL.word in element.codes.values():
                    message = "somebody who refuses calls is put on no suppression list"
                    yield scope.in_step(group, ruleset, step, message)


@hookimpl
def register_checks() -> Iterable[Check]:
    return [refusal_unheard]


@hookimpl
def register_result_handlers() -> list[type[ResultHandler]]:
    return [Disposition]
