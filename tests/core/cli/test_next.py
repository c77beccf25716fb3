from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.conftest import Answer, ProjectFolder

    Cxrun = Callable[..., Answer]
    MakeProject = Callable[..., ProjectFolder]

DOOR = 'ruleset: door\nfilters:\n  - calling_hours: {hours: "12:00-14:00"}\n'


def test_a_record_is_told_with_its_number_time_and_rules(cxrun: Cxrun, project: MakeProject) -> None:
    made = project(4, more_rules={"door": DOOR})
    made.import_lists()
    answer = cxrun("-C", made.folder, "next", "C1")
    assert answer.code == 0, answer.err
    assert answer.out.startswith(
        "C1 of list people: record 1, +12125550100 (none), at 2026-03-02 12:00:00 EST\n"
    )
    assert "rulesets/door.yaml:3 calling_hours" in answer.out


def test_a_list_is_told_in_order(cxrun: Cxrun, project: MakeProject) -> None:
    made = project(8, more_rules={"door": DOOR})
    made.import_lists()
    (told,) = json.loads(cxrun("-C", made.folder, "next", "--list", "people", "--limit", "3", "--json").out)
    assert [record["record_id"] for record in told["records"]] == [1, 8, 2]
    assert told["records"][0]["holds"][0]["rule"]["name"] == "calling_hours"
    text = cxrun("-C", made.folder, "next", "--list", "people", "--limit", "3").out
    assert "list people, next 3 records" in text


def test_a_later_moment_may_be_asked_about(cxrun: Cxrun, project: MakeProject) -> None:
    made = project(2, more_rules={"door": DOOR})
    made.import_lists()
    answer = cxrun("-C", made.folder, "next", "1", "--at", "2026-03-02T20:00Z")
    assert "at 2026-03-03 12:00:00 EST" in answer.out


def test_who_is_finished_excluded_or_unknown_is_said(cxrun: Cxrun, project: MakeProject) -> None:
    door = "ruleset: door\nfilters:\n  - where: {field: client_id, eq: C1}\n"
    made = project(3, more_rules={"door": door})
    made.run()
    assert "C1 of list people: never; it is finished" in cxrun("-C", made.folder, "next", "C1").out
    assert (
        "not under these rules: not: client_id = C1 (rulesets/door.yaml:3 where)"
        in cxrun("-C", made.folder, "next", "C2").out
    )
    assert cxrun("-C", made.folder, "next", "4711").code == 3


def test_a_schedule_that_never_meets_the_rules_is_told(cxrun: Cxrun, project: MakeProject) -> None:
    made = project(2, more_rules={"door": DOOR})
    made.campaign["groups"]["all"]["schedule"] = [{"start": "03:00", "stop": "04:00"}]
    made.save()
    made.import_lists()
    answer = cxrun("-C", made.folder, "next", "1")
    assert "never: the schedule of the group does not meet the hours of its rules" in answer.out
    assert "2 customers never" in cxrun("-C", made.folder, "next", "--list", "people").out
    forecast = cxrun("-C", made.folder, "forecast").out
    assert (
        forecast.count("1 customer never: the schedule of the group does not meet the hours of its rules")
        == 2
    )
    explained = cxrun("-C", made.folder, "explain", "1").out
    assert "next: never: the schedule of the group does not meet" in explained
