"""Suppression: never a device or client that a suppression list names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import ClassVar, Final

from cxrun import PASS, Defer, Evidence, Exclude, Filter, Moment, Schema, Suppression, Verdict, hookimpl

_KINDS: Final = ("device", "client")


@dataclass(frozen=True, slots=True)
class SuppressionLists(Filter):
    """Holds back a record whose device or client is on a suppression list.

    An entry names a device, by its number in E.164 form, or a client, by his ClientID or else his chain.
    It counts from its `valid_from` on and no longer at its `valid_till`. An entry without an end
    excludes the record; otherwise it is deferred to the end of the entry that lasts longest. Of several
    entries of the same weight the device's is named before the client's.

    `lists` names the lists to heed; by default every list in the store is heeded.

    Example::

        filters:
          - suppression: {lists: [dnc, complaints]}
    """

    name: ClassVar[str] = "suppression"
    schema: ClassVar[Schema] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "lists": {
                "description": "Names of the suppression lists to heed; without it, every list.",
                "type": "array",
                "minItems": 1,
                "items": {"type": "string", "minLength": 1},
            },
        },
    }

    lists: Sequence[str] | None = None

    def suppression_lists(self) -> Sequence[str]:
        return self.lists or ()

    def alike(self, moment: Moment) -> str | None:
        return None if moment.suppressions else ""

    def passes_until(self, moment: Moment) -> float:
        later = (entry.valid_from for entry in moment.suppressions if entry.valid_from > moment.now)
        return min(later, default=inf)

    def check(self, moment: Moment) -> Verdict:
        if not moment.suppressions:
            return PASS
        active = sorted(
            (entry for entry in moment.suppressions if self._applies(entry, moment)),
            key=lambda entry: (_KINDS.index(entry.kind), entry.list_name),
        )
        if not active:
            return PASS
        until = 0.0
        for entry in active:
            if entry.valid_till is None:
                return Exclude(_reason(entry))
            until = max(until, entry.valid_till)
        return Defer(until, _reason(active[0]))

    def evidence(self, moment: Moment) -> Sequence[Evidence]:
        of = "any list" if self.lists is None else f"the lists {', '.join(self.lists)}"
        found = [
            Evidence(
                f"{entry.kind} on list '{entry.list_name}', "
                f"{'in force' if self._applies(entry, moment) else 'not in force'}",
                entry.valid_from or None,
                entry.valid_till,
            )
            for entry in moment.suppressions
            if self.lists is None or entry.list_name in self.lists
        ]
        return found or [Evidence(f"no entry of {of} names the device or the client")]

    def _applies(self, entry: Suppression, moment: Moment) -> bool:
        key = moment.record.phone if entry.kind == "device" else moment.record.client
        return (
            entry.key == key
            and entry.kind in _KINDS
            and (self.lists is None or entry.list_name in self.lists)
            and entry.in_force(moment.now)
        )


def _reason(entry: Suppression) -> str:
    return f"suppressed {entry.kind} on list '{entry.list_name}'"


@hookimpl
def register_filters() -> list[type[Filter]]:
    return [SuppressionLists]
