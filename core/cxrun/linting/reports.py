"""Findings for machines: SARIF 2.1.0, and annotations of a pull request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any, Final
from urllib.parse import quote

from cxrun.annotations import annotation
from cxrun.linting.check import Check, Finding

_SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_NOTICE: Final[Mapping[str, str]] = {"note": "notice"}
"""What GitHub calls a severity otherwise."""


def sarif(
    checks: Mapping[str, Check], findings: Sequence[Finding], silenced: Sequence[Finding]
) -> dict[str, Any]:
    """The findings as one SARIF run; those that are silenced in place are marked as suppressed."""
    from cxrun import __version__

    codes = list(checks)
    results = [_result(finding, codes, silent=False) for finding in findings]
    results += [_result(finding, codes, silent=True) for finding in silenced]
    rules = [
        {
            "id": code,
            "name": "".join(word.capitalize() for word in item.name.split("_")),
            "shortDescription": {"text": item.summary},
            "fullDescription": {"text": " ".join(item.text.split())},
            "help": {
                "text": f"{item.text}\n\nBad:\n{item.bad}\n\nGood:\n{item.good}",
                "markdown": markdown(item),
            },
            "defaultConfiguration": {"level": item.severity},
        }
        for code, item in checks.items()
    ]
    driver = {"name": "cxrun", "version": __version__, "rules": rules}
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }


def github(findings: Sequence[Finding]) -> Iterator[str]:
    """A line for each finding that GitHub shows beside the line of the file."""
    for finding in findings:
        level = _NOTICE.get(finding.severity, finding.severity)
        title = f"{finding.code} {finding.name.replace('_', ' ')}"
        yield annotation(level, finding.mark, title, finding.message)


def markdown(item: Check) -> str:
    """The documentation of a check as a page shows it."""
    return f"{item.text}\n\nBad:\n\n```yaml\n{item.bad}\n```\n\nGood:\n\n```yaml\n{item.good}\n```"


def _result(finding: Finding, codes: Sequence[str], *, silent: bool) -> dict[str, Any]:
    mark = finding.mark
    where = f"{finding.path}: " if finding.path else ""
    place = {
        "artifactLocation": {"uri": quote(FilePath(mark.file).as_posix())},
        "region": {"startLine": mark.line, "startColumn": mark.column},
    }
    return {
        "ruleId": finding.code,
        "ruleIndex": codes.index(finding.code),
        "level": finding.severity,
        "message": {"text": f"{where}{finding.message}"},
        "locations": [{"physicalLocation": place}],
        **({"suppressions": [{"kind": "inSource"}]} if silent else {}),
    }
