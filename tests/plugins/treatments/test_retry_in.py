from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest

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


def test_of_several_intervals_each_is_for_its_time_and_the_last_for_all_further_ones(
    make_call: Callable[..., Call],
) -> None:
    retry = RetryIn.build({"interval": ["30m", "2h", "1d"], "attempts": 5})
    told = [retry.apply(make_call(now=0.0, applied=n)) for n in range(6)]
    assert [action.at if isinstance(action, DialAgain) else None for action in told] == [
        1800,
        7200,
        86400,
        86400,
        86400,
        None,
    ]


def test_without_attempts_each_interval_is_used_once(make_call: Callable[..., Call]) -> None:
    retry = RetryIn.build({"interval": [60, "2h"]})
    assert retry.apply(make_call(now=0.0, applied=1)) == DialAgain(7200, "retry in 2h, 2 of 2")
    assert retry.apply(make_call(now=0.0, applied=2)) is None


def test_interval_that_would_never_be_used_is_refused() -> None:
    with pytest.raises(ValueError, match="of 3 intervals only the first 2 would be used"):
        RetryIn.build({"interval": ["30m", "2h", "1d"], "attempts": 2})


def test_in_a_run_each_attempt_waits_as_long_as_it_says(
    campaign: Callable[..., Any], placed: Callable[[Any], dict[int, list[datetime]]]
) -> None:
    folder = campaign(
        "treatments: [{on: busy, do: [retry_in: {interval: [30m, 2h, 1d], attempts: 4}]}]",
        {"busy": 1},
        agents=30,
    )
    folder.run()
    for moments in placed(folder).values():
        waits = [(later - earlier).total_seconds() for earlier, later in pairwise(moments)]
        assert all(
            wait - 1 < waited < wait + 20
            for wait, waited in zip([1800, 7200, 86400, 86400], waits, strict=True)
        )
