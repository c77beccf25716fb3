"""The life of a record in sentences: each decision with the rule that made it, and what comes next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from cxrun.asking import Asking, reading
from cxrun.campaign import Group, Project
from cxrun.elements import Defer, Exclude, Moment
from cxrun.forecasting.prospects import Future, Prospect
from cxrun.model import (
    ASLEEP,
    CALLBACKS,
    CHAINED,
    NEVER,
    NOT_YET,
    PERSONAL,
    CallResult,
    DeviceType,
    Reason,
    Record,
    RecordStatus,
    RecordType,
    Rule,
    word_of,
)
from cxrun.moments import moment_text
from cxrun.pipeline import Asked, Decision, GiveWay
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
from cxrun.store.redaction import EVENT
from cxrun.store.requests import asked_of

_EFFECTS: Final[Mapping[str, str]] = {
    "would_send": "would have sent",
    "effect_sent": "sent",
    "effect_delayed": "not sent yet",
    "effect_failed": "not sent",
    "effect_unknown": "perhaps sent",
}


_ASIDE: Final = frozenset(
    {
        "agent_absent", "callback_missed", "callback_promised", "canceled", "do_not_call", "processed", "released",
    }
)  # fmt: skip
"""Events that need no call to come about."""


class Said(NamedTuple):
    """What one filter says of a record at a moment.

    `verdict` is one of passes, defers, excludes, gives way, error, not concerned (its `when` is not true), and not
    asked: it asks somebody outside, who can only speak of the present. `until` is Unix UTC seconds; `figures` is
    what was counted or compared.
    """

    rule: Rule
    verdict: str
    until: float | None
    reason: str
    figures: str


class Look(NamedTuple):
    """A record at a moment other than the present, or at the present with every rule asked.

    `stood` is how it stands or stood, `decided` what was decided at that very moment, if anything was; `decision`
    what the rules say, None where they are not asked. `notes` are what else counts, `told` is `decided` in sentences.
    """

    at: float
    stood: Record
    reason: Reason
    past: bool
    decided: tuple[Happened, ...]
    said: tuple[Said, ...]
    decision: str | None
    notes: tuple[str, ...]
    told: tuple[str, ...] = ()

    def decision_text(self, zone: str) -> str:
        """What the rules say, in words."""
        for said in self.said:
            if said.verdict not in _NO_OBJECTION:
                until = "" if said.until is None else f" until {moment_text(said.until, zone)}"
                return f"{said.verdict}{until}: {said.reason} ({said.rule})"
        return "it may be dialed"


@dataclass(frozen=True)
class Story:
    """What is to be told of one record; `events` are in the order things happened, `lines` tell them."""

    record: Record
    list_name: str
    title: str
    events: tuple[Happened, ...]
    attempts: Mapping[int, AttemptRow]
    lines: tuple[str, ...]
    reason: Reason | None
    now: str
    next: str
    prospect: Prospect | None = None
    asked: tuple[str, ...] = ()
    """What was asked for the record and is not done yet."""
    look: Look | None = None

    @property
    def callback(self) -> bool:
        """Whether a callback is promised and not made yet."""
        return _called_back(self.record)

    def as_data(self) -> dict[str, Any]:
        """The story as plain data."""
        record = self.record
        data = {
            "record_id": record.record_id,
            "list": self.list_name,
            "phone": record.phone,
            "device": word_of(DeviceType, record.contact_info_type),
            "client_id": record.client_id,
            "chain": {
                "chain_id": record.chain_id,
                "chain_n": record.chain_n,
                "chain_size": record.chain_size,
            },
            "zones": list(record.zones),
            "zone_source": record.tz_source if record.tz else None,
            **_state_as_data(record),
            "agent_id": record.agent_id,
            "callback": record.dial_sched_time if self.callback else None,
            "asked": list(self.asked),
            "events": [self._event_as_data(item) for item in self.events],
            "reason": _reason_as_data(self.reason),
            "next": _prospect_as_data(self.prospect),
        }
        if self.look is not None:
            data["at"] = self._look_as_data(self.look)
        return data

    def _event_as_data(self, item: Happened) -> dict[str, Any]:
        ended = _just_ended(self.attempts, item)
        return {
            "at": item.at,
            "event": item.event,
            **(_reason_as_data(item.reason) or {}),
            "attempt": item.attempt,
            "call_result": word_of(CallResult, item.call_result),
            "due": item.due or None,
            "run_id": item.run_id,
            "call": _call_as_data(self.attempts[item.attempt]) if ended else None,
        }

    def _look_as_data(self, look: Look) -> dict[str, Any]:
        return {
            "at": look.at,
            "past": look.past,
            **_state_as_data(look.stood),
            "reason": _reason_as_data(look.reason),
            "decided": [self._event_as_data(item) for item in look.decided],
            "decision": look.decision,
            "rules": [
                {
                    "rule": said.rule._asdict(),
                    "verdict": said.verdict,
                    "until": said.until,
                    "reason": said.reason or None,
                    "figures": said.figures or None,
                }
                for said in look.said
            ],
            "notes": list(look.notes),
        }


def _state_as_data(record: Record) -> dict[str, Any]:
    waits = record.priority != ASLEEP
    return {
        "record_type": word_of(RecordType, record.record_type),
        "record_status": word_of(RecordStatus, record.record_status),
        "call_result": word_of(CallResult, record.call_result),
        "attempt": record.attempt,
        "due": record.due if waits else None,
    }


def _reason_as_data(reason: Reason | None) -> dict[str, Any] | None:
    if reason is None:
        return None
    rule = reason.rule._asdict() if reason.rule else None
    return {"state": reason.state, "reason": reason.text, "rule": rule}


def _call_as_data(attempt: AttemptRow) -> dict[str, Any]:
    return {
        "placed": attempt.placed,
        "answered": attempt.answered,
        "connected": attempt.connected,
        "ended": attempt.ended,
        "call_result": word_of(CallResult, attempt.call_result),
        "disposition": attempt.disposition,
        "agent_id": attempt.agent_id,
    }


def _prospect_as_data(prospect: Prospect | None) -> dict[str, Any] | None:
    return None if prospect is None else prospect.as_data()


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
        lines = [line for item in self.events for line in _told(item, self.attempts, zone)]
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
            _title(record, self.stored.name),
            self.events,
            self.attempts,
            tuple(lines) or ("nothing has happened yet",),
            reason,
            _now(record, reason, asked),
            _next(record, reason, prospect, against, zone, self.now),
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
            f"{_verdict_text(decision, self.zone)} ({decision.rule})"
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
        told = tuple(line for item in decided for line in _told(item, self.attempts, self.zone))
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
    return _now(look.stood, look.reason, ())


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
        broken = decision.rule is not None and decision.rule.kind == "error"
        return Said(asked.rule, "error" if broken else "excludes", None, verdict.reason, figures)
    if isinstance(verdict, GiveWay):
        return Said(asked.rule, "gives way", None, verdict.reason, figures)
    return Said(asked.rule, "passes", None, "", figures)


def _decision(said: Sequence[Said]) -> str:
    """What follows from what the filters say: the first that objects decides."""
    return next((one.verdict for one in said if one.verdict not in _NO_OBJECTION), "passes")


_NO_OBJECTION: Final = frozenset({"passes", "not concerned", "not asked"})


def _called_back(record: Record) -> bool:
    """Whether a callback is promised and not made yet; a record that is closed has no due time."""
    return record.record_type in CALLBACKS and record.due > 0


def _title(record: Record, list_name: str) -> str:
    who = " ".join(name for name in (record.first_name, record.last_name, record.company) if name)
    device = word_of(DeviceType, record.contact_info_type)
    zone = f"zone {' or '.join(record.zones)} (from the {record.tz_source})" if record.tz else "zone unknown"
    place = f", {record.chain_n} of {record.chain_size} in its chain" if record.chain_size > 1 else ""
    about = f"record {record.record_id} of list {list_name}: {record.phone}"
    device = "" if device == "none" else f" ({device})"
    return f"{about}{device}{', ' + who if who else ''}{place}; {zone}"


def _told(item: Happened, attempts: Mapping[int, AttemptRow], zone: str) -> list[str]:
    when = moment_text(item.at, zone)
    why = _because(item.reason)
    due = f", to be looked at again {moment_text(item.due, zone)}" if item.due else ""
    if item.event == "deferred":
        return [f"{when}  not dialed: {why}{due}"]
    if item.event == "excluded":
        return [f"{when}  excluded: {why}"]
    if item.event == "error":
        called = [_call_told(attempts[item.attempt], zone)] if _just_ended(attempts, item) else []
        return [*called, f"{when}  set aside: {why}"]
    if item.event == "dial_failed":
        return [f"{when}  attempt {item.attempt}: the dialer failed: {why}; it counts all the same"]
    if item.event == "lost":
        return [f"{when}  attempt {item.attempt} {why}; it counts, and is not dialed again"]
    if item.event == "next_in_chain":
        return [f"{when}  its turn in the chain: {why}{due}"]
    if item.event == "chained":
        return [f"{when}  gives way in its chain: {why}"]
    if item.event == EVENT:
        return [f"{when}  {why}"]
    if item.event in _EFFECTS:
        return [f"{when}  {_EFFECTS[item.event]}: {why}"]
    if item.event in ("recycled", "restored"):
        return [f"{when}  ready again: {why}"]
    if item.event == "canceled" or (
        item.event in ("chain_updated", "update_chain") and not _just_ended(attempts, item)
    ):
        return [f"{when}  closed: {why}"]
    lines = []
    attempt = attempts.get(item.attempt)
    if attempt is not None and (item.event not in _ASIDE or _just_ended(attempts, item)):
        lines.append(_call_told(attempt, zone))
    again = f" at {moment_text(item.due, zone)}" if item.due else ""
    lines.append(f"{when}  {why}{again}")
    return lines


def _just_ended(attempts: Mapping[int, AttemptRow], item: Happened) -> bool:
    """Whether the entry is about the end of an attempt."""
    attempt = attempts.get(item.attempt)
    return attempt is not None and attempt.ended is not None and abs(attempt.ended - item.at) < 0.01


def _call_told(attempt: AttemptRow, zone: str) -> str:
    parts = [f"{moment_text(attempt.placed, zone)}  attempt {attempt.attempt}: dialed"]
    if attempt.answered is not None:
        parts.append(f"answered after {attempt.answered - attempt.placed:.0f} s")
    if attempt.connected is not None and attempt.ended is not None:
        agent = attempt.agent_id or "the announcement"
        parts.append(f"with {agent} for {attempt.ended - attempt.connected:.0f} s")
    elif attempt.ended is not None:
        parts.append(f"over after {attempt.ended - attempt.placed:.0f} s")
    if attempt.disposition:
        parts.append(f"disposition {attempt.disposition}")
    return ", ".join(parts)


def _because(reason: Reason) -> str:
    return f"{reason.text} ({reason.rule})" if reason.rule else reason.text


def _now(record: Record, reason: Reason | None, asked: Sequence[str]) -> str:
    words = [
        word_of(RecordStatus, record.record_status),
        f"type {word_of(RecordType, record.record_type)}",
        f"call result {word_of(CallResult, record.call_result)}",
        f"{record.attempt} attempt{'' if record.attempt == 1 else 's'}",
    ]
    wanted = (
        f"; asked for and not done yet: {', '.join(kind.replace('_', ' ') for kind in asked)}"
        if asked
        else ""
    )
    return f"{', '.join(words)}; {_because(reason) if reason else 'no reason is known'}{wanted}"


def _next(
    record: Record, reason: Reason | None, prospect: Prospect | None, against: str, zone: str, now: float
) -> str:
    if reason is None or reason.state == "closed":
        return "never; the record is final"
    if reason.state == "in work":
        return "its call is in progress"
    if reason.state == "chained" and prospect is None:
        return "when its chain comes to it"
    if reason.state in ("excluded", "error") and prospect is None:
        return f"not under these rules: {against or _because(reason)}"
    if prospect is None or (prospect.at is not None and prospect.record.record_id == record.record_id):
        at = now if prospect is None or prospect.at is None else prospect.at
        if prospect is None:
            at = max(now, float(record.due))
        when = "as soon as an agent or a port is free" if at <= now else f"at {moment_text(at, zone)}"
        if _called_back(record):
            when = f"callback by {_caller(record)}, {when}"
        return f"{when}{'; now ' + against if against else ''}"
    mine = [hold for hold in prospect.holds if hold.record_id == record.record_id and hold.until is None]
    told = "; ".join(f"{hold.reason} ({hold.rule})" if hold.rule else hold.reason for hold in mine)
    if prospect.at is None:
        excluded = f"not under these rules: {told}" if any(hold.kind == "excluded" for hold in mine) else ""
        return excluded or f"never: {prospect.never}{'; now ' + against if against else ''}"
    other = prospect.record
    when = (
        "as soon as an agent or a port is free"
        if prospect.at <= now
        else f"at {moment_text(prospect.at, zone)}"
    )
    return f"not under these rules: {told}; record {other.record_id}, {other.phone}, in its place, {when}"


def _caller(record: Record) -> str:
    return str(record.agent_id) if record.record_type in PERSONAL else "any agent"


def _verdict_text(decision: Decision, zone: str) -> str:
    verdict = decision.verdict
    if isinstance(verdict, Defer):
        return f"{verdict.reason}, until {moment_text(verdict.until, zone)}"
    return verdict.reason
