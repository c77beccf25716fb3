from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from cxrun.cases.covering import Coverage
from cxrun.cases.playing import play
from cxrun.cases.suite import Loader, play_all

CASES = """\
  - name: a day
    chain: [{phone: "+12125550123", type: mobile}, {phone: "+12125550124"}]
    attempts: [{result: no_answer, ago: 30h}]
    timeline:
      - {dial: 1, result: busy, then: {dial: 1, at: 10:30}}
      - {dial: 1, result: busy, then: {dial: 2}}
      - {dial: 2, result: answer, then: finish}
  - name: early
    at: 2026-03-03 08:59
    expect: {defer: 09:00}
  - name: no balance
    record: {fields: {balance: null}}
    expect: dial
"""


def covered(path: Path) -> dict[tuple[int, str, str], list[str]]:
    coverage = Coverage()
    outcomes = play_all(Loader(coverage).load([path]), coverage=coverage)
    assert outcomes.failed == 0
    return {(branch.line, branch.rule, branch.does): list(cases) for branch, cases in coverage.met.items()}


def test_every_branch_is_counted_with_the_cases_that_met_it(case_file: Callable[..., Path]) -> None:
    found = covered(case_file(CASES))
    everything = ["a day", "no balance"]
    assert found == {
        (3, "suppression", "objects"): [],
        (3, "suppression", "passes"): ["a day", "early", "no balance"],
        (4, "calling_hours", "objects"): ["early"],
        (4, "calling_hours", "passes"): everything,
        (5, "attempts", "objects"): [],
        (5, "attempts", "passes"): everything,
        (6, "where", "objects"): [],
        (6, "where", "passes"): ["a day"],
        (6, "where", "is not for the record"): ["no balance"],
        (9, "delivery", "answers"): ["a day"],
        (10, "disposition", "answers"): [],
        (12, "on busy", "is not for the record"): ["a day"],
        (15, "redial", "applies"): ["a day"],
        (16, "next_in_chain", "applies"): [],
        (19, "next_in_chain", "applies"): ["a day"],
        (20, "retry_in", "applies"): [],
        (23, "do_not_call", "applies"): [],
        (26, "finish", "applies"): ["a day"],
    }


def test_share_is_of_the_rulesets_in_question(case_file: Callable[..., Path]) -> None:
    coverage = Coverage()
    play_all(Loader(coverage).load([case_file(CASES)]), coverage=coverage)
    assert coverage.share(["evening"]) == 100 * 11 / 18
    assert coverage.share(["another"]) == 100


def test_watched_ruleset_decides_as_the_ruleset_does(case_file: Callable[..., Path]) -> None:
    path = case_file(CASES.replace("10:30", "10:31"))
    (plain,), (watched,) = Loader().load([path]), Loader(Coverage()).load([path])
    for case in plain.cases:
        one, other = play(case, plain.pipeline, mend=True), play(case, watched.pipeline, mend=True)
        assert (one.failures, one.mended) == (other.failures, other.mended)


def test_rulesets_beside_are_not_what_the_cases_are_about(
    case_file: Callable[..., Path], played: Any
) -> None:
    head = "ruleset: evening\nbeside: [courtesy]\ndefaults: {at: 2026-03-03 10:00, record: {phone: '+12125550123', " \
           "fields: {balance: 60}}}\ncases:\n"  # fmt: skip
    outcomes = played(case_file("  - {name: a, expect: dial}\n", head=head), coverage=Coverage())
    assert outcomes.about == ["evening"]
    assert outcomes.coverage.share(["courtesy"]) == 50
