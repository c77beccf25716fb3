from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrun.history import ANEW, MOVED_ON, TECHNICAL, History, passes

BUSY = "retry/1.1"
NEXT = "retry/1.2"


def test_record_never_treated_has_no_history() -> None:
    history = History.read("")
    assert history.sequence(by_disposition=False) == history.sequence(by_disposition=True) == 1
    assert history.applied(BUSY, 1) == 0
    assert history.passes(BUSY) == passes("") == 0
    assert history.begins


@pytest.mark.parametrize(
    ("before", "by_disposition", "move", "after"),
    [
        ("", False, "", "retry/1.1@1@2@1"),
        ("", True, "", "retry/1.1:d@1@2@1"),
        ("", False, MOVED_ON, "retry/1.1>@1@2@1"),
        ("", True, ANEW, "retry/1.1:d>>@1@2@1"),
        ("a/1.1@1@1@1", False, "", "a/1.1@1@1@1 retry/1.1@1@2@1"),
    ],
)
def test_what_is_applied_is_added_at_the_end(
    before: str, by_disposition: bool, move: str, after: str
) -> None:
    history = History.read(before)
    assert history.after(BUSY, 1, 2, 1, by_disposition=by_disposition, move=move) == after
    assert History.read(after).applied(BUSY, 1) == 1


@pytest.mark.parametrize(
    ("text", "by_disposition", "sequence"),
    [
        ("retry/1.1@1@1@1", False, 1),
        ("retry/1.1@1@1@1 retry/1.1@2@1@1", False, 1),
        ("retry/1.1@1@1@1", True, 2),
        ("retry/1.1:d@1@1@1", True, 1),
        ("retry/1.1:d@1@1@1", False, 2),
        ("retry/1.2>@1@2@1", False, 2),
        ("retry/1.2:d>@1@2@1", True, 2),
        ("retry/1.2>>@1@1@3", False, 4),
        ("retry/1.1@1@1@1 retry/2.1:d@1@1@2", False, 3),
    ],
)
def test_move_or_change_of_cause_closes_a_sequence(text: str, by_disposition: bool, sequence: int) -> None:
    assert History.read(text).sequence(by_disposition=by_disposition) == sequence


def test_applications_are_counted_within_one_sequence() -> None:
    history = History.read(
        "retry/1.1@1@1@1 retry/1.1@2@1@1 retry/1.2>@1@2@1 retry/1.1@1@2@2 retry/11.1@1@2@2"
    )
    assert [history.applied(BUSY, sequence) for sequence in (1, 2, 3)] == [2, 1, 0]
    assert history.applied(NEXT, 1) == 1


@pytest.mark.parametrize(
    ("text", "anew", "since_busy", "since_next"),
    [
        ("retry/1.2>@1@2@1", 0, 0, 0),
        ("retry/1.2>@1@2@1 retry/1.2>>@1@1@2", 1, 0, 1),
        ("retry/1.2>>@1@1@1", 1, 0, 1),
        ("retry/1.2>>@1@2@1 retry/1.2>>@1@2@2", 2, 0, 2),
        ("retry/1.1@1@1@1", 0, 0, 0),
        ("retry/1.2>>@1@1@1 retry/1.1@1@1@2 retry/1.2>>@1@1@2", 2, 1, 2),
        ("retry/2.1>>@1@1@1 retry/2.1>>@1@1@2 retry/1.2>@1@2@3 retry/2.1>>@1@1@4", 3, 0, 1),
    ],
)
def test_passes_are_counted_since_a_treatment_was_first_applied(
    text: str, anew: int, since_busy: int, since_next: int
) -> None:
    history = History.read(text)
    assert (passes(text), history.passes(BUSY), history.passes(NEXT)) == (anew, since_busy, since_next)


def test_chain_that_begins_anew_without_a_call_counts_as_a_pass() -> None:
    text = History.read("retry/1.2:d>@1@2@1").begun_anew(1)
    assert text == "retry/1.2:d>@1@2@1 retry/1.2:d>>@1@1@2"
    assert History.read(text).passes(NEXT) == 1
    assert History.read(text).applied("retry/1.2", 3) == 0
    assert History.read("").begun_anew(1) == ""


@pytest.mark.parametrize(
    ("text", "by_disposition", "technical", "sequence"),
    [
        ("retry/9.1:t@1@1@1", False, False, 1),
        ("retry/9.1:t@1@1@1", True, False, 1),
        ("retry/9.1:t@1@1@1", False, True, 1),
        ("retry/1.1@1@1@1 retry/9.1:t@1@1@1", False, False, 1),
        ("retry/1.1@1@1@1 retry/9.1:t@1@1@1", True, False, 2),
        ("retry/1.1:d@1@1@1 retry/9.1:t@1@1@1", True, False, 1),
        ("retry/1.1:d@1@1@1", False, True, 1),
        ("retry/1.1:d@1@1@1 retry/1.1@1@1@2", False, True, 2),
        ("retry/1.2>@1@2@1 retry/9.1:t@1@2@2", False, False, 2),
        ("retry/1.2>@1@2@1 retry/9.1:t@1@2@2", True, False, 2),
        ("retry/9.2:t>@1@2@1", False, False, 2),
    ],
)
def test_technical_failure_neither_breaks_a_sequence_nor_is_broken_by_one(
    text: str, by_disposition: bool, technical: bool, sequence: int
) -> None:
    assert History.read(text).sequence(by_disposition=by_disposition, technical=technical) == sequence


def test_technical_failures_are_counted_apart() -> None:
    history = History.read("retry/1.1@1@1@1 retry/1.1:t@1@1@1 retry/1.1:t@2@1@1")
    assert history.applied("retry/1.1", 1) == 1
    assert history.applied(f"retry/1.1{TECHNICAL}", 1) == 2


@pytest.mark.parametrize(
    ("text", "begins"), [("r/1.1@1@1@1", False), ("r/1.2>@1@2@1", True), ("r/1.2:d>>@1@2@1", True)]
)
def test_turn_of_a_record_begins_with_a_move(text: str, begins: bool) -> None:
    assert History.read(text).begins is begins


@given(
    st.lists(
        st.tuples(
            st.sampled_from([BUSY, NEXT, "a_b/12.3"]), st.booleans(), st.sampled_from(["", MOVED_ON, ANEW])
        ),
        max_size=12,
    )
)
def test_history_read_back_is_what_was_written(steps: list[tuple[str, bool, str]]) -> None:
    text, applied = "", {}
    for treatment, by_disposition, move in steps:
        history = History.read(text)
        sequence = history.sequence(by_disposition=by_disposition)
        cycle = history.applied(treatment, sequence) + 1
        assert cycle == applied.get((treatment, sequence), 0) + 1
        applied[treatment, sequence] = cycle
        text = history.after(treatment, cycle, 1, sequence, by_disposition=by_disposition, move=move)
    assert passes(text) == sum(move == ANEW for _, _, move in steps)
    assert len(text.split()) == len(steps)


@pytest.mark.parametrize(
    ("text", "written", "misses"),
    [
        ("", "missed@1@2@1", 0),
        ("missed@1@2@1", "missed@1@2@1 missed@2@2@1", 1),
        ("r/1.1@1@1@1", "r/1.1@1@1@1 missed@1@2@1", 0),
        ("r/1.1>@1@2@1", "r/1.1>@1@2@1 missed@1@2@2", 0),
        ("r/1.1:d@1@1@1", "r/1.1:d@1@1@1 missed:d@1@2@1", 0),
        ("missed@1@1@1 r/1.1@1@1@1", "missed@1@1@1 r/1.1@1@1@1 missed@1@2@1", 0),
    ],
)
def test_a_missed_callback_is_counted_and_leaves_the_sequence_where_it_was(
    text: str, written: str, misses: int
) -> None:
    before = History.read(text)
    assert before.misses == misses
    assert before.missed(2) == written
    after = History.read(written)
    assert after.misses == misses + 1
    for by_disposition in (False, True):
        coming = [history.sequence(by_disposition=by_disposition) for history in (before, after)]
        assert before.applied("r/1.1", coming[0]) == after.applied("r/1.1", coming[1])
