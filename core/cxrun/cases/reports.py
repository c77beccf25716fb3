"""What came of the cases, for machines: JSON, JUnit, and annotations of a pull request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

from cxrun.annotations import annotation
from cxrun.cases.covering import Coverage
from cxrun.cases.suite import Outcomes


def as_data(outcomes: Outcomes) -> dict[str, Any]:
    """Everything as plain data."""
    data: dict[str, Any] = {
        "cases": [
            {
                "file": file.document.file,
                "line": file.document.mark(played.case.path).line,
                "case": played.case.name,
                "passed": not played.failures,
                "failures": [
                    {"line": problem.mark.line, "column": problem.mark.column, "message": problem.message}
                    for problem in file.told(played)
                ],
            }
            for file, played, _ in outcomes.played
        ],
        "failed": outcomes.failed,
        "mended": outcomes.mended,
    }
    if outcomes.coverage is not None:
        data["coverage"] = _covered(outcomes.coverage, outcomes.about)
    return data


def _covered(coverage: Coverage, about: list[str]) -> dict[str, Any]:
    return {
        name: {
            "percent": round(coverage.share([name]), 1),
            "branches": [
                {**branch._asdict(), "times": sum(cases.values()), "cases": list(cases)}
                for branch, cases in coverage.met.items()
                if branch.ruleset == name
            ],
        }
        for name in about
    }


def junit(outcomes: Outcomes) -> str:
    """A JUnit report: one suite for each file."""
    suites: dict[str, ElementTree.Element] = {}
    root = ElementTree.Element("testsuites")
    for file, played, took in outcomes.played:
        name = file.document.file
        if name not in suites:
            suites[name] = ElementTree.SubElement(root, "testsuite", name=name, tests="0", failures="0")
        suite = suites[name]
        suite.set("tests", str(int(suite.get("tests", "0")) + 1))
        case = ElementTree.SubElement(
            suite, "testcase", name=played.case.name, classname=name, time=f"{took:.4f}"
        )
        if played.failures:
            suite.set("failures", str(int(suite.get("failures", "0")) + 1))
            lines = [str(problem) for problem in file.told(played)]
            failure = ElementTree.SubElement(case, "failure", message=played.failures[0].message)
            failure.text = "\n".join(lines)
    ElementTree.indent(root)
    return f"<?xml version='1.0' encoding='utf-8'?>\n{ElementTree.tostring(root, encoding='unicode')}\n"


def github(outcomes: Outcomes) -> Iterator[str]:
    """A line for each failure that GitHub shows beside the line of the file."""
    for file, played, _ in outcomes.played:
        for problem in file.told(played):
            yield annotation("error", problem.mark, played.case.name, problem.message)
