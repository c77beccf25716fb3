from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Answer, ProjectFolder

    Cxrun = Callable[..., Answer]
    MakeProject = Callable[..., ProjectFolder]


@pytest.fixture
def finished(project: MakeProject) -> ProjectFolder:
    """Ten customers nobody answered at; no rule says to try again."""
    folder = project(10, rules={"none": "ruleset: none\ntreatments: []\n"},
                     dialer={"simulated": {"outcomes": {"no_answer": 1}}})  # fmt: skip
    folder.run()
    return folder


def test_final_records_are_ready_again_and_explained(cxrun: Cxrun, finished: ProjectFolder) -> None:
    command = ("-C", finished.folder, "recycle", "people", "--result", "no_answer,busy")
    assert cxrun(*command, "--dry-run").out == "people: 10 contacts (10 records) would be ready again\n"
    assert cxrun(*command, "--older-than", "7d").out == "people: 0 contacts (0 records) are ready again\n"
    told = json.loads(cxrun(*command, "--json").out)
    assert (told["contacts"], told["records"], told["dry_run"]) == (10, 10, False)
    said = cxrun("-C", finished.folder, "explain", 1).out
    assert "ready again: recycled after busy, no_answer" in said
    assert "now: ready, type general, call result no_answer, 1 attempt" in said


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("people",), 2, "--result"),
        (("people", "--result", "no_anser"), 3, "no call result named 'no_anser'; did you mean 'no_answer'?"),
        (("people", "--result", "busy", "--older-than", "a week"), 3, "'a week' is no duration"),
        (("peple", "--result", "busy"), 3, "no contact list named 'peple'"),
    ],
)
def test_mistakes_are_told(
    cxrun: Cxrun, finished: ProjectFolder, arguments: tuple[str, ...], code: int, message: str
) -> None:
    answer = cxrun("-C", finished.folder, "recycle", *arguments)
    assert answer.code == code
    assert message in answer.err
