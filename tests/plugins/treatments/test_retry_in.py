from __future__ import annotations

from collections.abc import Callable

from cxrun import Call, DialAgain, Record
from cxrun_plugins.treatments.retry_in import RetryIn


def test_retries_once_unless_told_otherwise(make_call: Callable[..., Call]) -> None:
    retry = RetryIn.build({"interval": "4h"})
    assert retry.apply(make_call(now=1000.0)) == DialAgain(15400, "retry in 4h, 1 of 1")
    assert retry.apply(make_call(now=1000.0, applied=1)) is None


def test_interval_is_the_same_each_time(make_call: Callable[..., Call]) -> None:
    retry = RetryIn.build({"interval": "1d", "attempts": 2})
    assert [retry.apply(make_call(now=0.0, applied=n)) for n in range(3)] == [
        DialAgain(86400, "retry in 1d, 1 of 2"),
        DialAgain(86400, "retry in 1d, 2 of 2"),
        None,
    ]


def test_the_interval_counts_from_when_the_call_was_dialed(
    make_call: Callable[..., Call], make_record: Callable[..., Record]
) -> None:
    call = make_call(now=1300.0, record=make_record(attempt=1, call_time=1000))
    action = RetryIn(interval="30m").apply(call)
    assert isinstance(action, DialAgain)
    assert action.at == 2800
