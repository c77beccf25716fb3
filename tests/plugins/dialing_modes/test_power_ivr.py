from __future__ import annotations

import pytest

from cxrun import Pacing
from cxrun.calls import LiveCall
from cxrun.engine import Engine
from cxrun_plugins.dialing_modes.power_ivr import PowerIvr


@pytest.mark.parametrize(
    ("in_progress", "expected"),
    [(0, 30), (29, 1), (30, 0), (31, 0)],
    ids=["idle", "one port left", "full", "over"],
)
def test_places_calls_until_the_maximum_is_in_progress(in_progress: int, expected: int) -> None:
    mode = PowerIvr(calls_per_minute=120, max_in_progress=30)

    assert mode.new_calls(Pacing(0.0, in_progress=in_progress)) == expected


def test_needs_no_agents() -> None:
    assert PowerIvr.needs_agents is False


@pytest.mark.parametrize(("per_minute", "expected"), [(120, 120), (6, 6), (0.5, 1), (6000, 6000)])
def test_keeps_the_pace_over_a_minute(make_record, per_minute: float, expected: int) -> None:
    assert _placed_in(make_record, per_minute, seconds=59.95) == pytest.approx(
        expected, abs=1 + per_minute / 600
    )


def test_makes_up_for_no_more_than_one_second_after_a_stall(make_record) -> None:
    engine = _engine(600)
    _place_all(engine, make_record, 0.0)
    assert _place_all(engine, make_record, 100.0) == 11


def _engine(per_minute: float) -> Engine:
    mode = PowerIvr(calls_per_minute=per_minute, max_in_progress=1_000_000)
    return Engine(mode, None, start=0.0, ports=1_000_000, calls_per_second=1e6, connect_window=2.0)


def _place_all(engine: Engine, make_record, now: float) -> int:
    room = engine.new_calls(now)
    for _ in range(room):
        engine.place(LiveCall(f"{engine.placed}-1", make_record(), now))
    return room


def _placed_in(make_record, per_minute: float, seconds: float) -> int:
    engine = _engine(per_minute)
    placed, now = 0, 0.0
    while now <= seconds:
        placed += _place_all(engine, make_record, now)
        now += 0.1
    return placed
