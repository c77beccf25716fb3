"""Groups that work beside each other share agents, ports and calls per second fairly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrun.moments import parse_moment
from cxrun.sharing import dealt

if TYPE_CHECKING:
    from tests.conftest import ProjectFolder

    MakeProject = Callable[..., ProjectFolder]

START = parse_moment("2026-03-02T13:00Z")
HOUR = 3600.0
ONCE = {"once": "ruleset: once\n"}
WORLD = {
    "simulated": {
        "outcomes": {"answer": 0.4, "no_answer": 0.6}, "talk": {"mean": 60, "cv": 0.9}, "wrap": {"mean": 10, "cv": 0.5},
    }
}  # fmt: skip
IVR = {"power_ivr": {"calls_per_minute": 6000, "max_in_progress": 1000}}


def groups(
    project: MakeProject, sizes: Mapping[str, int], mode: Mapping[str, Any] | None = None, **more: Any
) -> ProjectFolder:
    """Groups with a list each, of one agent group and one session profile."""
    folder = project(1, **{"rules": ONCE, "dialer": WORLD, "mode": mode or {"progressive": {}}} | more)
    folder.campaign["groups"] = {}
    folder.campaign["lists"] = {}
    for number, (name, size) in enumerate(sizes.items()):
        folder.write_list(f"of_{name}", [[f"{name}{n}", f"+1{212 + number}555{n:04}"] for n in range(size)])
        folder.campaign["groups"][name] = {"template": "plain", "lists": [f"of_{name}"]}
    folder.save()
    return folder


def attempts(
    folder: ProjectFolder, group: str, columns: str = "placed, coalesce(ended, 1e12)"
) -> list[tuple[Any, ...]]:
    return folder.query(
        f"SELECT {columns} FROM attempts JOIN lists USING (list_id) WHERE name = ? ORDER BY placed",
        f"of_{group}",
    )


def talked(folder: ProjectFolder, group: str, since: float = START, until: float = START + 9 * HOUR) -> float:
    """Seconds that agents talked for a group."""
    calls = attempts(folder, group, f"connected, coalesce(ended, {until})")
    return sum(max(0, min(ended, until) - max(at, since)) for at, ended in calls if at is not None)


def most_at_once(spans: list[tuple[float, float]]) -> int:
    """Most calls in progress at a time."""
    changes = sorted([(at, 1) for at, _ in spans] + [(ended, -1) for _, ended in spans])
    now = most = 0
    for _, change in changes:
        now += change
        most = max(most, now)
    return most


# --- the deal --------------------------------------------------------------------------------------


@given(
    st.integers(0, 40),
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=5),
)
def test_all_that_is_wanted_is_dealt_and_who_has_least_gets_the_next(
    free: int, members: list[tuple[int, int]]
) -> None:
    """Everybody asks until nobody gets any more, as groups do at every turn of a run."""
    have = [mine for mine, _ in members]
    wish = [wanted for _, wanted in members]
    left, moved = free, True
    while moved:
        moved = False
        for n in range(len(members)):
            others = [have[m] for m in range(len(members)) if m != n and wish[m]]
            given_now = dealt(wish[n], left, have[n], others)
            have[n], wish[n], left = have[n] + given_now, wish[n] - given_now, left - given_now
            moved = moved or given_now > 0
    assert left == max(0, free - sum(wanted for _, wanted in members))
    for n, (before, _) in enumerate(members):
        if have[n] > before:
            assert all(have[m] >= have[n] - 1 for m in range(len(members)) if wish[m]), (
                "others want, and have less"
            )


# --- agents ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "apart"), [("progressive", 0.03), ("power", 0.05), ("predictive", 0.05)])
def test_groups_that_share_agents_get_as_many_each(project: MakeProject, mode: str, apart: float) -> None:
    folder = groups(project, {"east": 9000, "west": 9000}, {mode: {}}, agents=10)
    folder.run(until=START + 4 * HOUR)
    east, west = (talked(folder, name, START + HOUR, START + 4 * HOUR) for name in ("east", "west"))
    assert abs(east - west) < apart * (east + west)
    assert east + west > 0.4 * 10 * 3 * HOUR


def test_the_first_agents_are_shared_too(project: MakeProject) -> None:
    folder = groups(project, {"east": 200, "west": 200}, agents=10)
    folder.run(limit=10)
    assert (len(attempts(folder, "east")), len(attempts(folder, "west"))) == (5, 5)


@pytest.mark.parametrize("engaged", [False, True])
def test_one_line_for_each_agent_loses_nobody_however_many_groups_share_them(
    project: MakeProject, engaged: bool
) -> None:
    mode = {"progressive": {"engage_agent_first": engaged}}
    folder = groups(project, {"east": 600, "west": 600, "north": 600}, mode, agents=4)
    tally = folder.run(until=START + 4 * HOUR)
    assert tally.answered > 300
    assert tally.abandoned == 0


def test_predictive_groups_that_share_agents_keep_the_abandon_rate(project: MakeProject) -> None:
    folder = groups(project, {"east": 8000, "west": 8000}, {"predictive": {}}, agents=12)
    tally = folder.run(until=START + 4 * HOUR)
    assert tally.utilisation > 0.75
    assert tally.abandon_rate < 0.03


def test_agents_whom_one_group_has_no_records_for_work_for_the_other(project: MakeProject) -> None:
    folder = groups(project, {"few": 40, "many": 2000}, agents=6)
    folder.run(until=START + 3 * HOUR)
    end_of_few = max(ended for _, ended in attempts(folder, "few"))
    assert end_of_few < START + HOUR
    alone = groups(project, {"many": 2000}, agents=6, name="alone")
    alone.run(until=START + 3 * HOUR)
    span = (START + HOUR, START + 3 * HOUR)
    assert talked(folder, "many", *span) > 0.93 * talked(alone, "many", *span)


def test_agents_of_a_group_that_stops_go_over_to_the_other_at_once(project: MakeProject) -> None:
    folder = groups(project, {"stops": 3000, "stays": 3000}, agents=6)
    folder.campaign["groups"]["stops"]["schedule"] = [
        {"date": "2026-03-02", "start": "13:00", "stop": "14:00"}
    ]
    folder.save()
    folder.run(until=START + 3 * HOUR)
    assert max(placed for placed, _ in attempts(folder, "stops")) < START + HOUR
    before = talked(folder, "stays", START, START + HOUR)
    after = talked(folder, "stays", START + 1.1 * HOUR, START + 2.1 * HOUR)
    assert after > 1.7 * before


@pytest.mark.parametrize("mode", ["progressive", "predictive"])
@pytest.mark.parametrize("limit", [{"ports": 3}, {"calls_per_second": 0.02}])
def test_agents_whom_one_group_has_no_ports_or_calls_for_work_for_the_other(
    project: MakeProject, mode: str, limit: dict[str, float]
) -> None:
    folder = groups(project, {"small": 4000, "big": 9000}, {mode: {}}, agents=10)
    folder.campaign["groups"]["small"].update(limit)
    folder.save()
    folder.run(until=START + 3 * HOUR)
    alone = groups(project, {"big": 9000}, {mode: {}}, agents=10, name="alone")
    alone.run(until=START + 3 * HOUR)
    span = (START + 0.5 * HOUR, START + 3 * HOUR)
    small, big = talked(folder, "small", *span), talked(folder, "big", *span)
    all_agents = talked(alone, "big", *span)
    assert 0.5 * HOUR < small < 0.6 * big
    assert small + big > 0.93 * all_agents


def test_a_group_that_begins_later_gets_its_share_of_agents(project: MakeProject) -> None:
    folder = groups(project, {"first": 6000, "later": 6000}, agents=6)
    folder.campaign["groups"]["later"]["schedule"] = [{"date": "2026-03-02", "start": "14:00"}]
    folder.save()
    folder.run(until=START + 4 * HOUR)
    span = (START + 1.5 * HOUR, START + 4 * HOUR)
    first, later = (talked(folder, name, *span) for name in ("first", "later"))
    assert abs(first - later) < 0.06 * (first + later)


# --- ports and calls per second --------------------------------------------------------------------


def test_groups_of_a_session_profile_share_its_ports(project: MakeProject) -> None:
    folder = groups(project, {"east": 3000, "west": 3000, "north": 3000}, IVR, ports=30)
    folder.run(until=START + 0.5 * HOUR)
    spans = {name: attempts(folder, name) for name in ("east", "west", "north")}
    assert most_at_once([span for found in spans.values() for span in found]) == 30
    held = {name: sum(ended - placed for placed, ended in calls) for name, calls in spans.items()}
    assert max(held.values()) < 1.05 * min(held.values())


def test_ports_that_one_group_does_not_need_are_the_others(project: MakeProject) -> None:
    folder = groups(project, {"small": 3000, "big": 3000}, IVR, ports=30)
    folder.campaign["groups"]["small"]["mode"] = {"power_ivr": {"max_in_progress": 3}}
    folder.save()
    folder.run(until=START + 0.5 * HOUR)
    assert most_at_once(attempts(folder, "small")) == 3
    assert most_at_once(attempts(folder, "big")) == 27


def test_agents_and_an_ivr_share_ports(project: MakeProject) -> None:
    """An IVR that could use every port leaves a group with agents what it needs."""
    folder = groups(project, {"people": 2000, "ivr": 9000}, ports=16, agents=8)
    folder.campaign["groups"]["ivr"]["mode"] = IVR
    folder.save()
    folder.run(until=START + 2 * HOUR)
    alone = groups(project, {"people": 2000}, ports=16, agents=8, name="alone")
    alone.run(until=START + 2 * HOUR)
    assert talked(folder, "people") > 0.93 * talked(alone, "people")
    assert most_at_once(attempts(folder, "people") + attempts(folder, "ivr")) == 16


def test_groups_of_a_session_profile_share_its_calls_per_second(project: MakeProject) -> None:
    folder = groups(project, {"east": 4000, "west": 4000, "north": 4000}, IVR, calls_per_second=3)
    folder.run(until=START + HOUR)
    calls = {name: [placed for placed, _ in attempts(folder, name)] for name in ("east", "west", "north")}
    assert max(map(len, calls.values())) - min(map(len, calls.values())) <= 2
    seconds = Counter(int(at) for placed in calls.values() for at in placed)
    assert 3 * HOUR - 9 < sum(seconds.values()) <= 3 * HOUR + 4
    assert max(seconds.values()) <= 6


def test_who_was_idle_has_not_saved_up_calls(project: MakeProject) -> None:
    folder = groups(project, {"first": 9000, "later": 9000}, IVR, calls_per_second=2)
    folder.campaign["groups"]["later"]["schedule"] = [{"date": "2026-03-02", "start": "13:30"}]
    folder.save()
    folder.run(until=START + HOUR)
    first, later = (
        sum(placed > START + 0.5 * HOUR for placed, _ in attempts(folder, name))
        for name in ("first", "later")
    )
    assert abs(first - later) <= 4


def test_a_group_with_ports_of_its_own_has_them_for_itself(project: MakeProject) -> None:
    folder = groups(project, {"east": 900, "west": 900, "own": 900}, IVR, ports=10)
    folder.campaign["groups"]["own"]["ports"] = 7
    folder.save()
    folder.run(until=START + 0.25 * HOUR)
    assert most_at_once(attempts(folder, "own")) == 7
    assert most_at_once(attempts(folder, "east") + attempts(folder, "west")) == 10


def test_a_run_of_groups_that_share_comes_out_the_same_every_time(project: MakeProject) -> None:
    def journal(name: str) -> list[str]:
        folder = groups(project, {"east": 300, "west": 300}, {"predictive": {}}, agents=5, ports=9, name=name)
        folder.run()
        return list(folder.journal())

    assert journal("one") == journal("other")
