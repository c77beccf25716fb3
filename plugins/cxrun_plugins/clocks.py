"""What the filters have in common that go by the clock of the called party."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import ClassVar, Final, Generic, NamedTuple, TypeVar

from cxrun import Exclude, Filter, Moment, Verdict, known_zone

_Told = TypeVar("_Told")

CACHED: Final = 4096
"""Kinds of records of which verdicts are remembered, each with the time over which it does not change."""
_RECENT: Final = 16
"""Verdicts that are remembered of one kind: records are asked about now and for when they are due."""
UNKNOWN_ZONE: Final = {
    "description": "exclude, or the IANA time zone to assume where none is known, e.g. America/New_York.",
    "type": "string",
    "default": "exclude",
}


class Stretch(NamedTuple):
    """A time over which the verdict does not change."""

    since: float
    till: float
    verdict: Verdict


class Stretches:
    """The stretches found for each kind of record, the one asked for last first."""

    def __init__(self) -> None:
        self._found: dict[Hashable, list[Stretch]] = {}

    def __len__(self) -> int:
        return len(self._found)

    def at(self, kind: Hashable, now: float) -> Stretch | None:
        """The one that a moment is in, if it was found before."""
        found = self._found.get(kind, ())
        for n, stretch in enumerate(found):
            if stretch.since <= now < stretch.till:
                if n:
                    self.add(kind, stretch)
                return stretch
        return None

    def add(self, kind: Hashable, stretch: Stretch) -> Stretch:
        if len(self._found) >= CACHED:
            self._found.clear()
        found = self._found.setdefault(kind, [])
        found[:] = [stretch, *(known for known in found if known is not stretch)][:_RECENT]
        return stretch


class ByClock(Filter, Generic[_Told]):
    """Remembers of each kind of records the verdict, and the time over which it does not change."""

    by_clock: ClassVar[bool] = True
    state_field: str | None
    _stretches: Stretches

    def own_fields(self) -> Sequence[str]:
        return () if self.state_field is None else (self.state_field,)

    def alike(self, moment: Moment) -> Hashable:
        return self._kind(moment)[0]

    def passes_until(self, moment: Moment) -> float:
        return self._now(moment).till

    def check(self, moment: Moment) -> Verdict:
        return self._now(moment).verdict

    def _now(self, moment: Moment) -> Stretch:
        kind, told = self._kind(moment)
        known = self._stretches.at(kind, moment.now)
        return known if known is not None else self._stretches.add(kind, self._stretch(moment, told))

    def _kind(self, moment: Moment) -> tuple[Hashable, _Told]:
        """A value that is the same for records that get the same verdicts, and what was found out on the way."""
        raise NotImplementedError

    def _stretch(self, moment: Moment, told: _Told) -> Stretch:
        """The verdict at a moment, and from when till when it is the same."""
        raise NotImplementedError


def always(verdict: Verdict) -> Stretch:
    """A verdict that never changes."""
    return Stretch(float("-inf"), float("inf"), verdict)


def check_unknown_zone(zone: str) -> None:
    """Raise ValueError for a zone to assume that there is not."""
    if zone != "exclude" and not known_zone(zone):
        raise ValueError(
            f"no time zone named '{zone}'; write exclude or an IANA name such as America/New_York"
        )


def zones_to_keep(zones: Sequence[str], unknown_zone: str) -> Sequence[str] | Exclude:
    """The zones whose clocks count for a record of these zones, or why it cannot be told."""
    if not zones and unknown_zone != "exclude":
        zones = (unknown_zone,)
    for zone in zones:
        if not known_zone(zone):
            return Exclude(f"no time zone named '{zone}'")
    return zones or Exclude("time zone unknown")
