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
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

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
    word_of,
)
from cxrun.pipeline import USED_UP, GiveWay, Settlement, next_record
from cxrun.times import clock_moment

_READY: Final = int(RecordStatus.READY)
_RETRIEVED: Final = int(RecordStatus.RETRIEVED)
_UPDATED: Final = int(RecordStatus.UPDATED)
_AGENT_ERROR: Final = int(RecordStatus.AGENT_ERROR)
_CHAIN_UPDATED: Final = int(RecordStatus.CHAIN_UPDATED)
_MISSED: Final = int(RecordStatus.MISSED_CALLBACK)
_CHAIN_READY: Final = int(RecordStatus.CHAIN_READY)
FINAL: Final = (
    _UPDATED,
    int(RecordStatus.STALE),
    int(RecordStatus.CANCELED),
    _AGENT_ERROR,
    _CHAIN_UPDATED,
)
"""The statuses a record has for good; only what somebody asks for leads out of them.

A missed callback is closed or waits to be tried again.
"""
_DUE: Final = (_READY, _MISSED)
_AWAITED: Final = (*_DUE, _CHAIN_READY)
_CLOSED: Final = (*FINAL, _MISSED)
_ANY: Final = (*_AWAITED, _RETRIEVED, *FINAL)


_GENERAL: Final = PRIORITY[RecordType.GENERAL]
_RESPITE: Final = 60
"""Seconds after which somebody may be called again whose call was hung up."""


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
    Transition("deferred", (_MISSED,), _MISSED),
    Transition("excluded", _DUE, _READY),
    Transition("gave_way", (_READY,), _CHAIN_READY),
    Transition("came_forward", (_CHAIN_READY,), _READY),
    # it is called
    Transition("taken", _DUE, _RETRIEVED),
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
    Transition("failed", (*_DUE, _RETRIEVED), _READY),
    # callbacks
    Transition("callback_promised", _ANY, _READY, _PROMISED),
    Transition("held", _ANY, _CHAIN_READY),
    Transition("callback_missed", _DUE, _MISSED),
    Transition("agent_absent", _DUE, _RETRIEVED, call_result=CallResult.AGENT_CALLBACK_ERROR),
    Transition("rescheduled", (_RETRIEVED,), _READY),
    Transition("assigned_to_group", (_RETRIEVED,), _READY, (RecordType.CAMPAIGN_CALLBACK,)),
    Transition("agent_error", (_RETRIEVED,), _AGENT_ERROR),
    # somebody asks for it
    Transition("canceled", _ANY, int(RecordStatus.CANCELED), call_result=CallResult.CANCEL_RECORD),
    Transition("do_not_call", _ANY, _UPDATED, (RecordType.NO_CALL,), CallResult.DO_NOT_CALL),
    Transition("reopened", (*_AWAITED, *FINAL), _RETRIEVED),
    Transition("recycled", _CLOSED, _READY, (RecordType.GENERAL,)),
    Transition("recycled", _CLOSED, _CHAIN_READY, (RecordType.GENERAL,)),
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
    """The record once its call has a result; what is personal stays with its agent."""
    return record.in_state(
        record.record_type, record.record_status, result, record.attempt, record.dial_sched_time, record.call_time,
        record.treatments, record.agent_id if record.record_type in PERSONAL else agent_id, record.due,
        record.priority,
    )  # fmt: skip


def asked_again(verdict: Defer, now: float) -> int:
    """When a record that is put off is asked about again (Unix UTC seconds)."""
    return max(math.ceil(verdict.until), int(now) + 1)


def deferred(record: Record, verdict: Defer, now: float) -> Record:
    """The record to be looked at again later; its own schedule stays as it was."""
    _line("deferred", record, record.record_status)
    return record._replace(due=asked_again(verdict, now))


def excluded(
    record: Record,
    chain: Sequence[Record],
    verdict: Exclude,
    now: float,
    devices: DeviceOrder | None = None,
) -> Change:
    """The record sleeps under rules that exclude it; the next of its chain takes its place at once.

    A chain that is held for a callback stays held.
    """
    asleep = after("excluded", record, _READY)._replace(due=NEVER, priority=ASLEEP)
    left = remaining(record, chain, devices)
    heirs = left or waiting(record, chain, devices)
    if not heirs or record.record_type in CALLBACKS:
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


def put_back(record: Record, until: float, now: float) -> Change:
    """The record once an agent has rejected it before it was dialed; its own schedule stays as it was."""
    taken = after("taken", record, _RETRIEVED)
    later = after("preview_rejected", taken, _READY)
    return Change(waiting=(later._replace(due=max(math.ceil(until), int(now) + 1)),))


def released(record: Record, now: float) -> Change:
    """The record once its call was hung up before anybody answered, and no treatment says what follows.

    It is ready again in a minute; its own schedule stays as it was; the attempt counts.
    """
    return Change(waiting=(after("released", record, _READY)._replace(due=int(now) + _RESPITE),))


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
        return Change(closed=(done, *_closed(record, call.chain)) if len(call.chain) > 1 else (done,))
    if isinstance(action, DialNext):
        return _moved_on(call, action, treatments)
    if isinstance(action, Reschedule):
        return _waits_on("rescheduled", record, record.record_type, action.at, call.now, treatments)
    if isinstance(action, AssignToGroup):
        nobodys, kind = record._replace(agent_id=None), RecordType.CAMPAIGN_CALLBACK
        return _waits_on("assigned_to_group", nobodys, kind, action.at, call.now, treatments)
    if isinstance(action, Suppress):
        done = after("do_not_call", record, _UPDATED)
        return Change((), (done, *_closed(record, call.chain)), _suppressions(call, action))
    if isinstance(action, MarkAgentError):
        return Change(closed=(after("agent_error", record, _AGENT_ERROR), *_closed(record, call.chain)))
    assert isinstance(action, UpdateChain)
    others = (other._replace(call_result=record.call_result) for other in call.chain)
    done = after("finished", record, _UPDATED)
    return Change(closed=(done, *_closed(record, others)), whole_chain=record.chain_size > 1)


def _waits_on(event: str, record: Record, kind: int, at: float, now: float, treatments: str) -> Change:
    """The same record again, at a time."""
    _line(event, record, _READY)
    due = max(math.ceil(at), int(now) + 1)
    again = record.in_state(
        int(kind), _READY, record.call_result, record.attempt, due, record.call_time, treatments, record.agent_id, due,
        PRIORITY.get(kind, _GENERAL),
    )  # fmt: skip
    return Change(waiting=(again,))


def _closed(own: Record, chain: Iterable[Record]) -> tuple[Record, ...]:
    """The other records of a chain that is finished."""
    others = (other for other in chain if other.record_id != own.record_id)
    return tuple(after("chain_updated", other, _CHAIN_UPDATED) for other in others)


def _moved_on(call: Call, action: DialNext, treatments: str) -> Change:
    record = call.record
    target, anew = next_record(call, action)
    at = max(math.ceil(action.at), int(call.now) + 1)
    same = target.record_id == record.record_id
    event = "next_in_chain" if same else "came_forward"
    heir = after(event, _promised_no_longer(target), _READY)._replace(
        dial_sched_time=at, due=at, priority=PRIORITY[_CAMPAIGN_RESCHEDULED], treatments=treatments
    )
    if same:
        return Change(waiting=(heir,))
    if action.more_passes or action.new_pass:
        # the history before the move says in which pass it was dialed last
        written = record.treatments if anew else treatments
        rests = after("next_in_chain", _promised_no_longer(record), _CHAIN_READY)._replace(
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
    _line("callback_promised", record, _READY)
    callback = record.in_state(
        int(kind), _READY, record.call_result, record.attempt, due, record.call_time, record.treatments,
        record.agent_id if agent_id is None else agent_id, due, PRIORITY[kind],
    )  # fmt: skip
    return Change(waiting=(callback,))


def late(record: Record, now: float, callbacks: Callbacks) -> bool:
    """Whether a callback that is due has been missed; one that is tried again waits for the rules first."""
    if record.record_type not in CALLBACKS:
        return False
    again = record.record_status == _MISSED and callbacks.missed == "retry"
    promised = max(record.due, record.dial_sched_time) if again else record.dial_sched_time
    return now > promised + callbacks.tolerance


def missed(record: Record, chain: Sequence[Record], now: float, callbacks: Callbacks) -> Change:
    """A callback was not made in time: it is tried again, or the chain is closed."""
    history = History.read(record.treatments)
    record = after("callback_missed", record, _MISSED)
    if callbacks.missed == "close" or history.misses >= callbacks.times:
        return Change(closed=(record, *_closed(record, chain)))
    at = now + callbacks.retry_in
    if callbacks.missed == "next_day":
        at = _next_day(record.dial_sched_time, now, record.zones[0] if record.zones else "UTC")
    due = max(math.ceil(at), int(now) + 1)
    again = record._replace(due=due, dial_sched_time=due, treatments=history.missed(record.chain_n))
    return Change(waiting=(again,))


def _next_day(promised: float, now: float, zone: str) -> float:
    """The same time of day on the next day after the promise that is still to come."""
    wall = datetime.fromtimestamp(promised, ZoneInfo(zone))
    today = datetime.fromtimestamp(now, ZoneInfo(zone)).date()
    day = max(wall.date() + timedelta(days=1), today)
    second = wall.hour * 3600 + wall.minute * 60 + wall.second
    moment = clock_moment(zone, day, second)
    return moment if moment > now else clock_moment(zone, day + timedelta(days=1), second)


def reopened(record: Record) -> Record:
    """The record once its latest call is given another result: it is as if that call were not over."""
    return after("reopened", record, _RETRIEVED)


def absent(record: Record) -> Record:
    """The record of a personal callback that is due while its agent is not there."""
    return after("agent_absent", record, _RETRIEVED)


def agent_absent(record: Record, call: Call, settlement: Settlement) -> Change:
    """A personal callback is due and its agent is not there; `call.record` carries the result already.

    Unless a treatment answers, any agent of the group makes the call: the promise was made to the customer.
    """
    action: Action = settlement.action
    if isinstance(action, Finish) and settlement.rule is None:
        event, kind = "assigned_to_group", RecordType.CAMPAIGN_CALLBACK
        if record.record_type not in CALLBACKS:
            event, kind = "retried", _CAMPAIGN_RESCHEDULED
        anybodys = after(event, call.record, _READY, kind)
        change = Change(waiting=(anybodys._replace(priority=PRIORITY[kind], due=int(call.now) + 1),))
    elif isinstance(action, DialAgain):
        at = max(math.ceil(action.at), int(call.now) + 1)
        again = after("rescheduled", call.record, _READY)
        change = Change(
            waiting=(again._replace(due=at, dial_sched_time=at, treatments=settlement.treatments),)
        )
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
        after("held", _promised_no_longer(other), _CHAIN_READY)._replace(due=CHAINED, priority=ASLEEP)
        if other.priority != ASLEEP or other.record_status == _CHAIN_UPDATED
        else other
        for other in chain
    )


def _promised_no_longer(record: Record) -> Record:
    """The record if its callback is no longer to be made: whatever is dialed of it is rescheduled."""
    if record.record_type not in CALLBACKS:
        return record
    personal = record.record_type == RecordType.PERSONAL_CALLBACK
    kind = RecordType.PERSONAL_RESCHEDULED if personal else _CAMPAIGN_RESCHEDULED
    return record._replace(record_type=int(kind))


def canceled(record: Record, chain: Sequence[Record], now: float) -> Change:
    """The record is canceled; the next of its chain takes its place."""
    gone = after("canceled", record, int(RecordStatus.CANCELED))
    return Change(waiting=_heir(record, chain, now), closed=(gone,))


def do_not_call(record: Record, chain: Sequence[Record], now: float) -> Change:
    """The record's number is not to be called again; the next of its chain takes its place."""
    gone = after("do_not_call", record, _UPDATED)
    return Change(waiting=_heir(record, chain, now), closed=(gone,))


def _heir(record: Record, chain: Sequence[Record], now: float) -> tuple[Record, ...]:
    """The next of the chain, if it was this record's turn, when this record would have been dialed."""
    left = remaining(record, chain, None)
    heirs = left or waiting(record, chain, None)
    # a callback its rules exclude sleeps, and the chain is held for it: then it was its turn all the same
    held = record.due == NEVER and all(other.due == CHAINED for other in chain)
    if (record.priority == ASLEEP and not held) or not heirs:
        return ()
    return (
        after("came_forward", heirs[0], _READY)._replace(
            due=int(now) + 1 if held else max(record.due, int(now) + 1),
            priority=max(record.priority, PRIORITY[_CAMPAIGN_RESCHEDULED]),
            dial_sched_time=record.dial_sched_time,
            treatments=record.treatments
            if left
            else History.read(record.treatments).begun_anew(heirs[0].chain_n),
        ),
    )
