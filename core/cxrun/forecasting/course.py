"""One chain on its way: asked about as a run asks, and never dialed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cxrun import life
from cxrun.asking import Asking
from cxrun.elements import Defer, Exclude
from cxrun.model import ASLEEP, Record, Rule
from cxrun.pipeline import GiveWay


class Objection(NamedTuple):
    """Why a record is not dialed: missed, deferred, error, excluded or gave_way; until when (Unix UTC seconds)."""

    kind: str
    until: float | None
    reason: str
    rule: Rule | None = None


class Course:
    """The records of a chain that wait, while whatever objects to one is done to all as a run does it."""

    def __init__(self, asking: Asking, leader: Record, others: Sequence[Record]) -> None:
        self._asking = asking
        self._records = {record.record_id: record for record in (leader, *others)}

    def leader(self) -> Record | None:
        """The record whose turn it is, None once all are asleep."""
        awake = [record for record in self._records.values() if record.priority != ASLEEP]
        return min(awake, key=lambda r: (r.due, r.priority, r.record_id), default=None)

    def objection(self, leader: Record, at: float) -> Objection | None:
        """What there is against dialing the leader at a moment; the chain goes on accordingly."""
        asking = self._asking
        others = [other for key, other in self._records.items() if key != leader.record_id]
        callbacks = asking.group.callbacks
        if life.late(leader, at, callbacks):
            self._change(life.missed(leader, others, at, callbacks))
            return Objection("missed", None, "callback missed")
        decision = asking.pipeline.decide(asking.moment(leader, others, at))
        verdict, rule = decision
        if isinstance(verdict, Defer):
            later = self._records[leader.record_id] = life.deferred(leader, verdict, at)
            return Objection("deferred", float(later.due), verdict.reason, rule)
        if isinstance(verdict, Exclude):
            self._change(life.excluded(leader, others, verdict, at, asking.pipeline.devices))
            return Objection("error" if decision.broken else "excluded", None, verdict.reason, rule)
        if isinstance(verdict, GiveWay):
            self._change(life.gave_way(leader, verdict, at))
            return Objection("gave_way", None, verdict.reason, rule)
        return None

    def _change(self, change: life.Change) -> None:
        self._records |= {record.record_id: record for record in change.waiting}
        for record in change.closed:
            self._records.pop(record.record_id, None)
