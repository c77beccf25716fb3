"""In which order the records of a list are dialed, once their time has come: by urgency, then by fields.

ordering: [{field: balance, order: descending}, {field: state}]
lifo: true
priorities: {campaign_callback: 1}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from cxrun.conditions import FIELD_TYPES
from cxrun.errors import near
from cxrun.model import PRIORITY, RecordType

URGENCY: Final[Mapping[str, int]] = {
    "personal_callback": PRIORITY[RecordType.PERSONAL_CALLBACK],
    "campaign_callback": PRIORITY[RecordType.CAMPAIGN_CALLBACK],
    "rescheduled": PRIORITY[RecordType.CAMPAIGN_RESCHEDULED],
    "general": PRIORITY[RecordType.GENERAL],
}
"""The kinds of records that have a priority, and the one each has unless a setting says otherwise."""

ORDERING_SETTINGS: Final[Mapping[str, Any]] = {
    "ordering": {
        "type": "array",
        "description": "The fields by which records of one priority are dialed, e.g. "
        "[{field: balance, order: descending}]; records without a value come last.",
        "items": {
            "type": "object",
            "additionalProperties": False,
            "required": ["field"],
            "properties": {
                "field": {"type": "string", "description": "A field of the record or of the list."},
                "order": {
                    "enum": ["ascending", "descending"],
                    "default": "ascending",
                    "description": "Whether small values or large ones come first.",
                },
            },
        },
    },
    "lifo": {
        "type": "boolean",
        "description": "true: of records alike in all that, those that came last to the list are dialed first.",
    },
    "priorities": {
        "type": "object",
        "additionalProperties": False,
        "description": "Which kinds of records are dialed first: the smaller number, and alike those of one number.",
        "properties": {
            kind: {
                "type": "integer",
                "minimum": 1,
                "default": urgency,
                "description": f"The priority of {kind.replace('_', ' ')} records.",
            }
            for kind, urgency in URGENCY.items()
        },
    },
}


class Key(NamedTuple):
    """A field to order by."""

    field: str
    descending: bool


@dataclass(frozen=True)
class Ordering:
    """In which order due records are dialed. `places` gives the priority of each urgency of the queue."""

    keys: tuple[Key, ...]
    lifo: bool
    places: Mapping[int, int]

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Ordering:
        """From the values of the settings, which keep to their schemas."""
        priorities = settings.get("priorities", {})
        return cls(
            tuple(
                Key(part["field"], part.get("order") == "descending") for part in settings.get("ordering", ())
            ),
            settings.get("lifo", False),
            {urgency: priorities.get(kind, urgency) for kind, urgency in URGENCY.items()},
        )

    @property
    def usual(self) -> bool:
        """Whether it is the order the queue has anyhow: priority, due time, position in the list."""
        ranked = [self.places[urgency] for urgency in sorted(self.places)]
        return not self.keys and not self.lifo and ranked == sorted(set(ranked))


def complaints(ordering: Any, own_fields: Mapping[str, str]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Fields of an ordering that neither every record nor the list has, and fields named twice."""
    seen: set[str] = set()
    for index, part in enumerate(ordering):
        field = part["field"]
        if field not in FIELD_TYPES and field not in own_fields:
            yield (index, "field"), f"no field named '{field}'{near(field, [*FIELD_TYPES, *own_fields])}"
        elif field in seen:
            yield (index, "field"), f"'{field}' is ordered by already"
        seen.add(field)
