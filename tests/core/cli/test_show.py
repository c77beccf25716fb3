from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.conftest import Answer, ProjectFolder

    Cxrun = Callable[..., Answer]
    MakeProject = Callable[..., ProjectFolder]


def test_every_setting_is_shown_with_its_origin(cxrun: Cxrun, project: MakeProject) -> None:
    answer = cxrun("-C", project(3).folder, "show", "all")
    assert answer.code == 0
    lines = {line.split()[0]: line for line in answer.out.splitlines()}
    assert "dialing profile standard" in lines["mode.progressive"]
    assert "default" in lines["ring_time"]
    assert "campaign.yaml:" in lines["agent_group"]
    assert "lists.people" in lines


def test_json_has_setting_value_level_and_place(cxrun: Cxrun, project: MakeProject) -> None:
    rows = json.loads(cxrun("-C", project(3).folder, "show", "all", "--json").out)
    assert all(set(row) == {"setting", "value", "level", "place"} for row in rows)
    assert {row["setting"]: row["value"] for row in rows}["agent_group"] == "sales"


def test_an_unknown_group_exits_3_with_the_near_word(cxrun: Cxrun, project: MakeProject) -> None:
    answer = cxrun("-C", project(3).folder, "show", "alll")
    assert answer.code == 3
    assert "no campaign group named 'alll'; did you mean 'all'?" in answer.err


def test_order_schedule_and_sequence_of_a_group_are_shown(cxrun: Cxrun, project: MakeProject) -> None:
    folder = project(3)
    folder.write_list("others", [["D1", "617-555-0101"]])
    folder.campaign["schedules"] = {"office": [{"start": "09:00", "stop": "17:00"}]}
    folder.campaign["templates"]["plain"] |= {"schedule": "office", "ordering": [{"field": "client_id"}]}
    folder.campaign["groups"]["more"] = {"template": "plain", "lists": ["others"], "after": "all"}
    folder.save()
    rows = json.loads(cxrun("-C", folder.folder, "show", "more", "--json").out)
    shown = {row["setting"]: (row["value"], row["level"]) for row in rows}
    assert shown["schedule"] == ("office", "template plain")
    assert shown["ordering[0].field"] == ("client_id", "template plain")
    assert shown["after"] == ("all", "group more")


def test_a_group_without_rulesets_is_shown(cxrun: Cxrun, project: MakeProject) -> None:
    folder = project(3)
    folder.campaign["dialing_profiles"]["standard"]["rulesets"] = []
    del folder.campaign["suppression_lists"]
    folder.save()
    answer = cxrun("-C", folder.folder, "show", "all")
    assert (answer.code, "rulesets" in answer.out) == (0, True)
