from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.conftest import Answer, ProjectFolder

    Cxrun = Callable[..., Answer]
    MakeProject = Callable[..., ProjectFolder]


def test_all_lists_are_imported_and_a_second_time_nothing_is_new(cxrun: Cxrun, project: MakeProject) -> None:
    folder = project(12, 2)
    answer = cxrun("-C", folder.folder, "import")
    assert answer.code == 0
    assert answer.out == "people: 12 contacts loaded (24 records), 0 rejected, 0 duplicates\n"
    again = cxrun("-C", folder.folder, "import")
    assert again.out.startswith("people: 0 contacts loaded (0 records), 0 rejected, 12 duplicates\n")


def test_json_holds_the_counts_and_the_reject_file(cxrun: Cxrun, project: MakeProject) -> None:
    folder = project(3)
    folder.write_list("people", [["C1", "212-555-0101"], ["C2", "no number"]])
    (result,) = json.loads(cxrun("-C", folder.folder, "import", "people", "--json").out)
    assert (result["loaded"], result["rejected"], result["duplicates"]) == (1, 1, 0)
    assert result["rejects"].endswith("people.csv")


def test_rejected_rows_are_pointed_to(cxrun: Cxrun, project: MakeProject) -> None:
    folder = project(3)
    folder.write_list("people", [["C1", "212-555-0101"], ["C2", "no number"]])
    answer = cxrun("-C", folder.folder, "import")
    assert answer.code == 0
    assert "1 rejected" in answer.out
    assert f"see {folder.folder / 'rejects' / 'people.csv'}" in answer.out


def test_an_unknown_list_exits_3_with_the_near_word(cxrun: Cxrun, project: MakeProject) -> None:
    answer = cxrun("-C", project(3).folder, "import", "peple")
    assert answer.code == 3
    assert "no contact list named 'peple'; did you mean 'people'?" in answer.err


def test_changed_fields_exit_3(cxrun: Cxrun, project: MakeProject) -> None:
    folder = project(3)
    cxrun("-C", folder.folder, "import")
    folder.campaign["lists"]["people"]["map"]["fields"] = {"nick": "Client"}
    folder.save()
    answer = cxrun("-C", folder.folder, "import")
    assert answer.code == 3
    assert "give the list another name" in answer.err
