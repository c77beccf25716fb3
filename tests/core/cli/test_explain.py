from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.conftest import Answer, ProjectFolder

    Cxrun = Callable[..., Answer]
    MakeProject = Callable[..., ProjectFolder]


def test_the_life_of_a_record_is_told_with_its_rules(cxrun: Cxrun, dialed: ProjectFolder) -> None:
    answer = cxrun("-C", dialed.folder, "explain", "1")
    assert answer.code == 0
    assert answer.out.startswith("record 1 of list people: +12125550100")
    assert "attempt 1: dialed" in answer.out
    assert "rulesets/retry.yaml:" in answer.out
    assert "\nnow: " in answer.out
    assert "\nnext: " in answer.out


def test_every_record_can_be_explained_at_any_moment(cxrun: Cxrun, dialed: ProjectFolder) -> None:
    for record in range(1, 41):
        answer = cxrun("-C", dialed.folder, "explain", record)
        assert answer.code == 0, answer.err
        assert f"record {record} of list people" in answer.out


def test_a_number_finds_its_record_however_it_is_written(cxrun: Cxrun, dialed: ProjectFolder) -> None:
    for written in ("+13125550100", "13125550100", "(312) 555-0100", "312-555-0100"):
        answer = cxrun("-C", dialed.folder, "explain", written)
        assert answer.code == 0, written
        assert "record 2 of list people: +13125550100" in answer.out


def test_json_tells_the_same(cxrun: Cxrun, dialed: ProjectFolder) -> None:
    (story,) = json.loads(cxrun("-C", dialed.folder, "explain", "1", "--json").out)
    assert story["record_id"] == 1
    assert story["attempt"] >= 1
    assert any("attempt 1: dialed" in line for line in story["life"])


def test_a_record_excluded_by_a_rule_names_it(cxrun: Cxrun, project: MakeProject) -> None:
    door = "ruleset: door\nfilters:\n  - where: {field: client_id, eq: nobody}\n"
    folder = project(3, more_rules={"door": door})
    folder.run()
    answer = cxrun("-C", folder.folder, "explain", "2")
    assert "excluded:" in answer.out
    assert "next: not under these rules" in answer.out
    assert "rulesets/door.yaml:3 where" in answer.out


def test_an_unknown_record_exits_3(cxrun: Cxrun, dialed: ProjectFolder) -> None:
    answer = cxrun("-C", dialed.folder, "explain", "4711")
    assert answer.code == 3
    assert "no record with the id, number or client id '4711'" in answer.err


def test_before_the_first_import_it_says_what_begins(cxrun: Cxrun, project: MakeProject) -> None:
    answer = cxrun("-C", project(3).folder, "explain", "1")
    assert answer.code == 3
    assert "nothing is imported yet" in answer.err
