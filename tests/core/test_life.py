from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cxrun import life
from cxrun.chain import remaining
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
from cxrun.errors import CxrunError
from cxrun.history import passes
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
from cxrun.pipeline import GiveWay, Settlement
from cxrun.testing import at, make_call, make_record

BUSY = CallResult.BUSY
RESCHEDULED = PRIORITY[RecordType.CAMPAIGN_RESCHEDULED]
NOW = 1000.5
READY, CHAIN_READY, RETRIEVED = RecordStatus.READY, RecordStatus.CHAIN_READY, RecordStatus.RETRIEVED


def chain(*statuses: RecordStatus, at: int = 1, **values: Any) -> list[Record]:
    """A chain of records; that at position `at` is the one in question and has these values."""
    return [
        make_record(
            record_id=10 + n,
            chain_n=n,
            chain_size=len(statuses),
            record_status=status,
            **(values if n == at else {"due": CHAINED, "priority": ASLEEP}),
        )
        for n, status in enumerate(statuses, 1)
    ]


def over(members: list[Record], at: int = 1, **values: Any) -> Call:
    record = life.with_result(members[at - 1], int(BUSY), "sales-1")
    return make_call(BUSY, now=NOW, record=record, chain=members, **values)


def settled(call: Call, action: Action, treatments: str = "r/1.1@1@1@1") -> life.Change:
    return life.settled(call, Settlement(call.result, action, None, treatments))


def ids(records: tuple[Record, ...]) -> list[int]:
    return [record.record_id for record in records]


def statuses(records: tuple[Record, ...]) -> dict[int, RecordStatus]:
    return {record.record_id: RecordStatus(record.record_status) for record in records}


def test_dialed_record_has_one_attempt_more_whatever_comes_of_it() -> None:
    before = make_record(attempt=2, record_status=READY, call_result=BUSY, treatments="x/1.1@1@1@1")
    after = life.attempted(before, NOW)
    assert after == before._replace(attempt=3, call_time=1000, record_status=RETRIEVED)


def test_result_and_agent_are_written() -> None:
    before = make_record(record_status=RETRIEVED)
    assert life.with_result(before, int(BUSY), "sales-1") == before._replace(
        call_result=6, agent_id="sales-1"
    )


@pytest.mark.parametrize(
    ("until", "due"),
    [(2000.0, 2000), (2000.1, 2001), (1000.6, 1001), (1000.0, 1001), (0.0, 1001), (-5.0, 1001)],
)
def test_deferred_record_is_looked_at_again_not_before_the_next_second(until: float, due: int) -> None:
    record = make_record(record_status=READY, dial_sched_time=7)
    assert life.deferred(record, Defer(until, "later"), NOW) == record._replace(due=due)


def test_excluded_record_that_is_alone_sleeps() -> None:
    record = make_record(record_status=READY)
    change = life.excluded(record, [record], Exclude("never"), NOW)
    assert change == life.Change(waiting=(record._replace(due=NEVER, priority=ASLEEP),))


@pytest.mark.parametrize(
    ("members", "at", "heir"),
    [
        ((READY, CHAIN_READY, CHAIN_READY), 1, 12),
        ((CHAIN_READY, READY, CHAIN_READY), 2, 13),
        ((READY, READY, CHAIN_READY), 2, 13),
        ((CHAIN_READY, CHAIN_READY, READY), 3, 11),
        ((READY, READY, CHAIN_READY), 1, 13),
    ],
)
def test_next_of_the_chain_takes_the_place_of_an_excluded_record(
    members: tuple[RecordStatus, ...], at: int, heir: int
) -> None:
    moved = "r/1.2>@1@2@1"
    records = [
        record._replace(treatments=moved, attempt=1) if record.chain_n < at else record
        for record in chain(*members, at=at, priority=RESCHEDULED, dial_sched_time=77, treatments=moved)
    ]
    change = life.excluded(records[at - 1], records, Exclude("never"), NOW)
    asleep, awake = change.waiting
    assert (asleep.record_id, asleep.due, asleep.priority) == (10 + at, NEVER, ASLEEP)
    assert awake.record_id == heir
    assert awake.record_status == READY
    assert (awake.due, awake.priority, awake.dial_sched_time) == (1001, RESCHEDULED, 77)
    assert passes(awake.treatments) == (heir < 10 + at)
    assert not change.closed


def test_record_a_plugin_failed_on_is_set_aside() -> None:
    record = make_record(record_status=RETRIEVED, attempt=1)
    (asleep,) = life.broken(record).waiting
    assert asleep == record._replace(due=NEVER, priority=ASLEEP, record_status=READY)


@pytest.mark.parametrize("at", [2000.0, 1999.2])
def test_redial_makes_the_record_ready_again_and_leaves_its_chain_alone(at: float) -> None:
    change = settled(over(chain(RETRIEVED, CHAIN_READY)), DialAgain(at, "redial"))
    (again,) = change.waiting
    assert (again.record_id, again.record_type, again.record_status) == (
        11,
        RecordType.CAMPAIGN_RESCHEDULED,
        READY,
    )
    assert (again.call_result, again.agent_id) == (BUSY, "sales-1")
    assert (again.due, again.dial_sched_time, again.priority) == (2000, 2000, RESCHEDULED)
    assert again.treatments == "r/1.1@1@1@1"
    assert not change.closed


@pytest.mark.parametrize("action", [DialAgain(0, "redial"), DialNext(1000.5, "next")])
def test_at_once_is_the_next_second(action: Action) -> None:
    change = settled(over(chain(RETRIEVED, CHAIN_READY)), action)
    assert change.waiting[0].due == change.waiting[0].dial_sched_time == 1001


def test_next_in_chain_is_dialed_and_the_record_is_final() -> None:
    change = settled(over(chain(RETRIEVED, CHAIN_READY, CHAIN_READY)), DialNext(2000, "next"))
    (heir,) = change.waiting
    assert (heir.record_id, heir.record_status, heir.record_type) == (12, READY, RecordType.GENERAL)
    assert (heir.due, heir.dial_sched_time, heir.priority) == (2000, 2000, RESCHEDULED)
    assert heir.treatments == "r/1.1@1@1@1"
    assert heir.call_result == CallResult.UNKNOWN
    assert statuses(change.closed) == {11: RecordStatus.UPDATED}
    assert (change.closed[0].call_result, change.closed[0].agent_id) == (BUSY, "sales-1")


def test_record_that_is_passed_by_rests_while_a_pass_remains() -> None:
    change = settled(over(chain(RETRIEVED, CHAIN_READY)), DialNext(2000, "next", more_passes=True))
    heir, rests = change.waiting
    assert (heir.record_id, heir.record_status) == (12, READY)
    assert (rests.record_id, rests.record_status, rests.due, rests.priority) == (
        11,
        CHAIN_READY,
        CHAINED,
        ASLEEP,
    )
    assert rests.call_result == BUSY
    assert not change.closed


def test_new_pass_begins_with_the_first_record() -> None:
    call = over(chain(CHAIN_READY, CHAIN_READY, RETRIEVED, at=3), at=3)
    change = settled(call, DialNext(2000, "anew", new_pass=True, more_passes=True))
    assert statuses(change.waiting) == {11: READY, 13: CHAIN_READY}


def test_new_pass_of_a_chain_of_which_only_one_waits_is_that_one_again() -> None:
    change = settled(over(chain(RETRIEVED, READY)), DialNext(2000, "anew", new_pass=True))
    assert statuses(change.waiting) == {11: READY}
    assert change.waiting[0].due == 2000
    assert not change.closed


@pytest.mark.parametrize("result", [CallResult.BUSY, CallResult.ANSWER])
def test_finish_closes_the_record_and_its_whole_chain(result: CallResult) -> None:
    members = chain(READY, RETRIEVED, CHAIN_READY, at=2)
    record = life.with_result(members[1], int(result), "sales-1")
    change = settled(make_call(result, now=NOW, record=record, chain=members), Finish("finish"))
    assert statuses(change.closed) == {
        12: RecordStatus.UPDATED, 11: RecordStatus.CHAIN_UPDATED, 13: RecordStatus.CHAIN_UPDATED,
    }  # fmt: skip
    assert (change.closed[0].call_result, change.closed[0].record_type) == (result, RecordType.GENERAL)
    assert not change.waiting
    assert not change.suppressions


@pytest.mark.parametrize(
    ("client", "valid_for", "expected"),
    [
        (False, None, [Suppression("dnc", "device", "+12125550123", NOW, None)]),
        (
            True,
            86400.0,
            [
                Suppression("dnc", "device", "+12125550123", NOW, NOW + 86400),
                Suppression("dnc", "client", "C1", NOW, NOW + 86400),
            ],
        ),
    ],
)
def test_do_not_call_closes_the_chain_and_suppresses(
    client: bool, valid_for: float | None, expected: list[Suppression]
) -> None:
    change = settled(over(chain(RETRIEVED, CHAIN_READY)), Suppress("no more", "dnc", client, valid_for))
    done, other = change.closed
    assert (done.record_type, done.record_status, done.call_result) == (
        RecordType.NO_CALL, RecordStatus.UPDATED, CallResult.DO_NOT_CALL,
    )  # fmt: skip
    assert statuses((other,)) == {12: RecordStatus.CHAIN_UPDATED}
    assert list(change.suppressions) == expected
    assert not change.waiting


def test_client_without_an_id_is_suppressed_by_his_chain() -> None:
    call = over(chain(RETRIEVED, client_id=None))
    change = settled(call, Suppress("no more", "dnc", client=True))
    assert [entry.key for entry in change.suppressions] == ["+12125550123", "chain:1"]


@pytest.mark.parametrize(
    "action",
    [
        DialAgain(2000, "redial"),
        DialNext(2000, "next"),
        DialNext(2000, "next", more_passes=True),
        DialNext(2000, "anew", new_pass=True),
        DialNext(2000, "anew", new_pass=True, more_passes=True),
        Finish("finish"),
        Suppress("no more", "dnc"),
        UpdateChain("update chain"),
        MarkAgentError("agent error"),
        Reschedule(2000, "moved"),
        AssignToGroup(2000, "group"),
    ],
)
@pytest.mark.parametrize("others", [(), (CHAIN_READY,), (READY,), (CHAIN_READY, READY, CHAIN_READY)])
@pytest.mark.parametrize("at", [1, 2])
def test_nobody_is_lost_and_at_most_one_of_a_chain_is_awake(
    action: Action, others: tuple[RecordStatus, ...], at: int
) -> None:
    members = [*others[: at - 1], RETRIEVED, *others[at - 1 :]]
    at = members.index(RETRIEVED) + 1
    records = chain(*members, at=at)
    change = settled(over(records, at=at), action)
    touched = ids((*change.waiting, *change.closed))
    assert len(touched) == len(set(touched))
    assert 10 + at in touched
    awake = [record for record in change.waiting if record.due < CHAINED]
    assert len(awake) == (0 if change.closed and not change.waiting else 1)
    assert bool(change.waiting) is hasattr(action, "at")


# --- the table -------------------------------------------------------------------------------------

NAMED = (
    "taken", "dialed", "finished", "processed", "retried", "next_in_chain", "used_up", "preview_rejected",
    "callback_promised", "callback_missed", "agent_absent", "stale", "canceled", "do_not_call", "released", "recycled",
)  # fmt: skip
STATUSES = [status for status in RecordStatus if status != RecordStatus.NONE]


@pytest.mark.parametrize("event", sorted({line.event for line in life.TABLE}))
def test_what_the_table_lists_happens_and_nothing_else(event: str) -> None:
    for since in STATUSES:
        for status in STATUSES:
            record = make_record(
                record_status=since, record_type=RecordType.PERSONAL_CALLBACK, call_result=BUSY
            )
            line = next(
                (
                    line
                    for line in life.TABLE
                    if line.event == event and since in line.since and line.status == status
                ),
                None,
            )
            if line is None:
                with pytest.raises(
                    life.IllegalTransition, match=f"record 1 is {since.word}; '{event}' cannot make"
                ):
                    life.after(event, record, status)
                continue
            for kind in line.record_types or (None,):
                now = life.after(event, record, status, kind)
                assert now.record_status == status
                assert now.record_type == (kind or RecordType.PERSONAL_CALLBACK)
                assert now.call_result == (BUSY if line.call_result is None else line.call_result)
                assert now._replace(record_status=since, record_type=5, call_result=BUSY) == record


@pytest.mark.parametrize("event", NAMED)
def test_events_of_the_model_are_in_the_table(event: str) -> None:
    assert any(line.event == event for line in life.TABLE)


def test_final_records_come_back_on_request_alone() -> None:
    ways = {(line.event, line.status) for line in life.TABLE if set(line.since) & set(life.FINAL)}
    again = {"recycled", "reopened", "callback_promised", "held"}
    assert {event for event, status in ways if status not in life.FINAL} == again
    assert {event for event, _ in ways} == {*again, "canceled", "do_not_call"}


def test_type_is_chosen_where_the_table_leaves_a_choice() -> None:
    record = make_record(record_status=RETRIEVED)
    for kind in (None, RecordType.GENERAL):
        with pytest.raises(life.IllegalTransition, match="callback_promised, type"):
            life.after("callback_promised", record, READY, kind)
    promised = life.after("callback_promised", record, READY, RecordType.CAMPAIGN_CALLBACK)
    assert promised.record_type == RecordType.CAMPAIGN_CALLBACK


def test_illegal_transition_is_a_bug_and_no_mistake_of_the_user() -> None:
    assert not issubclass(life.IllegalTransition, CxrunError)


IN_WORK, WAITS = make_record(record_status=RETRIEVED), make_record(record_status=READY)


@pytest.mark.parametrize(
    "happens",
    [
        pytest.param(lambda: life.attempted(IN_WORK, NOW), id="dialed while in work"),
        pytest.param(lambda: life.attempted(make_record(record_status=CHAIN_READY), NOW), id="dialed out of turn"),
        pytest.param(lambda: life.deferred(IN_WORK, Defer(NOW, "later"), NOW), id="deferred in work"),
        pytest.param(lambda: life.excluded(IN_WORK, (), Exclude("never"), NOW), id="excluded in work"),
        pytest.param(lambda: life.broken(make_record(record_status=RecordStatus.UPDATED)), id="final and set aside"),
        *(
            pytest.param(lambda action=action: settled(over([WAITS]), action), id=f"{type(action).__name__} of none")
            for action in (
                DialAgain(0, ""), DialNext(0, ""), Finish(""), UpdateChain(""), MarkAgentError(""),
                Reschedule(0, ""), AssignToGroup(0, ""),
            )
        ),
    ],
)  # fmt: skip
def test_what_cannot_happen_is_refused(happens: Callable[[], object]) -> None:
    with pytest.raises(life.IllegalTransition):
        happens()


@pytest.mark.parametrize(
    ("before", "action", "kind", "owner", "priority"),
    [
        (RecordType.GENERAL, DialAgain(2000, ""), RecordType.CAMPAIGN_RESCHEDULED, None, 3),
        (RecordType.CAMPAIGN_CALLBACK, DialAgain(2000, ""), RecordType.CAMPAIGN_RESCHEDULED, None, 3),
        (RecordType.PERSONAL_CALLBACK, DialAgain(2000, ""), RecordType.PERSONAL_RESCHEDULED, "sales-7", 3),
        (RecordType.PERSONAL_RESCHEDULED, DialAgain(2000, ""), RecordType.PERSONAL_RESCHEDULED, "sales-7", 3),
        (RecordType.PERSONAL_CALLBACK, Reschedule(2000, ""), RecordType.PERSONAL_CALLBACK, "sales-7", 1),
        (RecordType.CAMPAIGN_CALLBACK, Reschedule(2000, ""), RecordType.CAMPAIGN_CALLBACK, None, 2),
        (RecordType.PERSONAL_CALLBACK, AssignToGroup(2000, ""), RecordType.CAMPAIGN_CALLBACK, None, 2),
    ],
)
def test_callback_stays_that_of_its_owner_unless_it_is_given_to_the_group(
    before: RecordType, action: Action, kind: RecordType, owner: str | None, priority: int
) -> None:
    held = make_record(record_status=RETRIEVED, record_type=before, agent_id="sales-7")
    record = life.with_result(held, int(BUSY), None)
    (again,) = settled(make_call(BUSY, now=NOW, record=record, chain=(record,)), action).waiting
    assert (again.record_type, again.agent_id, again.priority, again.due) == (kind, owner, priority, 2000)


def test_chain_is_updated_as_a_whole() -> None:
    change = settled(over(chain(CHAIN_READY, RETRIEVED, READY, at=2), at=2), UpdateChain("update chain"))
    assert statuses(change.closed) == {
        12: RecordStatus.UPDATED, 11: RecordStatus.CHAIN_UPDATED, 13: RecordStatus.CHAIN_UPDATED,
    }  # fmt: skip
    assert {record.call_result for record in change.closed} == {BUSY}
    assert change.whole_chain


def test_record_that_gives_way_has_not_had_its_turn() -> None:
    records = chain(
        READY, CHAIN_READY, priority=RESCHEDULED, dial_sched_time=77, treatments="r/1.2>>@1@1@2", attempt=1
    )
    rests, heir = life.gave_way(records[0], GiveWay(records[1], "mobile first"), NOW).waiting
    assert (rests.record_id, rests.record_status, rests.due, rests.priority) == (
        11,
        CHAIN_READY,
        CHAINED,
        ASLEEP,
    )
    assert (heir.record_status, heir.due, heir.priority, heir.dial_sched_time) == (
        READY,
        1001,
        RESCHEDULED,
        77,
    )
    assert heir.treatments == "r/1.2>>@1@1@2"
    assert remaining(heir, (heir, rests), None) == [rests]


# --- callbacks and requests ------------------------------------------------------------------------

NEW_YORK = "America/New_York"
KEPT = life.Callbacks(tolerance=1800, missed="retry", retry_in=600, times=2, personal=True)


@pytest.mark.parametrize(
    ("agent", "kind", "priority"),
    [("sales-1", RecordType.PERSONAL_CALLBACK, 1), (None, RecordType.CAMPAIGN_CALLBACK, 2)],
)
def test_a_promise_makes_the_record_a_callback_of_somebody(
    agent: str | None, kind: RecordType, priority: int
) -> None:
    (callback,) = life.promised(make_record(agent_id="sales-9"), 5000.2, NOW, agent).waiting
    assert (callback.record_type, callback.record_status, callback.priority) == (kind, READY, priority)
    assert callback.due == callback.dial_sched_time == 5001
    assert callback.agent_id == (agent or "sales-9")


def test_a_promise_for_a_time_that_is_past_is_for_now() -> None:
    assert life.promised(make_record(), 7, NOW, None).waiting[0].due == 1001


def test_what_is_personal_stays_with_its_agent_whoever_took_the_call() -> None:
    record = make_record(
        record_type=RecordType.PERSONAL_CALLBACK, agent_id="sales-1", record_status=RETRIEVED
    )
    after = life.with_result(record, int(BUSY), None)
    assert after.agent_id == "sales-1"
    (again,) = settled(
        make_call(BUSY, now=NOW, record=after, chain=[after]), DialAgain(2000, "redial")
    ).waiting
    assert (again.record_type, again.agent_id) == (RecordType.PERSONAL_RESCHEDULED, "sales-1")


@pytest.mark.parametrize(
    ("kind", "now", "late"),
    [
        (RecordType.CAMPAIGN_CALLBACK, 2800.0, False),
        (RecordType.CAMPAIGN_CALLBACK, 2800.1, True),
        (RecordType.PERSONAL_CALLBACK, 9999.0, True),
        (RecordType.GENERAL, 9999.0, False),
        (RecordType.PERSONAL_RESCHEDULED, 9999.0, False),
    ],
)
def test_only_a_callback_beyond_its_tolerance_is_late(kind: RecordType, now: float, late: bool) -> None:
    record = make_record(record_type=kind, dial_sched_time=1000)
    assert life.late(record, now, KEPT) is late


@pytest.mark.parametrize(
    ("promised", "now", "again"),
    [
        ("2026-03-02T15:00-05:00", "2026-03-02T16:00-05:00", "2026-03-03T15:00-05:00"),
        ("2026-03-02T15:00-05:00", "2026-03-03T09:00-05:00", "2026-03-03T15:00-05:00"),
        ("2026-03-02T15:00-05:00", "2026-03-03T15:30-05:00", "2026-03-04T15:00-05:00"),
        ("2026-03-07T15:00-05:00", "2026-03-07T16:00-05:00", "2026-03-08T15:00-04:00"),
        ("2026-10-31T15:00-04:00", "2026-10-31T16:00-04:00", "2026-11-01T15:00-05:00"),
        ("2026-03-07T02:30-05:00", "2026-03-07T16:00-05:00", "2026-03-08T03:30-04:00"),
        ("2026-03-02T23:50-05:00", "2026-03-03T00:30-05:00", "2026-03-03T23:50-05:00"),
    ],
)
def test_the_next_day_is_at_the_promised_time_of_day_on_the_customers_clock(
    promised: str, now: str, again: str
) -> None:
    record = make_record(
        record_type=RecordType.CAMPAIGN_CALLBACK, dial_sched_time=int(at(promised)), tz=NEW_YORK
    )
    (later,) = life.missed(record, (), at(now), KEPT._replace(missed="next_day")).waiting
    assert later.due == later.dial_sched_time == at(again)
    assert later.record_status == RecordStatus.MISSED_CALLBACK


def test_a_callback_that_was_missed_too_often_closes_its_chain() -> None:
    members = chain(READY, CHAIN_READY, record_type=RecordType.CAMPAIGN_CALLBACK)
    (once,) = life.missed(members[0], members[1:], NOW, KEPT).waiting
    (twice,) = life.missed(once, members[1:], NOW, KEPT).waiting
    assert (once.due, twice.due) == (1601, 1601)
    change = life.missed(twice, members[1:], NOW, KEPT)
    assert not change.waiting
    assert statuses(change.closed) == {11: RecordStatus.MISSED_CALLBACK, 12: RecordStatus.CHAIN_UPDATED}


@pytest.mark.parametrize("ends", [life.canceled, life.do_not_call])
def test_who_goes_on_request_leaves_the_turn_to_the_next_at_the_same_time(ends: Any) -> None:
    members = chain(READY, CHAIN_READY, priority=RESCHEDULED, due=9000, dial_sched_time=9000)
    change = ends(members[0], members[1:], NOW)
    (heir,) = change.waiting
    assert (heir.record_id, heir.record_status, heir.due, heir.priority) == (12, READY, 9000, RESCHEDULED)
    assert ids(change.closed) == [11]
    sleeper = ends(members[1], members[:1], NOW)
    assert not sleeper.waiting, "it was not the turn of a record that sleeps"


def test_a_chain_that_is_gathered_sleeps_but_for_what_is_final_or_excluded() -> None:
    waiting, asleep, closed = chain(READY, CHAIN_READY, RecordStatus.CHAIN_UPDATED)
    waiting = waiting._replace(priority=4, due=77)
    excluded = asleep._replace(record_id=20, due=NEVER, record_status=READY)
    final = closed._replace(record_id=21, record_status=RecordStatus.UPDATED)
    gathered = life.gathered([waiting, asleep, closed, excluded, final])
    assert [(r.record_status, r.due, r.priority) for r in gathered[:3]] == [
        (CHAIN_READY, CHAINED, ASLEEP)
    ] * 3
    assert gathered[3:] == (excluded, final)
