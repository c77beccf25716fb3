"""The abandon rate of each day, of 30 days and of the campaign, beside the caps on them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrun.auditing.abandoning import WINDOWS, Kept, kept
from cxrun_plugins.dialing_modes.predictive import budget

if TYPE_CHECKING:
    from tests.conftest import Answer, ProjectFolder

    Cxrun = Callable[..., Answer]
    MakeProject = Callable[..., ProjectFolder]

Days = Mapping[int, tuple[int, int]]


def over(window: str, days: Days, today: int, **caps: float) -> Kept:
    return next(one for one in kept(days, today, caps) if one.window == window)


@pytest.mark.parametrize(
    ("answered", "abandoned", "above"),
    [
        pytest.param(100, 3, 0, id="as much as is allowed"),
        pytest.param(99, 3, 1, id="a little more"),
        pytest.param(700, 7, 0, id="1 %"),
    ],
)
def test_a_cap_may_be_reached_but_not_passed(answered: int, abandoned: int, above: int) -> None:
    assert over("day", {9: (answered, abandoned)}, 9, day=3).above == above


def test_what_is_30_days_ago_counts_no_more_in_the_rate_of_today_but_in_the_highest() -> None:
    days = {100: (50, 5), 110: (50, 0), 130: (100, 1)}
    assert over("30_days", days, 129, **{"30_days": 6}) == Kept("30_days", 100, 5, 0.06, 0.1, 100, 10)
    assert over("30_days", days, 130, **{"30_days": 6}) == Kept("30_days", 150, 1, 0.06, 0.1, 100, 10)
    assert over("campaign", days, 130) == Kept("campaign", 200, 6, None, 0.1, 100, 0)
    assert over("day", days, 131) == Kept("day", 0, 0, None, 0.1, 100, 0)


def test_nobody_has_answered_yet() -> None:
    assert over("30_days", {}, 5, **{"30_days": 3}) == Kept("30_days", 0, 0, 0.03, 0, None, 0)


@given(
    st.dictionaries(st.integers(0, 90), st.tuples(st.integers(0, 9), st.integers(0, 9))),
    st.integers(0, 95),
    st.sampled_from([0, 1, 10, 50]),
)
def test_every_window_is_what_counting_its_days_anew_gives(
    found: dict[int, tuple[int, int]], today: int, cap: float
) -> None:
    days = {day: (calls, min(calls, lost)) for day, (calls, lost) in found.items() if day <= today}
    for one in kept(days, today, dict.fromkeys(WINDOWS, cap)):
        length = WINDOWS[one.window] or 1000
        sums = [
            [sum(days[day][part] for day in days if last - length < day <= last) for part in (0, 1)]
            for last in range(today + 1)
        ]
        assert [one.answered, one.abandoned] == sums[-1]
        assert one.highest == max((lost / calls for calls, lost in sums if calls), default=0)
        assert one.above == sum(lost > cap * calls / 100 for calls, lost in sums)


def test_they_are_the_windows_of_the_predictive_mode() -> None:
    assert WINDOWS == budget.WINDOWS


# --- the command -----------------------------------------------------------------------------------


def test_a_cap_that_was_kept_and_a_stricter_one_that_was_not(cxrun: Cxrun, project: MakeProject) -> None:
    made = project(900, mode={"power": {"calls_per_agent": 3}}, agents=8, ports=100, calls_per_second=20)
    tally = made.run()
    assert tally.abandoned > 1

    told = cxrun("-C", made.folder, "audit", "abandon")
    assert told.code == 0
    assert "no dialing mode keeps a cap here" in told.out

    told = cxrun("-C", made.folder, "audit", "abandon", "--cap", "99")
    assert told.code == 0
    assert "no rate was above its cap on any day" in told.out

    told = cxrun("-C", made.folder, "audit", "abandon", "all", "--cap", "0", "--json")
    assert told.code == 1
    data = json.loads(told.out)
    assert data["kept"] is False
    campaign = next(row for row in data["windows"] if row["window"] == "campaign")
    assert (campaign["answered"], campaign["abandoned"]) == (tally.answered, tally.abandoned)
    assert campaign["rate"] == tally.abandon_rate
    assert campaign["above"] >= 1


def test_the_caps_are_those_of_the_dialing_mode(cxrun: Cxrun, project: MakeProject) -> None:
    mode = {"predictive": {"abandon_rate": 2.5, "measured_over": ["day", "campaign"]}}
    made = project(40, mode=mode, agents=3)
    made.run()
    told = cxrun("-C", made.folder, "audit", "abandon", "--json")
    assert told.code == 0
    caps = {row["window"]: row["cap"] for row in json.loads(told.out)["windows"]}
    assert caps == {"day": 0.025, "30_days": None, "campaign": 0.025}
