"""Dialing modes that watch, and the engine that tells them; a day through a whole run."""

from __future__ import annotations

import pytest

HOURS = 3 * 3600


@pytest.mark.parametrize(("mode", "busy"), [("progressive", (65, 75)), ("predictive", (87, 93))])
def test_a_day_of_25_agents(project, mode: str, busy: tuple[int, int]) -> None:
    made = project(6000, mode={mode: {}}, agents=25, ports=200, calls_per_second=20)
    tally = made.run(until=made.reached() + HOURS)
    assert tally.now == made.reached()
    used = 100 * (1 - tally.ready_seconds / tally.staffed_seconds)
    print(tally, used)
    assert busy[0] < used < busy[1]
    assert 100 * tally.abandoned <= 3 * tally.answered
