from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Answer, ProjectFolder

    Cxrun = Callable[..., Answer]
    MakeProject = Callable[..., ProjectFolder]

AT = ("--at", "2026-03-03 15:00")


@pytest.fixture
def calls(project: MakeProject) -> ProjectFolder:
    made = project(6, 2)
    made.import_lists()
    return made


def test_a_callback_is_shown_wherever_a_record_is(cxrun: Cxrun, calls: ProjectFolder) -> None:
    answer = cxrun("-C", calls.folder, "callback", "add", "C1", *AT, "--agent", "sales-2")
    assert answer.out == (
        "record 1, +12125550100: callback 2026-03-03 15:00:00 EST, by sales-2\n"
        "next: callback by sales-2, at 2026-03-03 15:00:00 EST\n"
    )
    (listed,) = json.loads(cxrun("-C", calls.folder, "callback", "list", "--json").out)
    assert listed == {
        "at": "2026-03-03 15:00:00 EST", "state": "pending", "by": "sales-2", "record": 1,
        "number": "+12125550100", "client": "C1", "list": "people",
    }  # fmt: skip
    told = cxrun("-C", calls.folder, "explain", "1").out
    assert "callback promised on request at 2026-03-03 15:00:00 EST" in told
    assert "type personal_callback" in told
    (status,) = json.loads(cxrun("-C", calls.folder, "status", "--json").out)
    assert (status["callbacks"], status["missed"], status["next callback"]) == (1, 0, 1772568000)
    assert "next callback" in cxrun("-C", calls.folder, "status").out


def test_status_says_nothing_of_callbacks_where_there_are_none(cxrun: Cxrun, calls: ProjectFolder) -> None:
    assert "callback" not in cxrun("-C", calls.folder, "status").out
    assert cxrun("-C", calls.folder, "callback", "list").out == "no callbacks\n"


def test_the_number_of_the_customer_can_be_chosen(cxrun: Cxrun, calls: ProjectFolder) -> None:
    cxrun("-C", calls.folder, "callback", "add", "C1", *AT, "--number", "(312) 555-0100")
    assert calls.query("SELECT record_id FROM queue WHERE priority = 2") == [(2,)]
    answer = cxrun("-C", calls.folder, "callback", "add", "C1", *AT, "--number", "(312) 555-0199")
    assert answer.code == 3
    assert "+13125550199 is no number of this customer; known: +12125550100, +13125550100" in answer.err


def test_another_promise_replaces_the_one_before(cxrun: Cxrun, calls: ProjectFolder) -> None:
    cxrun("-C", calls.folder, "callback", "add", "C1", *AT)
    cxrun("-C", calls.folder, "callback", "add", "C1", "--at", "2026-03-04 10:00", "--number", "3125550100")
    (listed,) = json.loads(cxrun("-C", calls.folder, "callback", "list", "--json").out)
    assert (listed["record"], listed["at"]) == (2, "2026-03-04 09:00:00 CST".replace("09", "10"))


def test_a_promise_taken_back_cancels_the_chain_that_was_held(cxrun: Cxrun, calls: ProjectFolder) -> None:
    cxrun("-C", calls.folder, "callback", "add", "C1", *AT)
    assert cxrun("-C", calls.folder, "callback", "cancel", "C1").out == "2 records canceled\n"
    assert cxrun("-C", calls.folder, "callback", "list").out == "no callbacks\n"
    answer = cxrun("-C", calls.folder, "callback", "cancel", "C2")
    assert answer.code == 3
    assert "no callback is promised to 'C2'" in answer.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("C1", "--at", "2026-03-08 02:30"), "does not exist in America/New_York"),
        (("C1", "--at", "tomorrow"), "'tomorrow' is no moment"),
        (("C1", *AT, "--zone", "Mars/Olympus"), "no time zone named 'Mars/Olympus'"),
        (("C1", "--at", "2026-03-01 15:00"), "is past"),
    ],
)
def test_what_cannot_be_promised_is_refused(
    cxrun: Cxrun, calls: ProjectFolder, words: tuple[str, ...], message: str
) -> None:
    answer = cxrun("-C", calls.folder, "callback", "add", *words)
    assert answer.code == 3
    assert message in answer.err
    assert calls.query("SELECT * FROM queue WHERE priority IN (1, 2)") == []


def test_who_is_not_to_be_called_is_promised_nothing(cxrun: Cxrun, calls: ProjectFolder) -> None:
    cxrun("-C", calls.folder, "dnc", "add", "--client", "C1")
    answer = cxrun("-C", calls.folder, "callback", "add", "C1", *AT)
    assert answer.code == 3
    assert "is not to be called" in answer.err


def test_a_finished_customer_can_be_called_back(cxrun: Cxrun, project: MakeProject) -> None:
    made = project(2, 2, dialer={"simulated": {"outcomes": {"answer": 1}}})
    made.run()
    cxrun("-C", made.folder, "callback", "add", "C1", "--at", "1h")
    made.run()
    assert made.query("SELECT record_type, attempt FROM closed WHERE record_id = 1") == [(6, 2)]
    assert made.query("SELECT DISTINCT place FROM record_states") == [("closed",)]
