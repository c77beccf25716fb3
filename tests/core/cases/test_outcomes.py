"""Every kind of outcome there is, stated and not stated."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from cxrun.cases.suite import Loader, play_all

if TYPE_CHECKING:
    from tests.conftest import ProjectFolder

RULES = """\
ruleset: evening
filters:
  - record_age: {at_least: 1h, at_most: 30d}
  - attempts: {at_most: 2, within: 7d, per: {field: debt}}
treatments:
  - on: agent_callback_error
    do:
      - reschedule: {interval: 30m}
      - assign_to_group:
      - mark_agent_error:
  - on: busy
    do:
      - webhook: {url: "https://crm.example/calls"}
      - script: {command: [./note]}
      - redial: {interval: 30m, attempts: 1}
      - update_chain:
"""
HEAD = """\
defaults:
  at: 2026-03-03 10:00
  imported: 2d
  record: {client_id: C1, fields: {debt: D1}}
  chain: [{phone: "+12125550123"}, {phone: "+12125550124"}]
cases:
"""
CALLBACK = "record: {record_type: personal_callback, agent_id: sales-1}\n    timeline:\n"

HOLDS = {
    "old enough": "expect: dial",
    "imported half an hour before": "imported: 30m\n    expect: {defer: 10:30, rule: record_age}",
    "imported at a time": "imported: 2026-01-01 10:00\n    expect: {exclude: older than 30d since its import}",
    "another person with the same debt": "attempts: [{result: busy, ago: [6d, 2d], phone: '+12125550188', "
    "client_id: C2}]\n    expect: {defer: 1d, rule: attempts}",
    "the same person with another debt": "attempts: [{result: busy, ago: [6d, 2d], fields: {debt: D2}}]\n"
    "    expect: dial",
    "effects": "timeline: [{dial: 1, result: busy, sends: [webhook, script], then: {dial: 1, at: 10:30}}]",
    "update chain": "record: {treatments: evening/2.3@1@1@1}\n    timeline:\n"
    "      - {dial: 1, result: busy, sends: [webhook, script], then: update_chain}",
    "callbacks": f"{CALLBACK}"
    "      - {dial: 1, result: agent_callback_error, then: {dial: 1, at: 10:30, as: personal_callback}}\n"
    "      - {dial: 1, result: agent_callback_error, then: {dial: 1, as: campaign_callback}}",
    "agent error": "record: {record_type: campaign_callback, treatments: evening/1.1@1@1@1}\n    timeline:\n"
    "      - {dial: 1, result: agent_callback_error, then: agent_error}",
    "with a reason": "record: {record_type: campaign_callback, treatments: evening/1.1@1@1@1}\n    timeline:\n"
    "      - {dial: 1, result: agent_callback_error, then: {agent_error: agent error, rule: mark_agent_error}}",
}


@pytest.mark.parametrize("case", HOLDS.values(), ids=HOLDS.keys())
def test_outcome_is_stated(failures: Callable[..., list[str]], case: str) -> None:
    assert failures(f"  - name: a\n    {case}\n", rules=RULES, head=HEAD) == []


FAILS = {
    "effects not stated": (
        "timeline: [{dial: 1, result: busy, then: {dial: 1, at: 10:30}}]",
        "what is done outside: not stated, but sends: [webhook, script]",
    ),
    "another effect": (
        "timeline: [{dial: 1, result: busy, sends: webhook, then: {dial: 1, at: 10:30}}]",
        "what is done outside: stated sends: [webhook], but sends: [webhook, script]",
    ),
    "it stays a callback": (
        f"{CALLBACK}      - {{dial: 1, result: agent_callback_error, then: {{dial: 1, at: 10:30}}}}",
        "stated {dial: 1, at: 10:30}, but {dial: 1, at: 10:30, as: personal_callback, rule: reschedule}",
    ),
    "another end": (
        "record: {record_type: campaign_callback, treatments: evening/1.1@1@1@1}\n    timeline:\n"
        "      - {dial: 1, result: agent_callback_error, then: finish}",
        "stated finish, but agent_error; agent error (",
    ),
}


@pytest.mark.parametrize(("case", "message"), FAILS.values(), ids=FAILS.keys())
def test_outcome_is_not_what_is_stated(failures: Callable[..., list[str]], case: str, message: str) -> None:
    (failure,) = failures(f"  - name: a\n    {case}\n", rules=RULES, head=HEAD)
    assert message in failure


def test_fields_that_elements_read_are_given_by_a_record(failures: Callable[..., list[str]]) -> None:
    from cxrun.errors import Problems

    with pytest.raises(Problems, match="no record has a field of its own named 'debt'; did you mean 'dept'"):
        failures("  - {name: a, expect: dial}\n", rules=RULES, head=HEAD.replace("debt:", "dept:"))


def test_devices_of_a_group_are_dialed_in_their_order(project: Callable[..., ProjectFolder]) -> None:
    made = project(2)
    made.campaign["groups"]["all"]["devices"] = ["mobile", "home"]
    made.save()
    path = made.write(
        "rulesets/all.cases.yaml",
        "group: all\ndefaults:\n  chain: [{phone: '+12125550123', type: home}, {phone: '+12125550124', type: mobile}]\n"
        "  at: 2026-03-03 10:00\ncases:\n  - name: the mobile first\n    timeline:\n"
        "      - {dial: 2, result: no_answer, then: {dial: 1}}\n      - {dial: 1, result: answer, then: finish}\n",
    )
    outcomes = play_all(Loader().load([path]))
    assert [failure.message for _, played, _ in outcomes.played for failure in played.failures] == []
