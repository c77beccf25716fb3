"""The life of a record in sentences: each decision with the rule that made it, and what comes next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cxrun.asking import Asking, reading
from cxrun.campaign import Group, Project
from cxrun.elements import Defer, Exclude, Moment
from cxrun.explaining.story import NO_OBJECTION, Look, Said, Story
from cxrun.explaining.words import event_lines, next_text, now_text, title_of, verdict_text
from cxrun.forecasting.prospects import Future
from cxrun.model import ASLEEP, CHAINED, NEVER, NOT_YET, Reason, Record
from cxrun.moments import moment_text
from cxrun.pipeline import Asked, GiveWay
from cxrun.requests import now_of
from cxrun.retracing import Stood, stood
from cxrun.schedule import Shifts
from cxrun.store.database import Store
from cxrun.store.lists import stored_lists
from cxrun.store.queue import AttemptRow, Queue
from cxrun.store.reading import (
    Happened,
    attempts_of,
    chain_of,
    current_reason,
    life_of,
    rules_changes,
)
from cxrun.store.requests import asked_of


def explain(project: Project, store: Store, list_id: int, record_id: int, at: float | None = None) -> Story:
    """Tell the life of a record as it stands at the time the store has reached.

    With `at` (Unix UTC seconds) it is looked at at that moment too, past or to come, and every rule is asked.
    """
    return _Teller(project, store, list_id, record_id).story(at)


class _Teller:
    """Gathers what there is to be told of one record."""

    def __init__(self, project: Project, store: Store, list_id: int, record_id: int) -> None:
        self.store = store
        self.stored = {item.list_id: item for item in stored_lists(store).values()}[list_id]
        self.queue = Queue(store, list_id, list(self.stored.field_types))
        record = self.queue.find(record_id)
        assert record is not None
        self.record = record
        self.zone = record.zones[0] if record.zones else "UTC"
        self.attempts = attempts_of(store, record_id)
        self.events = tuple(life_of(store, record_id))
        self.now = now_of(project, store)
        self.group = next((g for g in project.groups.values() if self.stored.name in g.lists), None)

    def story(self, at: float | None) -> Story:
        record, zone = self.record, self.zone
        reason = current_reason(self.store, record.record_id, self.stored.list_id)
        asked = tuple(
            kind for number, kind in asked_of(self.store, record.chain_id) if number == record.record_id
        )
        lines = [line for item in self.events for line in event_lines(item, self.attempts, zone)]
        prospect, against = None, ""
        waits = reason is not None and reason.state not in ("closed", "in work")
        if self.group is not None and waits:
            with reading(self.store, [self.group]):
                asking = Asking(self.store, self.group, self.stored, min(self.now, at or self.now))
                ((leader, others),) = asking.chains([record])
                shifts = Shifts(self.group.schedule, self.now)
                if leader.due not in (NEVER, CHAINED):
                    prospect = Future(asking, shifts, self.now).of((leader, others))
                against = self._against(self.group, asking, shifts, leader, others)
        look = None if at is None else self._look(at, reason)
        return Story(
            record,
            self.stored.name,
            title_of(record, self.stored.name),
            self.events,
            self.attempts,
            tuple(lines) or ("nothing has happened yet",),
            reason,
            now_text(record, reason, asked),
            next_text(record, reason, prospect, against, zone, self.now),
            prospect,
            asked,
            look,
        )

    def _against(
        self, group: Group, asking: Asking, shifts: Shifts, record: Record, others: Sequence[Record]
    ) -> str:
        """What there is now against dialing the record."""
        decisions = group.pipeline.verdicts(asking.moment(record, others, self.now))
        told = [
            f"{verdict_text(decision, self.zone)} ({decision.rule})"
            for decision in decisions
            if isinstance(decision.verdict, Defer | Exclude)
        ]
        if (shift := shifts.at(self.now)) is not None and shift[0] > self.now:
            told.append(f"group {group.name} does not dial until {moment_text(shift[0], self.zone)}")
        return "; ".join(told)

    def _look(self, at: float, reason: Reason | None) -> Look:
        """The record at another moment."""
        at = self.now if abs(at - self.now) < 0.001 else at
        past = at < self.now
        record, why, others = self.record, reason or NOT_YET, self._others()
        decided: tuple[Happened, ...] = ()
        notes = []
        if past:
            changes = rules_changes(self.store, self.stored.name)
            record, why = self._stood(self.record, self.events, self.attempts, changes, at)
            others = [
                then.record
                for other in others
                if (then := self._stood_other(other, changes, at)).reason.state != "closed"
            ]
            decided = tuple(item for item in self.events if abs(item.at - at) < 0.001)
        elif why.state not in ("closed", "in work"):
            others = [other for other in others if other.priority == ASLEEP]
        group = self.group
        if group is None:
            return Look(at, record, why, past, decided, (), None, ("no campaign group dials the list",))
        if why.state in ("closed", "in work"):
            return Look(at, record, why, past, decided, (), None, ())
        with reading(self.store, [group]):
            asking = Asking(self.store, group, self.stored, min(self.now, at))
            asking.learn([record, *others])
            make = asking.moment_then if past else asking.moment
            moment = make(record, others, at)
            said = tuple(_said(asked, moment, now=at == self.now) for asked in group.pipeline.filters)
        if asking.rules_changed and past:
            notes.append("the rules have changed since then; this is what those of now say")
        shift = Shifts(group.schedule, at).at(at)
        if shift is None or shift[0] > at:
            when = "never again" if shift is None else f"not before {moment_text(shift[0], self.zone)}"
            notes.append(f"group {group.name} did not dial then: {when} by its schedule" if past else
                         f"group {group.name} does not dial then: {when} by its schedule")  # fmt: skip
        if record.priority == ASLEEP and record.due == CHAINED:
            notes.append("another number of the customer has its turn")
        elif record.priority != ASLEEP and record.due > at:
            notes.append(f"it is not due before {moment_text(record.due, self.zone)}")
        told = tuple(line for item in decided for line in event_lines(item, self.attempts, self.zone))
        return Look(at, record, why, past, decided, said, _decision(said), tuple(notes), told)

    def _others(self) -> list[Record]:
        """The other records of the chain, wherever they are."""
        if self.record.chain_size == 1:
            return []
        members = chain_of(self.store, self.stored.list_id, self.record.record_id)
        found = [self.queue.find(number) for _, number in members if number != self.record.record_id]
        return [other for other in found if other is not None]

    def _stood_other(self, other: Record, changes: Sequence[Happened], at: float) -> Stood:
        life = list(life_of(self.store, other.record_id))
        return self._stood(other, life, attempts_of(self.store, other.record_id), changes, at)

    def _stood(
        self,
        record: Record,
        life: Sequence[Happened],
        attempts: Mapping[int, AttemptRow],
        changes: Sequence[Happened],
        at: float,
    ) -> Stood:
        events = sorted((*life, *changes), key=lambda item: item.seq)
        return stood(record, events, attempts, record.chain_n == 1, at)


def standing(look: Look) -> str:
    """How the record stands at the moment, in words."""
    return now_text(look.stood, look.reason, ())


def _said(asked: Asked, moment: Moment, *, now: bool) -> Said:
    """What a filter says of a moment; `now` if it is the present one."""
    element = asked.element
    if not asked.concerns(moment.record):
        return Said(asked.rule, "not concerned", None, "", "")
    if element is not None and element.asks_others and not now:
        return Said(
            asked.rule, "not asked", None, "it asks somebody outside, who can only speak of the present", ""
        )
    decision = asked.ask(moment)
    verdict = decision.verdict
    try:
        figures = "; ".join(fact.text for fact in element.evidence(moment)) if element is not None else ""
    except Exception:
        figures = ""
    if isinstance(verdict, Defer):
        return Said(asked.rule, "defers", verdict.until, verdict.reason, figures)
    if isinstance(verdict, Exclude):
        return Said(asked.rule, "error" if decision.broken else "excludes", None, verdict.reason, figures)
    if isinstance(verdict, GiveWay):
        return Said(asked.rule, "gives way", None, verdict.reason, figures)
    return Said(asked.rule, "passes", None, "", figures)


def _decision(said: Sequence[Said]) -> str:
    """What follows from what the filters say: the first that objects decides."""
    return next((one.verdict for one in said if one.verdict not in NO_OBJECTION), "passes")
