from __future__ import annotations

import pytest

from cxrun import Pacing
from cxrun_plugins.dialing_modes.progressive_ivr import ProgressiveIvr


@pytest.mark.parametrize(
    ("ready", "dialed", "queued", "expected"),
    [(30, 0, 0, 30), (30, 12, 0, 18), (30, 12, 3, 15), (5, 9, 0, 0)],
    ids=["one for each channel", "less those dialed", "less those that wait", "never negative"],
)
def test_one_call_for_each_free_channel(ready: int, dialed: int, queued: int, expected: int) -> None:
    mode = ProgressiveIvr(channels=30)
    assert mode.new_calls(Pacing(0.0, ready=ready, dialed=dialed, queued=queued)) == expected


def test_needs_no_agents() -> None:
    assert ProgressiveIvr.needs_agents is False


def test_nobody_who_answers_waits_for_a_channel(project) -> None:
    made = project(300, mode={"progressive_ivr": {"channels": 8}})
    tally = made.run()
    assert tally.answered > 50
    assert tally.abandoned == 0
