from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from cxrun import Call, DialNext, Record, RecordStatus
from cxrun.testing import at
from cxrun_plugins.treatments.next_in_chain_at import NextInChainAt

NOON = at("2026-03-02T12:00-05:00")


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"time": "18:00"}, DialNext(at("2026-03-02T18:00-05:00"), "next in chain at 18:00")),
        (
            {"time": "09:00", "day": "tomorrow"},
            DialNext(at("2026-03-03T09:00-05:00"), "next in chain tomorrow at 09:00"),
        ),
        ({"time": "09:00", "day": "today"}, None),
    ],
)
def test_next_record_is_dialed_at_the_time(
    make_call: Callable[..., Call],
    make_record: Callable[..., Record],
    parameters: dict[str, Any],
    expected: DialNext | None,
) -> None:
    record = make_record(attempt=1, chain_size=2)
    other = make_record(record_id=2, chain_n=2, chain_size=2, record_status=RecordStatus.CHAIN_READY)
    call = make_call(now=NOON, record=record, chain=(record, other))
    assert NextInChainAt.build(parameters).apply(call) == expected


def test_time_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="past the end of the day"):
        NextInChainAt.build({"time": "24:30"})


def test_in_a_run_the_second_number_is_dialed_in_the_evening_of_the_first(
    campaign: Callable[..., Any], placed: Callable[[Any], dict[int, list[datetime]]]
) -> None:
    rules = 'treatments: [{on: no_answer, do: [next_in_chain_at: {time: "18:00"}]}]'
    folder = campaign(rules, {"no_answer": 1}, 20, 2)
    folder.run()
    calls = placed(folder)
    chains = folder.query("SELECT min(record_id), max(record_id) FROM records GROUP BY chain_id")
    for first, second in chains:
        (evening,) = calls[second]
        shown = evening.astimezone(calls[first][0].tzinfo)
        assert (shown.hour, shown.minute) == (18, 0)
        assert shown.date() == calls[first][0].date()
