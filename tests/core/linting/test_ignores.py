from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from cxrun.linting.ignores import ignores

if TYPE_CHECKING:
    from cxrun.linting.lint import Result

SLOW = "redial: {interval: 30m, attempts: 3}"


def silenced(text: str) -> list[tuple[str, int, int]]:
    return [(item.code, item.first, item.last) for item in ignores(text)]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a: 1\nb: 2  # cxrun: ignore CX204\nc: 3\n", (2, 2)),
        ("a: 1\n# cxrun: ignore CX204\nb: 2\nc: 3\n", (3, 3)),
        ("a:  # cxrun: ignore CX204\n  b: 1\n\n  # words\n  c: 2\nd: 3\n", (1, 5)),
        ("# cxrun: ignore CX204\na:\n- b: 1\n- c: 2\nd: 3\n", (2, 4)),
        ("a:\n  - b: 1  # cxrun: ignore CX204\n    c: 2\n  - d: 3\n", (2, 3)),
        ("a:\n  # cxrun: ignore CX204\n  - b: 1\n  - c: 2\n", (3, 3)),
        ("a: 1\n# cxrun: ignore CX204\n", (2, 2)),
    ],
    ids=["behind a line", "above a line", "behind a key", "above a list", "behind an item", "above an item",
         "at the end"],
)  # fmt: skip
def test_an_ignore_is_about_its_line_and_what_is_indented_below(text: str, lines: tuple[int, int]) -> None:
    assert silenced(text) == [("CX204", *lines)]


def test_several_codes_are_silenced_by_one_comment() -> None:
    assert [item.code for item in ignores("a: 1  # cxrun: ignore CX204, CX106\n")] == ["CX204", "CX106"]


@pytest.mark.parametrize(
    "text",
    ["a: '# cxrun: ignore CX204'\n", "a: |\n  # cxrun: ignore CX204\n", "a: b#cxrun:ignore CX204\n",
     "a: 1  # ignore\n"],
    ids=["quoted", "a block of text", "no comment", "another comment"],
)  # fmt: skip
def test_text_that_looks_like_an_ignore_is_none(text: str) -> None:
    assert silenced(text) == []


@pytest.fixture
def retries(example: Callable[[str], Any]) -> Callable[[str], Any]:
    """A project with a retry that comes too soon, written so."""
    return lambda treatments: example(f"ruleset: retry\ntreatments:\n{treatments}")


def codes(result: Result) -> list[str]:
    return [finding.code for finding in result.findings]


@pytest.mark.parametrize(
    "treatments",
    [
        f"  - {{on: busy, do: [{SLOW}]}}  # cxrun: ignore CX204",
        f"  # cxrun: ignore CX204\n  - on: busy\n    do:\n      - {SLOW}",
        f"  - on: busy  # cxrun: ignore CX204\n    do:\n      - {SLOW}",
        f"  - on: busy\n    do:\n      - {SLOW}  # we know: cxrun: ignore CX999\n",
    ],
    ids=["on the line", "above the block", "behind its first line", "inside of another comment"],
)
def test_a_finding_is_silenced_in_place(
    retries: Callable[[str], Any], findings: Callable[..., Result], treatments: str
) -> None:
    result = findings(retries(treatments))
    heeded = "CX999" not in treatments
    assert codes(result) == ([] if heeded else ["CX204"])
    assert [finding.code for finding in result.silenced] == (["CX204"] if heeded else [])


def test_an_ignore_elsewhere_silences_nothing_and_is_found(
    retries: Callable[[str], Any], findings: Callable[..., Result]
) -> None:
    result = findings(
        retries(
            f"  - {{on: busy, do: [{SLOW}]}}\n  - {{on: silence, do: [next_in_chain: ]}}  # cxrun: ignore CX204"
        )
    )
    assert codes(result) == ["CX204", "CX901"]
    assert result.findings[1].mark.line == 4
    assert "silences nothing" in result.findings[1].message


def test_an_unknown_code_is_told_the_near_one(
    retries: Callable[[str], Any], findings: Callable[..., Result]
) -> None:
    (found,) = findings(retries("  - {on: busy, do: [finish: ]}  # cxrun: ignore CX2004")).findings
    assert found.message == "no check named 'CX2004'; did you mean 'CX204'?"


def test_an_ignore_of_a_check_that_was_not_asked_is_left_alone(
    retries: Callable[[str], Any], findings: Callable[..., Result]
) -> None:
    made = retries("  - {on: busy, do: [redial: {interval: 9h, attempts: 2}]}  # cxrun: ignore CX404")
    assert codes(findings(made)) == ["CX901"]
    assert codes(findings(made, data=False)) == []
    assert codes(findings(made, "CX1", "CX9")) == []
