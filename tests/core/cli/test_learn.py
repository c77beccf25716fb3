from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from cxrun.moments import parse_moment
from cxrun_plugins.dialers.simulated import Simulated

if TYPE_CHECKING:
    from tests.conftest import Answer, ProjectFolder

    Cxrun = Callable[..., Answer]
    MakeProject = Callable[..., ProjectFolder]


def test_model_is_printed_or_written_and_simulated_with(cxrun: Cxrun, dialed: ProjectFolder) -> None:
    printed = cxrun("-C", dialed.folder, "learn").out
    assert printed.splitlines()[4] == "simulated:"
    model = dialed.folder / "model.yaml"
    answer = cxrun("-C", dialed.folder, "learn", "people", "--output", model)
    assert answer.out == f"wrote {model}: learned from 30 attempts\n"
    assert model.read_text() == printed
    assert cxrun("-C", dialed.folder, "simulate", "--model", model).code == 0


def test_learned_parameters_can_stand_in_the_campaign(cxrun: Cxrun, dialed: ProjectFolder) -> None:
    data = json.loads(cxrun("-C", dialed.folder, "learn", "all", "--json").out)
    assert data["attempts"] == 30
    assert data["lists"] == ["people"]
    dialed.campaign["session_profiles"]["line"]["dialer"] = {"simulated": data["parameters"]}
    dialed.save()
    assert cxrun("-C", dialed.folder, "validate").code == 0


def test_written_file_is_the_dialer_of_a_session_profile(cxrun: Cxrun, dialed: ProjectFolder) -> None:
    data = json.loads(cxrun("-C", dialed.folder, "learn", "-o", dialed.folder / "world.yaml", "--json").out)
    dialed.campaign["session_profiles"]["line"]["dialer"] = "world.yaml"
    dialed.save()
    assert dialed.load().groups["all"].dialer == Simulated.build(data["parameters"])


def test_fields_to_learn_by_are_those_of_the_lists(cxrun: Cxrun, project: MakeProject) -> None:
    made = project(200, dialer={"simulated": {"outcomes": {"answer": 1, "busy": 1}}}, agents=50)
    made.add_field("segment", ["gold", "new"])
    made.run(limit=200)
    data = json.loads(
        cxrun("-C", made.folder, "learn", "--by", "segment", "--smoothing", "0.1", "--json").out
    )
    assert set(data["parameters"]["by_field"]["segment"]) == {"gold", "new"}
    answer = cxrun("-C", made.folder, "learn", "--by", "segmnt")
    assert answer.code == 3
    assert answer.err == (
        "none of the lists has a field of its own named 'segmnt'; did you mean 'segment'?\n"
    )


def test_mistakes_are_said(cxrun: Cxrun, dialed: ProjectFolder, project: MakeProject) -> None:
    answer = cxrun("-C", dialed.folder, "learn", "peple")
    assert (answer.code, answer.err) == (3, "no list or group named 'peple'; did you mean 'people'?\n")
    assert cxrun("-C", project(3, name="new").folder, "learn").code == 3


def test_calls_in_progress_are_not_learned_from(cxrun: Cxrun, project: MakeProject) -> None:
    folder = project(60, agents=10, dialer={"simulated": {"outcomes": {"answer": 1}, "talk": {"mean": 900}}})
    folder.run(until=parse_moment("2026-03-02T14:30Z"))
    (ended,) = folder.query("SELECT count(*) FROM attempts WHERE ended IS NOT NULL")[0]
    (in_progress,) = folder.query("SELECT count(*) FROM attempts WHERE ended IS NULL AND detected = 33")[0]
    assert in_progress > 3

    data = json.loads(cxrun("-C", folder.folder, "learn", "--json").out)

    assert (data["attempts"], data["unused"]) == (ended, in_progress)
