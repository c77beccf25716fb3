"""A record as it stood at an earlier moment, by the journal and the attempts that were made until then."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from cxrun.model import (
    ASLEEP,
    CHAINED,
    IN_CHAIN,
    NEVER,
    NOT_YET,
    PERSONAL,
    PRIORITY,
    CallResult,
    Reason,
    Record,
    RecordStatus,
    RecordType,
)
from cxrun.store.queue import AttemptRow
from cxrun.store.reading import Happened

_IN_WORK: Final = Reason("in work", "is being dialed")
_GENERAL: Final = PRIORITY[RecordType.GENERAL]
_READY: Final = int(RecordStatus.READY)
_CLOSED: Final[Mapping[str, int]] = {
    "chain_updated": int(RecordStatus.CHAIN_UPDATED),
    "agent_error": int(RecordStatus.AGENT_ERROR),
    "canceled": int(RecordStatus.CANCELED),
    "callback_missed": int(RecordStatus.MISSED_CALLBACK),
}
"""The status that an event closes a record with; any other makes it updated."""
_ASIDE: Final = frozenset({"effect", "in work", "group"})
"""States of reasons that are about something else than where the record stands."""


class Stood(NamedTuple):
    """Where a record stood: its values then, and the reason for it. What its treatments had been is not known."""

    record: Record
    reason: Reason


def stood(
    record: Record, life: Iterable[Happened], attempts: Mapping[int, AttemptRow], first: bool, at: float
) -> Stood:
    """The record at a moment (Unix UTC seconds), before what happened at that very moment.

    `record` is as it is now, `first` whether it is the first of its chain.
    """
    made = [attempt for attempt in attempts.values() if attempt.placed < at]
    last = made[-1] if made else None
    then = record._replace(
        record_type=int(RecordType.GENERAL),
        record_status=_READY if first else int(RecordStatus.CHAIN_READY),
        call_result=int(CallResult.UNKNOWN),
        attempt=last.attempt if last else 0,
        call_time=int(last.placed) if last else 0,
        dial_sched_time=0,
        treatments="",
        agent_id=None,
        due=0 if first else CHAINED,
        priority=PRIORITY[RecordType.GENERAL] if first else ASLEEP,
    )
    reason = NOT_YET if first else IN_CHAIN
    for item in life:
        if item.at >= at:
            break
        if item.reason.state in _ASIDE:
            continue
        then, reason = _after(then, item, attempts, record), item.reason
    if last and (last.ended is None or last.ended > at) and reason.state != "closed":
        status = int(RecordStatus.RETRIEVED)
        return Stood(then._replace(record_status=status, call_result=int(CallResult.UNKNOWN)), _IN_WORK)
    if last and last.ended is not None:
        then = then._replace(agent_id=last.agent_id)
    return Stood(then, reason)


def _after(then: Record, item: Happened, attempts: Mapping[int, AttemptRow], now: Record) -> Record:
    """What an event made of the record."""
    kind = _type_after(then, item, attempts, now)
    if item.event != "rules_changed":
        then = then._replace(record_type=kind, call_result=item.call_result)
    if item.reason.state == "closed":
        status = _CLOSED.get(item.event, int(RecordStatus.UPDATED))
        return then._replace(record_status=status, due=0, priority=ASLEEP)
    if item.event == "rules_changed":
        if then.due == CHAINED:
            return then
        return then._replace(due=then.dial_sched_time, priority=PRIORITY.get(kind, _GENERAL))
    if item.due:
        if item.event not in ("deferred", "hung_up"):
            then = then._replace(dial_sched_time=item.due)
        status = int(RecordStatus.MISSED_CALLBACK) if item.event == "callback_missed" else _READY
        priority = PRIORITY.get(kind, _GENERAL)
        if item.event == "next_in_chain":
            priority = min(priority, PRIORITY[RecordType.CAMPAIGN_RESCHEDULED])
        return then._replace(record_status=status, due=item.due, priority=priority)
    if item.reason.state in ("excluded", "error"):
        return then._replace(record_status=_READY, due=NEVER, priority=ASLEEP)
    return then._replace(record_status=int(RecordStatus.CHAIN_READY), due=CHAINED, priority=ASLEEP)


def _type_after(then: Record, item: Happened, attempts: Mapping[int, AttemptRow], now: Record) -> int:
    """The record type an event made it."""
    if item.event == "dial_again":
        personal = then.record_type in PERSONAL
        return int(RecordType.PERSONAL_RESCHEDULED if personal else RecordType.CAMPAIGN_RESCHEDULED)
    if item.event == "callback_promised":
        if now.record_type in (RecordType.PERSONAL_CALLBACK, RecordType.CAMPAIGN_CALLBACK):
            return now.record_type
        attempt = attempts.get(item.attempt)
        personal = attempt is not None and attempt.agent_id is not None
        return int(RecordType.PERSONAL_CALLBACK if personal else RecordType.CAMPAIGN_CALLBACK)
    if item.event == "assign_to_group":
        return int(RecordType.CAMPAIGN_CALLBACK)
    if item.event in ("recycled", "restored"):
        return int(RecordType.GENERAL)
    if item.event == "do_not_call":
        return int(RecordType.NO_CALL)
    return then.record_type
