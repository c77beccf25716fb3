from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrun import Pacing
from cxrun_plugins.dialing_modes.progressive import Progressive


@pytest.mark.parametrize(
    ("lines_per_agent", "ready", "queued", "dialed", "expected"),
    [
        pytest.param(0.7, 4, 0, 1, 1, id="the example of the vendor's documentation"),
        pytest.param(1, 5, 0, 0, 5, id="one line each"),
        pytest.param(1, 5, 0, 2, 3, id="calls being dialed are topped up"),
        pytest.param(1, 5, 2, 2, 1, id="queued calls claim an agent each"),
        pytest.param(1, 5, 0, 5, 0, id="enough under way"),
        pytest.param(1, 2, 0, 5, 0, id="more under way than agents: never negative"),
        pytest.param(1, 1, 3, 0, 0, id="more queued than agents: never negative"),
        pytest.param(1, 0, 0, 0, 0, id="nobody ready"),
        pytest.param(0.7, 1, 0, 0, 0, id="below 1 a single agent gets no call"),
        pytest.param(2, 3, 0, 3, 2, id="an odd call claims a whole agent"),
        pytest.param(1.2, 5, 0, 0, 6, id="1.2 x 5 is 6"),
        pytest.param(1.4, 45, 0, 0, 63, id="1.4 x 45 is 63, in floats 62.99"),
        pytest.param(0.7, 40, 0, 21, 7, id="21 / 0.7 is 30, in floats 30.01"),
    ],
)
def test_new_calls(lines_per_agent: float, ready: int, queued: int, dialed: int, expected: int) -> None:
    mode = Progressive.build({"lines_per_agent": lines_per_agent})
    assert mode.new_calls(Pacing(now=0, ready=ready, queued=queued, dialed=dialed)) == expected


def test_one_line_per_agent_is_the_default() -> None:
    assert Progressive.build(None) == Progressive(lines_per_agent=1)


@given(
    hundredths=st.integers(1, 400),
    ready=st.integers(0, 300),
    queued=st.integers(0, 50),
    dialed=st.integers(0, 300),
)
def test_follows_the_formula_exactly(hundredths: int, ready: int, queued: int, dialed: int) -> None:
    m = Fraction(hundredths, 100)
    expected = max(0, math.floor(m * (ready - queued - math.ceil(dialed / m))))
    mode = Progressive(lines_per_agent=hundredths / 100)
    assert mode.new_calls(Pacing(now=0, ready=ready, queued=queued, dialed=dialed)) == expected


@pytest.mark.parametrize("nonsense", [float("nan"), float("inf")])
def test_what_is_no_number_of_lines_is_refused(nonsense: float) -> None:
    with pytest.raises(ValueError, match=r"nan|inf"):
        Progressive.build({"lines_per_agent": nonsense})
