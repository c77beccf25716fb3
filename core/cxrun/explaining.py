"""The life of a record in sentences: each decision with the rule that made it, and what comes next."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cxrun.campaign import Group, Project
from cxrun.elements import Defer, Exclude, Moment
from cxrun.model import (
    CALLBACKS,
    PERSONAL,
    CallResult,
    DeviceType,
    PastAttempt,
    Reason,
    Record,
    RecordStatus,
    RecordType,
    word_of,
)
from cxrun.moments import moment_text
from cxrun.pipeline import Decision
from cxrun.store.database import Store
from cxrun.store.lists import imports_of, stored_lists
from cxrun.store.queue import (
    AttemptRow,
    Queue,
    attempts_by_field,
    keep_attempt_fields,
    kept_attempt_fields,
    key_text,
    past_attempts,
)
from cxrun.store.reading import Happened, attempts_of, current_reason, life_of
from cxrun.store.redaction import EVENT
from cxrun.store.requests import asked_of
from cxrun.store.runs import last_reached
from cxrun.store.suppressions import suppressions

_Ask = Callable[[float], list[Decision]]
_PATIENCE: Final = 20
"""How many deferrals in a row are followed to find when a record will be dialed."""

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


@dataclass(frozen=True)
class Story:
    """What is to be told of one record; `lines` are in the order things happened."""

    record: Record
    title: str
    lines: tuple[str, ...]
    now: str
    next: str
    asked: tuple[str, ...] = ()
    """What was asked for the record and is not done yet."""

    @property
    def callback(self) -> bool:
        """Whether a callback is promised and not made yet."""
        return _called_back(self.record)

    def as_data(self) -> dict[str, Any]:
        """The story as plain data."""
        record = self.record
        return {
            "record_id": record.record_id,
            "phone": record.phone,
            "record_type": word_of(RecordType, record.record_type),
            "record_status": word_of(RecordStatus, record.record_status),
            "call_result": word_of(CallResult, record.call_result),
            "attempt": record.attempt,
            "agent_id": record.agent_id,
            "callback": record.dial_sched_time if self.callback else None,
            "asked": list(self.asked),
            "life": list(self.lines),
            "now": self.now,
            "next": self.next,
        }


def explain(project: Project, store: Store, list_id: int, record_id: int) -> Story:
    """Tell the life of a record as it stands at the time the store has reached."""
    stored = {item.list_id: item for item in stored_lists(store).values()}[list_id]
    queue = Queue(store, list_id, list(stored.field_types))
    record = queue.find(record_id)
    assert record is not None
    zone = record.zones[0] if record.zones else "UTC"
    attempts = attempts_of(store, record_id)
    lines = [line for item in life_of(store, record_id) for line in _told(item, attempts, zone)]
    reason = current_reason(store, record_id, list_id)
    asked = tuple(kind for number, kind in asked_of(store, record.chain_id) if number == record_id)
    now = last_reached(store)
    group = next((group for group in project.groups.values() if stored.name in group.lists), None)
    ask = None
    if group is not None and reason and reason.state not in ("closed", "in work"):
        ask = _asker(group, store, queue, record, imports_of(store, stored))
    return Story(
        record,
        _title(record, stored.name),
        tuple(lines) or ("nothing has happened yet",),
        _now(record, reason, asked),
        _next(record, reason, ask, zone, now or 0.0),
        asked,
    )


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


def _told(item: Happened, attempts: dict[int, AttemptRow], zone: str) -> list[str]:
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


def _just_ended(attempts: dict[int, AttemptRow], item: Happened) -> bool:
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


def _next(record: Record, reason: Reason | None, ask: _Ask | None, zone: str, now: float) -> str:
    if reason is None or reason.state == "closed":
        return "never; the record is final"
    if reason.state == "in work":
        return "its call is in progress"
    if reason.state == "chained":
        return "when its chain comes to it"
    against = ask(now) if ask else []
    told = "; ".join(f"{_verdict_text(decision, zone)} ({decision.rule})" for decision in against)
    if reason.state in ("excluded", "error"):
        return f"not under these rules: {told or _because(reason)}"
    at = max(now, float(record.due))
    for _ in range(_PATIENCE):
        later = ask(at) if ask else []
        if any(isinstance(decision.verdict, Exclude) for decision in later):
            told = "; ".join(f"{_verdict_text(decision, zone)} ({decision.rule})" for decision in later)
            return f"not under these rules: {told}"
        if not later:
            break
        at = max(decision.verdict.until for decision in later if isinstance(decision.verdict, Defer))
    when = "as soon as an agent or a port is free" if at <= now else f"at {moment_text(at, zone)}"
    if _called_back(record):
        when = f"callback by {_caller(record)}, {when}"
    return f"{when}{'; now ' + told if told else ''}"


def _caller(record: Record) -> str:
    return str(record.agent_id) if record.record_type in PERSONAL else "any agent"


def _verdict_text(decision: Decision, zone: str) -> str:
    verdict = decision.verdict
    if isinstance(verdict, Defer):
        return f"{verdict.reason}, until {moment_text(verdict.until, zone)}"
    return verdict.reason


def _asker(
    group: Group, store: Store, queue: Queue, record: Record, imports: Sequence[tuple[int, float]]
) -> _Ask:
    """A function that tells what every filter says against dialing the record at a moment."""
    pipeline = group.pipeline
    chain = (record, *queue.members([record.chain_id]).get(record.chain_id, ()))
    attempts = list(past_attempts(store, [record.client], [record.phone], 0.0))
    entries = list(suppressions(store, [record.client], [record.phone]))
    by_field = _attempts_by(store, record, pipeline.attempt_fields)
    ring_time = group.duration("ring_time")

    def ask(at: float) -> list[Decision]:
        moment = Moment(at, record, chain, attempts, entries, by_field, ring_time, imports)
        decisions = pipeline.verdicts(moment)
        return [decision for decision in decisions if isinstance(decision.verdict, Defer | Exclude)]

    return ask


def _attempts_by(store: Store, record: Record, fields: set[str]) -> dict[str, list[PastAttempt]]:
    """The attempts on records with the same value of each field, whether or not a run has asked for it yet."""
    values = {field: key_text(record.fields.get(field)) for field in fields}
    new = fields - kept_attempt_fields(store)
    if new:
        store.begin()
        keep_attempt_fields(store, new)
    try:
        return {
            field: [attempt for _, attempt in attempts_by_field(store, field, [value], 0.0)]
            for field, value in values.items()
            if value is not None
        }
    finally:
        if new:
            store.rollback()
