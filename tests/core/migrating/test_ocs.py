from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import Any

import pytest

from cxrun.errors import Problems, UserError
from cxrun.migrating import Migration
from cxrun.migrating.ocs import ACTIONS, COLUMNS
from cxrun.model import CallResult
from cxrun.yamlfile import parse

Migrated = Callable[..., Migration]
HEADER = "name,call result,action,number in sequence,cycle attempt,interval,increment,date\n"


def rules(migration: Migration) -> Any:
    (draft,) = migration.drafts
    return parse(draft.text(), "it").data["treatments"]


def why_not(migration: Migration) -> list[str]:
    return [entry.detail for entry in migration.entries("not carried over")]


@pytest.mark.parametrize(
    ("row", "treatment"),
    [
        ("a,Busy,Redial,1,3,30,5,", {"redial": {"interval": "30m", "increment": "5m", "attempts": 3}}),
        ("a,6,3,1,3,0:01:30,0,", {"redial": {"interval": "90m", "attempts": 3}}),
        ("a,busy,CFGRACCycle,1,1,1:00:00,0,", {"redial": {"interval": "1d", "attempts": 1}}),
        ("a,busy,RetryIn,1,0,10,7,", {"retry_in": {"interval": "10m"}}),
        ("a,busy,Next in chain,1,1,0,0,", {"next_in_chain": None}),
        ("a,busy,CFGRACNextInChain,1,4,0,0,", {"next_in_chain": {"attempts": 4}}),
        ("a,busy,No Treatment,1,,,,", {"finish": None}),
    ],
)
def test_a_row_is_a_treatment(migrated: Migrated, row: str, treatment: dict[str, Any]) -> None:
    migration = migrated("t.csv", HEADER + row + "\n")
    assert rules(migration) == [{"on": "busy", "do": [treatment]}]
    assert why_not(migration) == []


def test_every_call_result_is_known_by_code_and_by_name(migrated: Migrated) -> None:
    by_code = "".join(f"a,{result.value},Redial,1,1,5,0,\n" for result in CallResult)
    by_name = "".join(f"a,{result.word.replace('_', ' ').title()},Redial,1,1,5,0,\n" for result in CallResult)
    words = [result.word for result in CallResult]
    for rows in (by_code, by_name):
        assert [rule["on"] for rule in rules(migrated("t.csv", HEADER + rows))] == words


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
def test_every_action_is_known_by_code_and_by_name(migrated: Migrated, action: Any) -> None:
    said = set()
    for name in (str(action.code), action.name, *action.names):
        migration = migrated("t.csv", f"{HEADER}a,busy,{name},1,1,5,0,2027-03-20T10:30\n")
        said.add(tuple((entry.outcome, entry.what, entry.detail) for entry in migration.report))
    assert len(said) == 1
    assert all(action.name in what for _, what, _ in said.pop())


def test_columns_are_known_by_every_name(migrated: Migrated) -> None:
    for name in COLUMNS["action"]:
        migration = migrated("t.csv", f"Call Result,{name},Cycle Attempt,Interval\nbusy,Redial,2,5\n")
        assert rules(migration) == [{"on": "busy", "do": [{"redial": {"interval": "5m", "attempts": 2}}]}]


def test_treatments_of_a_result_are_in_the_order_of_their_numbers(migrated: Migrated) -> None:
    rows = "b,busy,Next in chain,2,1,0,0,\na,busy,Redial,1,1,5,0,\n"
    (rule,) = rules(migrated("t.csv", HEADER + rows))
    assert [next(iter(step)) for step in rule["do"]] == ["redial", "next_in_chain"]


def test_attempts_are_the_number_in_sequence_beside_cycle_attempts(migrated: Migrated) -> None:
    text = "callResult,recActionCode,attempts,cycleAttempt,interval\nbusy,Redial,2,7,5\nbusy,6,1,1,0\n"
    (rule,) = rules(migrated("t.csv", text))
    assert rule["do"] == [{"next_in_chain": None}, {"redial": {"interval": "5m", "attempts": 7}}]


def test_attempts_are_the_cycle_attempts_beside_a_number_in_sequence(migrated: Migrated) -> None:
    text = "call result,action,number in sequence,attempts,interval\nbusy,Redial,1,7,5\n"
    (rule,) = rules(migrated("t.csv", text))
    assert rule["do"] == [{"redial": {"interval": "5m", "attempts": 7}}]


def test_attempts_alone_are_refused(migrated: Migrated) -> None:
    with pytest.raises(Problems, match="rename it to one of these"):
        migrated("t.csv", "call result,action,attempts,interval\nbusy,Redial,1,5\n")


def test_dispositions_are_answered_too(migrated: Migrated) -> None:
    text = "name,disposition,call result,action,cycle attempt,interval\na,LATER,,RetryIn,0,60\n"
    assert rules(migrated("t.csv", text)) == [
        {"disposition": "LATER", "do": [{"retry_in": {"interval": "1h"}}]}
    ]


def test_a_new_pass_that_would_come_later_is_not_begun_at_once(migrated: Migrated) -> None:
    migration = migrated("t.csv", HEADER + "a,busy,NextInChain,1,3,60,0,\n")
    assert rules(migration) == [{"on": "busy", "do": [{"next_in_chain": None}]}]
    assert why_not(migration) == [
        "a new pass through the chain would begin 1h later; there is one pass, not 3"
    ]


def test_what_is_disabled_is_left_out(migrated: Migrated) -> None:
    text = "call result,action,cycle attempt,interval,state\nbusy,Redial,1,5,CFGDisabled\nbusy,Redial,1,6,1\n"
    migration = migrated("t.csv", text)
    assert rules(migration) == [{"on": "busy", "do": [{"redial": {"interval": "6m", "attempts": 1}}]}]
    assert [entry.mark.line for entry in migration.entries("left out")] == [2]


def test_one_handler_delivers_every_kind_of_machine(migrated: Migrated) -> None:
    text = (
        "call result,action,apply to call,destination DN\n"
        "Answering Machine Detected,0,Connect,\nFax Detected,0,2,\nSilence,0,Route,7001\nBusy,0,Drop,\n"
    )
    migration = migrated("t.csv", text)
    (draft,) = migration.drafts
    assert parse(draft.text(), "it").data["results"] == [
        {"delivery": {"answering_machine": "agent", "fax_detected": "drop", "silence": "point_7001"}}
    ]
    assert draft.points == {"point_7001": "7001"}
    assert why_not(migration) == ["only machines, fax and silence can be sent elsewhere"]


def test_destinations_become_routing_points_with_names_of_their_own(migrated: Migrated, project: Any) -> None:
    text = (
        "call result,action,apply to call,destination DN\n"
        "Answering Machine Detected,0,Route,VM West\nFax Detected,0,Route,vm-west\nSilence,0,Route,Agent\n"
    )
    (draft,) = migrated("t.csv", text).drafts
    assert draft.points == {"vm_west": "VM West", "vm_west_2": "vm-west", "point_agent": "Agent"}

    folder = project(3, rules={draft.name: draft.text()})
    with pytest.raises(Problems, match="no routing point named 'vm_west'"):
        folder.load()
    lines = draft.text().splitlines()
    begin = next(number for number, line in enumerate(lines) if "routing_points:" in line)
    told = [line[1:] for line in lines[begin:] if line.startswith("#  ")]
    declared = parse(textwrap.dedent("\n".join(told)), "it").data
    folder.campaign["session_profiles"]["line"] |= declared
    folder.save()
    points = folder.load().group("all").routing_points
    assert {point.name: point.address for point in points.values()} == draft.points


def test_unknown_columns_are_named(migrated: Migrated) -> None:
    text = "call result,action,cycle attempt,interval,urgency\nbusy,Redial,1,5,high\n"
    (entry,) = migrated("t.csv", text).entries("not carried over")
    assert entry.what == "column 'urgency'"


WRONG = [
    ("a,bussy,Redial,1,1,5,0,", "t.csv:2:3: no call result 'bussy'; did you mean 'busy'?"),
    ("a,99,Redial,1,1,5,0,", "t.csv:2:3: no call result has the code 99; known: 0 to 53"),
    ("a,busy,Redail,1,1,5,0,", "t.csv:2:8: no record action 'Redail'; did you mean 'Redial'?"),
    ("a,busy,,1,1,5,0,", "t.csv:2:1: no record action is given; write e.g. Redial"),
    (
        "a,,Redial,1,1,5,0,",
        "t.csv:2:1: neither a call result nor a disposition is given; one of them is needed",
    ),
    ("a,busy,Redial,1,1,,0,", "t.csv:2:1: Redial needs an interval, in minutes"),
    ("a,busy,Redial,1,0,5,0,", "t.csv:2:17: Redial needs cycle attempts, 1 or more"),
    ("a,busy,Redial,1,x,5,0,", "t.csv:2:17: 'x' is no cycle attempt; write a whole number"),
    (
        "a,busy,Redial,1,1,soon,0,",
        "t.csv:2:19: 'soon' is no interval; write minutes, or days:hours:minutes, e.g. 0:01:30",
    ),
    ("a,busy,RetryAtDate,1,,,,", "t.csv:2:1: RetryAtDate needs a date, e.g. 2026-03-20T10:30Z"),
    (
        "a,busy,RetryAtDate,1,,,,tomorrow",
        "t.csv:2:25: 'tomorrow' is no date; write e.g. 2026-03-20T10:30Z, or Unix seconds",
    ),
    (
        "a,busy,Redial,1,1,5,0,\nb,busy,Redial,1,1,5,0,",
        "t.csv:3:1: number 1 in the sequence for busy is taken on line 2; leave the treatments of one calling "
        "list in the file",
    ),
]


@pytest.mark.parametrize(("rows", "message"), WRONG)
def test_what_is_wrong_is_told_with_its_place(migrated: Migrated, rows: str, message: str) -> None:
    with pytest.raises(Problems) as caught:
        migrated("t.csv", HEADER + rows + "\n")
    assert str(caught.value) == message


def test_all_that_is_wrong_is_told_at_once(migrated: Migrated) -> None:
    with pytest.raises(Problems) as caught:
        migrated("t.csv", HEADER + "a,bussy,Redail,1,1,5,0,\nb,busy,Redial,1,1,soon,0,\n")
    assert [problem.mark.line for problem in caught.value.problems] == [2, 2, 3]


def test_two_columns_of_one_meaning_are_refused(migrated: Migrated) -> None:
    with pytest.raises(Problems, match="columns 'action' and 'recActionCode' are both the action"):
        migrated("t.csv", "call result,action,recActionCode\nbusy,Redial,3\n")


def test_a_table_of_something_else_is_refused(migrated: Migrated) -> None:
    with pytest.raises(UserError, match="looks like no system that is known"):
        migrated("t.csv", "name,phone\na,b\n")
    with pytest.raises(UserError, match="one has columns for the call result and the record action"):
        migrated("t.csv", "name,phone\na,b\n", "ocs")
