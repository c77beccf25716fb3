"""How many customers can be dialed in each hour, if nothing is dialed until then.

A customer (chain) counts in every hour in which a run that comes to him would be let to dial one of his records:
the schedule of the group lets it dial, his record is due, and no filter objects. He is asked about at the
beginning of each hour, and whenever a filter that has put him off says he may be asked again.

Of records of which every filter says the same (`Filter.alike`) one is asked about, whatever their number. A filter
that cannot say so, such as a cap once there are attempts, is asked about each record by itself, until it passes;
what it says after that it says of itself (`Filter.passes_until`). Where a filter says neither, the record is asked
about hour by hour. So the figures are those of asking every record in every hour.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Final, NamedTuple

from cxrun import life
from cxrun.asking import Asking
from cxrun.elements import Defer, Exclude, Moment, Pass
from cxrun.forecasting.course import Course
from cxrun.forecasting.prospects import FRUITLESS, NEVER_MET
from cxrun.model import ASLEEP, CALLBACKS, Record
from cxrun.pipeline import Asked, Decision, GiveWay
from cxrun.schedule import Shifts

HOUR: Final = 3600
_KINDS: Final = 20_000
"""Kinds of records that are remembered before they are added up and forgotten."""
_PATIENCE: Final = 2000
"""How many times in a row one record may be asked about within an hour."""


class Pattern(NamedTuple):
    """Customers who can be dialed in the same hours: bit n of `hours` stands for the n-th.

    `zone` is that of the number whose turn it is.
    """

    zone: str
    hours: int


class _Kind(NamedTuple):
    """Records of which the shared filters say the same: the hours in which those let them pass.

    `excluded` is the reason and the rule if one of them excludes them within the hours, `never` why they are never
    let pass though nobody excludes them.
    """

    hours: int
    excluded: tuple[str, str] | None = None
    never: str = ""


class Outlook:
    """The hours in which the customers of one list can be dialed.

    `start` is the moment it begins (Unix UTC seconds), `hours` how many there are; the first is what is left of the
    hour of `start`. `patterns` counts customers by the hours open to them. Of those who have none, `excluded` counts
    the ones whom the rules exclude, by reason and rule, `never` the ones who are put off for ever, by why.
    """

    def __init__(self, asking: Asking, shifts: Shifts, start: float, hours: int) -> None:
        self.asking = asking
        self.shifts = shifts
        self.start = start
        first = int(start // HOUR) * HOUR
        self.edges = [start, *(float(first + n * HOUR) for n in range(1, hours + 1))]
        self.end = self.edges[-1]
        self.patterns: Counter[Pattern] = Counter()
        self.excluded: Counter[tuple[str, str]] = Counter()
        self.never: Counter[str] = Counter()
        self.customers = 0
        self._kinds: dict[Hashable, _Kind] = {}
        self._open = [tuple(self._spans(n)) for n in range(hours)]

    def read(self, progress: Callable[[int], None]) -> None:
        """Look at every customer of the list."""
        for batch in self.asking.batches():
            for leader, others in batch:
                self._add(leader, others)
            self.customers += len(batch)
            progress(self.customers)

    # --- one customer ---

    def _add(self, leader: Record, others: Sequence[Record]) -> None:
        pipeline, zone, start = self.asking.pipeline, leader.tz, self.start
        for _ in range(_PATIENCE):
            since = float(leader.due) if leader.due > start else start
            if since >= self.end:
                self.patterns[Pattern(zone, 0)] += 1
                return
            if leader.record_type in CALLBACKS:
                break
            moment = self.asking.moment(leader, others, since)
            kinds = pipeline.alike(moment)
            alone = [n for n, kind in enumerate(kinds) if kind is None] if None in kinds else ()
            kind = self._kind(kinds, alone, moment)
            if kind.excluded is None or not (alone or others or since > start):
                passes = self._when_they_pass(alone, moment) if alone else since
                if passes is not None:
                    self._count(zone, leader, others, kind, passes)
                    return
            # is it excluded, or does it give way, as soon as it is asked about?
            first = self._first_running(since)
            if first is None:
                break
            verdict = pipeline.decide(self.asking.moment(leader, others, first)).verdict
            if isinstance(verdict, Exclude) and others:
                change = life.excluded(leader, others, verdict, first, pipeline.devices)
            elif isinstance(verdict, GiveWay):
                change = life.gave_way(leader, verdict, first)
            else:
                break
            records = {record.record_id: record for record in (leader, *others, *change.waiting)}
            awake = [record for record in records.values() if record.priority != ASLEEP]
            if not awake:
                break
            leader = awake[0]
            others = [record for record in records.values() if record is not leader]
        self._walk(zone, leader, others)

    def _count(self, zone: str, leader: Record, others: Sequence[Record], kind: _Kind, since: float) -> None:
        """Count a customer for the hours of a kind, from a moment on."""
        hours = 0
        if since < self.end:
            n = self._hour(since)
            if since > self.edges[n]:
                hours = kind.hours >> (n + 1) << (n + 1)
                if kind.hours >> n & 1 and _Customer(self, leader, others).opens(n, since):
                    hours |= 1 << n
            else:
                hours = kind.hours >> n << n
        self.patterns[Pattern(zone, hours)] += 1
        if not hours:
            if kind.excluded is not None:
                self.excluded[kind.excluded] += 1
            elif kind.never:
                self.never[kind.never] += 1

    def _walk(self, zone: str, leader: Record, others: Sequence[Record]) -> None:
        """Ask about a customer hour by hour."""
        course = _Customer(self, leader, others)
        hours = 0
        for n in range(len(self._open)):
            if course.opens(n, self.edges[n]):
                hours |= 1 << n
            elif course.over:
                break
        self.patterns[Pattern(zone, hours)] += 1
        if course.over and not hours:
            self.excluded[course.over] += 1

    def _when_they_pass(self, alone: Sequence[int], moment: Moment) -> float | None:
        """When the filters that are asked about this record by itself have nothing against it any more.

        None if they do not go on passing from then on, or one excludes it.
        """
        filters = [self.asking.pipeline.filters[n] for n in alone]
        for _ in range(_PATIENCE):
            if moment.now >= self.end:
                return moment.now
            for asked in filters:
                verdict = asked.ask(moment).verdict
                if isinstance(verdict, Defer):
                    moment.now = float(life.asked_again(verdict, moment.now))
                    break
                if isinstance(verdict, Exclude | GiveWay):
                    return None
            else:
                passes = all(asked.passes_until(moment) >= self.end for asked in filters)
                return moment.now if passes else None
        return None

    # --- kinds of records ---

    def _kind(self, kinds: tuple[Hashable, ...], alone: Sequence[int], moment: Moment) -> _Kind:
        kind = self._kinds.get(kinds)
        if kind is None:
            if len(self._kinds) >= _KINDS:
                self._kinds.clear()
            kind = self._kinds[kinds] = self._look(alone, moment)
        return kind

    def _look(self, alone: Sequence[int], moment: Moment) -> _Kind:
        """The hours in which the filters that say the same of many records let this one pass."""
        filters = [asked for n, asked in enumerate(self.asking.pipeline.filters) if n not in alone]
        earliest, hours = self.start, 0
        for n, spans in enumerate(self._open):
            for since, till in spans:
                at = max(since, earliest)
                while at < till:
                    objection = _objection(filters, moment, at)
                    if objection is None:
                        hours |= 1 << n
                        break
                    if isinstance(objection.verdict, Defer):
                        at = earliest = float(life.asked_again(objection.verdict, at))
                    else:
                        return _Kind(hours, (objection.verdict.reason, str(objection.rule)))
        return _Kind(hours, None, "" if hours else self._never(filters, moment, max(earliest, self.end)))

    def _never(self, filters: Sequence[Asked], moment: Moment, at: float) -> str:
        """Why a record that was put off through all the hours is put off for ever; "" if it is not."""
        fruitless = 0
        for _ in range(_PATIENCE):
            shift = self.shifts.at(at)
            if shift is None:
                return "the schedule of the group never starts it again"
            at = max(at, shift[0])
            objection = _objection(filters, moment, at)
            if objection is None or not isinstance(objection.verdict, Defer):
                return ""
            at = float(life.asked_again(objection.verdict, at))
            fruitless += at >= shift[1]
            if fruitless >= FRUITLESS:
                return f"{NEVER_MET}; {objection.verdict.reason} ({objection.rule})"
        return f"its rules have put it off {_PATIENCE} times in a row"

    # --- hours ---

    def _hour(self, at: float) -> int:
        return bisect_right(self.edges, at) - 1

    def _spans(self, n: int) -> Iterator[tuple[float, float]]:
        """When in an hour the group dials."""
        at, end = self.edges[n], self.edges[n + 1]
        while at < end and (shift := self.shifts.at(at)) is not None and shift[0] < end:
            yield max(at, shift[0]), min(end, shift[1])
            at = min(end, shift[1])

    def _first_running(self, since: float) -> float | None:
        """The first moment from then on at which the group dials, None if it is not within the hours."""
        shift = self.shifts.at(since)
        at = self.end if shift is None else max(since, shift[0])
        return at if at < self.end else None

    def spans(self, n: int) -> Sequence[tuple[float, float]]:
        """When in the n-th hour the group dials."""
        return self._open[n]


class _Customer:
    """One customer through the hours: asked about as a run does, but never dialed."""

    def __init__(self, outlook: Outlook, leader: Record, others: Sequence[Record]) -> None:
        self.outlook = outlook
        self.course = Course(outlook.asking, leader, others)
        self.over: tuple[str, str] | None = None
        """Why nobody of the chain is dialed any more, and the rule."""

    def opens(self, n: int, since: float) -> bool:
        """Whether a record of the chain can be dialed in an hour, from a moment on."""
        for begins, till in self.outlook.spans(n):
            at = max(begins, since)
            for _ in range(_PATIENCE):
                leader = self.course.leader()
                if leader is None or at >= till:
                    break
                at = max(at, float(leader.due))
                if at >= till:
                    break
                objection = self.course.objection(leader, at)
                if objection is None:
                    return True
                if objection.kind not in ("deferred", "gave_way") and self.course.leader() is None:
                    self.over = (objection.reason, str(objection.rule or ""))
        return False


def _objection(filters: Sequence[Asked], moment: Moment, at: float) -> Decision | None:
    """What the first of these filters that objects says at a moment."""
    now, moment.now = moment.now, at
    try:
        decisions = (asked.ask(moment) for asked in filters)
        return next((each for each in decisions if not isinstance(each.verdict, Pass)), None)
    finally:
        moment.now = now
