from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Answer, ProjectFolder

    Cxrun = Callable[..., Answer]
    MakeProject = Callable[..., ProjectFolder]


def test_a_number_is_added_checked_listed_and_removed(cxrun: Cxrun, project: MakeProject) -> None:
    folder = project(3).folder
    assert cxrun("-C", folder, "dnc", "check", "(212) 555-0100") == (
        0, "device +12125550100: not suppressed\n", "",
    )  # fmt: skip
    answer = cxrun("-C", folder, "dnc", "add", "(212) 555-0100")
    assert answer.out == "device +12125550100 is on list 'dnc'\n0 records closed as no_call\n"
    assert cxrun("-C", folder, "dnc", "check", "212-555-0100") == (
        1, "device +12125550100: suppressed\n  device +12125550100 on list 'dnc', always\n", "",
    )  # fmt: skip
    assert cxrun("-C", folder, "dnc", "list").out == (
        "list  what    number or client  since  till\ndnc   device  +12125550100          -     -\n"
    )
    assert cxrun("-C", folder, "dnc", "remove", "+12125550100").out.endswith("taken off list 'dnc'\n")
    assert cxrun("-C", folder, "dnc", "remove", "+12125550100").code == 1
    assert cxrun("-C", folder, "dnc", "check", "2125550100").code == 0


def test_a_number_and_a_client_that_were_redacted_are_taken_off_a_list(
    cxrun: Cxrun, project: MakeProject
) -> None:
    made = project(3)
    made.import_lists()
    folder = made.folder
    cxrun("-C", folder, "dnc", "add", "+12125550100")
    cxrun("-C", folder, "dnc", "add", "--client", "C1")
    assert cxrun("-C", folder, "audit", "redact", "--client", "C1", "--why", "r 1", "--yes").code == 0
    assert made.query("SELECT count(*) FROM suppressions WHERE key LIKE 'redacted:%'") == [(2,)]
    assert cxrun("-C", folder, "dnc", "check", "+12125550100").code == 1
    answer = cxrun("-C", folder, "dnc", "remove", "+12125550100", "--client", "C1")
    assert answer.code == 0
    assert answer.out == "device +12125550100 taken off list 'dnc'\nclient C1 taken off list 'dnc'\n"
    assert made.query("SELECT count(*) FROM suppressions") == [(0,)]
    told = [text for (text,) in made.query("SELECT text FROM reasons JOIN journal USING (reason_id) "
                                           "WHERE event = 'unsuppressed'")]  # fmt: skip
    assert len(told) == 2
    assert not any("2125550100" in text or "C1" in text for text in told), (
        "the journal names nobody who is redacted"
    )
    assert cxrun("-C", folder, "dnc", "remove", "+12125550100").code == 1


def test_a_number_is_suppressed_by_an_entry_of_its_client(cxrun: Cxrun, project: MakeProject) -> None:
    made = project(3, 2)
    made.import_lists()
    cxrun("-C", made.folder, "dnc", "add", "--client", "C2", "--until", "2030-01-01")
    answer = cxrun("-C", made.folder, "dnc", "check", "(303) 555-0100", "--json")
    assert answer.code == 1
    (found,) = json.loads(answer.out)
    assert (found["key"], found["suppressed"]) == ("+13035550100", True)
    assert found["entries"] == [
        {
            "list": "dnc", "kind": "client", "key": "C2", "from": None, "till": 1893456000,
            "in_force": True,
        }
    ]  # fmt: skip
    assert cxrun("-C", made.folder, "dnc", "check", "(212) 555-0100").code == 0


def test_an_entry_that_has_not_begun_or_has_ended_is_told_and_does_not_count(
    cxrun: Cxrun, project: MakeProject
) -> None:
    folder = project(3).folder
    cxrun("-C", folder, "dnc", "add", "2125550100", "--since", "2026-05-01", "--until", "2026-06-01")
    answer = cxrun("-C", folder, "dnc", "check", "2125550100")
    assert answer.code == 0
    assert "not in force now" in answer.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("add", "555-0100"), "lacks its area code"),
        (("add", "2125550100", "--list", "dcn"), "no suppression list named 'dcn' in campaign.yaml; did you mean"),
        (("add", "2125550100", "--until", "2020-01-01", "--since", "2021-01-01"), "is not after the entry begins"),
        (("add", "2125550100", "--until", "soon"), "'soon' is no moment"),
        (("add", "0171 5550100"), "is too long for a phone number in US"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(
    cxrun: Cxrun, project: MakeProject, words: tuple[str, ...], message: str
) -> None:
    made = project(3)
    answer = cxrun("-C", made.folder, "dnc", *words)
    assert answer.code == 3
    assert message in answer.err
    assert made.query("SELECT * FROM suppressions") == []


def test_a_project_without_suppression_lists_is_told_how_to_declare_one(
    cxrun: Cxrun, project: MakeProject
) -> None:
    made = project(3, rules={"plain": "ruleset: plain\n"})
    answer = cxrun("-C", made.folder, "dnc", "add", "2125550100")
    assert answer.code == 3
    assert "suppression_lists:\n  dnc: " in answer.err


def test_naming_nobody_is_a_usage_error(cxrun: Cxrun, project: MakeProject) -> None:
    answer = cxrun("-C", project(3).folder, "dnc", "add")
    assert answer.code == 2
    assert "name a number, or a client" in answer.err


def test_numbers_are_read_by_the_region_of_the_lists_or_the_one_given(
    cxrun: Cxrun, project: MakeProject
) -> None:
    folder = project(3).folder
    cxrun("-C", folder, "dnc", "add", "030 23125 000", "--region", "DE")
    cxrun("-C", folder, "dnc", "add", "212 555 0100")
    assert [line.split()[2] for line in cxrun("-C", folder, "dnc", "list").out.splitlines()[1:]] == [
        "+12125550100",
        "+493023125000",
    ]


def test_a_file_is_imported_and_its_bad_lines_are_in_the_reject_file(
    cxrun: Cxrun, project: MakeProject
) -> None:
    made = project(3)
    made.write(
        "list.csv", "Phone,Client,Till\n(212) 555-0100,,\n,C7,2027-01-01\n12,,\n2125550101,,soon\n,,\n"
    )
    answer = cxrun("-C", made.folder, "dnc", "import", made.folder / "list.csv", "--json")
    assert answer.code == 0
    told = json.loads(answer.out)
    assert (told["name"], told["entries"], told["rejected"]) == ("dnc", 2, 3)
    rejects = (made.folder / "rejects" / "suppression-dnc.csv").read_text().splitlines()
    assert [line.partition(",")[0] for line in rejects] == ["line", "4", "5", "6"]
    assert "'soon' is no moment" in rejects[2]
    assert json.loads(cxrun("-C", made.folder, "dnc", "list", "--json").out) == [
        {"list": "dnc", "kind": "client", "key": "C7", "from": None, "till": 1798761600},
        {"list": "dnc", "kind": "device", "key": "+12125550100", "from": None, "till": None},
    ]


def test_an_empty_list_is_an_empty_json_array(cxrun: Cxrun, project: MakeProject) -> None:
    assert json.loads(cxrun("-C", project(3).folder, "dnc", "list", "--json").out) == []


def test_an_empty_list_says_so(cxrun: Cxrun, project: MakeProject) -> None:
    assert cxrun("-C", project(3).folder, "dnc", "list").out == "no entries\n"


def test_a_country_that_is_none_is_a_usage_error(cxrun: Cxrun, project: MakeProject) -> None:
    answer = cxrun("-C", project(3).folder, "dnc", "add", "0171 5550100", "--region", "XX")
    assert answer.code == 2
    assert "no country has the code 'XX'; write e.g. US or DE" in answer.err


def test_an_entry_that_was_there_is_told_as_it_stands_now(cxrun: Cxrun, project: MakeProject) -> None:
    folder = project(3).folder
    cxrun("-C", folder, "dnc", "add", "2125550100")
    answer = cxrun("-C", folder, "dnc", "add", "2125550100", "--until", "2030-01-01")
    assert answer.out == "device +12125550100 is on list 'dnc', always\n"


def test_adding_and_removing_is_told_as_json(cxrun: Cxrun, project: MakeProject) -> None:
    made = project(3)
    made.import_lists()
    added = json.loads(cxrun("-C", made.folder, "dnc", "add", "2125550100", "--json").out)
    assert (added["closed"], added["to_be_closed"]) == (1, 0)
    assert [entry["key"] for entry in added["entries"]] == ["+12125550100"]
    answer = cxrun("-C", made.folder, "dnc", "remove", "2125550100", "2125550177", "--json")
    assert answer.code == 1
    assert [entry["removed"] for entry in json.loads(answer.out)] == [True, False]


def test_an_import_names_the_column_it_took(cxrun: Cxrun, project: MakeProject) -> None:
    made = project(3)
    made.write("crm.csv", "Customer ID,Mobile\nC1,2125550100\n")
    answer = cxrun("-C", made.folder, "dnc", "import", made.folder / "crm.csv")
    assert answer.out == "list 'dnc': 1 entry from column 'Customer ID' of crm.csv, 0 rejected\n"
