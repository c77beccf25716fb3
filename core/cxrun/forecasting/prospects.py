"""When a record may be dialed next, by which number, and what holds it back until then."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cmp_to_key
from typing import Any, Final, NamedTuple

from cxrun.asking import Asking, Chain
from cxrun.forecasting.course import Course
from cxrun.model import CALLBACKS, NEVER, DeviceType, Record, RecordType, Rule, word_of
from cxrun.schedule import Shifts

FRUITLESS: Final = 31
"""Starts in a row at which the rules put a record off, after which a run would give its group up."""
NEVER_MET: Final = (
    f"the schedule of the group does not meet the hours of its rules at {FRUITLESS} starts in a row"
)
_PATIENCE: Final = 2000
"""How many decisions in a row are followed."""
_REMEMBERED: Final = 50_000
"""Kinds of records whose future is remembered before they are forgotten."""


class Hold(NamedTuple):
    """Something that holds a record back: from a moment until another one, or for good (None).

    `kind` is one of due (its own time has not come), schedule (the group does not dial), deferred, excluded,
    gave_way (another number of the customer comes first), missed (a callback came too late), or error.
    """

    record_id: int
    since: float
    until: float | None
    kind: str
    reason: str
    rule: Rule | None = None


@dataclass(frozen=True)
class Prospect:
    """What becomes of a chain if nothing else happens.

    `record` is the one that may be dialed `at` (Unix UTC seconds). If none ever may be, `at` is None, `never` says
    why, and `record` is the one that was asked about last.
    """

    record: Record
    at: float | None
    holds: tuple[Hold, ...] = ()
    never: str = ""

    def as_data(self) -> dict[str, Any]:
        """As plain data."""
        record = self.record
        return {
            "at": self.at,
            "record_id": record.record_id,
            "phone": record.phone,
            "device": word_of(DeviceType, record.contact_info_type),
            "record_type": word_of(RecordType, record.record_type),
            "client_id": record.client_id,
            "zone": record.zones[0] if record.zones else None,
            "never": self.never or None,
            "holds": [
                {
                    "record_id": hold.record_id,
                    "since": hold.since,
                    "until": hold.until,
                    "kind": hold.kind,
                    "reason": hold.reason,
                    "rule": hold.rule._asdict() if hold.rule else None,
                }
                for hold in self.holds
            ],
        }


class Future:
    """Follows the chains of one list, as a run with agents to spare would, from the moment `at` on."""

    def __init__(self, asking: Asking, shifts: Shifts, at: float) -> None:
        self.asking = asking
        self.shifts = shifts
        self.at = at
        self._known: dict[Hashable, Prospect] = {}

    def of(self, chain: Chain) -> Prospect:
        """When a record of the chain may be dialed. The facts of its records must be known to `asking`."""
        leader, others = chain
        key = self._kind(leader) if not others and leader.due <= self.at else None
        if key is None:
            return _Following(self, leader, others).follow()
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            known = self._known[key] = _Following(self, leader, others).follow()
        holds = tuple(hold._replace(record_id=leader.record_id) for hold in known.holds)
        later = leader._replace(due=known.record.due) if known.record.due > self.at else leader
        return Prospect(later, known.at, holds, known.never)

    def _kind(self, record: Record) -> Hashable | None:
        """Records of the same kind have the same future; None for one that is a kind of its own."""
        if record.record_type in CALLBACKS:
            return None
        kinds = self.asking.pipeline.alike(self.asking.moment(record, (), self.at))
        return None if None in kinds else kinds


class _Following:
    """One chain, followed until it can be dialed."""

    def __init__(self, future: Future, leader: Record, others: Sequence[Record]) -> None:
        self.course = Course(future.asking, leader, others)
        self.shifts = future.shifts
        self.last = leader
        self.now = future.at
        self.holds: list[Hold] = []
        self.put_off = False
        self.fruitless = 0

    def follow(self) -> Prospect:
        for _ in range(_PATIENCE):
            leader = self.course.leader()
            if leader is None:
                return self._never(
                    self.holds[-1].reason if self.holds else "it waits for its turn in the chain"
                )
            self.last = leader
            if leader.due > self.now:
                if not self.put_off:
                    self._hold("due", float(leader.due), "its time has not come")
                self.now = float(leader.due)
            why_never = self._wait_for_the_group()
            if why_never:
                return self._never(why_never)
            if self._dialable(leader):
                return Prospect(leader, self.now, tuple(self.holds))
        return self._never(f"its rules have put it off {_PATIENCE} times in a row")

    def _never(self, why: str) -> Prospect:
        return Prospect(self.last, None, tuple(self.holds), why)

    def _hold(self, kind: str, until: float | None, reason: str, rule: Rule | None = None) -> None:
        self.holds.append(Hold(self.last.record_id, self.now, until, kind, reason, rule))

    def _wait_for_the_group(self) -> str:
        """Go on to when the group dials; returns why it never does."""
        shift = self.shifts.at(self.now)
        if shift is None:
            self._hold("schedule", None, "the schedule of the group never starts it again")
            return self.holds[-1].reason
        if shift[0] > self.now:
            self.fruitless = self.fruitless + 1 if self.put_off else 0
            if self.fruitless >= FRUITLESS:
                return NEVER_MET
            self._hold("schedule", shift[0], "the schedule of the group does not let it dial")
            self.now = shift[0]
        self.put_off = False
        return ""

    def _dialable(self, leader: Record) -> bool:
        """Ask the rules; what they object to is done to the chain as a run does it."""
        objection = self.course.objection(leader, self.now)
        if objection is None:
            return True
        self._hold(*objection)
        self.put_off = self.put_off or objection.kind == "deferred"
        return False


# --- a whole list ----------------------------------------------------------------------------------


Order = Callable[[Prospect], Any]


def order_of(asking: Asking) -> Order:
    """A key that sorts prospects in the order their records are dialed: by time, then as the group orders them."""
    ordering = asking.group.ordering
    keys, places = ordering.keys, ordering.places
    compared = cmp_to_key(_compare)

    def key(prospect: Prospect) -> Any:
        record = prospect.record
        at = math.inf if prospect.at is None else prospect.at
        fields = tuple(
            compared(((value := _value(record, field)) is None, descending, value))
            for field, descending in keys
        )
        late = (-record.record_id, record.due) if ordering.lifo else (record.due, record.record_id)
        return (at, places.get(record.priority, NEVER), *fields, *late)

    return key


def _value(record: Record, field: str) -> Any:
    """The value of a field as ordering sees it: what is empty is missing, but for the list's own fields."""
    if field in record.fields and field != "state":
        return record.fields[field]
    return (
        getattr(record, field) or None if isinstance(getattr(record, field), str) else getattr(record, field)
    )


def _compare(one: tuple[bool, bool, Any], other: tuple[bool, bool, Any]) -> int:
    """As SQLite does: numbers before text, the other way round if it descends; missing values last."""
    (missing, descends, value), (other_missing, _, other_value) = one, other
    if missing or other_missing:
        return missing - other_missing
    mine, others = (isinstance(value, str), value), (isinstance(other_value, str), other_value)
    ranked = (mine > others) - (mine < others)
    return -ranked if descends else ranked


def upcoming(future: Future, limit: int, progress: Callable[[int], None]) -> tuple[list[Prospect], int]:
    """The next records of a list in the order they would be dialed, and how many chains never are.

    The second figure is of the chains that were looked at: where the first ones fill the limit, others are not.
    """
    asking = future.asking
    order = order_of(asking)
    best: list[tuple[_Last, int, Prospect]] = []
    never = seen = 0
    for chain in _candidates(future, lambda: best[0][0].key if len(best) == limit else None):
        prospect = future.of(chain)
        seen += 1
        if seen % 5000 == 0:
            progress(seen)
        if prospect.at is None:
            never += 1
            continue
        item = (_Last(order(prospect)), seen, prospect)
        if len(best) < limit:
            heapq.heappush(best, item)
        else:
            heapq.heappushpop(best, item)
    return sorted((prospect for _, _, prospect in best), key=order), never


class _Last:
    """A key whose order is turned round: a heap has the last one on top."""

    __slots__ = ("key",)

    def __init__(self, key: Any) -> None:
        self.key = key

    def __lt__(self, other: _Last) -> bool:
        return bool(other.key < self.key)


def _candidates(future: Future, worst: Callable[[], Any]) -> Iterator[Chain]:
    """The chains of a list, as far as any can be dialed before the worst of those found."""
    asking = future.asking
    usual = asking.group.ordering.usual
    places = asking.group.ordering.places
    passed: set[int] = set()
    for batch in asking.batches(passed):
        for chain in batch:
            record, key = chain[0], worst()
            if usual and key is not None:
                earliest = (
                    max(future.at, float(record.due)),
                    places[record.priority],
                    record.due,
                    record.record_id,
                )
                if earliest > key:
                    # the queue is in this order, so nobody of this priority that follows can be earlier
                    passed.add(record.priority)
                    break
            yield chain
