"""The life of a record: what each event makes of it and of its chain, as pure functions.

A record is in one of three places: waiting (in the queue), in work, or closed for good. Of a chain one
waiting record is next to be dialed; the others sleep until the chain comes to them.

"At once" is the next full second: a record never enters the queue behind the point it is read at.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from cxrun.elements import Action, Call, Defer, DialAgain, DialNext, Exclude, Finish, Suppress
from cxrun.history import History
from cxrun.model import (
    ASLEEP,
    CALLBACKS,
    CHAINED,
    NEVER,
    PERSONAL,
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
_CAMPAIGN_RESCHEDULED: Final = int(RecordType.CAMPAIGN_RESCHEDULED)
_PERSONAL_RESCHEDULED: Final = int(RecordType.PERSONAL_RESCHEDULED)
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
    """The record once its call has a result; what is personal stays with its agent."""
    return record.in_state(
        record.record_type, record.record_status, result, record.attempt, record.dial_sched_time, record.call_time,
        record.treatments, record.agent_id if record.record_type in PERSONAL else agent_id, record.due,
        record.priority,
    )  # fmt: skip


def deferred(record: Record, verdict: Defer, now: float) -> Record:
    """The record to be looked at again later; its own schedule stays as it was."""
    return record._replace(due=max(math.ceil(verdict.until), int(now) + 1))


def excluded(record: Record, chain: Sequence[Record], verdict: Exclude, now: float) -> Change:
    """The record sleeps under rules that exclude it; the next of its chain takes its place at once.

    A chain that is held for a callback stays held.
    """
    asleep = record._replace(due=NEVER, priority=ASLEEP, record_status=_READY)
    waiting = [other for other in chain if other.record_status == RecordStatus.CHAIN_READY]
    if not waiting or record.record_type in CALLBACKS:
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
            _PERSONAL_RESCHEDULED if record.record_type in PERSONAL else _CAMPAIGN_RESCHEDULED,
            _READY, record.call_result, record.attempt, at, record.call_time,
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
        rests = _promised_no_longer(record)._replace(
            record_status=_CHAIN_READY, due=CHAINED, priority=ASLEEP, treatments=treatments
        )
        return Change(waiting=(heir, rests))
    return Change(waiting=(heir,), closed=(record._replace(record_status=_UPDATED, treatments=treatments),))


def _suppressions(call: Call, action: Suppress) -> tuple[Suppression, ...]:
    till = None if action.valid_for is None else call.now + action.valid_for
    device = Suppression(action.list_name, "device", call.record.phone, call.now, till)
    client = Suppression(action.list_name, "client", call.record.client, call.now, till)
    return (device, client) if action.client else (device,)


# --- callbacks and requests ------------------------------------------------------------------------


class Callbacks(NamedTuple):
    """How a group keeps its promises; durations in seconds.

    `missed` is one of retry, next_day, close; `times` says how often a missed callback is tried again.
    `personal` says whose a callback is that was promised in a conversation: the agent's, or the group's.
    """

    tolerance: float
    missed: str
    retry_in: float
    times: int
    personal: bool


def promised(record: Record, at: float, now: float, agent_id: str | None) -> Change:
    """A callback at `at`, by this agent or, for None, by any of the group; the chain is held for it."""
    kind = RecordType.CAMPAIGN_CALLBACK if agent_id is None else RecordType.PERSONAL_CALLBACK
    due = max(math.ceil(at), int(now) + 1)
    callback = record.in_state(
        int(kind), _READY, record.call_result, record.attempt, due, record.call_time, record.treatments,
        record.agent_id if agent_id is None else agent_id, due, PRIORITY[kind],
    )  # fmt: skip
    return Change(waiting=(callback,))


def late(record: Record, now: float, callbacks: Callbacks) -> bool:
    """Whether a callback that is due has been missed."""
    return record.record_type in CALLBACKS and now > record.dial_sched_time + callbacks.tolerance


def missed(record: Record, chain: Sequence[Record], now: float, callbacks: Callbacks) -> Change:
    """A callback was not made in time: it is tried again, or the chain is closed."""
    history = History.read(record.treatments)
    record = record._replace(record_status=int(RecordStatus.MISSED_CALLBACK))
    if callbacks.missed == "close" or history.misses >= callbacks.times:
        others = (other for other in chain if other.record_id != record.record_id)
        return Change(closed=(record, *(other._replace(record_status=_CHAIN_UPDATED) for other in others)))
    at = now + callbacks.retry_in
    if callbacks.missed == "next_day":
        at = _next_day(record.dial_sched_time, now, record.zones[0] if record.zones else "UTC")
    due = max(math.ceil(at), int(now) + 1)
    again = record._replace(due=due, dial_sched_time=due, treatments=history.missed(record.chain_n))
    return Change(waiting=(again,))


def _next_day(promised: float, now: float, zone: str) -> float:
    """The same time of day on the next day after the promise that is still to come."""
    wall = datetime.fromtimestamp(promised, ZoneInfo(zone)).replace(fold=0)
    today = datetime.fromtimestamp(now, ZoneInfo(zone)).date()
    day = max(wall.date() + timedelta(days=1), today)
    moment = datetime.combine(day, wall.timetz()).timestamp()
    return moment if moment > now else datetime.combine(day + timedelta(days=1), wall.timetz()).timestamp()


def agent_absent(record: Record, call: Call, settlement: Settlement) -> Change:
    """A personal callback is due and its agent is not there; `call.record` carries the result already.

    Unless a treatment answers, any agent of the group makes the call: the promise was made to the customer.
    """
    action: Action = settlement.action
    if isinstance(action, Finish) and settlement.rule is None:
        kind = (
            RecordType.CAMPAIGN_CALLBACK
            if record.record_type in CALLBACKS
            else RecordType.CAMPAIGN_RESCHEDULED
        )
        anybodys = call.record._replace(
            record_type=int(kind), record_status=_READY, priority=PRIORITY[kind], due=int(call.now) + 1
        )
        change = Change(waiting=(anybodys,))
    elif isinstance(action, DialAgain):
        at = max(math.ceil(action.at), int(call.now) + 1)
        again = call.record._replace(
            record_status=_READY, due=at, dial_sched_time=at, treatments=settlement.treatments
        )
        change = Change(waiting=(again,))
    else:
        change = settled(call, settlement)
    # it was not dialed
    kept = [
        [r._replace(call_time=record.call_time) if r.record_id == record.record_id else r for r in records]
        for records in (change.waiting, change.closed)
    ]
    return change._replace(waiting=tuple(kept[0]), closed=tuple(kept[1]))


def gathered(chain: Sequence[Record]) -> tuple[Record, ...]:
    """The other records of a chain that is begun upon again: what waited, or was closed with it, sleeps."""
    return tuple(
        _promised_no_longer(other)._replace(record_status=_CHAIN_READY, due=CHAINED, priority=ASLEEP)
        if other.priority != ASLEEP or other.record_status == _CHAIN_UPDATED
        else other
        for other in chain
    )


def _promised_no_longer(record: Record) -> Record:
    """The record if its callback is no longer to be made: whatever is dialed of it is rescheduled."""
    if record.record_type not in CALLBACKS:
        return record
    personal = record.record_type == RecordType.PERSONAL_CALLBACK
    return record._replace(record_type=_PERSONAL_RESCHEDULED if personal else _CAMPAIGN_RESCHEDULED)


def canceled(record: Record, chain: Sequence[Record], now: float) -> Change:
    """The record is canceled; the next of its chain takes its place."""
    gone = record._replace(
        record_status=int(RecordStatus.CANCELED), call_result=int(CallResult.CANCEL_RECORD)
    )
    return Change(waiting=_heir(record, chain, now), closed=(gone,))


def do_not_call(record: Record, chain: Sequence[Record], now: float) -> Change:
    """The record's number is not to be called again; the next of its chain takes its place."""
    gone = record._replace(
        record_type=int(RecordType.NO_CALL), record_status=_UPDATED, call_result=int(CallResult.DO_NOT_CALL)
    )
    return Change(waiting=_heir(record, chain, now), closed=(gone,))


def _heir(record: Record, chain: Sequence[Record], now: float) -> tuple[Record, ...]:
    """The next of the chain, if it was this record's turn, when this record would have been dialed."""
    waiting = [other for other in chain if other.record_status == _CHAIN_READY]
    if record.priority == ASLEEP or not waiting:
        return ()
    later = [other for other in waiting if other.chain_n > record.chain_n]
    heir = min(later or waiting, key=lambda other: other.chain_n)
    return (
        heir._replace(
            record_status=_READY,
            due=max(record.due, int(now) + 1),
            priority=max(record.priority, _RESCHEDULED),
            dial_sched_time=record.dial_sched_time,
            treatments=record.treatments
            if later
            else History.read(record.treatments).begun_anew(heir.chain_n),
        ),
    )
