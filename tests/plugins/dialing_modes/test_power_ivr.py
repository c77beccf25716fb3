from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrun import Pacing
from cxrun_plugins.dialing_modes.power_ivr import PowerIvr

START = 1_772_478_000.0


class Group:
    """A campaign group that places what the mode says, with a given number of calls open."""

    def __init__(self, mode: PowerIvr) -> None:
        self.mode = mode
        self.placed = 0

    def pacing(self, second: float, in_progress: int = 0) -> Pacing:
        return Pacing(now=START + second, placed=self.placed, since_start=second, in_progress=in_progress)

    def ask(self, second: float, in_progress: int = 0) -> int:
        new = self.mode.new_calls(self.pacing(second, in_progress))
        self.placed += new
        return new

    def next_second(self, second: float, in_progress: int = 0) -> float | None:
        moment = self.mode.next_change(self.pacing(second, in_progress))
        return None if moment is None else moment - START


def group(calls_per_minute: float, max_in_progress: int = 1000) -> Group:
    return Group(PowerIvr.build({"calls_per_minute": calls_per_minute, "max_in_progress": max_in_progress}))


def test_uses_ports_and_no_agents() -> None:
    assert not PowerIvr.needs_agents


def test_first_call_is_placed_at_once() -> None:
    assert group(30).ask(0) == 1


def test_next_call_comes_when_its_time_has_come() -> None:
    calls = group(30)
    assert [calls.ask(second) for second in (0, 0.5, 1.9, 2.0, 2.1, 3.9, 4.0)] == [1, 0, 0, 1, 0, 0, 1]


def test_less_than_one_call_a_minute_is_possible() -> None:
    calls = group(0.5)
    assert [calls.ask(second) for second in (0, 119, 120)] == [1, 0, 1]


def test_asking_twice_without_dialing_gives_the_same_answer() -> None:
    calls = group(600)
    calls.ask(0)
    pacing = calls.pacing(0.5)
    assert calls.mode.new_calls(pacing) == calls.mode.new_calls(pacing) == 5


def test_asks_to_be_asked_when_the_next_call_is_due() -> None:
    calls = group(30)
    calls.ask(0)
    assert calls.next_second(0) == pytest.approx(2.0, abs=0.01)
    assert calls.next_second(1.5) == pytest.approx(2.0, abs=0.01)


def test_does_not_ask_more_often_than_every_tenth_of_a_second() -> None:
    calls = group(6000)
    calls.ask(0)
    assert calls.next_second(0) == pytest.approx(0.1)


def test_call_is_due_when_the_mode_asked_to_be_asked() -> None:
    calls, second = group(37), 0.0
    for _ in range(200):
        assert calls.ask(second) == 1
        following = calls.next_second(second)
        assert following is not None
        second = following


@pytest.mark.parametrize(("calls_per_minute", "burst"), [(30, 1), (60, 1), (600, 10), (90, 1), (150, 2)])
def test_after_a_stall_no_more_than_a_second_is_made_up_for(calls_per_minute: float, burst: int) -> None:
    calls = group(calls_per_minute)
    calls.ask(0)
    assert calls.ask(600) == burst
    assert calls.ask(600) == 0


def test_time_without_a_free_port_is_not_made_up_for() -> None:
    calls = group(60, max_in_progress=5)
    calls.ask(0)
    for second in range(1, 100):
        assert calls.ask(second, in_progress=5) == 0
    assert calls.ask(100, in_progress=0) == 1
    assert calls.ask(100, in_progress=1) == 0


def test_no_more_than_the_free_ports_are_used() -> None:
    calls = group(600, max_in_progress=12)
    calls.ask(0)
    assert calls.ask(60, in_progress=9) == 3


def test_more_open_than_allowed_is_no_negative_number() -> None:
    assert group(600, max_in_progress=3).ask(0, in_progress=7) == 0


def test_with_every_port_taken_only_an_event_matters() -> None:
    assert group(60, max_in_progress=5).next_second(3, in_progress=5) is None


def test_new_run_begins_afresh() -> None:
    calls = group(60)
    for second in range(100):
        calls.ask(second)
    calls.placed = 0
    assert [calls.ask(second) for second in (0, 0.5, 1)] == [1, 0, 1]


def test_count_that_falls_back_begins_afresh() -> None:
    calls = group(600)
    for tenth in range(100):
        calls.ask(tenth / 10)
    calls.placed = 0
    assert calls.ask(10.0) == 1


def test_pace_is_kept_when_asked_late() -> None:
    calls = group(60)
    for step in range(1001):
        calls.ask(step * 0.7)
    assert calls.placed == 701


def test_taken_up_in_the_middle_of_a_run_nothing_is_made_up_for() -> None:
    calls = group(60)
    calls.placed = 7
    assert [calls.ask(second) for second in (3600, 3600.5, 3601)] == [1, 0, 1]


@given(calls_per_minute=st.floats(0.5, 3000), steps=st.lists(st.floats(0, 30), min_size=1, max_size=60))
def test_calls_never_run_ahead_of_the_clock(calls_per_minute: float, steps: list[float]) -> None:
    calls, second = group(calls_per_minute), 0.0
    for step in steps:
        second += step
        new = calls.ask(second)
        assert 0 <= new <= max(1, calls_per_minute / 60)
        assert calls.placed <= second * calls_per_minute / 60 + 1.01


@pytest.mark.parametrize("calls_per_minute", [7, 60, 100, 450, 3000])
def test_pace_is_kept_over_an_hour(calls_per_minute: float) -> None:
    calls, second = group(calls_per_minute), 0.0
    while second < 3600:
        calls.ask(second)
        following = calls.next_second(second)
        assert following is not None
        second = following
    assert calls.placed == pytest.approx(calls_per_minute * 60, rel=0.001, abs=2)
