from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from cxrun import Call, DialAgain, Record
from cxrun.testing import at
from cxrun_plugins.treatments.retry_at import RetryAt

MORNING, EVENING = "2026-03-02T10:00-05:00", "2026-03-02T20:00-05:00"


@pytest.mark.parametrize(
    ("parameters", "now", "expected"),
    [
        ({"time": "18:00"}, MORNING, "2026-03-02T18:00-05:00"),
        ({"time": "18:00"}, EVENING, "2026-03-03T18:00-05:00"),
        ({"time": "20:00"}, EVENING, "2026-03-03T20:00-05:00"),
        ({"time": "18:00", "day": "today"}, MORNING, "2026-03-02T18:00-05:00"),
        ({"time": "18:00", "day": "today"}, EVENING, None),
        ({"time": "18:00", "day": "tomorrow"}, MORNING, "2026-03-03T18:00-05:00"),
        ({"time": "09:30", "day": "2026-04-15"}, MORNING, "2026-04-15T09:30-04:00"),
        ({"time": "09:30", "day": "2026-03-01"}, MORNING, None),
        ({"time": "24:00", "day": "today"}, MORNING, "2026-03-03T00:00-05:00"),
        ({"time": "02:30", "day": "2026-03-08"}, MORNING, "2026-03-08T03:30-04:00"),
        ({"time": "01:30", "day": "2026-11-01"}, MORNING, "2026-11-01T01:30-04:00"),
    ],
)
def test_time_is_that_of_the_record(
    make_call: Callable[..., Call], parameters: dict[str, Any], now: str, expected: str | None
) -> None:
    action = RetryAt.build(parameters).apply(make_call(now=at(now)))
    assert (None if action is None else action.at) == (None if expected is None else at(expected))


@pytest.mark.parametrize(
    ("tz", "expected"),
    [
        ("Pacific/Honolulu", "2026-03-02T18:00-10:00"),
        ("America/New_York America/Los_Angeles", "2026-03-02T18:00-08:00"),
        ("", "2026-03-02T18:00Z"),
    ],
)
def test_last_of_several_zones_counts_and_utc_where_none_is_known(
    make_call: Callable[..., Call], make_record: Callable[..., Record], tz: str, expected: str
) -> None:
    action = RetryAt(time="18:00").apply(make_call(now=at(MORNING), record=make_record(attempt=1, tz=tz)))
    assert isinstance(action, DialAgain)
    assert action.at == at(expected)


@pytest.mark.parametrize(
    ("day", "reason"),
    [
        (None, "retry at 18:00, 1 of 2"),
        ("tomorrow", "retry tomorrow at 18:00, 1 of 2"),
        ("2026-04-15", "retry on 2026-04-15 at 18:00, 1 of 2"),
    ],
)
def test_reason_is_the_same_for_everybody(
    make_call: Callable[..., Call], day: str | None, reason: str
) -> None:
    action = RetryAt(time="18:00", day=day, attempts=2).apply(make_call(now=at(MORNING)))
    assert action is not None
    assert action.reason == reason


@pytest.mark.parametrize(("applied", "answers"), [(0, True), (1, True), (2, False)])
def test_used_up_after_its_attempts(make_call: Callable[..., Call], applied: int, answers: bool) -> None:
    action = RetryAt(time="18:00", attempts=2).apply(make_call(now=at(MORNING), applied=applied))
    assert (action is not None) is answers


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"time": "24:30"}, "past the end of the day"),
        ({"time": "18:00", "day": "2026-02-30"}, "there is no day 2026-02-30"),
    ],
)
def test_time_that_does_not_exist_is_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RetryAt.build(parameters)


def test_in_a_run_everybody_is_dialed_again_when_his_clock_shows_it(
    campaign: Callable[..., Any], placed: Callable[[Any], dict[int, list[datetime]]]
) -> None:
    rules = 'treatments: [{on: no_answer, do: [retry_at: {time: "18:00", day: tomorrow, attempts: 2}]}]'
    folder = campaign(rules, {"no_answer": 1}, 40)
    folder.run()
    calls = placed(folder)
    assert len({moments[0].tzinfo for moments in calls.values()}) > 4
    for first, second, third in calls.values():
        assert (second.hour, second.minute) == (third.hour, third.minute) == (18, 0)
        assert (second.date() - first.date()).days == (third.date() - second.date()).days == 1
