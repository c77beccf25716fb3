"""A dialer that stands in a file of its own, and the fields it names."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from cxrun.errors import Problems
from cxrun.simulating.scene import Wish, staged

if TYPE_CHECKING:
    from tests.conftest import Answer, ProjectFolder

    Cxrun = Callable[..., Answer]
    MakeProject = Callable[..., ProjectFolder]

WORLD = """\
simulated:
  outcomes: {answer: 1, busy: 3}
  talk:
    mean: 60
"""


def mistakes(made: ProjectFolder) -> list[str]:
    """What is wrong with the project, each with its place."""
    with pytest.raises(Problems) as caught:
        made.load()
    return [str(problem).replace(f"{made.folder}/", "") for problem in caught.value.problems]


def test_file_holds_what_would_stand_under_dialer(project: MakeProject) -> None:
    made = project(3, dialer="worlds/calm.yaml")
    made.write("worlds/calm.yaml", WORLD)
    inline = project(
        3, name="inline", dialer={"simulated": {"outcomes": {"answer": 1, "busy": 3}, "talk": {"mean": 60}}}
    )
    group, other = made.load().groups["all"], inline.load().groups["all"]
    assert group.dialer == other.dialer
    assert group.frozen["settings"] == other.frozen["settings"]


def test_lower_level_overrides_parts_of_what_the_file_says(project: MakeProject) -> None:
    made = project(3, dialer="calm.yaml")
    made.write("calm.yaml", WORLD)
    made.campaign["groups"]["all"]["dialer"] = {"simulated": {"talk": {"mean": 90}, "lines": 2}}
    made.save()
    assert made.load().groups["all"].settings["dialer"].value == {
        "simulated": {"outcomes": {"answer": 1, "busy": 3}, "talk": {"mean": 90}, "lines": 2}
    }


def test_file_may_be_that_of_several_levels(project: MakeProject) -> None:
    made = project(3, dialer="calm.yaml")
    made.write("calm.yaml", WORLD)
    made.campaign["templates"]["plain"]["dialer"] = "busy.yaml"
    made.campaign["groups"]["all"]["dialer"] = "calm.yaml"
    made.write("busy.yaml", "simulated: {outcomes: {busy: 1}, lines: 7}\n")
    made.save()
    value = made.load().groups["all"].settings["dialer"].value["simulated"]
    assert value == {"outcomes": {"answer": 1, "busy": 3}, "talk": {"mean": 60}, "lines": 7}


def test_origin_of_a_value_is_its_line_in_the_file(cxrun: Cxrun, project: MakeProject) -> None:
    made = project(3, dialer="calm.yaml")
    made.write("calm.yaml", WORLD)
    rows = json.loads(cxrun("-C", made.folder, "show", "all", "--json").out)
    shown = {row["setting"]: (row["level"], row["place"].replace(f"{made.folder}/", "")) for row in rows}
    assert shown["dialer.simulated.talk.mean"] == ("session profile line", "calm.yaml:4")
    assert shown["dialer.simulated.outcomes.busy"] == ("session profile line", "calm.yaml:2")


def test_mistakes_in_the_file_are_told_with_their_place_there_once(project: MakeProject) -> None:
    made = project(3, dialer="calm.yaml")
    made.campaign["templates"]["plain"]["dialer"] = "calm.yaml"
    made.save()
    made.write("calm.yaml", WORLD.replace("mean", "men"))
    assert mistakes(made) == ["calm.yaml:4:5: simulated.talk.men: unknown key 'men'; did you mean 'mean'?"]
    made.write("calm.yaml", WORLD.replace("busy: 3", "busy: 0").replace("answer: 1", "answer: 0"))
    assert mistakes(made) == ["calm.yaml:1:1: simulated: outcomes: every weight is 0"]
    made.write("calm.yaml", "simulatd: {}\n")
    assert mistakes(made) == [
        "calm.yaml:1:1: simulatd: no dialer named 'simulatd'; did you mean 'simulated'?"
    ]


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("", "calm.yaml:1:1: is empty, not a mapping"),
        ("simulated: {}\nother: {}\n", "calm.yaml:1:1: "),
        (
            "simulated: {lines: 1, lines: 2}\n",
            "calm.yaml:1:23: simulated.lines: duplicate key, first on line 1",
        ),
        ("simulated: {lines: [}\n", "calm.yaml:1:21: is not valid YAML: "),
    ],
)
def test_file_that_is_no_dialer_is_refused(project: MakeProject, text: str, mistake: str) -> None:
    made = project(3, dialer="calm.yaml")
    made.write("calm.yaml", text)
    (said,) = mistakes(made)
    assert said.startswith(mistake)


def test_file_that_is_not_there_is_told_of_where_it_is_named(project: MakeProject) -> None:
    (said,) = mistakes(project(3, dialer="clam.yaml"))
    assert said.startswith("campaign.yaml:")
    assert said.endswith(
        "session_profiles.line.dialer: there is no file clam.yaml beside campaign.yaml; a dialer file holds what "
        "`dialer:` would"
    )


BY_SEGMENT = "simulated:\n  by_field:\n    segmnt: {gold: {answer: 2}}\n"


def test_field_no_list_of_the_group_has_is_told_where_it_is_named(project: MakeProject) -> None:
    made = project(3, dialer="calm.yaml")
    made.write("calm.yaml", BY_SEGMENT)
    made.add_field("segment", ["gold"])
    said = "no contact list of the group has a field of its own named 'segmnt'; did you mean 'segment'?"
    assert mistakes(made) == [f"calm.yaml:3:5: simulated.by_field.segmnt: {said}"]
    made.campaign["session_profiles"]["line"]["dialer"] = {
        "simulated": {"by_field": {"segmnt": {"gold": {"answer": 2}}}}
    }
    made.save()
    (found,) = mistakes(made)
    assert found.endswith(f" session_profiles.line.dialer.simulated.by_field.segmnt: {said}")


def test_field_of_one_list_of_the_group_is_enough(project: MakeProject) -> None:
    made = project(3, dialer={"simulated": {"by_field": {"segment": {"gold": {"answer": 2}}}}})
    made.write_list("others", [["D1", "617-555-0101"]])
    made.add_field("segment", ["gold"])
    made.campaign["groups"]["all"]["lists"] = ["people", "others"]
    made.save()
    made.load()


def test_field_of_a_model_is_one_of_the_lists(project: MakeProject) -> None:
    made = project(3)
    made.add_field("segment", ["gold"])
    made.write("model.yaml", BY_SEGMENT)
    with pytest.raises(Problems, match="named 'segmnt'; did you mean 'segment'"):  # noqa: SIM117
        with staged(made.load(), Wish(model=made.folder / "model.yaml")):
            pass
    made.write("model.yaml", BY_SEGMENT.replace("segmnt", "segment"))
    with staged(made.load(), Wish(model=made.folder / "model.yaml")) as scene:
        assert scene.groups == ("all",)
