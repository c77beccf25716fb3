"""The life of a record: what each event makes of it and of its chain, as pure functions over one table.

A record is in one of three places: waiting (in the queue), in work, or closed for good. Of a chain one
waiting record is next to be dialed; the others sleep until the chain comes to them.

`TABLE` is the whole life. Every function here asks it; what it does not list is a bug of ours and raises
IllegalTransition.

"At once" is the next full second: a record never enters the queue behind the point it is read at.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from cxrun.chain import DeviceOrder, remaining, waiting
from cxrun.elements import (
    Action,
    AssignToGroup,
    Call,
    Defer,
    DialAgain,
    DialNext,
    Exclude,
    Finish,
    MarkAgentError,
    Reschedule,
    Suppress,
    UpdateChain,
)
from cxrun.history import History
from cxrun.model import (
    ASLEEP,
    CHAINED,
    NEVER,
    PERSONAL,
    PRIORITY,
    CallResult,
    Record,
    RecordStatus,
    RecordType,
    Suppression,
    word_of,
)
from cxrun.pipeline import USED_UP, GiveWay, Settlement, next_record

_READY: Final = int(RecordStatus.READY)
_RETRIEVED: Final = int(RecordStatus.RETRIEVED)
_UPDATED: Final = int(RecordStatus.UPDATED)
_AGENT_ERROR: Final = int(RecordStatus.AGENT_ERROR)
_CHAIN_UPDATED: Final = int(RecordStatus.CHAIN_UPDATED)
_CHAIN_READY: Final = int(RecordStatus.CHAIN_READY)
FINAL: Final = (
    _UPDATED,
    int(RecordStatus.STALE),
    int(RecordStatus.CANCELED),
    _AGENT_ERROR,
    _CHAIN_UPDATED,
    int(RecordStatus.MISSED_CALLBACK),
)
"""The statuses a record has for good; only `recycled` leads out of them."""
_AWAITED: Final = (_READY, _CHAIN_READY)
_ANY: Final = (*_AWAITED, _RETRIEVED, *FINAL)


class Transition(NamedTuple):
    """One line of the table: an event makes this of a record that has one of these statuses.

    No `record_types` leaves the type as it is, several are a choice; `call_result` is None where it stays, or is
    that of the call.
    """

    event: str
    since: tuple[int, ...]
    status: int
    record_types: tuple[RecordType, ...] = ()
    call_result: CallResult | None = None


_CAMPAIGN_RESCHEDULED: Final = RecordType.CAMPAIGN_RESCHEDULED
_RESCHEDULED: Final = (_CAMPAIGN_RESCHEDULED, RecordType.PERSONAL_RESCHEDULED)
_PROMISED: Final = (RecordType.PERSONAL_CALLBACK, RecordType.CAMPAIGN_CALLBACK)

TABLE: Final = (
    # it is looked at
    Transition("deferred", (_READY,), _READY),
    Transition("excluded", (_READY,), _READY),
    Transition("gave_way", (_READY,), _CHAIN_READY),
    Transition("came_forward", (_CHAIN_READY,), _READY),
    # it is called
    Transition("taken", (_READY,), _RETRIEVED),
    Transition("dialed", (_RETRIEVED,), _RETRIEVED),
    Transition("released", (_RETRIEVED,), _READY),
    Transition("preview_rejected", (_RETRIEVED,), _READY),
    # the call is over, and a treatment says what follows
    Transition("finished", (_RETRIEVED,), _UPDATED),
    Transition("processed", (_RETRIEVED,), _UPDATED),
    Transition("used_up", (_RETRIEVED,), _UPDATED),
    Transition("retried", (_RETRIEVED,), _READY, _RESCHEDULED),
    Transition("next_in_chain", (_RETRIEVED,), _UPDATED),
    Transition("next_in_chain", (_RETRIEVED,), _CHAIN_READY),
    Transition("next_in_chain", (_RETRIEVED,), _READY),
    Transition("chain_updated", _AWAITED, _CHAIN_UPDATED),
    Transition("stale", (_RETRIEVED,), int(RecordStatus.STALE), call_result=CallResult.STALE),
    Transition("failed", (_READY, _RETRIEVED), _READY),
    # callbacks
    Transition("callback_promised", (_RETRIEVED,), _READY, _PROMISED),
    Transition("callback_missed", (_READY,), _READY),
    Transition("callback_missed", (_READY,), int(RecordStatus.MISSED_CALLBACK)),
    Transition("agent_absent", (_READY,), _RETRIEVED, call_result=CallResult.AGENT_CALLBACK_ERROR),
    Transition("rescheduled", (_RETRIEVED,), _READY),
    Transition("assigned_to_group", (_RETRIEVED,), _READY, (RecordType.CAMPAIGN_CALLBACK,)),
    Transition("agent_error", (_RETRIEVED,), _AGENT_ERROR),
    # somebody asks for it
    Transition("canceled", _ANY, int(RecordStatus.CANCELED), call_result=CallResult.CANCEL_RECORD),
    Transition("do_not_call", _ANY, _UPDATED, (RecordType.NO_CALL,), CallResult.DO_NOT_CALL),
    Transition("recycled", FINAL, _READY, (RecordType.GENERAL,)),
    Transition("recycled", FINAL, _CHAIN_READY, (RecordType.GENERAL,)),
)
"""The life of a record: every event, from which status, to what. Whatever is not here does not happen."""
_LINES: Final[Mapping[tuple[str, int, int], Transition]] = MappingProxyType(
    {(line.event, since, line.status): line for line in TABLE for since in line.since}
)


class IllegalTransition(Exception):
    """An event that cannot happen to a record as it is: a bug of ours, never a mistake of the user."""

    def __init__(self, event: str, record: Record, status: int) -> None:
        before, after = (word_of(RecordStatus, code) for code in (record.record_status, status))
        super().__init__(f"record {record.record_id} is {before}; '{event}' cannot make it {after}")


class Change(NamedTuple):
    """What becomes of the records of one chain: those that wait on, those that are closed, and suppressions.

    `whole_chain` gives the result of the first closed record to those that are final already.
    """

    waiting: tuple[Record, ...] = ()
    closed: tuple[Record, ...] = ()
    suppressions: tuple[Suppression, ...] = ()
    whole_chain: bool = False


def _line(event: str, record: Record, status: int) -> Transition:
    """The line of the table. Raises IllegalTransition if there is none."""
    try:
        return _LINES[event, record.record_status, status]
    except KeyError:
        raise IllegalTransition(event, record, status) from None


def after(event: str, record: Record, status: int, record_type: int | None = None) -> Record:
    """The record after an event: status, type and call result as the table has them, all else as it was.

    `record_type` is needed where the table leaves a choice. Raises IllegalTransition.
    """
    line = _line(event, record, status)
    kinds: tuple[int, ...] = line.record_types or (record.record_type,)
    chosen = kinds[0] if record_type is None else record_type
    if chosen not in kinds or (record_type is None and len(kinds) > 1):
        raise IllegalTransition(f"{event}, type {record_type}", record, status)
    result = record.call_result if line.call_result is None else int(line.call_result)
    return record._replace(record_status=status, record_type=int(chosen), call_result=result)


def attempted(record: Record, at: float) -> Record:
    """The record once it is taken and dialed: one attempt more, whatever comes of it."""
    _line("taken", record, _RETRIEVED)
    return record.in_state(
        record.record_type, _RETRIEVED, record.call_result, record.attempt + 1, record.dial_sched_time, int(at),
        record.treatments, record.agent_id, record.due, record.priority,
    )  # fmt: skip


def with_result(record: Record, result: int, agent_id: str | None) -> Record:
    """The record once its call has a result; a personal callback keeps its owner if no agent had the call."""
    if agent_id is None and record.agent_id is not None and record.record_type in PERSONAL:
        agent_id = record.agent_id
    return record.in_state(
        record.record_type, record.record_status, result, record.attempt, record.dial_sched_time, record.call_time,
        record.treatments, agent_id, record.due, record.priority,
    )  # fmt: skip


def deferred(record: Record, verdict: Defer, now: float) -> Record:
    """The record to be looked at again later; its own schedule stays as it was."""
    _line("deferred", record, _READY)
    return record._replace(due=max(math.ceil(verdict.until), int(now) + 1))


def excluded(
    record: Record,
    chain: Sequence[Record],
    verdict: Exclude,
    now: float,
    devices: DeviceOrder | None = None,
) -> Change:
    """The record sleeps under rules that exclude it; the next of its chain takes its place at once."""
    asleep = after("excluded", record, _READY)._replace(due=NEVER, priority=ASLEEP)
    left = remaining(record, chain, devices)
    heirs = left or waiting(record, chain, devices)
    if not heirs:
        return Change(waiting=(asleep,))
    heir = after("came_forward", heirs[0], _READY)._replace(
        due=int(now) + 1,
        priority=record.priority,
        dial_sched_time=record.dial_sched_time,
        treatments=record.treatments
        if left
        else History.read(record.treatments).begun_anew(heirs[0].chain_n),
    )
    return Change(waiting=(asleep, heir))


def gave_way(record: Record, verdict: GiveWay, now: float) -> Change:
    """Another record of the chain comes first; this one waits for its turn, and has not had it in this pass."""
    rests = after("gave_way", record, _CHAIN_READY)._replace(due=CHAINED, priority=ASLEEP, treatments="")
    heir = after("came_forward", verdict.heir, _READY)._replace(
        due=int(now) + 1,
        priority=record.priority,
        dial_sched_time=record.dial_sched_time,
        treatments=record.treatments,
    )
    return Change(waiting=(rests, heir))


def broken(record: Record) -> Change:
    """The record is set aside: a plugin failed on it. It waits for other rules, or for the plugin mended."""
    return Change(waiting=(after("failed", record, _READY)._replace(due=NEVER, priority=ASLEEP),))


def settled(call: Call, settlement: Settlement) -> Change:
    """The chain after a call that is over; `call.record` carries the result already."""
    record = call.record
    action: Action = settlement.action
    treatments = settlement.treatments
    if isinstance(action, DialAgain):
        kind = RecordType.PERSONAL_RESCHEDULED if record.record_type in PERSONAL else _CAMPAIGN_RESCHEDULED
        return _waits_on("retried", record, kind, action.at, call.now, treatments)
    if isinstance(action, Finish):
        event = "used_up" if action is USED_UP else "finished" if call.agent_id is None else "processed"
        _line(event, record, _UPDATED)
        done = record.in_state(
            record.record_type, _UPDATED, record.call_result, record.attempt, record.dial_sched_time, record.call_time,
            record.treatments, record.agent_id, record.due, record.priority,
        )  # fmt: skip
        return Change(closed=(done, *_closed(call, call.chain)) if len(call.chain) > 1 else (done,))
    if isinstance(action, DialNext):
        return _moved_on(call, action, treatments)
    if isinstance(action, Reschedule):
        return _waits_on("rescheduled", record, record.record_type, action.at, call.now, treatments)
    if isinstance(action, AssignToGroup):
        nobodys, kind = record._replace(agent_id=None), RecordType.CAMPAIGN_CALLBACK
        return _waits_on("assigned_to_group", nobodys, kind, action.at, call.now, treatments)
    if isinstance(action, Suppress):
        done = after("do_not_call", record, _UPDATED)
        return Change((), (done, *_closed(call, call.chain)), _suppressions(call, action))
    if isinstance(action, MarkAgentError):
        return Change(closed=(after("agent_error", record, _AGENT_ERROR), *_closed(call, call.chain)))
    assert isinstance(action, UpdateChain)
    others = (other._replace(call_result=record.call_result) for other in call.chain)
    done = after("finished", record, _UPDATED)
    return Change(closed=(done, *_closed(call, others)), whole_chain=record.chain_size > 1)


def _waits_on(event: str, record: Record, kind: int, at: float, now: float, treatments: str) -> Change:
    """The same record again, at a time."""
    _line(event, record, _READY)
    due = max(math.ceil(at), int(now) + 1)
    again = record.in_state(
        int(kind), _READY, record.call_result, record.attempt, due, record.call_time, treatments, record.agent_id, due,
        PRIORITY[kind],
    )  # fmt: skip
    return Change(waiting=(again,))


def _closed(call: Call, chain: Iterable[Record]) -> tuple[Record, ...]:
    """The other records of a chain that is finished."""
    own = call.record.record_id
    return tuple(after("chain_updated", other, _CHAIN_UPDATED) for other in chain if other.record_id != own)


def _moved_on(call: Call, action: DialNext, treatments: str) -> Change:
    record = call.record
    target, anew = next_record(call, action)
    at = max(math.ceil(action.at), int(call.now) + 1)
    same = target.record_id == record.record_id
    heir = after("next_in_chain" if same else "came_forward", target, _READY)._replace(
        dial_sched_time=at, due=at, priority=PRIORITY[_CAMPAIGN_RESCHEDULED], treatments=treatments
    )
    if same:
        return Change(waiting=(heir,))
    if action.more_passes or action.new_pass:
        # the history before the move says in which pass it was dialed last
        written = record.treatments if anew else treatments
        rests = after("next_in_chain", record, _CHAIN_READY)._replace(
            due=CHAINED, priority=ASLEEP, treatments=written
        )
        return Change(waiting=(heir, rests))
    done = after("next_in_chain", record, _UPDATED)._replace(treatments=treatments)
    return Change(waiting=(heir,), closed=(done,))


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
