from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from cxrun.cases.format import CASES_SCHEMA
from cxrun.cases.suite import Loader
from cxrun.errors import Problems


def problems_of(path: Path) -> list[str]:
    with pytest.raises(Problems) as error:
        Loader().load([path])
    return [f"{p.mark.line}:{p.mark.column}: {p.message}" for p in error.value.problems]


def test_schema_is_valid_and_describes_every_property() -> None:
    Draft202012Validator.check_schema(CASES_SCHEMA)


WRONG = """\
  - name: a
    recrod: {}
    expect: dail
    timeline: [bussy, {dial: 0}]
"""


def test_all_problems_of_the_shape_are_told_with_their_places(case_file: Callable[..., Path]) -> None:
    assert problems_of(case_file(WRONG)) == [
        "6:5: unknown key 'recrod'; did you mean 'record'?",
        "7:5: 'dail' is not known here; did you mean 'dial'?",
        "8:16: 'bussy' is not known here; did you mean 'busy'?",
        "8:24: must be at least 1, not 0; it is dialed: which number of the chain, from 1",
    ]


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("{at: 2026-03-03 10:0}", "'2026-03-03 10:0' is no time; write "),
        ("{at: 10:00}", "'10:00' needs its date, e.g. 2026-03-02 09:00"),
        ("{record: {phone: '+123'}}", "'+123' is too short for a phone number"),
        ("{record: {tz: Mars/Olympus}}", "no time zone named 'Mars/Olympus'"),
        ("{record: {tz: unknown}}", "+12125550123 is in no known zone; say by `zone:`"),
        ("{record: {tz: America/Denver America/Chicago}}", "+12125550123 may be in several zones; say by `zone:`"),
        ("{zone: Mars/Olympus}", "no time zone named 'Mars/Olympus'"),
        ("{expect: dial, timeline: [busy]}", "a case has `expect` or `timeline`, not both"),
        ("{expect: {dial: 1, defer: 11:00}}", "exactly one of `dial`, `defer`, `exclude` is expected, found `dial`"),
        ("{timeline: [{defer: 11:00, result: busy}]}", "there is no call, so no `result`, when it is not dialed"),
        ("{timeline: [{then: finish}]}", "how does the call end? add e.g. `result: busy`"),
        ("{timeline: [{dial: 1}, busy]}", "how does the call end? add e.g. `result: busy`; steps follow it"),
        ("{attempts: [{result: busy}]}", "an attempt has either `at` or `ago`"),
        ("{attempts: [{result: busy, ago: 1d, dial: 2}]}", "there is no number 2 in a chain of 1"),
        ("{attempts: [{result: busy, at: 2026-03-03 10:01}]}", "'2026-03-03 10:01' is after the case begins"),
        ("{suppressions: [{list: dnc}]}", "an entry has either `device` or `client`"),
        ("{moments: {11:00: dial, 2026-03-03 10:30: dial}}", "'2026-03-03 10:30' is before the time above it"),
    ],
)  # fmt: skip
def test_mistake_in_a_case_is_told(case_file: Callable[..., Path], case: str, message: str) -> None:
    (problem,) = problems_of(case_file(f"  - {{name: a, {case[1:]}\n"))
    assert message in problem
    assert problem.startswith("5:")


def test_name_is_used_once(case_file: Callable[..., Path]) -> None:
    assert problems_of(case_file("  - {name: a, expect: dial}\n  - {name: a, expect: dial}\n")) == [
        "6:6: 'a' is already the name of the case on line 5"
    ]


def test_number_is_needed(case_file: Callable[..., Path]) -> None:
    (problem,) = problems_of(
        case_file("  - {name: a, at: 2026-03-03 10:00, expect: dial}\n", head="cases:\n")
    )
    assert problem.startswith("2:5: a record needs its number")


def test_ruleset_that_does_not_exist_is_told_with_the_near_one(case_file: Callable[..., Path]) -> None:
    path = case_file("  - {name: a, expect: dial}\n", head="ruleset: evning\ndefaults: {at: 2026-03-03 10:00, "
                     "record: {phone: '+12125550123'}}\ncases:\n")  # fmt: skip
    assert problems_of(path) == ["1:1: no ruleset named 'evning'; did you mean 'evening'?"]


def test_problems_of_the_ruleset_are_those_validate_shows(case_file: Callable[..., Path]) -> None:
    path = case_file("  - {name: a, expect: dial}\n", rules="ruleset: evening\nfilters: [{atempts: {}}]\n")
    assert problems_of(path) == ["2:12: no filter named 'atempts'; did you mean 'attempts'?"]


def test_fields_the_rules_read_are_given_by_the_records(case_file: Callable[..., Path]) -> None:
    head = "defaults: {at: 2026-03-03 10:00, record: {phone: '+12125550123', fields: {balnce: 1}}}\ncases:\n"
    problems = problems_of(case_file("  - {name: a, expect: dial}\n", head=head))
    assert all("no field named 'balance'; did you mean 'balnce'?" in problem for problem in problems)
    assert "evening.yaml:6:13" in problems[0]


def test_group_is_found_in_its_project(case_file: Callable[..., Path]) -> None:
    head = "group: east\ndefaults: {at: 2026-03-03 10:00, record: {phone: '+12125550123'}}\ncases:\n"
    (problem,) = problems_of(case_file("  - {name: a, expect: dial}\n", head=head))
    assert problem == "1:1: there is no campaign.yaml above the file to find groups in"
