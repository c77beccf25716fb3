from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Answer, ProjectFolder

    Cxrun = Callable[..., Answer]


def test_the_answer_says_what_follows(cxrun: Cxrun, dialed: ProjectFolder) -> None:
    client = dialed.query("SELECT client FROM attempts WHERE call_result = 33 LIMIT 1")[0][0]
    answer = cxrun("-C", dialed.folder, "result", client, "--result", "busy")
    assert answer.code == 0
    assert "busy: redial in 30m, 1 of 2" in answer.out
    told = cxrun("-C", dialed.folder, "explain", client).out
    assert told.count("attempt 1: dialed") == 1, "a result given afterwards is no call"


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("C1",), 2, "give a --disposition, a --result, or both"),
        (("C1", "--result", "bussy"), 3, "no call result named 'bussy'; did you mean 'busy'?"),
        (("C99", "--result", "busy"), 3, "no record with the id, number or client id 'C99'"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    cxrun: Cxrun, dialed: ProjectFolder, words: tuple[str, ...], code: int, message: str
) -> None:
    answer = cxrun("-C", dialed.folder, "result", *words)
    assert answer.code == code
    assert message in answer.err


def test_a_record_that_was_never_dialed_has_no_result(
    cxrun: Cxrun, project: Callable[..., ProjectFolder]
) -> None:
    made = project(3)
    made.import_lists()
    answer = cxrun("-C", made.folder, "result", "C1", "--result", "busy")
    assert answer.code == 3
    assert "has not been dialed yet" in answer.err
