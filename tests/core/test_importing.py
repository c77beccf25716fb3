"""Importing lists: what is loaded, what is not, and that it can be repeated."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import cxrun.importing
from cxrun.contacts import read_contacts
from cxrun.errors import UserError
from cxrun.importing import ImportResult, import_list, is_imported

if TYPE_CHECKING:
    from tests.conftest import ProjectFolder

    MakeProject = Callable[..., ProjectFolder]

GOOD = [["C1", "212-555-0101"], ["C2", "(312) 555-0102"], ["C3", "+1 303 555 0103"]]
BAD = [["C4", "call my office"], ["C5", ""], ["C1", "212-555-0109"]]


def import_people(folder: ProjectFolder) -> ImportResult:
    with folder.store() as store:
        return import_list(store, folder.load().lists["people"], folder.folder)


def test_everything_is_loaded_rejected_or_a_duplicate(project: MakeProject) -> None:
    folder = project()
    folder.write_list("people", [*GOOD, *BAD])
    result = import_people(folder)
    assert (result.loaded, result.records, result.rejected, result.duplicates) == (3, 3, 2, 1)
    assert folder.query("SELECT phone FROM records ORDER BY record_id") == [
        ("+12125550101",), ("+13125550102",), ("+13035550103",),
    ]  # fmt: skip
    assert sum(folder.reasons().values()) == 3


def test_the_reject_file_tells_line_reason_and_row(project: MakeProject) -> None:
    folder = project()
    folder.write_list("people", [*GOOD, *BAD])
    result = import_people(folder)
    assert result.rejects == folder.folder / "rejects" / "people.csv"
    with result.rejects.open(newline="", encoding="utf-8") as stream:
        header, *rows = csv.reader(stream)
    assert header == ["line", "reason", "row as given"]
    lines = {int(row[0]): row for row in rows}
    assert set(lines) >= {5, 6, 7}
    assert lines[5][1].startswith("rejected:")
    assert lines[5][2:] == ["C4", "call my office"]
    assert lines[7][1] == "duplicate: ClientID 'C1' is in the list already"


def test_no_reject_file_is_made_if_there_is_nothing_to_tell(project: MakeProject) -> None:
    folder = project(10)
    assert import_people(folder).rejects is None
    assert not (folder.folder / "rejects").exists()


def test_a_second_import_finds_only_duplicates(project: MakeProject) -> None:
    folder = project(50, 2)
    first, second = import_people(folder), import_people(folder)
    assert (first.loaded, first.records, first.duplicates) == (50, 100, 0)
    assert (second.loaded, second.records, second.duplicates) == (0, 0, 50)
    assert folder.query("SELECT count(*) FROM records") == [(100,)]
    assert folder.query("SELECT loaded, rejected, duplicates FROM imports ORDER BY import_id") == [
        (50, 0, 0), (0, 0, 50),
    ]  # fmt: skip


def test_without_client_ids_the_first_number_tells_duplicates(project: MakeProject) -> None:
    folder = project(20)
    del folder.campaign["lists"]["people"]["map"]["client_id"]
    folder.save()
    assert import_people(folder).loaded == 20
    assert import_people(folder).duplicates == 20


def test_a_file_counts_as_imported_until_it_changes(project: MakeProject) -> None:
    folder = project(10)

    def known() -> bool:
        with folder.store() as store:
            return is_imported(store, folder.load().lists["people"])

    assert not known()
    import_people(folder)
    assert known()
    with (folder.folder / "people.csv").open("a", encoding="utf-8") as stream:
        stream.write("C999,617-555-0199\n")
    assert not known()
    assert import_people(folder).loaded == 1
    assert known()


def test_an_interrupted_import_can_be_repeated(project: MakeProject, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = project(95, 2)
    monkeypatch.setattr(cxrun.importing, "BATCH", 10)

    def breaking(*arguments: Any) -> Iterator[Any]:
        yield from itertools.islice(read_contacts(*arguments), 37)
        raise KeyboardInterrupt

    monkeypatch.setattr(cxrun.importing, "read_contacts", breaking)
    with pytest.raises(KeyboardInterrupt):
        import_people(folder)
    assert folder.query("SELECT count(*) FROM records") == [(60,)]
    monkeypatch.setattr(cxrun.importing, "read_contacts", read_contacts)
    result = import_people(folder)
    assert (result.loaded, result.duplicates) == (65, 30)
    assert folder.query("SELECT count(*), count(DISTINCT phone), max(record_id) FROM records") == [
        (190, 190, 190)
    ]
    assert sum(folder.reasons().values()) == 190


def test_each_batch_is_reported_with_the_counts_so_far(
    project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = project(25)
    monkeypatch.setattr(cxrun.importing, "BATCH", 10)
    seen: list[int] = []
    with folder.store() as store:
        import_list(
            store, folder.load().lists["people"], folder.folder, lambda result: seen.append(result.loaded)
        )
    assert seen == [10, 20, 25]


def test_changed_fields_are_refused_with_what_to_do(project: MakeProject) -> None:
    folder = project(10)
    import_people(folder)
    folder.campaign["lists"]["people"]["map"]["fields"] = {"nick": "Client"}
    folder.save()
    with pytest.raises(
        UserError,
        match=r"'people' was imported with other fields \(.*nick was absent and is text\); give the list another",
    ):
        import_people(folder)
    assert folder.query("SELECT count(*) FROM records") == [(10,)]


def test_own_fields_keep_their_types(project: MakeProject) -> None:
    folder = project(1)
    (folder.folder / "people.csv").write_text(
        "Client,Phone 1,Debt,Score,Zip\nC1,212-555-0101,120,0.5,02134\nC2,212-555-0102,n/a,,\n",
        encoding="utf-8",
    )
    folder.campaign["lists"]["people"]["map"]["fields"] = {
        "debt": {"column": "Debt", "type": "integer"},
        "score": {"column": "Score", "type": "number"},
        "zip": "Zip",
    }
    folder.save()
    import_people(folder)
    rows = folder.query("SELECT debt, score, zip FROM contacts_1 ORDER BY chain_id")
    assert rows[0] == (120, 0.5, "02134")
    assert rows[1][:2] == (None, None)


def test_chains_keep_the_order_of_the_columns(project: MakeProject) -> None:
    folder = project()
    folder.write_list("people", [["C1", "212-555-0101", "", "212-555-0103"], ["C2", "", "212-555-0104", ""]])
    assert import_people(folder).records == 3
    assert folder.query("SELECT chain_id, chain_n, phone FROM records ORDER BY record_id") == [
        (1, 1, "+12125550101"), (1, 2, "+12125550103"), (2, 1, "+12125550104"),
    ]  # fmt: skip
    assert folder.query("SELECT record_status FROM record_states ORDER BY record_id") == [(1,), (9,), (1,)]


def test_an_empty_list_loads_nothing_and_says_so(project: MakeProject) -> None:
    folder = project(1)
    (folder.folder / "people.csv").write_text("Client,Phone 1\n", encoding="utf-8")
    result = import_people(folder)
    assert (result.loaded, result.rejected, result.duplicates) == (0, 0, 0)


def test_a_file_that_is_gone_is_told_before_anything_is_written(project: MakeProject) -> None:
    folder = project(3)
    contact_list = folder.load().lists["people"]
    Path(contact_list.path).unlink()
    with pytest.raises(UserError, match=r"people\.csv"):
        folder.load()
