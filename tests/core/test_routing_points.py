"""Where answered calls can be sent that no agent takes: declared, inherited, and named by rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from cxrun.campaign import RoutingPoint
from cxrun.errors import Problems

if TYPE_CHECKING:
    from tests.conftest import Answer, ProjectFolder

    MakeProject = Callable[..., ProjectFolder]
    Cxrun = Callable[..., Answer]

RULES = "ruleset: retry\nresults:\n  - delivery: {answering_machine: voice_mail, silence: drop}\n"
POINTS: dict[str, Any] = {
    "voice_mail": {"description": "leaves a message", "address": "7001", "lasts": "20s"}
}


def problems(folder: ProjectFolder) -> list[str]:
    with pytest.raises(Problems) as error:
        folder.load()
    return [str(problem).replace(f"{folder.folder}/", "") for problem in error.value.problems]


def test_a_routing_point_is_its_name_unless_it_says_more(project: MakeProject) -> None:
    folder = project(3, rules={"retry": RULES}, routing_points={**POINTS, "ivr": None})
    assert folder.load().group("all").routing_points == {
        "voice_mail": RoutingPoint("voice_mail", "leaves a message", "7001", 20.0),
        "ivr": RoutingPoint("ivr", "", "ivr", None),
    }


def test_it_is_inherited_part_by_part(project: MakeProject, cxrun: Cxrun) -> None:
    folder = project(3, rules={"retry": RULES}, routing_points=POINTS)
    folder.campaign["groups"]["all"]["routing_points"] = {"voice_mail": {"address": "7002"}, "ivr": None}
    folder.save()
    points = folder.load().group("all").routing_points
    assert points["voice_mail"] == RoutingPoint("voice_mail", "leaves a message", "7002", 20.0)
    assert set(points) == {"voice_mail", "ivr"}
    shown = [line.split() for line in cxrun("-C", folder.folder, "show", "all").out.splitlines()]
    levels = {line[0]: line[2:4] for line in shown if line[0].startswith("routing_points")}
    assert levels["routing_points.voice_mail.address"] == ["group", "all"]
    assert levels["routing_points.voice_mail.lasts"] == ["session", "profile"]
    assert levels["routing_points.ivr"] == ["group", "all"]


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ({"voicemail": None}, "; did you mean 'voicemail'?"),
        ({}, "; a session profile declares them as `routing_points:`"),
        ({"ivr": None}, "; known: agent, drop, ivr"),
    ],
)
def test_a_destination_that_is_not_declared_is_told_where_it_stands(
    project: MakeProject, points: dict[str, Any], expected: str
) -> None:
    folder = project(3, rules={"retry": RULES}, **({"routing_points": points} if points else {}))
    assert problems(folder) == [
        "rulesets/retry.yaml:3:16: results[0].delivery.answering_machine: "
        f"no routing point named 'voice_mail'{expected} (group 'all')"
    ]


def test_a_misspelt_agent_is_no_routing_point_either(project: MakeProject) -> None:
    folder = project(3, rules={"retry": RULES.replace("voice_mail", "agnet")})
    (problem,) = problems(folder)
    assert "no routing point named 'agnet'; did you mean 'agent'? (group 'all')" in problem


def test_it_is_told_for_each_group_that_lacks_it(project: MakeProject) -> None:
    folder = project(3, rules={"retry": RULES})
    for name in ("others", "third"):
        folder.write_list(name, [[f"{name}1", f"+1212555019{len(name)}"]])
        folder.campaign["groups"][name] = {"template": "plain", "lists": [name]}
    folder.campaign["groups"]["third"]["routing_points"] = POINTS
    folder.save()
    (problem,) = problems(folder)
    assert problem.endswith("(groups 'all', 'others')")


def test_a_message_that_is_not_declared_is_told_at_the_level_that_names_it(project: MakeProject) -> None:
    folder = project(3, rules={"retry": RULES}, routing_points={**POINTS, "sorry": None})
    folder.campaign["templates"]["plain"]["abandon_message"] = "sory"
    folder.save()
    (problem,) = problems(folder)
    assert (
        "templates.plain.abandon_message: no routing point named 'sory'; did you mean 'sorry'? (group 'all')"
        in problem
    )

    folder.campaign["dialing_profiles"]["standard"]["mode"] = {"progressive_ivr": {"channels": 3}}
    folder.save()
    assert folder.load().group("all").abandon_message == "sory"


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        (
            {"agent": None},
            "'agent' cannot be used here; a name begins with a letter, and is none of agent and drop",
        ),
        ({"drop": {}}, "'drop' cannot be used here"),
        ({"7001": None}, "'7001' is not understood; a name begins with a letter"),
        ({"ivr": {"adress": "x"}}, "did you mean 'address'?"),
        ({"ivr": {"lasts": "long"}}, "'long' is no duration"),
        ({"ivr": {"address": ""}}, "must not be empty"),
    ],
)
def test_a_mistake_in_a_routing_point_is_told(
    project: MakeProject, points: dict[str, Any], expected: str
) -> None:
    told = problems(project(3, routing_points=points))
    assert "session_profiles.line.routing_points" in told[0]
    assert expected in told[0]


PLUGIN = """
from dataclasses import dataclass
from cxrun import Deliver, ResultHandler, hookimpl

@dataclass(frozen=True)
class Overflow(ResultHandler):
    name = "overflow"
    schema = {"type": "object", "properties": {"to": {"type": "string"}}}
    to: str = "queue"

    def routing_points(self):
        return [self.to]

    def handle(self, call):
        return Deliver("overflow", self.to)

@hookimpl
def register_result_handlers():
    return [Overflow]
"""


@pytest.mark.parametrize(
    ("parameters", "place", "name"), [("{to: que}", "3:16", "que"), ("{}", "3:5", "queue")]
)
def test_an_element_of_a_plugin_declares_what_it_needs(
    project: MakeProject, parameters: str, place: str, name: str
) -> None:
    rules = f"ruleset: retry\nresults:\n  - overflow: {parameters}\n"
    folder = project(3, rules={"retry": rules}, plugins={"mine": PLUGIN}, routing_points={"queues": None})
    (problem,) = problems(folder)
    assert problem.startswith(f"rulesets/retry.yaml:{place}: results[0].overflow")
    assert f"no routing point named '{name}'; did you mean 'queues'?" in problem


def test_a_bundled_ruleset_says_what_it_needs(project: MakeProject) -> None:
    folder = project(3)
    folder.campaign["dialing_profiles"]["standard"]["rulesets"] = ["appointment_reminder", "retry"]
    fields = {"remind_from": {"column": "Client", "type": "text"}}
    folder.campaign["lists"]["people"]["map"]["fields"] = fields
    folder.save()
    (problem,) = problems(folder)
    assert "no routing point named 'announcement'; a session profile declares them" in problem
    folder.campaign["session_profiles"]["line"]["routing_points"] = {"announcement": None}
    folder.save()
    folder.load()


def test_calls_at_a_routing_point_last_as_long_as_it_says(project: MakeProject) -> None:
    folder = project(
        20, rules={"retry": RULES + "treatments: [{on: other, do: [finish]}]\n"}, routing_points=POINTS,
        dialer={"simulated": {"outcomes": {"answering_machine": 1}, "announcement": 5}}, ring_time="60s",
    )  # fmt: skip
    folder.run()
    assert {
        round(row[0], 3)
        for row in folder.query("SELECT ended - connected FROM attempts WHERE agent_id IS NULL")
    } == {20.0}
