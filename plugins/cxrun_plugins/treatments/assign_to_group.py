"""Assign to group: a personal callback for any agent of the group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cxrun import PERSONAL, Action, AssignToGroup, Call, Schema, Treatment, hookimpl


@dataclass(frozen=True, slots=True)
class AssignCallbackToGroup(Treatment):
    """Makes a personal callback one of the campaign: any agent of the group may take it, at once.

    It answers for records that belong to one agent; for any other the next treatment of the sequence is asked.

    Example::

        treatments:
          - on: agent_callback_error
            do:
              - redial: {interval: 10m, attempts: 3}
              - assign_to_group:
    """

    name: ClassVar[str] = "assign_to_group"
    for_absent_agents: ClassVar[bool] = True
    schema: ClassVar[Schema] = {"type": "object", "additionalProperties": False}

    def apply(self, call: Call) -> Action | None:
        if call.record.record_type not in PERSONAL:
            return None
        return AssignToGroup(call.now, "assigned to the group")


@hookimpl
def register_treatments() -> list[type[Treatment]]:
    return [AssignCallbackToGroup]
