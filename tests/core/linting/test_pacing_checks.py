"""Checks of pacing: what they find beside their examples, and what they leave alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from cxrun.linting.settings import MOST_ABANDONED
from cxrun.ruleset import bundled
from cxrun.yamlfile import load

if TYPE_CHECKING:
    from cxrun.linting.lint import Result

    Example = Callable[[str], Any]
    Findings = Callable[..., Result]

PACING = ("CX310", "CX311", "CX312", "CX317", "CX318", "CX319", "CX320", "CX321")


def mode(**parameters: Any) -> str:
    """A part of campaign.yaml that names a mode."""
    return f"dialing_profiles: {{standard: {{mode: {json.dumps(parameters)}}}}}"


def line(**settings: Any) -> str:
    return f"session_profiles: {{line: {json.dumps(settings)}}}"


@pytest.mark.parametrize(
    ("part", "told"),
    [
        (
            mode(power={"calls_per_agent": 50}),
            "places 50 calls for each agent who is ready, and keeps no abandon rate",
        ),
        (mode(progressive={"lines_per_agent": 5}), "places 5 calls for each agent who is ready"),
        (
            mode(predictive={"abandon_rate": 20}),
            "may abandon 20% of those who answer; 5% is the most that any",
        ),
        (
            mode(progressive={"engage_agent_first": True, "cancel_before_ring": True}),
            "has no effect on progressive beside its other parameters",
        ),
        (
            mode(predictive={"engage_agent_first": True, "average_waiting_time": "20s"}),
            "has no effect on predictive beside its other parameters",
        ),
        (line(calls_per_second=0.05), "0.05 calls per second are less than the"),
        (line(ports=2), "2 ports keep 4 of 6 agents idle at any time"),
        (mode(predictive={"agent_floor": 20}), "predictive takes at least 20 agents, and there are 6"),
    ],
)
def test_a_pace_that_is_not_meant_is_told(example: Example, findings: Findings, part: str, told: str) -> None:
    (found,) = findings(example(part), *PACING, data=False).findings
    assert told in found.message
    assert found.mark.line > 1


@pytest.mark.parametrize(
    "part",
    [
        mode(power={"calls_per_agent": 3}),
        mode(power=None),
        mode(adaptive_level={}),
        mode(preview={"preview_time": "2m"}),
        mode(progressive={"lines_per_agent": 0.2}),
        mode(progressive={"engage_agent_first": True, "cancel_before_ring": False}),
        mode(predictive={"engage_agent_first": True, "abandon_rate": 20}),
        mode(predictive={"abandon_rate": 5, "measured_over": ["campaign"]}),
        mode(predictive={"agent_busy_factor": 80, "cancel_before_ring": True}),
        mode(progressive_ivr={"channels": 30}) + "\n---\n" + line(calls_per_second=0.01),
        # a line that takes people for machines concerns a mode that keeps an abandon rate, where machines are dropped
        line(dialer={"simulated": {"call_analysis": {"person_as_machine": 0.1}}}),
        line(dialer={"simulated": {"call_analysis": {"person_as_machine": 0.1}}})
        + "\n---\n"
        + mode(predictive={"engage_agent_first": True}),
        line(dialer={"simulated": {"call_analysis": {"person_as_machine": 0.1}}})
        + "\n---\n"
        + mode(predictive={})
        + "\n---\nruleset: deliver\nresults: [delivery: {answering_machine: agent}]\n",
    ],
)
def test_a_pace_that_is_meant_is_left_alone(example: Example, findings: Findings, part: str) -> None:
    assert not [str(finding) for finding in findings(example(part), *PACING, data=False).findings]


def test_of_a_roster_those_agents_count_who_are_there_at_once(example: Example, findings: Findings) -> None:
    roster = [
        {"agents": 3, "from": "08:00", "till": "12:00"},
        {"agents": 3, "from": "12:00", "till": "18:00"},
    ]
    made = example(
        f"{mode(predictive={'agent_floor': 5})}\n---\nagent_groups: {{sales: {json.dumps({'roster': roster})}}}"
    )
    (found,) = findings(made, "CX310", data=False).findings
    assert found.message.startswith("predictive takes at least 5 agents, and there are 3 at once")


def test_a_parameter_without_effect_is_told_where_it_stands(example: Example, findings: Findings) -> None:
    made = example(mode(predictive={"engage_agent_first": True, "agent_busy_factor": 80}))
    (found,) = findings(made, "CX319", data=False).findings
    assert found.path == "dialing_profiles.standard.mode.predictive.agent_busy_factor"


def test_a_lavish_abandon_rate_is_more_than_any_compliance_pack_allows() -> None:
    packs = [load(path).data for path in bundled().values()]
    allowed = [
        pack["limits"]["abandon_rate"]["at_most"]
        for pack in packs
        if "abandon_rate" in pack.get("limits", {})
    ]
    assert max(allowed) == MOST_ABANDONED
