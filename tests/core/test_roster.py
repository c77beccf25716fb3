"""Shifts and breaks of agents: what they say, and what a run makes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from cxrun.errors import Problems
from cxrun.moments import parse_moment
from cxrun.roster import at_once, problems, schedules

SHIFT: Mapping[str, Any] = {"agents": 3, "from": "09:00", "till": "17:00"}
ANSWERS: Mapping[str, Any] = {
    "simulated": {
        "outcomes": {"answer": 1}, "post_dial_delay": {"min": 1, "max": 1}, "pick_up": {"mean": 4, "cv": 0},
        "talk": {"mean": 280, "cv": 0}, "wrap": {"mean": 15, "cv": 0},
    }
}  # fmt: skip
"""A call every five minutes for each agent."""
SHY = """\
from cxrun import DialingMode, hookimpl

class Shy(DialingMode):
    name = "shy"

    def new_calls(self, pacing):
        return 0

@hookimpl
def register_dialing_modes():
    return [Shy]
"""


def present(entries: list[Mapping[str, Any]], at: str) -> list[int]:
    """The numbers of the agents who are there."""
    said = [schedule.said(parse_moment(at)) for schedule in schedules(entries)]
    return [number for number, each in enumerate(said, 1) if each is not None and each.action == "start"]


@pytest.mark.parametrize(
    ("at", "there"),
    [
        ("2026-03-02T08:59:59Z", []),
        ("2026-03-02T09:00Z", [1, 2, 3]),
        ("2026-03-02T13:00Z", [1, 2, 3, 4, 5]),
        ("2026-03-02T17:00Z", [4, 5]),
        ("2026-03-02T23:59Z", [4, 5]),
        ("2026-03-03T00:00Z", []),
        ("2026-03-07T10:00Z", []),
        ("2026-03-07T14:00Z", [4, 5]),
    ],
)
def test_shifts_take_the_agents_of_a_group_one_after_the_other(at: str, there: list[int]) -> None:
    entries = [{**SHIFT, "weekdays": "mon-fri"}, {"agents": 2, "from": "13:00", "till": "24:00"}]

    assert present(entries, at) == there


def test_the_times_of_a_shift_are_those_of_its_zone() -> None:
    entries = [{**SHIFT, "zone": "America/New_York"}]

    assert present(entries, "2026-03-06T13:59Z") == []
    assert present(entries, "2026-03-06T14:00Z") == [1, 2, 3]
    # summer time has begun
    assert present(entries, "2026-03-09T13:00Z") == [1, 2, 3]


def test_agents_leave_for_a_break_one_after_the_other() -> None:
    entries = [{**SHIFT, "breaks": [{"from": "12:00", "till": "13:30", "length": "30m"}]}]

    seen = [present(entries, f"2026-03-02T{at}Z") for at in ("11:59", "12:00", "12:30", "13:00", "13:30")]

    assert seen == [[1, 2, 3], [2, 3], [1, 3], [1, 2], [1, 2, 3]]


def test_without_a_length_all_take_the_whole_break() -> None:
    entries = [{**SHIFT, "breaks": [{"from": "12:00", "till": "12:45"}]}]

    assert present(entries, "2026-03-02T12:44Z") == []
    assert present(entries, "2026-03-02T12:45Z") == [1, 2, 3]


@pytest.mark.parametrize(
    ("change", "where", "message"),
    [
        ({"agents": 4}, (), "has shifts for 4 agents, and `agents` of the group says 3"),
        ({"till": "09:00"}, (0, "till"), "09:00 is not after 09:00; past midnight is another shift"),
        ({"till": "24:30"}, (0,), "'24:30' is past the end of the day"),
        ({"zone": "America/NewYork"}, (0, "zone"), "did you mean 'America/New_York'"),
        ({"breaks": [{"from": "08:00", "till": "10:00"}]}, (0, "breaks", 0), "is not inside the shift"),
        ({"breaks": [{"from": "16:00", "till": "17:00"}]}, (0, "breaks", 0), "is not inside the shift"),
        (
            {"breaks": [{"from": "12:00", "till": "12:20", "length": "30m"}]},
            (0, "breaks", 0, "length"),
            "30m does not fit between 12:00 and 12:20",
        ),
        (
            {"breaks": [{"from": "12:00", "till": "13:00"}, {"from": "12:30", "till": "14:00"}]},
            (0, "breaks", 1),
            "overlaps another break of the shift",
        ),
    ],
)
def test_what_is_wrong_with_a_roster_is_said_with_its_place(
    change: Mapping[str, Any], where: tuple[str | int, ...], message: str
) -> None:
    (found,) = problems([{**SHIFT, **change}], 3)

    assert found[0] == where
    assert message in found[1]


def test_a_roster_is_checked_when_the_project_is_loaded(project: Callable[..., Any]) -> None:
    folder = project(1, agents=3)
    folder.campaign["agent_groups"]["sales"]["roster"] = [{**SHIFT, "agents": 2}, {**SHIFT, "until": "18:00"}]
    folder.save()

    with pytest.raises(Problems, match="until"):
        folder.load()
    folder.campaign["agent_groups"]["sales"]["roster"][1] = {**SHIFT, "agents": 2}
    folder.save()
    with pytest.raises(Problems, match="has shifts for 4 agents"):
        folder.load()


def talks(folder: Any) -> list[tuple[str, float, float]]:
    rows = folder.query(
        "SELECT agent_id, placed, ended FROM attempts WHERE connected IS NOT NULL ORDER BY placed"
    )
    return [(agent, placed, ended) for agent, placed, ended in rows]


def test_a_run_dials_for_the_agents_who_are_there(project: Callable[..., Any]) -> None:
    folder = project(400, agents=4, dialer=ANSWERS)
    folder.campaign["agent_groups"]["sales"]["roster"] = [
        {"agents": 2, "from": "14:00", "till": "16:00"},
        {"agents": 2, "from": "15:00", "till": "17:00"},
    ]
    folder.save()

    tally = folder.run(until=parse_moment("2026-03-02T20:00Z"))

    hour = parse_moment("2026-03-02T14:00Z")
    by_agent: dict[str, list[float]] = {}
    for agent, placed, ended in talks(folder):
        by_agent.setdefault(agent, []).append(placed)
        assert ended - placed == pytest.approx(285)
    assert {agent: (min(at) - hour, max(at) - hour) for agent, at in by_agent.items()} == {
        "sales-1": (pytest.approx(0, abs=1), pytest.approx(7200, abs=301)),
        "sales-2": (pytest.approx(0, abs=1), pytest.approx(7200, abs=301)),
        "sales-3": (pytest.approx(3600, abs=1), pytest.approx(10800, abs=301)),
        "sales-4": (pytest.approx(3600, abs=1), pytest.approx(10800, abs=301)),
    }
    assert tally.abandoned == 0
    # eight agent hours, and what the last conversations took beyond the end of the shift
    assert 8 <= tally.staffed_seconds / 3600 < 8.4
    assert tally.utilisation > 0.95


def test_who_is_talking_when_a_break_is_due_goes_afterwards(project: Callable[..., Any]) -> None:
    folder = project(100, agents=1, dialer=ANSWERS)
    folder.campaign["agent_groups"]["sales"]["roster"] = [
        {"agents": 1, "from": "13:00", "till": "17:00", "breaks": [{"from": "13:07", "till": "13:31"}]}
    ]
    folder.save()

    folder.run(until=parse_moment("2026-03-02T14:00Z"))

    start = parse_moment("2026-03-02T13:00Z")
    placed = [round(at - start) for _, at, _ in talks(folder)]
    assert placed[:3] == [0, 300, 1860], "the second call ends in the break, and the third follows it"


def test_a_run_goes_on_over_the_night_until_the_list_is_done(project: Callable[..., Any]) -> None:
    folder = project(60, agents=1, dialer=ANSWERS, rules={"plain": "ruleset: plain\n"})
    folder.campaign["agent_groups"]["sales"]["roster"] = [{"agents": 1, "from": "14:00", "till": "16:00"}]
    folder.save()

    tally = folder.run()

    assert tally.ended == "nothing left to dial"
    assert tally.attempts == 60
    assert tally.now == pytest.approx(parse_moment("2026-03-04T15:00Z"), abs=3600)


def test_a_run_without_anybody_who_could_dial_comes_to_an_end(project: Callable[..., Any]) -> None:
    folder = project(10, agents=1, mode={"shy": {}}, dialer=ANSWERS, plugins={"shy": SHY})
    folder.campaign["agent_groups"]["sales"]["roster"] = [{"agents": 1, "from": "14:00", "till": "16:00"}]
    folder.save()

    tally = folder.run()

    assert (tally.attempts, tally.ended) == (
        0,
        "nothing more can be dialed: group all places no calls by shy",
    )
    assert tally.now < parse_moment("2026-05-01")


@pytest.mark.parametrize(
    ("entries", "there"),
    [
        ([{"agents": 3, "from": "09:00", "till": "17:00"}], 3),
        ([{"agents": 3, "from": "09:00", "till": "17:00"}, {"agents": 2, "from": "17:00", "till": "22:00"}], 3),
        ([{"agents": 3, "from": "09:00", "till": "17:00"}, {"agents": 2, "from": "16:00", "till": "22:00"}], 5),
        ([{"agents": 3, "from": "09:00", "till": "17:00", "weekdays": "mon-fri"},
          {"agents": 4, "from": "09:00", "till": "17:00", "weekdays": "sat"}], 4),
        # from 02:00 UTC in New York's summer, from 03:00 in its winter
        ([{"agents": 3, "from": "22:00", "till": "23:00", "zone": "America/New_York"},
          {"agents": 2, "from": "02:00", "till": "02:30"}], 5),
    ],
)  # fmt: skip
def test_the_most_agents_are_those_of_the_shifts_that_meet(
    entries: list[Mapping[str, Any]], there: int
) -> None:
    assert at_once(entries) == there


@pytest.mark.parametrize("mode", [{"preview": {"preview_time": "30s"}}, {"progressive": {}}])
@pytest.mark.parametrize("outcome", ["no_answer", "answer"])
def test_nobody_dials_after_the_shift_whatever_the_mode_and_the_result(
    project: Callable[..., Any], mode: Mapping[str, Any], outcome: str
) -> None:
    folder = project(900, agents=2, mode=mode, dialer={"simulated": {"outcomes": {outcome: 1}}})
    folder.campaign["agent_groups"]["sales"]["roster"] = [{"agents": 2, "from": "13:00", "till": "13:40"}]
    folder.save()

    folder.run(until=parse_moment("2026-03-02T18:00Z"))

    ((first, last),) = folder.query("SELECT min(placed), max(placed) FROM attempts")
    start = parse_moment("2026-03-02T13:00Z")
    assert first - start < 35
    # whom an agent looks at when his shift ends is still called
    assert 2100 < last - start < 2400 + 31
