"""Record age: neither too fresh nor too old."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field as attribute
from datetime import UTC, datetime
from math import inf
from typing import ClassVar, Final
from zoneinfo import ZoneInfo

from cxrun import (
    DURATION,
    PASS,
    Defer,
    Evidence,
    Exclude,
    Filter,
    Moment,
    Record,
    Schema,
    Verdict,
    duration_text,
    hookimpl,
    seconds,
)

_LATEST: Final = 253402214400.0
"""The last day of the year 9999; later moments are no dates."""


@dataclass(frozen=True, slots=True)
class RecordAge(Filter):
    """Defers a record that is too young, and excludes one that is too old.

    The age is counted from when the record was imported, or from what its list says in `field`: a date or
    a time in ISO 8601, such as 2026-03-02 or 2026-03-02T14:30, or as `format` says, or Unix UTC seconds. A
    time without a zone is in the first zone of the record, UTC if that is unknown. A record whose list says
    nothing there, or nothing that can be read, is excluded.

    Below `at_least` it is deferred until it is that old, above `at_most` it is excluded.

    In a simulation, what was imported before its first run is as old as its beginning, what was imported
    between two runs as the later of them: the clock on the wall plays no part.

    Example::

        filters:
          - record_age: {at_least: 15m, at_most: 30d}
          - record_age: {field: signed_up, format: "%m/%d/%Y", at_most: 365d}
    """

    name: ClassVar[str] = "record_age"
    schema: ClassVar[Schema] = {
        "type": "object",
        "additionalProperties": False,
        "anyOf": [{"required": ["at_least"]}, {"required": ["at_most"]}],
        "properties": {
            "at_least": {**DURATION, "description": "Records younger than this wait until they are as old."},
            "at_most": {**DURATION, "description": "Records older than this are excluded."},
            "field": {
                "description": "The field of the list that tells the date; without it the time of import counts.",
                "type": "string",
            },
            "format": {
                "description": "How the date is written, e.g. %m/%d/%Y; without it as in ISO 8601.",
                "type": "string",
                "minLength": 1,
            },
        },
    }

    at_least: str | float | None = None
    at_most: str | float | None = None
    field: str | None = None
    format: str | None = None
    _youngest: float = attribute(init=False, repr=False, compare=False)
    _oldest: float = attribute(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.at_least is None and self.at_most is None:
            raise ValueError("say how old with at_least, at_most or both")
        if self.format is not None and self.field is None:
            raise ValueError("format is that of a field, and no field is named")
        youngest = 0.0 if self.at_least is None else seconds(self.at_least)
        oldest = float("inf") if self.at_most is None else seconds(self.at_most)
        if youngest > oldest:
            raise ValueError(f"nothing is at least {self.at_least} and at most {self.at_most} old")
        object.__setattr__(self, "_youngest", youngest)
        object.__setattr__(self, "_oldest", oldest)

    def own_fields(self) -> Sequence[str]:
        return () if self.field is None else (self.field,)

    def alike(self, moment: Moment) -> float | str | None:
        if self.field is not None:
            return None
        return "" if moment.imported is None else moment.imported

    def passes_until(self, moment: Moment) -> float:
        since = self._since(moment)
        return inf if since is None else since + self._oldest

    def evidence(self, moment: Moment) -> Sequence[Evidence]:
        since = self._since(moment)
        return [] if since is None else [Evidence(f"{(moment.now - since) / 86400:.1f} days old", since)]

    def check(self, moment: Moment) -> Verdict:
        since = self._since(moment)
        if since is None:
            unknown = "the import" if self.field is None else self.field
            return Exclude(f"the date of {unknown} is not known")
        what = "since its import" if self.field is None else f"by {self.field}"
        if moment.now > since + self._oldest:
            return Exclude(f"older than {_text(self.at_most)} {what}")
        if moment.now < since + self._youngest:
            return Defer(since + self._youngest, f"younger than {_text(self.at_least)} {what}")
        return PASS

    def _since(self, moment: Moment) -> float | None:
        """From when the age counts, None if that is not known."""
        return moment.imported if self.field is None else self._date(moment.record)

    def _date(self, record: Record) -> float | None:
        """When the list says it was, None if it does not."""
        value = record.fields.get(self.field or "")
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            return float(value) if abs(value) < _LATEST else None
        try:
            written = self.format
            at = datetime.strptime(value, written) if written else datetime.fromisoformat(value)
            if at.tzinfo is None:
                at = at.replace(tzinfo=ZoneInfo(record.zones[0]) if record.zones else UTC)
            return at.timestamp()
        except (ValueError, OverflowError, OSError, KeyError):
            return None


def _text(duration: str | float | None) -> str:
    return duration if isinstance(duration, str) else duration_text(duration or 0.0)


@hookimpl
def register_filters() -> list[type[Filter]]:
    return [RecordAge]
