"""Recycling: chains that are over return to ready; nobody who must not be called does."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from cxrun.model import CallResult, RecordStatus, Suppression
from cxrun.recycling import Recycled, recycle
from cxrun.store.lists import stored_lists
from cxrun.store.queue import add_suppressions

if TYPE_CHECKING:
    from tests.conftest import ProjectFolder

    MakeProject = Callable[..., ProjectFolder]

NO_ANSWER = frozenset({int(CallResult.NO_ANSWER)})
ONCE = "ruleset: once\nresults: []\ntreatments:\n  - on: no_answer\n    do: [next_in_chain]\n"


def again(
    folder: ProjectFolder, results: frozenset[int] = NO_ANSWER, older_than: float = 0.0, **how: Any
) -> Recycled:
    with folder.store() as store:
        return recycle(store, stored_lists(store)["people"], results, older_than, **how)


@pytest.fixture
def finished(project: MakeProject) -> ProjectFolder:
    """Twenty customers, two numbers each, whom nobody answered; every chain is over."""
    folder = project(20, 2, rules={"once": ONCE}, dialer={"simulated": {"outcomes": {"no_answer": 1}}})
    assert folder.run().attempts == 40
    assert folder.query("SELECT count(*) FROM closed") == [(40,)]
    return folder


def test_chains_return_whole_and_are_dialed_anew_with_attempts_counted_on(finished: ProjectFolder) -> None:
    assert again(finished) == Recycled("people", 20, 40)
    assert finished.query(
        "SELECT record_status, count(*), min(attempt), max(attempt) FROM queue GROUP BY 1 ORDER BY 1"
    ) == [(RecordStatus.READY, 20, 1, 1), (RecordStatus.CHAIN_READY, 20, 1, 1)]
    assert finished.run().attempts == 40
    assert finished.query("SELECT count(*) FROM attempts") == [(80,)]
    assert finished.query("SELECT DISTINCT attempt FROM closed") == [(2,)]


def test_the_journal_tells_of_every_record(finished: ProjectFolder) -> None:
    again(finished)
    assert finished.query(
        "SELECT event, text, count(*) FROM journal JOIN reasons USING (reason_id) "
        "WHERE event = 'recycled' GROUP BY 1, 2"
    ) == [("recycled", "recycled after no_answer", 40)]


def test_another_result_or_too_young_a_call_stays_closed(finished: ProjectFolder) -> None:
    assert again(finished, frozenset({int(CallResult.BUSY)})).contacts == 0
    assert again(finished, older_than=86400.0).contacts == 0
    assert again(finished, older_than=0.0).contacts == 20


def test_the_last_call_of_the_chain_decides(finished: ProjectFolder) -> None:
    finished_answer = "UPDATE closed SET call_result = 33 WHERE record_id = 2"
    with finished.store() as store:
        store.connection.execute(finished_answer)
    assert again(finished).contacts == 19
    assert finished.query("SELECT count(*) FROM closed WHERE record_id IN (1, 2)") == [(2,)]


@pytest.mark.parametrize(
    ("sql", "contacts", "records"),
    [
        ("UPDATE closed SET record_type = 7, call_result = 51 WHERE record_id = 1", 19, 38),
        ("UPDATE closed SET record_status = 5 WHERE record_id = 1", 20, 39),
        ("UPDATE closed SET record_status = 5 WHERE record_id IN (1, 2)", 19, 38),
    ],
)
def test_no_call_and_canceled_records_stay_closed(
    finished: ProjectFolder, sql: str, contacts: int, records: int
) -> None:
    with finished.store() as store:
        store.connection.execute(sql)
    assert again(finished) == Recycled("people", contacts, records)
    assert finished.query("SELECT count(*) FROM closed WHERE record_id = 1") == [(1,)]


@pytest.mark.parametrize(
    ("kind", "key", "till", "contacts", "records"),
    [
        ("device", "phone", None, 20, 39),
        ("client", "C1", None, 19, 38),
        ("client", "C1", 1e10, 19, 38),
        ("client", "C1", 1.0, 20, 40),
    ],
)
def test_the_suppressed_stay_closed(
    finished: ProjectFolder, kind: str, key: str, till: float | None, contacts: int, records: int
) -> None:
    if key == "phone":
        key = finished.query("SELECT phone FROM records WHERE record_id = 2")[0][0]
    with finished.store() as store:
        add_suppressions(store.connection, [Suppression("dnc", kind, key, 0.0, till)])
    assert again(finished) == Recycled("people", contacts, records)


def test_a_chain_that_still_waits_is_left_alone(project: MakeProject) -> None:
    folder = project(20, 2)
    folder.run(limit=15)
    waiting = folder.query("SELECT record_id FROM queue ORDER BY 1")
    again(folder, frozenset(int(result) for result in CallResult))
    assert set(waiting) <= set(folder.query("SELECT record_id FROM queue"))
    assert folder.query("SELECT count(*), count(DISTINCT record_id) FROM record_states") == [(40, 40)]


def test_a_dry_run_only_counts(finished: ProjectFolder) -> None:
    assert again(finished, dry=True).contacts == 20
    assert finished.query("SELECT count(*) FROM queue") == [(0,)]
