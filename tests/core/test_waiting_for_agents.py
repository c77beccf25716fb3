"""A mode that needs more agents than there are: told when the project is loaded, and what a run makes of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pytest
from tests.core.test_sharing import groups

from cxrun import runner
from cxrun.elements import Pacing
from cxrun.errors import Problems
from cxrun.moments import parse_moment
from cxrun.registry import load_registry

if TYPE_CHECKING:
    from tests.conftest import ProjectFolder

    MakeProject = Callable[..., ProjectFolder]

MODES = """\
from dataclasses import dataclass
from typing import ClassVar
from cxrun import DialingMode, hookimpl

@dataclass(frozen=True)
class InPairs(DialingMode):
    name: ClassVar[str] = "in_pairs"
    schema: ClassVar[dict] = {"type": "object", "properties": {"said": {"type": "integer"}}}
    said: int = 1

    @property
    def fewest_agents(self):
        return self.said

    def new_calls(self, pacing):
        return pacing.ready // 2 - pacing.dialed

@dataclass(frozen=True)
class Mute(DialingMode):
    name: ClassVar[str] = "mute"
    needs_agents: ClassVar[bool] = False

    def new_calls(self, pacing):
        return 0

@hookimpl
def register_dialing_modes():
    return [InPairs, Mute]
"""
LONG = 5_500
"""More records than a run reads at once, so that it always has some to look at."""
ONCE = {"once": "ruleset: once\n"}


def lines(ratio: float) -> Mapping[str, Any]:
    return {"progressive": {"lines_per_agent": ratio}}


def refusal(folder: ProjectFolder) -> list[str]:
    with pytest.raises(Problems) as caught:
        folder.load()
    return [f"{problem.path}: {problem.message}" for problem in caught.value.problems]


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("ratio", [0.01, 0.1, 0.3, 0.34, 0.5, 0.7, 0.99, 1, 1.4, 5])
def test_progressive_tells_the_fewest_agents_that_get_a_call(ratio: float, first: bool) -> None:
    mode = (
        load_registry()
        .entries("dialing mode")["progressive"]
        .element.build({"lines_per_agent": ratio, "engage_agent_first": first and ratio <= 1})
    )
    calls = [mode.new_calls(Pacing(0.0, ready=ready)) for ready in range(101)]
    assert next(ready for ready in range(101) if calls[ready]) == mode.fewest_agents


def test_a_group_that_never_has_enough_agents_is_refused_with_the_place_of_its_mode(
    project: MakeProject,
) -> None:
    folder = project(10, agents=1, mode=lines(0.7))
    assert refusal(folder) == [
        "dialing_profiles.standard.mode.progressive: dials nobody before 2 agents are ready, and agent group "
        "'sales' has 1"
    ]
    folder.campaign["agent_groups"]["sales"]["agents"] = 2
    folder.save()
    assert folder.load()


def test_several_groups_of_one_profile_are_told_of_once(project: MakeProject) -> None:
    folder = project(10, agents=1, mode=lines(0.7))
    folder.write_list("others", [["D1", "+12125550199"]])
    folder.campaign["groups"]["other"] = {"template": "plain", "lists": ["others"]}
    folder.save()
    assert len(refusal(folder)) == 1


def test_of_a_roster_the_largest_shift_counts(project: MakeProject) -> None:
    folder = project(10, agents=4, mode=lines(0.3))
    shift = {"agents": 2, "from": "08:00", "till": "12:00"}
    folder.campaign["agent_groups"]["sales"]["roster"] = [shift, {**shift, "from": "12:00", "till": "18:00"}]
    folder.save()
    assert refusal(folder)[0].endswith(
        "before 4 agents are ready, and agent group 'sales' has 2 in its largest shift"
    )
    folder.campaign["agent_groups"]["sales"]["roster"][1]["from"] = "11:00"
    folder.save()
    assert folder.load()


def test_a_mode_of_a_plugin_can_say_how_many_agents_it_needs(project: MakeProject) -> None:
    folder = project(10, agents=3, mode={"in_pairs": {"said": 4}}, plugins={"modes": MODES})
    assert "in_pairs: dials nobody before 4 agents are ready" in refusal(folder)[0]


@pytest.mark.parametrize("size", [10, LONG])
def test_a_simulation_in_which_nobody_can_be_called_any_more_ends_and_says_why(
    project: MakeProject, size: int
) -> None:
    folder = project(size, agents=1, mode={"in_pairs": {}}, plugins={"modes": MODES}, rules=ONCE)
    tally = folder.run()
    assert tally.ended == "nothing more can be dialed: group all places no calls by in_pairs"
    assert (tally.attempts, sum(folder.reasons().values())) == (0, size)
    assert tally.now <= parse_moment("2026-03-03T13:01Z")


def test_an_ivr_mode_that_never_dials_ends_too(project: MakeProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "_FRUITLESS", 3600.0)
    tally = project(3, mode={"mute": {}}, plugins={"modes": MODES}, rules=ONCE).run()
    assert tally.ended == "nothing more can be dialed: group all places no calls by mute"


def test_a_group_whose_agents_never_come_while_its_schedule_lets_it_dial_is_given_up(
    project: MakeProject,
) -> None:
    folder = project(10, agents=1, rules=ONCE)
    folder.campaign["agent_groups"]["sales"]["roster"] = [{"agents": 1, "from": "18:00", "till": "20:00"}]
    folder.campaign["groups"]["all"]["schedule"] = [{"start": "09:00", "stop": "17:00"}]
    folder.save()
    tally = folder.run()
    assert tally.attempts == 0
    assert tally.turns[-1].why == "it called nobody at 31 starts in a row"


def test_while_too_few_agents_are_ready_a_run_says_how_many_it_waits_for(project: MakeProject) -> None:
    folder = project(40, agents=2, mode=lines(0.7), rules=ONCE)
    folder.campaign["agent_groups"]["sales"]["roster"] = [
        {"agents": 1, "from": "08:00", "till": "18:00"},
        {"agents": 1, "from": "15:00", "till": "18:00"},
    ]
    folder.save()
    tally = folder.run(until=parse_moment("2026-03-02T14:00Z"))
    ((states,),) = folder.query("SELECT states FROM runs")
    assert (tally.attempts, tally.ended) == (0, "until")
    assert json.loads(states)["all"]["waits_for"] == "agents: progressive needs 2 ready"
    assert folder.run().attempts == 40


def test_groups_that_share_the_fewest_agents_both_get_to_dial(project: MakeProject) -> None:
    folder = groups(project, {"a": 20, "b": 20}, lines(0.7), agents=2)
    tally = folder.run()
    assert tally.ended == "nothing left to dial"
    assert tally.attempts == 40
