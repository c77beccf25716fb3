"""The examples in the documentation of every check: the bad one has that finding alone, the good one none."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from cxrun.linting.check import SEVERITIES
from cxrun.linting.lint import AREAS, checks
from cxrun.registry import load_registry

if TYPE_CHECKING:
    from cxrun.linting.check import Check
    from cxrun.linting.lint import Result

CHECKS = list(checks(load_registry()).values())


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.code)
def test_bad_example_has_this_finding_and_no_other(
    check: Check, example: Callable[[str], Any], findings: Callable[..., Result]
) -> None:
    found = findings(example(check.bad)).findings
    assert {finding.code for finding in found} == {check.code}, "\n".join(map(str, found))
    assert {finding.severity for finding in found} == {check.severity}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.code)
def test_good_example_has_no_finding(
    check: Check, example: Callable[[str], Any], findings: Callable[..., Result]
) -> None:
    assert not [str(finding) for finding in findings(example(check.good)).findings]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.code)
def test_every_check_explains_itself(check: Check) -> None:
    assert re.fullmatch("CX[1-9][0-9]{2}", check.code)
    assert check.code[:3] in AREAS
    assert check.severity in SEVERITIES
    assert check.summary.endswith(".")
    assert check.bad != check.good
    assert check.bad
    assert check.good


def test_there_are_enough_checks_and_no_two_alike() -> None:
    assert len(CHECKS) >= 25
    assert len({check.name for check in CHECKS}) == len(CHECKS)
