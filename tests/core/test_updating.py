"""Updating a list by ClientID: what the file says changes, what records have been through does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

import cxrun.importing
from cxrun.errors import UserError
from cxrun.importing import ImportResult, import_list
from cxrun.model import RecordStatus
from cxrun.store import StoreBusy

if TYPE_CHECKING:
    from tests.conftest import ProjectFolder

    MakeProject = Callable[..., ProjectFolder]

HOME, MOBILE, WORK, NEW = "+12125550101", "+12125550102", "+12125550103", "+12125550104"


def bring(folder: ProjectFolder, mode: str = "update") -> ImportResult:
    with folder.store() as store:
        return import_list(store, folder.load().lists["people"], folder.folder, mode=mode)


def chain(folder: ProjectFolder) -> list[tuple[Any, ...]]:
    return folder.query(
        "SELECT chain_n, phone, record_status, place, priority > 0 FROM records JOIN record_states USING (record_id) "
        "WHERE chain_id = 1 ORDER BY chain_n"
    )


@pytest.fixture
def people(project: MakeProject) -> ProjectFolder:
    """One customer with home and mobile, and two more, imported."""
    folder = project()
    folder.write_list(
        "people", [["C1", HOME, MOBILE, ""], ["C2", "+13125550101", "", ""], ["C3", "+13035550101", "", ""]]
    )
    bring(folder, "append")
    return folder


def test_the_same_file_changes_nothing(people: ProjectFolder) -> None:
    before = people.query("SELECT * FROM record_states ORDER BY record_id")
    result = bring(people)
    assert (result.loaded, result.updated, result.unchanged, result.duplicates) == (0, 0, 3, 0)
    assert people.query("SELECT * FROM record_states ORDER BY record_id") == before


def test_names_and_fields_change_and_new_contacts_are_added(project: MakeProject) -> None:
    folder = project()
    mapping = {"client_id": "Id", "last_name": "Name", "devices": ["Phone"],
               "fields": {"debt": {"column": "Debt", "type": "integer"}}}  # fmt: skip
    folder.campaign["lists"]["people"]["map"] = mapping
    folder.save()
    folder.write("people.csv", f"Id,Name,Phone,Debt\nC1,Abara,{HOME},10\nC2,Brandt,{MOBILE},20\n")
    bring(folder, "append")
    folder.write(
        "people.csv", f"Id,Name,Phone,Debt\nC1,Abara-Lee,{HOME},15\nC2,Brandt,{MOBILE},20\nC3,Cole,{WORK},1\n"
    )
    result = bring(folder)
    assert (result.loaded, result.updated, result.unchanged, result.records) == (1, 1, 1, 1)
    assert folder.query("SELECT client_id, last_name, debt FROM contacts_1 ORDER BY chain_id") == [
        ("C1", "Abara-Lee", 15), ("C2", "Brandt", 20), ("C3", "Cole", 1),
    ]  # fmt: skip


def test_a_new_number_waits_at_the_end_of_its_chain(people: ProjectFolder) -> None:
    people.write_list("people", [["C1", NEW, HOME, MOBILE]])
    result = bring(people)
    assert (result.updated, result.records) == (1, 1)
    assert chain(people) == [
        (1, HOME, RecordStatus.READY, "waiting", 1),
        (2, MOBILE, RecordStatus.CHAIN_READY, "waiting", 0),
        (3, NEW, RecordStatus.CHAIN_READY, "waiting", 0),
    ]
    assert people.query("SELECT chain_size FROM contacts_1 WHERE chain_id = 1") == [(3,)]


def test_a_number_that_is_gone_is_closed_and_the_next_takes_its_place(people: ProjectFolder) -> None:
    people.write_list("people", [["C1", MOBILE, NEW, ""]])
    bring(people)
    assert chain(people) == [
        (1, HOME, RecordStatus.CANCELED, "closed", 0),
        (2, MOBILE, RecordStatus.READY, "waiting", 1),
        (3, NEW, RecordStatus.CHAIN_READY, "waiting", 0),
    ]
    assert people.query("SELECT event, record_id FROM journal ORDER BY seq") == [
        ("canceled", 1),
        ("next_in_chain", 2),
    ]


def test_a_number_that_comes_back_is_taken_up_again(people: ProjectFolder) -> None:
    people.write_list("people", [["C1", MOBILE, "", ""]])
    bring(people)
    people.write_list("people", [["C1", HOME, MOBILE, ""]])
    bring(people)
    assert chain(people) == [
        (1, HOME, RecordStatus.CHAIN_READY, "waiting", 0),
        (2, MOBILE, RecordStatus.READY, "waiting", 1),
    ]
    assert people.query("SELECT count(*) FROM records WHERE phone = ?", HOME) == [(1,)]


def test_all_numbers_changed_leave_the_new_one_next(people: ProjectFolder) -> None:
    people.write_list("people", [["C1", NEW, "", ""]])
    bring(people)
    assert [row[1:] for row in chain(people)] == [
        (HOME, RecordStatus.CANCELED, "closed", 0),
        (MOBILE, RecordStatus.CANCELED, "closed", 0),
        (NEW, RecordStatus.READY, "waiting", 1),
    ]


def test_attempts_schedules_and_results_are_kept(project: MakeProject) -> None:
    folder = project(30, 2)
    folder.run(limit=25)
    state = (
        "SELECT record_id, attempt, call_result, call_time, dial_sched_time, treatments "
        "FROM record_states ORDER BY 1"
    )
    before, attempts = folder.query(state), folder.query("SELECT * FROM attempts ORDER BY 1, 2")
    phones = folder.query(
        "SELECT client_id, phone FROM contacts_1 JOIN records USING (chain_id) ORDER BY chain_id, chain_n"
    )
    first, second = phones[0::2], phones[1::2]
    folder.write_list(
        "people",
        [
            [*one, two, f"+1213555{100 + n:04}"]
            for n, (one, (_, two)) in enumerate(zip(first, second, strict=True))
        ],
    )
    result = bring(folder)
    assert (result.updated, result.records) == (30, 30)
    assert folder.query(state)[: len(before)] == before
    assert folder.query("SELECT * FROM attempts ORDER BY 1, 2") == attempts
    assert folder.run().attempts > 0
    assert folder.query("SELECT count(*), count(DISTINCT record_id) FROM record_states") == [(90, 90)]


def test_a_number_new_to_a_finished_chain_is_told_and_not_dialed(project: MakeProject) -> None:
    folder = project(1, dialer={"simulated": {"outcomes": {"answer": 1}}})
    folder.run()
    assert folder.query("SELECT count(*) FROM closed") == [(1,)]
    (old,) = folder.query("SELECT phone FROM records")
    folder.write_list("people", [["C1", old[0], NEW]])
    result = bring(folder)
    assert result.notices == 1
    assert "its chain is finished" in (folder.folder / "rejects" / "people.csv").read_text(encoding="utf-8")
    assert folder.query("SELECT record_status FROM closed WHERE record_id = 2") == [
        (RecordStatus.CHAIN_UPDATED,)
    ]
    assert folder.run().attempts == 0


def test_what_rules_excluded_is_judged_anew_once_the_contact_has_changed(project: MakeProject) -> None:
    folder = project(
        rules={"debtors": "ruleset: debtors\nfilters:\n  - where: {field: debt, ge: 50}\ntreatments: []\n"}
    )
    folder.campaign["lists"]["people"]["map"] |= {"fields": {"debt": {"column": "Debt", "type": "integer"}}}
    folder.save()
    folder.write("people.csv", f"Client,Phone 1,Debt\nC1,{HOME},10\nC2,{MOBILE},20\n")
    assert folder.run().attempts == 0
    folder.write("people.csv", f"Client,Phone 1,Debt\nC1,{HOME},100\nC2,{MOBILE},20\n")
    bring(folder)
    assert folder.run().attempts == 1
    assert folder.query("SELECT DISTINCT phone FROM attempts") == [(HOME,)]


def test_a_client_named_twice_in_a_file_is_updated_once(people: ProjectFolder) -> None:
    people.write_list(
        "people", [["C1", HOME, MOBILE, NEW], ["C1", WORK, "", ""], ["C9", WORK, "", ""], ["C9", NEW, "", ""]]
    )
    result = bring(people)
    assert (result.loaded, result.updated, result.duplicates) == (1, 1, 2)
    assert people.query("SELECT phone FROM records WHERE chain_id = 1 ORDER BY chain_n") == [
        (HOME,),
        (MOBILE,),
        (NEW,),
    ]


def test_batches_see_the_clients_of_batches_before(
    people: ProjectFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cxrun.importing, "BATCH", 1)
    people.write_list(
        "people", [["C1", HOME, NEW, ""], ["C8", WORK, "", ""], ["C1", HOME, "", ""], ["C8", NEW, "", ""]]
    )
    result = bring(people)
    assert (result.loaded, result.updated, result.duplicates) == (1, 1, 2)


def test_an_update_needs_client_ids(people: ProjectFolder) -> None:
    del people.campaign["lists"]["people"]["map"]["client_id"]
    people.save()
    with pytest.raises(UserError, match="add `client_id` to the map"):
        bring(people)


def test_an_update_waits_for_no_run_that_is_dialing(people: ProjectFolder) -> None:
    with people.store() as store:
        store.take_lease()
        store.connection.execute("UPDATE lease SET pid = 1")
        with pytest.raises(StoreBusy, match="another run"):
            bring(people)
    assert people.query("SELECT count(*) FROM imports") == [(1,)]


def test_an_update_cut_off_can_be_repeated(people: ProjectFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    people.write_list("people", [["C1", HOME, NEW, ""], ["C2", "+13125550101", WORK, ""]])
    monkeypatch.setattr(cxrun.importing, "BATCH", 1)

    def cut(result: ImportResult) -> None:
        raise KeyboardInterrupt

    with people.store() as store, pytest.raises(KeyboardInterrupt):
        import_list(store, people.load().lists["people"], people.folder, cut, "update")
    assert people.query("SELECT state, updated FROM imports ORDER BY import_id") == [
        ("done", 0),
        ("begun", 1),
    ]
    result = bring(people)
    assert (result.updated, result.unchanged) == (1, 1)
    assert people.query("SELECT count(*) FROM records") == [(6,)]
    assert people.query("SELECT count(*), count(DISTINCT record_id) FROM record_states") == [(6, 6)]
