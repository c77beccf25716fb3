"""Regions as rules name them: a country (US), a state (US-TX) or the beginning of a number (+1212).

Whether a record is in a region may be unknown, because its state is. A rule must then be kept as if it were.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, Self, TypeVar

from cxrun.areas import TERRITORIES, state_code, state_of_area
from cxrun.model import Record

T = TypeVar("T")

REGION: Final[Mapping[str, Any]] = {
    "description": "A region: a country (US), a state (US-TX), or the beginning of a number, such as a country "
    "code and an area code (+1212).",
    "type": "string",
    "pattern": r"^([A-Z]{2}(-[A-Z0-9]{1,3})?|\+[0-9]{1,14})$",
}


class Place(NamedTuple):
    """Where a record is, as far as it is known: "" and None if not."""

    country: str
    state: str | None
    phone: str


def place_of(record: Record, state_field: str | None = None) -> Place:
    """Where a record is: the state is that of the list's field, `state` by default, else of the area code.

    A text in that field that is no state of the record's country leaves the state unknown.
    """
    country = "US" if record.country in TERRITORIES else record.country
    own = record.fields.get(state_field or "state")
    if isinstance(own, str) and own:
        state = state_code(country, own)
    else:
        state = state_of_area(record.country, record.area_code)
    return Place(country, state, record.phone)


class Region(NamedTuple):
    """A country, one of its states, or all numbers that begin alike."""

    country: str = ""
    state: str = ""
    prefix: str = ""

    @classmethod
    def read(cls, text: str) -> Self:
        """Read a `REGION`. Raises ValueError for what is none."""
        if not re.fullmatch(REGION["pattern"], text):
            raise ValueError(f"'{text}' is no region; write a country (US), a state (US-TX) or +1212")
        if text.startswith("+"):
            return cls(prefix=text)
        country, _, state = text.partition("-")
        if country in TERRITORIES:
            country, state = "US", country
        if state and state_code(country, state) is None:
            raise ValueError(f"'{state}' is no state of {country}")
        return cls(country, state)

    def __str__(self) -> str:
        return self.prefix or "-".join(filter(None, (self.country, self.state)))

    def covers(self, place: Place) -> bool | None:
        """Whether the place is in the region; None if that cannot be told."""
        if self.prefix:
            return place.phone.startswith(self.prefix)
        if not place.country:
            return None
        if place.country != self.country:
            return False
        if not self.state:
            return True
        return None if place.state is None else place.state == self.state

    @property
    def precision(self) -> tuple[int, int]:
        """Of two regions that cover a place, the greater one is the more precise."""
        return (len(self.prefix), len(self.state))


def by_precision(regions: Mapping[Region, T]) -> dict[Region, T]:
    """The same, the most precise regions first."""
    return dict(sorted(regions.items(), key=lambda item: item[0].precision, reverse=True))


def most_precise(regions: Mapping[Region, T], place: Place, otherwise: T) -> Sequence[T]:
    """What holds at a place: the value of the most precise region that covers it, else `otherwise`.

    `regions` are in the order of `by_precision`. Before it come the values of more precise regions of which it
    cannot be told: all of them must be kept.
    """
    found: list[T] = []
    for region, value in regions.items():
        covers = region.covers(place)
        if covers is not False:
            found.append(value)
        if covers:
            return found
    return [*found, otherwise]
