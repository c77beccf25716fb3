from __future__ import annotations

import pytest

from cxrun import Pacing
from cxrun_plugins.dialing_modes.preview import Preview


def test_each_ready_agent_gets_one_record() -> None:
    assert Preview().new_calls(Pacing(now=0, ready=3, talking=2, wrapping=1, dialed=4, in_progress=6)) == 3


def test_nobody_ready_means_no_call() -> None:
    assert Preview().new_calls(Pacing(now=0, talking=5)) == 0


def test_the_agent_is_bound_before_the_call() -> None:
    assert Preview().agent_first
    assert Preview.needs_agents


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        (None, 20.0),
        ({}, 20.0),
        ({"preview_time": "45s"}, 45.0),
        ({"preview_time": "1.5m"}, 90.0),
        ({"preview_time": 0}, 0.0),
    ],
)
def test_preview_time_is_in_seconds(parameters: dict[str, object] | None, expected: float) -> None:
    assert Preview.build(parameters).preview_time == expected
