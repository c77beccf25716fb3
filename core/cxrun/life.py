"""The life of a record: what each event makes of it and of its chain, as pure functions.

A record is in one of three places: waiting (in the queue), in work, or closed for good. Of a chain one
waiting record is next to be dialed; the others sleep until the chain comes to them.

"At once" is the next full second: a record never enters the queue behind the point it is read at.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from cxrun.elements import Action, Call, Defer, DialAgain, DialNext, Exclude, Suppress
from cxrun.model import (
    ASLEEP,
    CHAINED,
    NEVER,
    PRIORITY,
    CallResult,
    Record,
    RecordStatus,
    RecordType,
    Suppression,
)
from cxrun.pipeline import Settlement, next_record


class Change(NamedTuple):
    """What becomes of the records of one chain: those that wait on, those that are closed, and suppressions."""

    waiting: tuple[Record, ...] = ()
    closed: tuple[Record, ...] = ()
    suppressions: tuple[Suppression, ...] = ()


def attempted(record: Record, at: float) -> Record:
    """The record once it is dialed: one attempt more, whatever comes of it."""
    return record._replace(
        attempt=record.attempt + 1, call_time=int(at), record_status=RecordStatus.RETRIEVED.value
    )


def deferred(record: Record, verdict: Defer, now: float) -> Record:
    """The record to be looked at again later; its own schedule stays as it was."""
    return record._replace(due=max(math.ceil(verdict.until), int(now) + 1))


def excluded(record: Record, chain: Sequence[Record], verdict: Exclude, now: float) -> Change:
    """The record sleeps under rules that exclude it; the next of its chain takes its place at once."""
    asleep = record._replace(due=NEVER, priority=ASLEEP, record_status=RecordStatus.READY.value)
    waiting = [other for other in chain if other.record_status == RecordStatus.CHAIN_READY]
    if not waiting:
        return Change(waiting=(asleep,))
    later = [other for other in waiting if other.chain_n > record.chain_n]
    heir = min(later or waiting, key=lambda other: other.chain_n)
    heir = heir._replace(
        due=int(now) + 1,
        priority=record.priority,
        record_status=RecordStatus.READY.value,
        dial_sched_time=record.dial_sched_time,
        treatments=record.treatments,
    )
    return Change(waiting=(asleep, heir))


def settled(call: Call, settlement: Settlement) -> Change:
    """The chain after a call that is over."""
    record = call.record._replace(
        call_result=int(settlement.result), treatments=settlement.treatments, agent_id=call.agent_id
    )
    others = [other for other in call.chain if other.record_id != record.record_id]
    action: Action = settlement.action
    if isinstance(action, DialAgain):
        at = max(math.ceil(action.at), int(call.now) + 1)
        again = record._replace(
            record_type=RecordType.CAMPAIGN_RESCHEDULED.value,
            record_status=RecordStatus.READY.value,
            dial_sched_time=at,
            due=at,
            priority=PRIORITY[RecordType.CAMPAIGN_RESCHEDULED],
        )
        return Change(waiting=(again,))
    if isinstance(action, DialNext):
        return _moved_on(call, record, action)
    if isinstance(action, Suppress):
        return _suppressed(call, record, others, action)
    closed = [record._replace(record_status=RecordStatus.UPDATED.value)]
    return Change(closed=(*closed, *_chain_updated(others)))


def _moved_on(call: Call, record: Record, action: DialNext) -> Change:
    target = next_record(call, action)
    at = max(math.ceil(action.at), int(call.now) + 1)
    heir = (record if target.record_id == record.record_id else target)._replace(
        record_status=RecordStatus.READY.value,
        dial_sched_time=at,
        due=at,
        priority=PRIORITY[RecordType.CAMPAIGN_RESCHEDULED],
        treatments=record.treatments,
    )
    if target.record_id == record.record_id:
        return Change(waiting=(heir,))
    if action.more_passes or action.new_pass:
        rests = record._replace(record_status=RecordStatus.CHAIN_READY.value, due=CHAINED, priority=ASLEEP)
        return Change(waiting=(heir, rests))
    return Change(waiting=(heir,), closed=(record._replace(record_status=RecordStatus.UPDATED.value),))


def _suppressed(call: Call, record: Record, others: Sequence[Record], action: Suppress) -> Change:
    till = None if action.valid_for is None else call.now + action.valid_for
    entries = [Suppression(action.list_name, "device", record.phone, call.now, till)]
    if action.client:
        entries.append(Suppression(action.list_name, "client", record.client, call.now, till))
    done = record._replace(
        record_type=RecordType.NO_CALL.value,
        record_status=RecordStatus.UPDATED.value,
        call_result=CallResult.DO_NOT_CALL.value,
    )
    return Change(closed=(done, *_chain_updated(others)), suppressions=tuple(entries))


def _chain_updated(others: Sequence[Record]) -> list[Record]:
    return [other._replace(record_status=RecordStatus.CHAIN_UPDATED.value) for other in others]
