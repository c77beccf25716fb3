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
    assert any(event["call"] and event["attempt"] == 1 for event in story["events"])


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


def test_every_filter_says_what_it_has_to_say_at_a_moment(cxrun: Cxrun, project: MakeProject) -> None:
    rules = (
        'ruleset: door\nfilters:\n  - calling_hours: {hours: "09:00-10:00"}\n'
        "  - attempts: {at_most: 1, within: 24h}\n  - where: {field: phone, eq: other}\n"
    )
    made = project(1, more_rules={"door": rules})
    made.import_lists()
    (story,) = json.loads(cxrun("-C", made.folder, "explain", "1", "--at", "2026-03-02T20:00Z", "--json").out)
    said = {rule["rule"]["name"]: rule for rule in story["at"]["rules"]}
    assert {name: rule["verdict"] for name, rule in said.items()} == {
        "suppression": "passes", "calling_hours": "defers", "attempts": "passes", "where": "excludes",
    }  # fmt: skip
    assert said["attempts"]["figures"] == "0 of at most 1 attempts counted per client, in 24h"
    assert story["at"]["decision"] == "defers"
    text = cxrun("-C", made.folder, "explain", "1", "--at", "2026-03-02T20:00Z").out
    assert "rulesets/door.yaml:4 attempts" in text
    assert "by the rules: defers until 2026-03-03 09:00:00 EST" in text


def test_the_past_is_told_as_it_was_known_then(cxrun: Cxrun, project: MakeProject) -> None:
    cap = "ruleset: cap\nfilters:\n  - attempts: {at_most: 2, within: 24h}\n"
    made = project(1, rules={"cap": cap, "again": "ruleset: again\ntreatments:\n  - on: other\n    do: [{retry_in: "
                             "{interval: 1h, attempts: 5}}]\n"})  # fmt: skip
    made.run(until=1772456400 + 5 * 3600)
    placed = [row[0] for row in made.query("SELECT placed FROM attempts ORDER BY placed")]
    assert len(placed) == 2
    for at, count in ((placed[0], 0), (placed[0] + 5, 1), (placed[1], 1), (placed[1] + 1800, 2)):
        told = json.loads(cxrun("-C", made.folder, "explain", "1", "--at", _iso(at), "--json").out)[0]["at"]
        assert told["attempt"] == count
        if told["reason"]["state"] != "in work":
            counted = f"{count} of at most 2 attempts counted per client, in 24h"
            assert told["rules"][0]["figures"].split("; ")[0] == counted
    assert told["past"]


def _iso(at: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at, UTC).isoformat()


def test_of_a_group_its_turns_and_what_held_its_pace_back_are_told(
    cxrun: Cxrun, project: MakeProject
) -> None:
    folder = project(40, mode={"predictive": {"agent_floor": 8}})
    folder.campaign["groups"]["all"]["schedule"] = [{"start": "14:00", "stop": "14:10", "zone": "UTC"}]
    folder.campaign["groups"]["all-night"] = {"template": "plain", "lists": ["others"], "after": "all"}
    folder.write_list("others", [["D1", "617-555-0101"]])
    folder.save()
    folder.import_lists()
    before = cxrun("-C", folder.folder, "explain", "all")
    assert before.out.splitlines()[1:] == ["  nothing has happened yet that concerns the whole group"]
    folder.run()
    lines = cxrun("-C", folder.folder, "explain", "all").out.splitlines()
    assert lines[0] == "group all, predictive"
    assert lines[1] == "  2026-03-02 14:00:00 UTC  group all starts: its schedule says so"
    assert lines[2] == "  2026-03-02 14:00:00 UTC  all: fewer than 8 agents: dialing progressively"
    assert lines[3] == "  2026-03-02 14:10:00 UTC  group all stops: its schedule says so"
    assert not any("all-night" in line for line in lines)

    early = cxrun("-C", folder.folder, "explain", "all", "--at", "2026-03-02T14:05Z").out
    assert early.splitlines() == lines[:3]
    (story,) = json.loads(cxrun("-C", folder.folder, "explain", "all", "--json").out)
    assert (story["group"], story["mode"]) == ("all", "predictive")
    assert [event["event"] for event in story["events"][:3]] == ["group_started", "pacing", "group_stopped"]
    other = cxrun("-C", folder.folder, "explain", "all-night").out
    assert "group all-night starts: 'all' is finished" in other


def test_a_client_called_like_a_group_is_told_beside_it(cxrun: Cxrun, project: MakeProject) -> None:
    folder = project(2)
    folder.write_list("people", [["all", "617-555-0101"]])
    folder.run()
    said = cxrun("-C", folder.folder, "explain", "all").out
    assert said.startswith("group all, progressive\n")
    assert "\n\nrecord 1 of list people: +16175550101" in said
    assert len(json.loads(cxrun("-C", folder.folder, "explain", "all", "--json").out)) == 2
