from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.conftest import Answer, ProjectFolder

    Cxrun = Callable[..., Answer]
    MakeProject = Callable[..., ProjectFolder]


def test_one_line_per_list_with_its_figures(cxrun: Cxrun, dialed: ProjectFolder) -> None:
    answer = cxrun("-C", dialed.folder, "status")
    assert answer.code == 0
    clock, header, line = answer.out.splitlines()
    assert clock.startswith("as of 2026-03-02 ")
    assert header.split()[:3] == ["template", "group", "list"]
    assert line.split()[:4] == ["plain", "all", "people", "40"]


def test_json_has_a_row_per_list_and_the_states_add_up(cxrun: Cxrun, dialed: ProjectFolder) -> None:
    (row,) = json.loads(cxrun("-C", dialed.folder, "status", "--json").out)
    assert row["records"] == 40
    assert row["attempts"] == 30
    assert sum(row[state] for state in ("ready", "deferred", "excluded", "errors", "in work", "final")) == 40


def test_why_counts_reasons_that_add_up(cxrun: Cxrun, dialed: ProjectFolder) -> None:
    answer = cxrun("-C", dialed.folder, "status", "--why")
    assert answer.out.endswith("40 records in all\n")
    assert "rulesets/retry.yaml:" in answer.out
    (row,) = json.loads(cxrun("-C", dialed.folder, "status", "--why", "--json").out)
    assert sum(reason["records"] for reason in row["reasons"]) == 40


def test_a_list_that_is_not_imported_has_no_figures(cxrun: Cxrun, dialed: ProjectFolder) -> None:
    dialed.write_list("others", [["D1", "617-555-0101"]])
    dialed.campaign["groups"]["more"] = {"template": "plain", "lists": ["others"]}
    dialed.save()
    answer = cxrun("-C", dialed.folder, "status", "--why")
    assert answer.code == 0
    assert "others" in answer.out
    rows = json.loads(cxrun("-C", dialed.folder, "status", "--json").out)
    assert [row["records"] for row in rows] == [40, None]


def test_before_the_first_import_it_says_what_begins(cxrun: Cxrun, project: MakeProject) -> None:
    folder = project(3)
    answer = cxrun("-C", folder.folder, "status")
    assert answer.code == 3
    assert "nothing is imported yet" in answer.err
    assert not folder.store_file.exists()
