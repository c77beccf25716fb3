"""Do not call: the customer asked not to be called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from cxrun import DURATION, Action, Call, Schema, Suppress, Treatment, hookimpl, seconds


@dataclass(frozen=True, slots=True)
class DoNotCall(Treatment):
    """Finishes the chain for good and adds the device to a suppression list.

    The record becomes no_call. The device goes on the list named `list`, "dnc" by default, and with
    `client: true` the client too, so that none of his other numbers is dialed. The entry has no end unless
    `valid_for` gives it one. It is heeded wherever the filter `suppression` reads that list.

    Example::

        treatments:
          - on: do_not_call
            do:
              - do_not_call: {list: dnc, client: true}
    """

    name: ClassVar[str] = "do_not_call"
    schema: ClassVar[Schema] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "list": {
                "description": "Name of the suppression list to add to.",
                "type": "string",
                "minLength": 1,
                "default": "dnc",
            },
            "client": {
                "description": "true: the client is added beside the device.",
                "type": "boolean",
                "default": False,
            },
            "valid_for": {
                **DURATION,
                "description": "How long the entry holds, e.g. 365d; without it, for ever.",
            },
        },
    }

    list: str = "dnc"
    client: bool = False
    valid_for: str | float | None = None

    def __post_init__(self) -> None:
        if self.valid_for is not None and seconds(self.valid_for) <= 0:
            raise ValueError("valid_for must be longer than 0s; leave it out for an entry without end")

    def suppression_lists(self) -> Sequence[str]:
        return (self.list,)

    def apply(self, call: Call) -> Action | None:
        valid_for = None if self.valid_for is None else seconds(self.valid_for)
        return Suppress(f"do not call, list '{self.list}'", self.list, self.client, valid_for)


@hookimpl
def register_treatments() -> list[type[Treatment]]:
    return [DoNotCall]
