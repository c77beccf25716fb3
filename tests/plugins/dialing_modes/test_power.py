from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrun import Pacing
from cxrun_plugins.dialing_modes.power import Power


@pytest.mark.parametrize(
    ("calls_per_agent", "ready", "queued", "dialed", "expected"),
    [
        pytest.param(1.5, 4, 0, 0, 6, id="the ratio"),
        pytest.param(1.5, 3, 0, 0, 4, id="rounded down"),
        pytest.param(1.5, 4, 0, 5, 1, id="calls in flight are topped up"),
        pytest.param(1.5, 4, 2, 1, 2, id="a queued call claims a ready agent"),
        pytest.param(1.5, 1, 0, 4, 0, id="more in flight than the ratio: never negative"),
        pytest.param(1.5, 1, 3, 0, 0, id="more queued than agents: never negative"),
        pytest.param(3, 0, 0, 0, 0, id="nobody ready"),
        pytest.param(1, 4, 0, 1, 3, id="at 1 it is progressive"),
        pytest.param(1.4, 45, 0, 0, 63, id="1.4 x 45 is 63, in floats 62.99"),
    ],
)
def test_new_calls(calls_per_agent: float, ready: int, queued: int, dialed: int, expected: int) -> None:
    mode = Power.build({"calls_per_agent": calls_per_agent})
    assert mode.new_calls(Pacing(now=0, ready=ready, queued=queued, dialed=dialed)) == expected


def test_one_and_a_half_calls_per_agent_is_the_default() -> None:
    assert Power.build(None).new_calls(Pacing(now=0, ready=10)) == 15


@given(ratio=st.floats(1, 10), ready=st.integers(0, 200), dialed=st.integers(0, 400))
def test_calls_in_flight_never_exceed_the_ratio(ratio: float, ready: int, dialed: int) -> None:
    new = Power(calls_per_agent=ratio).new_calls(Pacing(now=0, ready=ready, dialed=dialed))
    assert new >= 0
    assert new == 0 or dialed + new <= ratio * ready + 1e-9
