"""The life of a record: what each event makes of it and of its chain, as pure functions.

A record is in one of three places: waiting (in the queue), in work, or closed for good. Of a chain one
waiting record is next to be dialed; the others sleep until the chain comes to them.

"At once" is the next full second: a record never enters the queue behind the point it is read at.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from cxrun.elements import Action, Call, Defer, DialAgain, DialNext, Exclude, Suppress
from cxrun.history import History
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

_READY: Final = int(RecordStatus.READY)
_RETRIEVED: Final = int(RecordStatus.RETRIEVED)
_UPDATED: Final = int(RecordStatus.UPDATED)
_CHAIN_READY: Final = int(RecordStatus.CHAIN_READY)
_CHAIN_UPDATED: Final = int(RecordStatus.CHAIN_UPDATED)
_RESCHEDULED: Final = PRIORITY[RecordType.CAMPAIGN_RESCHEDULED]


class Change(NamedTuple):
    """What becomes of the records of one chain: those that wait on, those that are closed, and suppressions."""

    waiting: tuple[Record, ...] = ()
    closed: tuple[Record, ...] = ()
    suppressions: tuple[Suppression, ...] = ()


def attempted(record: Record, at: float) -> Record:
    """The record once it is dialed: one attempt more, whatever comes of it."""
    return record.in_state(
        record.record_type, _RETRIEVED, record.call_result, record.attempt + 1, record.dial_sched_time, int(at),
        record.treatments, record.agent_id, record.due, record.priority,
    )  # fmt: skip


def with_result(record: Record, result: int, agent_id: str | None) -> Record:
    """The record once its call has a result."""
    return record.in_state(
        record.record_type, record.record_status, result, record.attempt, record.dial_sched_time, record.call_time,
        record.treatments, agent_id, record.due, record.priority,
    )  # fmt: skip


def deferred(record: Record, verdict: Defer, now: float) -> Record:
    """The record to be looked at again later; its own schedule stays as it was."""
    return record._replace(due=max(math.ceil(verdict.until), int(now) + 1))


def excluded(record: Record, chain: Sequence[Record], verdict: Exclude, now: float) -> Change:
    """The record sleeps under rules that exclude it; the next of its chain takes its place at once."""
    asleep = record._replace(due=NEVER, priority=ASLEEP, record_status=_READY)
    waiting = [other for other in chain if other.record_status == RecordStatus.CHAIN_READY]
    if not waiting:
        return Change(waiting=(asleep,))
    later = [other for other in waiting if other.chain_n > record.chain_n]
    heir = min(later or waiting, key=lambda other: other.chain_n)
    heir = heir._replace(
        due=int(now) + 1,
        priority=record.priority,
        record_status=_READY,
        dial_sched_time=record.dial_sched_time,
        treatments=record.treatments if later else History.read(record.treatments).begun_anew(heir.chain_n),
    )
    return Change(waiting=(asleep, heir))


def broken(record: Record) -> Change:
    """The record is set aside: a plugin failed on it. It waits for other rules, or for the plugin mended."""
    return Change(waiting=(record._replace(due=NEVER, priority=ASLEEP, record_status=_READY),))


def settled(call: Call, settlement: Settlement) -> Change:
    """The chain after a call that is over; `call.record` carries the result already."""
    record = call.record
    action: Action = settlement.action
    if isinstance(action, DialAgain):
        at = max(math.ceil(action.at), int(call.now) + 1)
        again = record.in_state(
            int(RecordType.CAMPAIGN_RESCHEDULED), _READY, record.call_result, record.attempt, at, record.call_time,
            settlement.treatments, record.agent_id, at, _RESCHEDULED,
        )  # fmt: skip
        return Change(waiting=(again,))
    if isinstance(action, DialNext):
        return _moved_on(call, action, settlement.treatments)
    others: tuple[Record, ...] = ()
    if len(call.chain) > 1:
        others = tuple(
            other._replace(record_status=_CHAIN_UPDATED)
            for other in call.chain
            if other.record_id != record.record_id
        )
    if isinstance(action, Suppress):
        done = record._replace(
            record_type=int(RecordType.NO_CALL),
            record_status=_UPDATED,
            call_result=int(CallResult.DO_NOT_CALL),
        )
        return Change(closed=(done, *others), suppressions=_suppressions(call, action))
    done = record.in_state(
        record.record_type, _UPDATED, record.call_result, record.attempt, record.dial_sched_time, record.call_time,
        record.treatments, record.agent_id, record.due, record.priority,
    )  # fmt: skip
    return Change(closed=(done, *others))


def _moved_on(call: Call, action: DialNext, treatments: str) -> Change:
    record = call.record
    target = next_record(call, action)
    at = max(math.ceil(action.at), int(call.now) + 1)
    heir = target._replace(
        record_status=_READY, dial_sched_time=at, due=at, priority=_RESCHEDULED, treatments=treatments
    )
    if target.record_id == record.record_id:
        return Change(waiting=(heir,))
    if action.more_passes or action.new_pass:
        rests = record._replace(
            record_status=_CHAIN_READY, due=CHAINED, priority=ASLEEP, treatments=treatments
        )
        return Change(waiting=(heir, rests))
    return Change(waiting=(heir,), closed=(record._replace(record_status=_UPDATED, treatments=treatments),))


def _suppressions(call: Call, action: Suppress) -> tuple[Suppression, ...]:
    till = None if action.valid_for is None else call.now + action.valid_for
    device = Suppression(action.list_name, "device", call.record.phone, call.now, till)
    client = Suppression(action.list_name, "client", call.record.client, call.now, till)
    return (device, client) if action.client else (device,)


def recycled(chain: Sequence[Record], now: float) -> Change:
    """The chain once it is asked to be dialed anew: of these final records the first is next, the others sleep.

    Attempts, the last result and the time of it stay; the plans of treatments begin anew. A record that is
    never to be dialed, canceled or no_call, is left as it is.
    """
    again = sorted(
        (
            r
            for r in chain
            if r.record_type != RecordType.NO_CALL and r.record_status != RecordStatus.CANCELED
        ),
        key=lambda record: record.chain_n,
    )
    at = int(now) + 1
    waiting = [
        record._replace(
            record_type=int(RecordType.GENERAL), record_status=_CHAIN_READY, dial_sched_time=0, treatments="",
            due=CHAINED, priority=ASLEEP,
        )
        for record in again
    ]  # fmt: skip
    if waiting:
        leader = waiting[0]
        waiting[0] = leader._replace(
            record_status=_READY, dial_sched_time=at, due=at, priority=PRIORITY[RecordType.GENERAL]
        )
    return Change(waiting=tuple(waiting))
