"""Requests from outside a run, answered where their records are at rest."""

from __future__ import annotations

import csv
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cxrun.cli import run as command_line
from cxrun.model import Suppression
from cxrun.store import Store
from cxrun.testing import decide, make_record

if TYPE_CHECKING:
    from tests.conftest import Answer, ProjectFolder

    Cxrun = Callable[..., Answer]
    MakeProject = Callable[..., ProjectFolder]

READY, UPDATED, CANCELED, CHAIN_UPDATED, CHAIN_READY = 1, 3, 5, 7, 9


def states(folder: ProjectFolder) -> dict[int, tuple[Any, ...]]:
    """Place, record type, record status and call result of each record."""
    rows = folder.query(
        "SELECT record_id, place, record_type, record_status, call_result FROM record_states ORDER BY 1"
    )
    return {row[0]: row[1:] for row in rows}


def events(folder: ProjectFolder, record_id: int) -> list[tuple[str, str]]:
    return folder.query(
        "SELECT event, text FROM journal JOIN reasons USING (reason_id) WHERE record_id = ? ORDER BY seq",
        record_id,
    )


@pytest.fixture
def calls(project: MakeProject) -> ProjectFolder:
    """Ten customers of three numbers each, nobody dialed yet."""
    folder = project(10, 3)
    folder.import_lists()
    return folder


# --- do not call -----------------------------------------------------------------------------------------


def test_a_do_not_call_request_closes_the_records_of_the_number_in_every_list(
    project: MakeProject, cxrun: Cxrun
) -> None:
    folder = project(3, 2)
    with (folder.folder / "people.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.reader(stream))[1:]
    folder.write_list("others", [(f"other-{row[0]}", *row[1:]) for row in rows])
    folder.campaign["groups"]["all"]["lists"].append("others")
    folder.save()
    folder.import_lists()
    (number,) = folder.query("SELECT phone FROM records WHERE record_id = 1")[0]
    assert cxrun("-C", folder.folder, "dnc", "add", number).code == 0
    closed = ("closed", 7, UPDATED, 51)
    found = states(folder)
    assert (found[1], found[7]) == (closed, closed)
    assert all(state != closed for record, state in found.items() if record not in (1, 7))
    assert events(folder, 1) == [("do_not_call", "do not call, on request, list 'dnc'")]
    assert events(folder, 7) == events(folder, 1)


def test_the_next_of_the_chain_takes_the_place_of_a_number_that_is_not_to_be_called(
    calls: ProjectFolder, cxrun: Cxrun
) -> None:
    (number,) = calls.query("SELECT phone FROM records WHERE record_id = 1")[0]
    cxrun("-C", calls.folder, "dnc", "add", number)
    assert states(calls)[2] == ("waiting", 2, READY, 28)
    assert events(calls, 2)[0][0] == "next_in_chain"
    calls.run()
    assert calls.query("SELECT count(*) FROM attempts WHERE record_id = 1") == [(0,)]
    assert calls.query("SELECT count(*) FROM attempts WHERE record_id = 2")[0][0] > 0


@pytest.mark.parametrize("words", [("--client", "C2"), ("+13125550100", "--whole-client")])
def test_a_client_is_closed_with_all_his_numbers(
    calls: ProjectFolder, cxrun: Cxrun, words: tuple[str, ...]
) -> None:
    (number,) = calls.query("SELECT phone FROM records WHERE record_id = 5")[0]
    words = tuple(number if word.startswith("+") else word for word in words)
    cxrun("-C", calls.folder, "dnc", "add", *words)
    found = states(calls)
    assert {found[record] for record in (4, 5, 6)} == {("closed", 7, UPDATED, 51)}
    assert {state[0] for record, state in found.items() if record not in (4, 5, 6)} == {"waiting"}
    assert [event for record in (4, 5, 6) for event, _ in events(calls, record)] == ["do_not_call"] * 3


def test_final_records_become_no_call_as_well(project: MakeProject, cxrun: Cxrun) -> None:
    folder = project(20, 1)
    folder.run()
    answered = folder.query("SELECT record_id, phone FROM closed JOIN records USING (record_id) "
                            "WHERE call_result = 33 LIMIT 1")  # fmt: skip
    record, number = answered[0]
    cxrun("-C", folder.folder, "dnc", "add", number)
    assert states(folder)[record] == ("closed", 7, UPDATED, 51)


def test_an_entry_for_a_time_holds_records_back_and_closes_none(calls: ProjectFolder, cxrun: Cxrun) -> None:
    (number,) = calls.query("SELECT phone FROM records WHERE record_id = 1")[0]
    cxrun("-C", calls.folder, "dnc", "add", number, "--until", "2026-03-05")
    assert states(calls)[1][0] == "waiting"
    calls.run()
    first = calls.query("SELECT min(placed) FROM attempts WHERE record_id = 1")[0][0]
    assert first is not None
    assert first >= 1772668800, "2026-03-05T00:00Z"


def test_an_entry_made_before_the_first_run_counts_whenever_that_begins(
    calls: ProjectFolder, cxrun: Cxrun
) -> None:
    cxrun("-C", calls.folder, "dnc", "add", "--client", "C1")
    assert calls.query("SELECT DISTINCT valid_from FROM suppressions") == [(0.0,)]


def test_what_an_entry_held_back_is_dialed_once_it_is_removed(project: MakeProject, cxrun: Cxrun) -> None:
    calls = project(5, 1)
    calls.import_lists()
    (number,) = calls.query("SELECT phone FROM records WHERE record_id = 1")[0]
    calls.write("one.txt", number + "\n")
    cxrun("-C", calls.folder, "dnc", "import", calls.folder / "one.txt")
    calls.run()
    assert calls.query("SELECT count(*) FROM attempts WHERE record_id = 1") == [(0,)]
    assert states(calls)[1][0] == "waiting"
    assert cxrun("-C", calls.folder, "dnc", "remove", number).code == 0
    calls.run()
    assert calls.query("SELECT count(*) FROM attempts WHERE record_id = 1")[0][0] > 0


def entry_strategy() -> st.SearchStrategy[Suppression]:
    return st.builds(
        Suppression,
        st.sampled_from(["dnc", "complaints"]),
        st.sampled_from(["device", "client"]),
        st.sampled_from(["+12125550123", "C1", "+12125550124"]),
        st.sampled_from([0.0, 50.0, 100.0, 150.0]),
        st.sampled_from([None, 60.0, 100.0, 101.0, 200.0]),
    )


@given(st.lists(entry_strategy(), max_size=4, unique_by=lambda entry: entry[:3]))
def test_check_says_suppressed_exactly_where_the_filter_holds_back(entries: list[Suppression]) -> None:
    record = make_record()
    named = [e for e in entries if (e.kind, e.key) in {("device", record.phone), ("client", record.client)}]
    decision = decide("ruleset: x\nfilters:\n  - suppression:\n", record, now=100.0, suppressions=named)
    assert any(entry.in_force(100.0) for entry in named) is (str(decision.verdict) != "Pass(reason='')")


# --- cancel ------------------------------------------------------------------------------------------------


def test_a_canceled_record_gives_its_place_to_the_next_of_its_chain(
    calls: ProjectFolder, cxrun: Cxrun
) -> None:
    assert cxrun("-C", calls.folder, "cancel", 1, "--as", "record", "--why", "has paid").code == 0
    found = states(calls)
    assert found[1] == ("closed", 2, CANCELED, 52)
    assert (found[2][2], found[3][2]) == (READY, CHAIN_READY)
    assert events(calls, 1) == [("canceled", "canceled: has paid")]


def test_a_chain_is_canceled_whole_and_nobody_takes_its_place(calls: ProjectFolder, cxrun: Cxrun) -> None:
    cxrun("-C", calls.folder, "cancel", 2, "--chain", "--as", "record")
    found = states(calls)
    assert {found[record][:3] for record in (1, 2, 3)} == {("closed", 2, CANCELED)}
    assert [event for record in (1, 2, 3) for event, _ in events(calls, record)] == ["canceled"] * 3
    calls.run()
    assert calls.query("SELECT count(*) FROM attempts WHERE record_id <= 3") == [(0,)]


def test_a_client_and_a_number_can_be_canceled(calls: ProjectFolder, cxrun: Cxrun) -> None:
    (number,) = calls.query("SELECT phone FROM records WHERE record_id = 9")[0]
    cxrun("-C", calls.folder, "cancel", "C2", number)
    found = states(calls)
    assert [record for record, state in found.items() if state[2] == CANCELED] == [4, 5, 6, 9]


def test_a_final_record_stays_as_it_is(project: MakeProject, cxrun: Cxrun) -> None:
    folder = project(5, 1)
    folder.run()
    before = states(folder)
    answer = cxrun("-C", folder.folder, "cancel", "C1")
    assert answer.code == 0
    assert "final already" in answer.out
    assert states(folder) == before


@pytest.mark.parametrize("words", [("cancel", "2", "--as", "record"), ("dnc", "add", "{phone}")])
def test_the_chain_goes_on_when_a_callback_that_is_excluded_is_taken_out(
    calls: ProjectFolder, cxrun: Cxrun, words: tuple[str, ...]
) -> None:
    (number,) = calls.query("SELECT phone FROM records WHERE record_id = 2")[0]
    calls.write("one.txt", number + "\n")
    cxrun("-C", calls.folder, "callback", "add", 2, "--as", "record", "--at", "1h")
    cxrun("-C", calls.folder, "dnc", "import", calls.folder / "one.txt")
    calls.run(until=calls.reached() + 2 * 3600)
    assert calls.query("SELECT count(*) FROM queue WHERE record_id IN (1, 3) AND priority > 0") == [(0,)]
    assert cxrun("-C", calls.folder, *(word.format(phone=number) for word in words)).code == 0
    assert calls.query("SELECT record_id FROM queue WHERE record_id <= 3 AND priority > 0") == [(1,)]
    calls.run()
    assert calls.query("SELECT count(*) FROM attempts WHERE record_id = 1")[0][0] > 0


# --- results -----------------------------------------------------------------------------------------------

ALWAYS_ANSWER = {"simulated": {"outcomes": {"answer": 1}}}


def test_a_disposition_given_afterwards_is_treated_as_if_the_call_had_ended_so(
    project: MakeProject, cxrun: Cxrun
) -> None:
    folder = project(3, 2, dialer=ALWAYS_ANSWER)
    folder.run()
    assert states(folder)[1] == ("closed", 2, UPDATED, 33)
    answer = cxrun("-C", folder.folder, "result", 1, "--disposition", "DO_NOT_CALL", "--as", "record")
    assert answer.code == 0
    assert states(folder)[1] == ("closed", 7, UPDATED, 51)
    assert folder.query("SELECT kind, key FROM suppressions ORDER BY 1") == [
        ("client", "C1"),
        ("device", "+12125550100"),
    ]
    assert folder.query("SELECT call_result, disposition FROM attempts WHERE record_id = 1") == [
        (51, "DO_NOT_CALL")
    ]


def test_a_result_begins_a_finished_chain_again(project: MakeProject, cxrun: Cxrun) -> None:
    folder = project(3, 2, dialer=ALWAYS_ANSWER)
    folder.run()
    assert states(folder)[2] == ("closed", 2, CHAIN_UPDATED, 28)
    cxrun("-C", folder.folder, "result", 1, "--result", "no_answer", "--as", "record")
    found = states(folder)
    assert found[2][:3] == ("waiting", 2, READY), "no_answer is followed by the next in the chain"
    folder.run()
    assert folder.query("SELECT count(*) FROM attempts WHERE record_id = 2") == [(1,)]


def test_a_result_finishes_a_chain_that_waits(project: MakeProject, cxrun: Cxrun) -> None:
    folder = project(3, 2, dialer={"simulated": {"outcomes": {"busy": 1}}})
    folder.run(limit=3)
    assert states(folder)[1][0] == "waiting"
    cxrun("-C", folder.folder, "result", 1, "--result", "answer", "--agent", "sales-9", "--as", "record")
    found = states(folder)
    assert (found[1], found[2]) == (("closed", 3, UPDATED, 33), ("closed", 2, CHAIN_UPDATED, 28))
    assert folder.query("SELECT agent_id FROM closed WHERE record_id = 1") == [("sales-9",)]


def test_a_result_does_not_bring_back_what_was_canceled_but_counts(
    project: MakeProject, cxrun: Cxrun
) -> None:
    folder = project(3, 1, dialer={"simulated": {"outcomes": {"busy": 1}}})
    folder.run(limit=3)
    cxrun("-C", folder.folder, "cancel", 1, "--as", "record")
    cxrun(
        "-C", folder.folder, "dnc", "add", folder.query("SELECT phone FROM records WHERE record_id = 2")[0][0]
    )
    before = states(folder)
    for record in (1, 2):
        answer = cxrun("-C", folder.folder, "result", record, "--result", "no_answer", "--as", "record")
        assert answer.code == 0
    assert states(folder) == before
    assert folder.query("SELECT call_result FROM attempts WHERE record_id < 3") == [(7,), (7,)]


def test_the_result_of_a_chain_does_not_cover_why_a_number_of_it_is_not_called(
    project: MakeProject, cxrun: Cxrun
) -> None:
    rules = "ruleset: retry\ntreatments:\n  - on: wrong_party\n    do: [update_chain]\n"
    folder = project(1, 4, rules={"retry": rules, "more": "ruleset: more\nfilters: [suppression]\n"})
    folder.import_lists()
    cxrun(
        "-C", folder.folder, "dnc", "add", folder.query("SELECT phone FROM records WHERE record_id = 3")[0][0]
    )
    cxrun("-C", folder.folder, "cancel", 4, "--as", "record")
    folder.run()
    before = states(folder)
    assert cxrun("-C", folder.folder, "result", 1, "--result", "wrong_party", "--as", "record").code == 0
    found = states(folder)
    assert {record: state[3] for record, state in found.items()} == {1: 40, 2: 40, 3: 51, 4: 52}
    assert (found[3], found[4]) == (before[3], before[4])
    assert events(folder, 3)[-1][0] == "do_not_call"


@pytest.mark.parametrize("dialed", [1, 2])
def test_a_result_leaves_a_promise_alone_unless_nobody_is_to_be_called(
    project: MakeProject, cxrun: Cxrun, dialed: int
) -> None:
    folder = project(2, 3, dialer={"simulated": {"outcomes": {"no_answer": 1}}})
    folder.run(limit=6)
    before = folder.query("SELECT placed FROM attempts WHERE record_id = ?", dialed)
    assert before
    assert cxrun("-C", folder.folder, "callback", "add", 1, "--as", "record", "--at", "30h").code == 0
    (due,) = folder.query("SELECT due FROM queue WHERE record_id = 1")[0]
    assert cxrun("-C", folder.folder, "result", dialed, "--result", "answer", "--as", "record").code == 0
    assert folder.query("SELECT due, record_type FROM queue WHERE record_id = 1") == [(due, 6)]
    assert folder.query("SELECT max(call_result) FROM attempts WHERE record_id = ?", dialed) == [(33,)]
    assert cxrun("-C", folder.folder, "result", dialed, "--result", "do_not_call", "--as", "record").code == 0
    assert {state[0] for record, state in states(folder).items() if record < 4} == {"closed"}


def test_a_result_given_counts_whatever_the_agent_had_said_before(project: MakeProject, cxrun: Cxrun) -> None:
    rules = (
        "ruleset: retry\nfilters: [suppression: {}]\n"
        "results: [disposition: {codes: {WRONG_PARTY: wrong_party}}]\n"
        "treatments: [{on: [answer, wrong_party], do: [finish: ]}]\n"
    )
    folder = project(3, 1, rules={"retry": rules}, dialer=ALWAYS_ANSWER)
    folder.run()
    cxrun("-C", folder.folder, "result", 1, "--disposition", "WRONG_PARTY", "--as", "record")
    assert folder.query("SELECT call_result FROM attempts WHERE record_id = 1") == [(40,)]
    cxrun("-C", folder.folder, "result", 1, "--result", "answer", "--as", "record")
    assert states(folder)[1] == ("closed", 2, UPDATED, 33)
    assert folder.query("SELECT call_result, disposition FROM attempts WHERE record_id = 1") == [
        (33, "WRONG_PARTY")
    ], "what the agent had said stays on record"


# --- a run at work ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [("cancel", "C{n}"), ("dnc", "add", "--client", "C{n}"),
                                   ("callback", "add", "C{n}", "--at", "30h")])  # fmt: skip
def test_a_run_at_work_does_what_is_asked_of_it(
    project: MakeProject, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """The command only notes what it wants; the run, which has records in hand, does it."""
    import cxrun.ledger

    monkeypatch.setattr(cxrun.ledger, "_BREATH", 0)
    folder = project(60, 2, agents=4)
    asked: list[int] = []

    def ask(tally: Any) -> None:
        if tally.attempts > 20 and len(asked) < 12:
            client = 5 * len(asked) + 1
            asked.append(client)
            code = command_line(["-C", str(folder.folder), *(word.format(n=client) for word in words)])
            assert code == 0

    folder.run(watch=ask)
    assert len(asked) == 12
    assert folder.query("SELECT * FROM requests") == []
    assert folder.query("SELECT count(*) FROM record_states")[0][0] == 120
    assert {row[0] for row in folder.query("SELECT place FROM record_states")} == {"closed"}
    expected = {"cancel": "canceled", "dnc": "do_not_call", "callback": "callback_promised"}[words[0]]
    noted = {row[0] for row in folder.query("SELECT run_id FROM journal WHERE event = ?", expected)}
    assert noted == {1}, "the run has done it, not the command"


@pytest.mark.parametrize("settings", [{}, {"ordering": [{"field": "client_id"}]}], ids=["usual", "ordered"])
def test_the_second_number_is_canceled_while_the_first_waits_in_the_hands_of_a_run(
    project: MakeProject, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> None:
    import cxrun.ledger

    monkeypatch.setattr(cxrun.ledger, "_BREATH", 0)
    folder = project(6, 2, agents=1, dialer={"simulated": {"outcomes": {"no_answer": 1}}})
    folder.campaign["dialing_profiles"]["standard"] |= settings
    folder.save()
    asked: list[int] = []

    def ask(tally: Any) -> None:
        if tally.attempts and not asked:
            asked.append(12)
            assert command_line(["-C", str(folder.folder), "cancel", "12", "--as", "record"]) == 0

    folder.run(watch=ask)
    assert folder.query("SELECT count(*) FROM attempts WHERE record_id = 11")[0][0] > 0
    assert folder.query("SELECT count(*) FROM attempts WHERE record_id = 12") == [(0,)]
    assert states(folder)[12] == ("closed", 2, CANCELED, 52)
    assert folder.query("SELECT count(*) FROM record_states") == [(12,)]


def test_a_run_at_work_does_what_is_asked_of_it_though_the_project_has_changed(
    project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the run knows which records it has in hand, also of a list no group has any more."""
    import cxrun.ledger

    monkeypatch.setattr(cxrun.ledger, "_BREATH", 0)
    folder = project(30, 1, agents=4)
    asked: list[int] = []

    def ask(tally: Any) -> None:
        if tally.attempts > 5 and not asked:
            folder.write_list("others", [["D1", "+16175550101"]])
            folder.campaign["groups"]["all"]["lists"] = ["others"]
            folder.save()
            for record in range(1, 31):
                asked.append(record)
                assert command_line(["-C", str(folder.folder), "cancel", str(record), "--as", "record"]) == 0

    folder.run(watch=ask)
    assert asked
    assert folder.query("SELECT count(*) FROM record_states") == [(30,)]
    assert {row[0] for row in folder.query("SELECT run_id FROM journal WHERE event = 'canceled'")} == {1}


def test_two_records_of_one_chain_are_asked_for_in_one_breath(calls: ProjectFolder, cxrun: Cxrun) -> None:
    first, second = (row[0] for row in calls.query("SELECT phone FROM records WHERE record_id < 3"))
    cxrun("-C", calls.folder, "dnc", "add", first, second)
    assert [state[2] for state in list(states(calls).values())[:3]] == [UPDATED, UPDATED, READY]


OPERATIONS = st.lists(
    st.tuples(st.sampled_from(["cancel", "dnc", "chain", "callback"]), st.integers(1, 9)),
    min_size=1,
    max_size=6,
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(OPERATIONS)
def test_whatever_is_asked_every_record_is_in_one_place_and_one_of_a_chain_leads(
    project: MakeProject, operations: list[tuple[str, int]]
) -> None:
    folder = project(3, 3)
    folder.store_file.unlink(missing_ok=True)
    folder.import_lists()
    for what, record in operations:
        (number,) = folder.query("SELECT phone FROM records WHERE record_id = ?", record)[0]
        words = {
            "cancel": ("cancel", str(record), "--as", "record"),
            "chain": ("cancel", str(record), "--as", "record", "--chain"),
            "dnc": ("dnc", "add", number),
            "callback": ("callback", "add", str(record), "--as", "record", "--at", "2h"),
        }[what]
        assert command_line(["-C", str(folder.folder), *words]) in (0, 3)
    rows = folder.query(
        "SELECT chain_id, sum(place = 'waiting'), sum(place = 'waiting' AND priority > 0), count(*) "
        "FROM record_states JOIN records USING (record_id) GROUP BY 1"
    )
    for _, waiting, leading, count in rows:
        assert count == 3
        assert leading == (1 if waiting else 0)
    folder.run()
    assert {row[0] for row in folder.query("SELECT place FROM record_states")} <= {"closed", "waiting"}
    refused = folder.query("SELECT DISTINCT record_id FROM closed WHERE record_type = 7 AND attempt = 0")
    dialed = {row[0] for row in folder.query("SELECT record_id FROM attempts")}
    assert not dialed & {row[0] for row in refused}


def test_requests_left_by_a_run_that_died_are_answered_by_the_next(calls: ProjectFolder) -> None:
    with closing(Store(calls.store_file)) as store, store.transaction():
        from cxrun.store.requests import ask

        ask(store, "cancel", [(1, 1), (1, 2), (1, 3)], "on request", {})
    calls.run()
    assert calls.query("SELECT DISTINCT record_status FROM closed WHERE record_id <= 3") == [(CANCELED,)]
