from __future__ import annotations

import pytest

from cxrun import CallResult, Pacer, Pacing
from cxrun_plugins.dialing_modes.adaptive_level import AdaptiveLevel

MIDNIGHT = 1_772_409_600.0


def lines(mode: AdaptiveLevel, *, ready: int, seconds: int, drops: int = 0, start: float = MIDNIGHT) -> int:
    """The lines for ten agents after some seconds in which that many of them were ready."""
    pacer = mode.start(start)
    happen(pacer, drops, start)
    for second in range(1, seconds + 1):
        pacer.new_calls(Pacing(start + second, ready=ready, talking=10 - ready, agents=10))
    return pacer.new_calls(Pacing(start + seconds, ready=10, agents=10))


def happen(pacer: Pacer, drops: int, at: float) -> None:
    """A hundred calls that were answered, some of them dropped."""
    for number in range(100):
        pacer.placed(str(number), at - 100)
        if number < drops:
            pacer.ended(str(number), at - 90, CallResult.DROPPED)
        else:
            pacer.connected(str(number), "a", at - 90)


@pytest.mark.parametrize(
    ("parameters", "ready", "seconds", "expected"),
    [
        pytest.param({}, 5, 14, 10, id="one line per agent at first"),
        pytest.param({}, 5, 15, 15, id="half of the agents were waiting"),
        pytest.param({}, 5, 30, 22, id="and another 15 seconds: 2.25, rounded to even"),
        pytest.param({"max_level": 1.2}, 5, 30, 12, id="the greatest level"),
        pytest.param({"difference": -2}, 5, 15, 13, id="two agents should wait"),
        pytest.param({"intensity": 50}, 4, 15, 16, id="faster"),
        pytest.param({"intensity": -50}, 4, 15, 12, id="slower"),
    ],
)
def test_level_rises_with_the_agents_who_wait(
    parameters: dict[str, float], ready: int, seconds: int, expected: int
) -> None:
    assert lines(AdaptiveLevel(**parameters), ready=ready, seconds=seconds) == expected


@pytest.mark.parametrize(
    ("limit", "start", "expected"),
    [
        ("hard", 0.0, 10),
        ("average", 0.0, 10),
        ("tapered", 0.0, 20),
        ("tapered", 12 * 3600.0, 18),
        ("tapered", 22 * 3600.0, 10),
    ],
)
def test_level_falls_above_the_abandon_rate(limit: str, start: float, expected: int) -> None:
    mode = AdaptiveLevel(limit=limit)
    assert lines(mode, ready=10, seconds=15, drops=5, start=MIDNIGHT + start) == expected
    assert lines(mode, ready=10, seconds=15, drops=3, start=MIDNIGHT + start) == 20


def test_calls_in_use_count_against_the_lines() -> None:
    pacer = AdaptiveLevel().start(MIDNIGHT)
    assert pacer.new_calls(Pacing(MIDNIGHT, ready=4, talking=6, dialed=3, queued=0, agents=12)) == 1


def test_a_new_day_begins_without_drops() -> None:
    pacer = AdaptiveLevel().start(MIDNIGHT)
    happen(pacer, 50, MIDNIGHT + 100)
    pacer.placed("next", MIDNIGHT + 86_400)
    for second in range(1, 16):
        pacer.new_calls(Pacing(MIDNIGHT + 86_400 + second, ready=10, agents=10))
    assert pacer.new_calls(Pacing(MIDNIGHT + 86_415, ready=10, agents=10)) == 20


def test_is_asked_every_second() -> None:
    pacer = AdaptiveLevel().start(MIDNIGHT)
    assert pacer.next_at(MIDNIGHT) == MIDNIGHT + 1


def test_default_ends_as_progressive_dialing_does(floor) -> None:
    """The level climbs, drops calls in a burst, and is held at 1 until the day's rate has come down."""
    day = floor.Floor(floor.SCENARIOS["S1"], 10, AdaptiveLevel(), 1, hours=6).run()
    assert 68 < day.utilisation < 76
    assert 2.5 < day.abandon < 4


def test_a_time_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="25:00"):
        AdaptiveLevel.build({"taper_until": "25:00"})
