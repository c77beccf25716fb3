"""The model of how a list is used up, beside what a simulation comes to."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest

from cxrun.asking import reading
from cxrun.forecasting.forecast import Forecast, forecast
from cxrun.forecasting.picture import page, picture
from cxrun.moments import parse_moment

if TYPE_CHECKING:
    from tests.conftest import ProjectFolder

    MakeProject = Callable[..., ProjectFolder]

START = parse_moment("2026-03-02T13:00Z")
ONCE = {"once": "ruleset: once\ntreatments:\n  - on: busy\n    do: [{finish: }]\n"}


def look(made: ProjectFolder, hours: int = 48, **options: Any) -> Forecast:
    project = made.load()
    groups = list(project.groups.values())
    at = made.reached()
    with made.store() as store, reading(store, groups):
        return forecast(store, groups, at, at, hours, **options)


@pytest.mark.parametrize(
    "mode",
    [
        {"progressive": {"lines_per_agent": 1}},
        {"progressive": {"lines_per_agent": 2}},
        {"preview": {"preview_time": "20s"}},
        {"push_preview": {"timeout": "30s"}},
        {"push_preview": {"timeout": "10s", "on_timeout": "skip"}},
        {"power_ivr": {"calls_per_minute": 30, "max_in_progress": 100}},
        {"power_ivr": {"calls_per_minute": 3000, "max_in_progress": 10}},
    ],
    ids=["progressive", "two lines", "preview", "pushed", "skipped", "by the clock", "by the ports"],
)
def test_a_group_makes_about_as_many_calls_as_a_simulation(
    project: MakeProject, mode: dict[str, Any]
) -> None:
    made = project(2000, rules=ONCE, mode=mode, agents=10)
    made.import_lists()
    (group,) = look(made).groups
    assert group.pace is not None
    tally = made.run(until=START + 3600)
    assert tally.attempts == pytest.approx(group.pace.calls, rel=0.15)
    (measured,) = look(made).groups
    assert measured.pace is not None
    assert tally.attempts == pytest.approx(measured.pace.calls, rel=0.15)
    assert measured.pace.assumptions != group.pace.assumptions


def test_a_list_is_used_up_about_when_a_simulation_has_dialed_it(project: MakeProject) -> None:
    made = project(1500, rules=ONCE, agents=10)
    made.import_lists()
    (one,) = look(made).lists
    tally = made.run()
    assert one.used_up is not None
    assert abs(one.used_up - tally.now) <= 3600
    assert sum(one.dialed) == pytest.approx(tally.attempts, rel=0.01)


def test_calls_again_are_measured_and_count(held: Any) -> None:
    made: ProjectFolder = held(1, 150, until=20 * 3600)
    (group,) = look(made, 168).groups
    assert group.pace is not None
    assert group.pace.again > 0.1
    assert group.pace.wait > 0
    (one,) = group.lists
    assert sum(one.dialed) > one.left[0] - one.left[-1]


def test_everybody_is_accounted_for(held: Any) -> None:
    made: ProjectFolder = held(3, 80, until=20 * 3600)
    (one,) = look(made).lists
    assert one.waiting + one.asleep + one.dialing + one.finished == 80
    closed_to = sum(count for pattern, count in one.patterns.items() if not pattern.hours)
    assert closed_to == one.later + one.excluded.total() + one.never.total()
    assert sum(one.zone_customers.values()) == one.waiting
    assert [sum(hours) for hours in zip(*one.zones.values(), strict=True)] == one.open


def test_lists_share_the_calls_by_weight_until_one_is_used_up(project: MakeProject) -> None:
    made = project(300, rules=ONCE, agents=3)
    made.write_list("others", [[f"D{n}", f"+1212555{n:04}"] for n in range(900)])
    made.campaign["groups"]["all"]["lists"] = {"people": 10, "others": 30}
    made.save()
    made.import_lists()
    people, others = look(made).lists
    assert others.dialed[0] == pytest.approx(3 * people.dialed[0])
    assert sum(others.dialed) == pytest.approx(900, rel=0.01)
    assert sum(people.dialed) == pytest.approx(300, rel=0.01)


def test_groups_of_the_same_agents_share_them(project: MakeProject) -> None:
    made = project(600, rules=ONCE, agents=3)
    alone = None
    made.import_lists()
    alone = look(made).lists[0].dialed[0]
    made.write_list("others", [[f"D{n}", f"+1212555{n:04}"] for n in range(900)])
    made.campaign["groups"]["second"] = {"template": "plain", "lists": ["others"]}
    made.save()
    made.import_lists()
    people, others = look(made).lists
    assert people.dialed[0] == pytest.approx(alone / 2)
    assert others.dialed[0] == pytest.approx(alone / 2)


def test_a_paused_list_is_said_to_be(project: MakeProject) -> None:
    made = project(20, rules=ONCE)
    made.campaign["groups"]["all"]["lists"] = {"people": 0}
    made.save()
    made.import_lists()
    (group,) = look(made).groups
    assert not any(group.lists[0].open)
    assert group.notes == ["list people is paused: its weight is 0"]


def test_a_filter_that_asks_others_is_not_asked_about_times_to_come(project: MakeProject) -> None:
    rules = {"door": 'ruleset: door\nfilters:\n  - pre_dial: {url: "http://127.0.0.1:9/"}\n'}
    made = project(20, rules=rules)
    made.import_lists()
    (group,) = look(made).groups
    assert set(group.lists[0].open) == {20}
    assert group.notes == [
        "rulesets/door.yaml:3 pre_dial asks somebody outside; it is taken to have no objection"
    ]


@pytest.mark.parametrize("hours", [6, 48, 168, 1000])
def test_the_picture_is_well_formed_and_has_a_bar_for_each_open_hour(
    project: MakeProject, hours: int
) -> None:
    made = project(50, rules=ONCE, agents=1, name="a<b")
    made.import_lists()
    found = look(made, hours)
    root = ElementTree.fromstring(picture(found, "America/New_York"))
    bars = [element for element in root.iter() if element.get("class") == "open"]
    assert len(bars) == sum(map(bool, found.lists[0].open))
    for element in bars:
        assert 0 <= float(element.get("x", -1)) <= 1000
        assert float(element.get("height", -1)) > 0
    assert "prefers-color-scheme: dark" in page(found, "UTC")
    assert "http" not in page(found, "UTC").replace("http://www.w3.org/2000/svg", "")
