from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrun.cases.flow import flow
from cxrun.yamlfile import parse

BEFORE = """\
  # opening hours
  - name: too early            # the city sleeps
    at: 2026-03-03 08:59

    # nothing is right from here on
  - {name: in flow, at: 2026-03-03 08:59}
  - name: a day
    moments:
      2026-03-03 08:59: {defer: 09:00, rule: calling_hours}   # as it should be
      09:00: exclude                                          # wrong
      19:59:
        defer: 20:00
        rule: attempts
  - name: results only
    chain: [{phone: "+12125550123"}, {phone: "+12125550124"}]
    timeline: [busy, no_answer, answer]   # to be filled in
  - name: half right
    chain: [{phone: "+12125550123"}, {phone: "+12125550124"}]
    attempts: [{result: no_answer, ago: 10h}]
    timeline:
      # the first stays
      - {dial: 1, result: busy, then: {dial: 1, at: 10:30}}     # right
      - {defer: 11:00, rule: attempts}
      - dial: 1
        result: busy
        then: {dial: 1, at: 11:06}
      # the cap is met here
      - {dial: 2, result: answer, then: finish}
      - {dial: 1}
  - name: before it is due
    timeline:
      - {dial: 1, result: busy, then: {dial: 1, at: 10:30}}
      - {at: 10:20, dial: 1, result: answer, then: finish}   # not before it is due
"""
AFTER = """\
  # opening hours
  - name: too early            # the city sleeps
    at: 2026-03-03 08:59
    expect: {defer: 09:00, rule: calling_hours}

    # nothing is right from here on
  - {name: in flow, at: 2026-03-03 08:59, expect: {defer: 09:00, rule: calling_hours}}
  - name: a day
    moments:
      2026-03-03 08:59: {defer: 09:00, rule: calling_hours}   # as it should be
      09:00: dial                                          # wrong
      19:59:
        dial
  - name: results only
    chain: [{phone: "+12125550123"}, {phone: "+12125550124"}]
    timeline:
      - {dial: 1, result: busy, then: {dial: 1, at: 10:30, rule: redial}}
      - {dial: 1, result: no_answer, then: {dial: 2, rule: next_in_chain}}
      - {dial: 2, result: answer, then: finish}   # to be filled in
  - name: half right
    chain: [{phone: "+12125550123"}, {phone: "+12125550124"}]
    attempts: [{result: no_answer, ago: 10h}]
    timeline:
      # the first stays
      - {dial: 1, result: busy, then: {dial: 1, at: 10:30}}     # right
      - {dial: 1, result: busy, then: {dial: 2, rule: next_in_chain}}
      # the cap is met here
      - {defer: 2026-03-04 00:00, rule: attempts}
      - {defer: 09:00, rule: calling_hours}
      - {dial: 2, result: answer, then: finish}
  - name: before it is due
    timeline:
      - {dial: 1, result: busy, then: {dial: 1, at: 10:30}}
      - {at: 10:30, dial: 1, result: answer, then: finish}   # not before it is due
"""


def test_only_what_is_wrong_is_rewritten_and_comments_stay(
    case_file: Callable[..., Path], played: Callable[..., Any]
) -> None:
    path = case_file(BEFORE)
    head = path.read_text().removesuffix(BEFORE)
    outcomes = played(path, mend=True)
    assert outcomes.mended == 6
    assert path.read_text().removeprefix(head) == AFTER
    again = played(path, mend=True)
    assert (again.failed, again.mended) == (0, 0)


def test_file_that_holds_is_not_touched(case_file: Callable[..., Path], played: Callable[..., Any]) -> None:
    path = case_file("  - {name: a,   expect: dial}\r\n")
    before = path.read_bytes()
    assert played(path, mend=True).mended == 0
    assert path.read_bytes() == before


def test_long_step_takes_two_lines(case_file: Callable[..., Path], played: Callable[..., Any]) -> None:
    path = case_file("  - name: a\n    timeline:\n      - {result: answer, disposition: DNC, lasts: 30s}\n")
    played(path, mend=True)
    assert path.read_text().endswith(
        "      - {dial: 1, result: answer, disposition: DNC, lasts: 30s, becomes: do_not_call,\n"
        "         then: {do_not_call: [device, client], list: dnc, till: 2027-03-03 10:00, rule: do_not_call}}\n"
    )
    assert played(path).failed == 0


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"dial": 1, "at": "10:30"}, "{dial: 1, at: 10:30}"),
        ({"exclude": "not: balance >= 50"}, '{exclude: "not: balance >= 50"}'),
        ({"exclude": "suppressed device on list 'dnc'"}, "{exclude: suppressed device on list 'dnc'}"),
        ({"do_not_call": ["device", "client"]}, "{do_not_call: [device, client]}"),
        ({"exclude": None}, "{exclude: null}"),
        ("1", '"1"'),
        ("true", '"true"'),
        (True, "true"),
        ("", '""'),
    ],
)
def test_data_is_written_as_a_person_would(data: Any, text: str) -> None:
    assert flow(data) == text


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["dial", "at", "x_1"]), inner),
))  # fmt: skip
def test_what_is_written_is_read_back(data: Any) -> None:
    text = f"a: {flow(data)}\nb: {{c: {flow(data)}, d: [{flow(data)}]}}"
    assert parse(text, "text").data == {"a": data, "b": {"c": data, "d": [data]}}
