from __future__ import annotations

from collections.abc import Callable

import pytest

from cxrun import Call, DialAgain, Record
from cxrun_plugins.treatments.redial import Redial


@pytest.mark.parametrize(
    ("applied", "wait", "reason"),
    [
        (0, 1800, "redial in 30m, 1 of 3"),
        (1, 2100, "redial in 35m, 2 of 3"),
        (2, 2400, "redial in 40m, 3 of 3"),
    ],
)
def test_interval_grows_by_the_increment(
    make_call: Callable[..., Call], applied: int, wait: float, reason: str
) -> None:
    redial = Redial.build({"interval": "30m", "increment": "5m", "attempts": 3})
    assert redial.apply(make_call(now=1000.0, applied=applied)) == DialAgain(1000 + wait, reason)


@pytest.mark.parametrize("applied", [3, 4])
def test_used_up_after_its_attempts(make_call: Callable[..., Call], applied: int) -> None:
    assert Redial(interval="30m", attempts=3).apply(make_call(applied=applied)) is None


def test_without_increment_the_interval_stays(make_call: Callable[..., Call]) -> None:
    redial = Redial.build({"interval": 90})
    assert [redial.apply(make_call(now=0.0, applied=n)) for n in range(4)] == [
        DialAgain(90, "redial in 90s, 1 of 3"),
        DialAgain(90, "redial in 90s, 2 of 3"),
        DialAgain(90, "redial in 90s, 3 of 3"),
        None,
    ]


def test_an_interval_of_nothing_redials_at_once(make_call: Callable[..., Call]) -> None:
    action = Redial(interval=0, attempts=1).apply(make_call(now=1000.0))
    assert action == DialAgain(1000, "redial in 0s, 1 of 1")


def test_the_interval_counts_from_when_the_call_was_dialed(
    make_call: Callable[..., Call], make_record: Callable[..., Record]
) -> None:
    call = make_call(now=1300.0, record=make_record(attempt=1, call_time=1000))
    action = Redial(interval="30m").apply(call)
    assert isinstance(action, DialAgain)
    assert action.at == 2800
