"""A ruleset and its cases in a folder, and what playing them says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from cxrun.cases.covering import Coverage
    from cxrun.cases.suite import Outcomes

RULES = """\
ruleset: evening
filters:
  - suppression: {}
  - calling_hours: {hours: "09:00-20:00"}
  - attempts: {at_most: 3, within: 24h}
  - where: {field: balance, ge: 50}
    when: {field: balance, empty: false}
results:
  - delivery: {answering_machine: {mobile: agent}}
  - disposition: {codes: {WRONG: wrong_party, DNC: do_not_call}}
treatments:
  - on: busy
    when: {field: attempt, lt: 3}
    do:
      - redial: {interval: 30m, increment: 5m, attempts: 2}
      - next_in_chain:
  - on: [no_answer, wrong_party, busy]
    do:
      - next_in_chain:
      - retry_in: {interval: 1d}
  - on: do_not_call
    do:
      - do_not_call: {client: true, valid_for: 365d}
  - on: answer
    do:
      - finish:
"""
HEAD = """\
defaults:
  at: 2026-03-03 10:00
  record: {phone: "+12125550123", client_id: C1, fields: {balance: 100}}
cases:
"""


@pytest.fixture
def case_file(tmp_path: Path) -> Callable[..., Path]:
    """Writes `evening.yaml` and its cases; the text begins after `cases:` unless it has a head of its own."""

    def write(cases: str, rules: str = RULES, head: str = HEAD) -> Path:
        (tmp_path / "evening.yaml").write_text(rules, encoding="utf-8")
        path = tmp_path / "evening.cases.yaml"
        path.write_text(head + cases, encoding="utf-8")
        return path

    return write


@pytest.fixture
def played() -> Callable[..., Outcomes]:
    """Plays case files."""
    from cxrun.cases.suite import Loader, play_all

    def play(*paths: Path, coverage: Coverage | None = None, mend: bool = False) -> Outcomes:
        return play_all(Loader(coverage).load(paths), coverage=coverage, mend=mend)

    return play


@pytest.fixture
def failures(case_file: Callable[..., Path], played: Callable[..., Outcomes]) -> Callable[..., list[str]]:
    """What is wrong with the cases of a text: line, column and message of each failure."""

    def found(cases: str, **parts: str) -> list[str]:
        outcomes = played(case_file(cases, **parts))
        problems = [problem for file, case, _ in outcomes.played for problem in file.told(case)]
        return [f"{p.mark.line}:{p.mark.column}: {p.message}" for p in problems]

    return found
