"""Location: only where one may, or will, call."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import ClassVar

from cxrun import (
    PASS,
    REGION,
    STATE_FIELD,
    Evidence,
    Exclude,
    Filter,
    Moment,
    Place,
    Region,
    Schema,
    Verdict,
    hookimpl,
    place_of,
)


@dataclass(frozen=True, slots=True)
class Location(Filter):
    """Excludes a record by the country, the state or the area code it is in.

    A record must be in one of the regions of `allow`, if there are any, and in none of those of `forbid`. A
    region is a country (US), a state (US-TX) or the beginning of a number (+1212). The country is that of
    the number. The state is that of the list's field `state`, or of the field that `state_field` names, as a
    code or an English name; where it says nothing, that of the area code, which is known for the USA
    and Canada.

    A record of which that cannot be told, because its state or country is unknown, is excluded, unless
    `unknown` is `allow`.

    Example::

        filters:
          - location: {allow: [US, CA], forbid: [US-FL, US-OK, +1907]}
    """

    name: ClassVar[str] = "location"
    schema: ClassVar[Schema] = {
        "type": "object",
        "additionalProperties": False,
        "anyOf": [{"required": ["allow"]}, {"required": ["forbid"]}],
        "properties": {
            "allow": {
                "description": "The regions to call in, e.g. [US, CA-ON, +4420].",
                "type": "array",
                "minItems": 1,
                "items": REGION,
            },
            "forbid": {
                "description": "The regions not to call in, e.g. [US-FL, +1907].",
                "type": "array",
                "minItems": 1,
                "items": REGION,
            },
            "state_field": STATE_FIELD,
            "unknown": {
                "description": "What to do with a record of which it cannot be told where it is.",
                "enum": ["exclude", "allow"],
                "default": "exclude",
            },
        },
    }

    allow: Sequence[str] = ()
    forbid: Sequence[str] = ()
    state_field: str | None = None
    unknown: str = "exclude"
    _allow: tuple[Region, ...] = field(init=False, repr=False, compare=False)
    _forbid: tuple[Region, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.allow and not self.forbid:
            raise ValueError("name regions to allow or to forbid")
        object.__setattr__(self, "_allow", tuple(Region.read(text) for text in self.allow))
        object.__setattr__(self, "_forbid", tuple(Region.read(text) for text in self.forbid))

    def own_fields(self) -> Sequence[str]:
        return () if self.state_field is None else (self.state_field,)

    def alike(self, moment: Moment) -> str:
        verdict = self.check(moment)
        return verdict.reason

    def passes_until(self, moment: Moment) -> float:
        return inf

    def evidence(self, moment: Moment) -> Sequence[Evidence]:
        country, state, _ = place_of(moment.record, self.state_field)
        return [Evidence(f"in {'-'.join(filter(None, (country, state)))}" if country else "country unknown")]

    def check(self, moment: Moment) -> Verdict:
        place = place_of(moment.record, self.state_field)
        strict = self.unknown == "exclude"
        region, sure = _covering(self._forbid, place)
        if region and sure:
            return Exclude(f"in {region}, where calls are forbidden")
        if region and strict:
            return Exclude(f"may be in {region}, where calls are forbidden")
        if not self._allow:
            return PASS
        region, sure = _covering(self._allow, place)
        if region and (sure or not strict):
            return PASS
        return Exclude("may be where calls are not allowed" if region else "where calls are not allowed")


def _covering(regions: Iterable[Region], place: Place) -> tuple[Region | None, bool]:
    """The region the place is in and True; else the first it may be in and False; else None."""
    possible = None
    for region in regions:
        covers = region.covers(place)
        if covers:
            return region, True
        if covers is None:
            possible = possible or region
    return possible, False


@hookimpl
def register_filters() -> list[type[Filter]]:
    return [Location]
