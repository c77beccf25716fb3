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


def test_an_update_says_what_has_changed(cxrun: Cxrun, project: MakeProject) -> None:
    folder = project(3)
    folder.write_list("people", [["C1", "212-555-0101"], ["C2", "212-555-0102"]])
    cxrun("-C", folder.folder, "import")
    folder.write_list("people", [["C1", "212-555-0103"], ["C2", "212-555-0102"], ["C3", "212-555-0104"]])
    answer = cxrun("-C", folder.folder, "import", "--update")
    assert answer.out == (
        "people: 1 contact loaded (2 records), 1 updated, 1 unchanged, 0 rejected, 0 duplicates\n".replace(
            "1 contact ", "1 contacts "
        )
    )


def test_a_new_list_is_refused_once_it_was_dialed(cxrun: Cxrun, project: MakeProject) -> None:
    folder = project(5)
    cxrun("-C", folder.folder, "import")
    again = cxrun("-C", folder.folder, "import", "--new")
    assert again.out.startswith("people: 5 contacts taken out, 5 contacts loaded (5 records)")
    folder.run(limit=2)
    answer = cxrun("-C", folder.folder, "import", "--new")
    assert answer.code == 3
    assert "was dialed (2 attempts), so it is not replaced" in answer.err


def test_a_shared_mapping_is_checked_by_its_own_line(cxrun: Cxrun, project: MakeProject) -> None:
    folder = project(3)
    folder.write_list("more", [["D1", "212-555-0188"]])
    for name in ("people", "more"):
        folder.campaign["lists"][name]["map"] = "mappings/crm.yaml"
    folder.save()
    folder.write("mappings/crm.yaml", "client_id: Client\ndevices:\n  - Phone 1\n")
    answer = cxrun("-C", folder.folder, "import")
    assert answer.out.splitlines() == [
        "people: 3 contacts loaded (3 records), 0 rejected, 0 duplicates",
        "more: 1 contacts loaded (1 records), 0 rejected, 0 duplicates",
    ]
    folder.write("mappings/crm.yaml", "client_id: Klient\ndevices:\n  - {column: Phone 1, typ: home}\n")
    wrong = cxrun("-C", folder.folder, "validate")
    assert wrong.code == 3
    assert f"{folder.folder / 'mappings' / 'crm.yaml'}:3:23: devices[0].typ: unknown key 'typ'" in wrong.out
    folder.write("mappings/crm.yaml", "client_id: Klient\ndevices:\n  - Phone 1\n")
    wrong = cxrun("-C", folder.folder, "validate")
    for name in ("more", "people"):
        assert (
            f"crm.yaml:1:1: client_id: no column named 'Klient'; did you mean 'Client'? (contact list '{name}')"
            in wrong.out
        )
    (folder.folder / "mappings" / "crm.yaml").unlink()
    missing = cxrun("-C", folder.folder, "validate")
    assert "there is no file mappings/crm.yaml beside campaign.yaml" in missing.out
