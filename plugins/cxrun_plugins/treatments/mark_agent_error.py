"""Mark agent error: the promise was not kept, and somebody should look at it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cxrun import Action, Call, MarkAgentError, Schema, Treatment, hookimpl


@dataclass(frozen=True, slots=True)
class MarkAsAgentError(Treatment):
    """Finishes the chain with the status agent_error, so that it can be found and taken up by hand.

    Example::

        treatments:
          - on: agent_callback_error
            do:
              - redial: {interval: 10m, attempts: 3}
              - mark_agent_error:
    """

    name: ClassVar[str] = "mark_agent_error"
    for_absent_agents: ClassVar[bool] = True
    schema: ClassVar[Schema] = {"type": "object", "additionalProperties": False}

    def apply(self, call: Call) -> Action | None:
        return MarkAgentError("agent error")


@hookimpl
def register_treatments() -> list[type[Treatment]]:
    return [MarkAsAgentError]
