from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from cxrun.cases.playing import play
from cxrun.cases.reading import read_cases
from cxrun.model import CallResult
from cxrun.pipeline import Pipeline
from cxrun.yamlfile import parse

if TYPE_CHECKING:
    from tests.conftest import ProjectFolder

CHAIN = 'chain: [{phone: "+12125550123", type: home}, {phone: "+12125550124", type: mobile}]'

HOLDS = {
    "hours": "moments: {2026-03-03 08:59: {defer: 09:00, rule: calling_hours}, 09:00: dial, 19:59: dial, "
    "20:00: {defer: wed 09:00}}",
    "a zone of its own": "at: 2026-03-03 08:59 America/Chicago\n    expect: dial",
    "the clock of the case": "zone: UTC\n    at: 2026-03-03 13:59\n    expect: {defer: 14:00}",
    "suppressed": "suppressions: [{list: dnc, device: 1}]\n    "
    "expect: {exclude: suppressed device on list 'dnc', rule: suppression}",
    "suppressed till": "suppressions: [{list: dnc, client: C1, till: 12:00}]\n    expect: {defer: 12:00}",
    "suppressed no more": "suppressions: [{list: dnc, client: C1, till: 2026-03-03 09:59}]\n    expect: dial",
    "somebody else is suppressed": 'suppressions: [{list: dnc, device: "+12125550199"}]\n    expect: dial',
    "capped": "attempts: [{result: busy, ago: [23h, 22h, 1h]}]\n    expect: {defer: 11:00, rule: attempts}",
    "not capped": "attempts: [{result: busy, ago: [24h, 22h, 1h]}]\n    expect: dial",
    "attempts of others": "attempts: [{result: busy, ago: [3h, 2h, 1h], phone: '+12125550188', client_id: C2}]\n"
    "    expect: dial",
    "own field": "record: {fields: {balance: 49}}\n    expect: {exclude: 'not: balance >= 50'}",
    "no word of the reason": "record: {fields: {balance: 49}}\n    expect: exclude",
    "a timeline": f"{CHAIN}\n    timeline:\n"
    "      - {dial: 1, result: busy, then: {dial: 1, at: 10:30, rule: redial}}\n"
    "      - {dial: 1, result: busy, then: {dial: 1, at: 11:05}}\n"
    "      - {dial: 1, at: 11:10, result: busy, lasts: 10s, then: {dial: 2, reason: next in chain}}\n"
    "      - {defer: 2026-03-04 10:00, rule: attempts}\n"
    "      - {dial: 2, result: answer, disposition: WRONG, becomes: wrong_party,\n"
    "         then: {dial: 2, at: 2026-03-05 10:00, rule: retry_in}}\n"
    "      - {dial: 2, result: answering_machine, to: agent, then: finish}",
    "do not call": "timeline:\n      - {dial: 1, result: answer, disposition: DNC, becomes: do_not_call,\n"
    "         then: {do_not_call: [client, device], list: dnc, till: 2027-03-03 10:00, rule: do_not_call}}",
    "the next takes the place of an excluded one": f"{CHAIN}\n    suppressions: [{{list: dnc, device: 1}}]\n"
    "    timeline:\n      - {exclude: , rule: suppression}\n      - {dial: 2, result: answer, then: finish}",
    "the second is ready": 'chain: [{phone: "+12125550123", record_status: updated}, {phone: "+12125550124"}]\n'
    "    timeline: [{dial: 2, result: answer, then: finish}]",
    "history": "record: {treatments: evening/1.1@1@1@1 evening/1.1@2@1@1, attempt: 2}\n    timeline:\n"
    "      - {dial: 1, result: no_answer, then: {dial: 1, at: 2026-03-04 10:00}}",
    "used up": "attempts: [{result: busy, ago: 30h}]\n    timeline:\n"
    "      - {dial: 1, result: no_answer, then: {dial: 1, at: 1d}}\n"
    "      - {dial: 1, result: no_answer, then: {finish: treatments used up, rule: retry_in}}",
}


@pytest.mark.parametrize("case", HOLDS.values(), ids=HOLDS.keys())
def test_case_holds(failures: Callable[..., list[str]], case: str) -> None:
    assert failures(f"  - name: a\n    {case}\n") == []


FAILS = {
    "another time": (
        "at: 2026-03-03 08:59\n    expect: {defer: 09:01, rule: calling_hours}",
        "7:5: 08:59: stated {defer: 09:01, rule: calling_hours}, but {defer: 09:00, rule: calling_hours}; "
        "outside calling hours 09:00-20:00 in America/New_York (",
    ),
    "another rule": (
        "at: 2026-03-03 08:59\n    expect: {defer: 09:00, rule: attempts}",
        "7:5: 08:59: stated {defer: 09:00, rule: attempts}, but {defer: 09:00, rule: calling_hours}; ",
    ),
    "another reason": (
        "record: {fields: {balance: 1}}\n    expect: {exclude: too poor}",
        "7:5: 10:00: stated {exclude: too poor}, but {exclude: ",
    ),
    "not stated": ("at: 2026-03-03 10:00", "5:5: 10:00: nothing is stated of dial"),
    "decision not stated": ("timeline: [busy]", "6:16: 10:00: nothing is stated of {dial: 1}"),
    "what follows is not stated": (
        "timeline: [{dial: 1, result: busy}]",
        "6:16: 10:00: nothing is stated of {dial: 1, at: 10:30, rule: redial}; redial in 30m, 1 of 2 (",
    ),
    "at once": (
        f"{CHAIN}\n    timeline: [{{dial: 1, result: no_answer, then: {{dial: 2, at: 10:30}}}}]",
        "7:45: 10:00: stated {dial: 2, at: 10:30}, but {dial: 2, rule: next_in_chain}; next in chain (",
    ),
    "delivery not stated": (
        'record: {type: mobile}\n    timeline: [{dial: 1, result: answering_machine, then: finish}]',
        "7:16: where the call goes: not stated, but to: agent; answering machine: agent (",
    ),
    "result not stated": (
        "timeline: [{dial: 1, result: answer, disposition: WRONG, then: {dial: 1, at: 1d}}]",
        "6:16: which result is written: not stated, but becomes: wrong_party",
    ),
    "no agent": (
        "timeline: [{dial: 1, result: answering_machine, disposition: DNC, then: finish}]",
        "6:53: the call is dropped, so no agent can give it a disposition",
    ),
    "too early": (
        "timeline:\n      - {dial: 1, result: busy, then: {dial: 1, at: 10:30}}\n"
        "      - {dial: 1, at: 10:29, result: answer, then: finish}",
        "8:19: number 1 is not due before 10:30",
    ),
    "nothing left": (
        "timeline:\n      - {dial: 1, result: answer, then: finish}\n      - {dial: 1, result: busy, then: finish}",
        "8:9: nothing is left to dial: answer: finish (",
    ),
    "an end to an entry": (
        "timeline:\n      - {dial: 1, result: answer, disposition: DNC, becomes: do_not_call,\n"
        "         then: {do_not_call: [device, client]}}",
        "8:10: 10:00: stated {do_not_call: [device, client]}, but {do_not_call: [device, client], list: dnc, "
        "till: 2027-03-03 10:00, rule: do_not_call}",
    ),
    "a skipped time": (
        "at: 2026-03-07 08:00\n    expect: {defer: 2026-03-08 02:30}",
        "7:5: '2026-03-08 02:30' is skipped by the clock of America/New_York on 2026-03-08",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("case", "message"), FAILS.values(), ids=FAILS.keys())
def test_case_fails(failures: Callable[..., list[str]], case: str, message: str) -> None:
    first = failures(f"  - name: a\n    {case}\n")[0]
    assert first.startswith(message)


def test_timeline_ends_at_the_first_step_that_fails(failures: Callable[..., list[str]]) -> None:
    steps = "      - {dial: 1, result: busy, then: finish}\n" * 3
    assert len(failures(f"  - name: a\n    timeline:\n{steps}")) == 1


def test_cap_counts_the_calls_of_the_timeline(failures: Callable[..., list[str]]) -> None:
    case = f"""\
  - name: a
    {CHAIN}
    attempts: [{{result: no_answer, ago: 10h}}]
    timeline:
      - {{dial: 1, result: busy, then: {{dial: 1, at: 10:30}}}}
      - {{dial: 1, result: busy, then: {{dial: 2}}}}
      - {{defer: 2026-03-04 00:00, rule: attempts}}
      - {{defer: 09:00, rule: calling_hours}}
      - {{dial: 2}}
"""
    assert failures(case) == []


def test_element_that_raises_fails_the_case_and_is_named(project: Callable[..., ProjectFolder]) -> None:
    plugin = (
        "from dataclasses import dataclass\nfrom typing import ClassVar\nfrom cxrun import Filter, hookimpl\n"
        "@dataclass(frozen=True)\nclass Faulty(Filter):\n    '''Fails.'''\n    name: ClassVar[str] = 'faulty'\n"
        "    def check(self, moment):\n        return 1 // 0\n"
        "@hookimpl\ndef register_filters():\n    return [Faulty]\n"
    )
    made = project(2, rules={"bad": "ruleset: bad\nfilters: [faulty]\n"}, plugins={"faulty": plugin})
    cases = "defaults: {record: {phone: '+12125550123'}, at: 2026-03-03 10:00}\ncases: [{name: a, expect: dial}]\n"
    path = made.write("rulesets/bad.cases.yaml", cases)

    from cxrun.cases.suite import Loader, play_all

    outcomes = play_all(Loader().load([path]), mend=True)
    ((_, played, _),) = outcomes.played
    assert "plugin error: ZeroDivisionError" in played.failures[0].message
    assert "bad.yaml:2 faulty" in played.failures[0].message
    assert path.read_text() == cases


def test_cases_of_a_group_meet_all_its_rulesets(project: Callable[..., ProjectFolder]) -> None:
    made = project(2)
    made.campaign["groups"]["all"]["rulesets"] = ["retry", "courtesy"]
    made.save()
    path = made.write(
        "rulesets/all.cases.yaml",
        "group: all\ndefaults: {record: {phone: '+12125550123'}}\ncases:\n"
        "  - {name: hours, at: 2026-03-03 07:00, expect: {defer: 09:00, rule: calling_hours}}\n"
        "  - {name: busy, at: 2026-03-03 10:00, timeline: [{dial: 1, result: busy, then: {dial: 1, at: 10:30}}]}\n",
    )

    from cxrun.cases.suite import Loader, play_all

    outcomes = play_all(Loader().load([path]))
    assert outcomes.failed == 0
    assert outcomes.about == ["courtesy", "retry"]


def test_lives_of_a_run_play_out_the_same_as_cases(project: Callable[..., ProjectFolder]) -> None:
    made = project(
        40, 2, more_rules={"caps": "ruleset: caps\nfilters: [{calling_hours: {hours: '09:00-20:00'}}]\n"}
    )
    made.run()
    attempts = made.query(
        "SELECT chain_id, chain_n, client, placed, ended, detected, call_result, disposition "
        "FROM attempts JOIN records USING (record_id) ORDER BY chain_id, placed"
    )
    phones = made.query("SELECT chain_id, chain_n, phone, tz FROM records ORDER BY chain_id, chain_n")
    pipeline = Pipeline(made.load().groups["all"].rulesets)
    compared = 0
    for chain_id in sorted({row[0] for row in attempts}):
        calls = [row for row in attempts if row[0] == chain_id]
        numbers = [{"phone": phone, "tz": tz} for chain, _, phone, tz in phones if chain == chain_id]
        steps = []
        for _, _, _, placed, ended, detected, result, disposition in calls:
            kept = CallResult(result) in (CallResult.DROPPED, CallResult.ABANDONED)
            how = CallResult(result if detected is None or kept else detected).name.lower()
            step = {"result": how, "lasts": f"{ended - placed:.6f}s"}
            steps.append(step | ({"disposition": disposition} if disposition else {}))
        document = parse("cases: [{name: a, timeline: [busy]}]", "life")
        document.data = {
            "cases": [
                {"name": "a", "zone": "UTC", "at": "2026-03-02 13:00", "chain": numbers,
                 "record": {"client_id": calls[0][2]}, "timeline": steps}
            ]
        }  # fmt: skip
        ((case,), problems) = read_cases(document)
        assert problems == []
        timeline = play(case, pipeline, mend=True).mended["timeline"]
        dialed = [step["dial"] for _, step in timeline if "dial" in step]
        assert dialed == [row[1] for row in calls]
        assert timeline[-1][1].get("then", "") not in ("", None)
        assert "dial" not in timeline[-1][1]["then"] or timeline[-1][1]["then"] == "finish"
        compared += len(dialed)
    assert compared == len(attempts) > 60
