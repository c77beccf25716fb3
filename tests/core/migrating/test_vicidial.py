from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cxrun.errors import Problems
from cxrun.migrating import Migration
from cxrun.yamlfile import parse

Migrated = Callable[..., Migration]
RECYCLE = "campaign_id,status,attempt_delay,attempt_maximum,active\n"
TIMES = "call_time_id,ct_default_start,ct_default_stop,ct_sunday_start,ct_sunday_stop,ct_monday_start,ct_monday_stop\n"
CAMPAIGN = (
    "INSERT INTO vicidial_campaigns (campaign_id, dial_statuses, local_call_time, use_internal_dnc, call_count_limit) "
    "VALUES ('C','','{time}','{dnc}',{limit});\n"
)


def data(migration: Migration, name: str = "c") -> Any:
    (draft,) = [draft for draft in migration.drafts if draft.name == name]
    return parse(draft.text(), "it").data


@pytest.mark.parametrize(
    ("status", "answers"),
    [
        ("NA", {"on": "no_answer"}),
        ("AB", {"on": "busy"}),
        ("AA", {"on": "answering_machine"}),
        ("DROP", {"on": "dropped"}),
        ("PDROP", {"on": "abandoned"}),
        ("AFAX", {"on": "fax_detected"}),
        ("B", {"on": "busy", "disposition": "B"}),
        ("A", {"on": "answering_machine", "disposition": "A"}),
        ("na", {"on": "no_answer"}),
        ("GATEK", {"disposition": "GATEK"}),
    ],
)
def test_a_status_is_a_result_or_a_disposition(
    migrated: Migrated, status: str, answers: dict[str, str]
) -> None:
    (rule,) = data(migrated("r.csv", f"{RECYCLE}C,{status},1800,2,Y\n"))["treatments"]
    assert rule == {**answers, "do": [{"retry_in": {"interval": "30m", "attempts": 2}}]}


def test_an_agents_status_leaves_the_result_to_the_dialers_own(migrated: Migrated) -> None:
    rules = data(migrated("r.csv", f"{RECYCLE}C,B,600,2,Y\nC,AB,900,3,Y\n"))["treatments"]
    assert [(rule.get("on"), rule.get("disposition")) for rule in rules] == [(None, "B"), ("busy", None)]


def test_statuses_share_the_count_of_attempts(migrated: Migrated) -> None:
    rules = data(migrated("r.csv", f"{RECYCLE}C,NA,600,4,Y\nC,AB,900,2,Y\n"))["treatments"]
    assert [rule["when"] for rule in rules] == [{"field": "attempt", "le": 4}, {"field": "attempt", "le": 2}]


def test_a_result_is_recycled_by_one_status(migrated: Migrated) -> None:
    migration = migrated("r.csv", f"{RECYCLE}C,AA,600,2,Y\nC,AM,600,2,Y\nC,AL,900,2,Y\n")
    assert len(data(migration)["treatments"]) == 1
    assert [entry.mark.line for entry in migration.entries("left out")] == [3]
    assert [entry.mark.line for entry in migration.entries("not carried over")] == [4]


def test_what_is_not_active_is_left_out(migrated: Migrated) -> None:
    migration = migrated("r.csv", f"{RECYCLE}C,NA,600,2,N\nC,AB,600,0,Y\n")
    assert migration.drafts == []
    assert [entry.detail for entry in migration.entries("left out")] == [
        "not active in the source", "attempt_maximum is 0",
    ]  # fmt: skip


def test_each_campaign_is_a_ruleset(migrated: Migrated) -> None:
    migration = migrated("r.csv", f"{RECYCLE}SALES,NA,600,2,Y\n2026,NA,600,2,Y\n,NA,600,2,Y\n")
    assert [draft.name for draft in migration.drafts] == ["sales", "rules_2026", "recycle"]


@pytest.mark.parametrize(
    ("row", "hours"),
    [
        ("t,900,2100,0,0,0,0", "09:00-21:00"),
        ("t,0,2400,0,0,0,0", "00:00-24:00"),
        ("t,900,2100,2400,2400,0,0", {"mon-sat": "09:00-21:00", "sun": "closed"}),
        (
            "t,930,2000,1200,1700,1000,1830",
            {"mon": "10:00-18:30", "tue-sat": "09:30-20:00", "sun": "12:00-17:00"},
        ),
    ],
)
def test_call_times_are_calling_hours(migrated: Migrated, row: str, hours: Any) -> None:
    found = data(migrated("t.csv", f"{TIMES}{row}\n"), "call_time_t")
    assert found["filters"] == [{"calling_hours": {"hours": hours}}]


def test_a_campaign_has_its_call_time_its_limit_and_its_suppression(migrated: Migrated) -> None:
    times = "INSERT INTO vicidial_call_times (call_time_id, ct_default_start, ct_default_stop) VALUES ('t',900,1700);\n"
    migration = migrated("d.sql", times + CAMPAIGN.format(time="t", dnc="Y", limit=9))
    assert [draft.name for draft in migration.drafts] == ["c"]
    assert data(migration)["filters"] == [
        {"suppression": None},
        {"where": {"field": "attempt", "lt": 9}},
        {"calling_hours": {"hours": "09:00-17:00"}},
    ]


def test_a_call_time_that_is_not_there_is_named(migrated: Migrated) -> None:
    migration = migrated("d.sql", CAMPAIGN.format(time="nights", dnc="N", limit=0))
    assert [entry.what for entry in migration.entries("not carried over")] == ["call time nights"]


def test_statuses_of_the_do_not_call_list_suppress(migrated: Migrated) -> None:
    statuses = (
        "INSERT INTO vicidial_statuses (status, status_name, selectable, dnc) VALUES "
        "('DNC','Do not call','Y','Y'),('DNCL','Hopper match','N','Y'),('NI','Not interested','Y','N');\n"
    )
    rules = data(migrated("d.sql", statuses + CAMPAIGN.format(time="", dnc="Y", limit=0)))["treatments"]
    assert rules == [{"disposition": "DNC", "do": [{"do_not_call": {"list": "dnc"}}]}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            f"{RECYCLE}C,NA,soon,2,Y\n",
            "r.csv:2:6: 'soon' is no attempt_delay; write a whole number, 0 or more",
        ),
        (f"{RECYCLE}C,NA,600,,Y\n", "r.csv:2:1: attempt_maximum is missing; write a whole number, 0 or more"),
        (f"{RECYCLE}C,NA,600,2,perhaps\n", "r.csv:2:12: 'perhaps' is no active; write Y or N"),
        (f"{RECYCLE}C,,600,2,Y\n", "r.csv:2:1: no status is given; write e.g. NA"),
        (
            f"{TIMES}t,900,2575,0,0,0,0\n",
            "r.csv:2:7: 2575 is no time of day; ct_default_stop is hours and minutes from 0 to 2400, e.g. 930",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place(migrated: Migrated, text: str, message: str) -> None:
    with pytest.raises(Problems) as caught:
        migrated("r.csv", text)
    assert str(caught.value) == message
