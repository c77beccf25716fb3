from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cxrun import Call, CallResult, Record, RecordType, Reschedule
from cxrun.testing import at
from cxrun_plugins.treatments.reschedule import RescheduleCallback

NOON = at("2026-03-02T12:00-05:00")


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"interval": "30m"}, Reschedule(NOON + 1800, "callback moved, in 30m, 1 of 1")),
        (
            {"time": "09:00", "day": "tomorrow", "attempts": 2},
            Reschedule(at("2026-03-03T09:00-05:00"), "callback moved, tomorrow at 09:00, 1 of 2"),
        ),
        ({"time": "09:00", "day": "today"}, None),
    ],
)
def test_callback_is_moved(
    make_call: Callable[..., Call],
    make_record: Callable[..., Record],
    parameters: dict[str, Any],
    expected: Reschedule | None,
) -> None:
    record = make_record(record_type=RecordType.CAMPAIGN_CALLBACK)
    assert RescheduleCallback.build(parameters).apply(make_call(now=NOON, record=record)) == expected


def test_interval_of_an_absent_agent_counts_from_now(
    make_call: Callable[..., Call], make_record: Callable[..., Record]
) -> None:
    record = make_record(record_type=RecordType.PERSONAL_CALLBACK, call_time=7)
    call = make_call(CallResult.AGENT_CALLBACK_ERROR, now=NOON, record=record)
    action = RescheduleCallback(interval="30m").apply(call)
    assert action is not None
    assert action.at == NOON + 1800


def test_only_callbacks_are_moved_and_only_so_often(
    make_call: Callable[..., Call], make_record: Callable[..., Record]
) -> None:
    treatment = RescheduleCallback(interval="30m", attempts=2)
    assert treatment.apply(make_call(record=make_record(record_type=RecordType.GENERAL))) is None
    callback = make_record(record_type=RecordType.PERSONAL_CALLBACK)
    assert [treatment.apply(make_call(record=callback, applied=n)) is None for n in range(3)] == [
        False,
        False,
        True,
    ]


@pytest.mark.parametrize(
    "parameters", [{"interval": "1h", "time": "09:00"}, {"interval": "1h", "day": "today"}]
)
def test_two_times_at_once_are_refused(parameters: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="either interval or time is expected"):
        RescheduleCallback.build(parameters)


def test_in_a_run_it_stays_the_callback_of_its_owner(
    campaign: Callable[..., Any], promised: Callable[..., None]
) -> None:
    do = "[reschedule: {interval: 1h, attempts: 2}, redial: {interval: 1h, attempts: 1}]"
    folder = campaign(f"treatments: [{{on: busy, do: {do}}}]", {"busy": 1}, 5)
    promised(folder, "sales-1")
    folder.run(limit=10)
    waiting = (
        "SELECT DISTINCT record_type, record_status, priority, call_result, agent_id, attempt FROM queue"
    )
    assert folder.query(waiting) == [(5, 1, 1, 6, "sales-1", 2)]
    folder.run(limit=5)
    assert folder.query(waiting) == [(4, 1, 3, 6, "sales-1", 3)], (
        "dialed again by a treatment, it is rescheduled"
    )
    folder.run()
    assert folder.query("SELECT DISTINCT record_status, agent_id, attempt FROM closed") == [(3, "sales-1", 4)]
