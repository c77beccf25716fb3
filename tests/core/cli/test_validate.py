from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.conftest import Answer, ProjectFolder

    Cxrun = Callable[..., Answer]
    MakeProject = Callable[..., ProjectFolder]


def test_a_good_project_has_no_problems(cxrun: Cxrun, project: MakeProject) -> None:
    answer = cxrun("-C", project(3).folder, "validate")
    assert (answer.code, answer.out) == (
        0,
        "1 group, 1 list, 1 ruleset: no problems\n",
    )


def test_every_problem_is_shown_with_its_place(cxrun: Cxrun, project: MakeProject) -> None:
    bad = "ruleset: bad\nfilters:\n  - wher: {}\n  - attempts: {at_most: 0}\n"
    folder = project(3, more_rules={"bad": bad})
    answer = cxrun("-C", folder.folder, "validate")
    assert answer.code == 3
    assert "bad.yaml:3:5:" in answer.out
    assert "did you mean 'where'?" in answer.out
    assert "bad.yaml:4:" in answer.out
    assert answer.out.endswith("2 problems\n")


def test_json_lists_the_problems(cxrun: Cxrun, project: MakeProject) -> None:
    folder = project(3, more_rules={"bad": "ruleset: bad\nfilters:\n  - wher: {}\n"})
    answer = cxrun("-C", folder.folder, "validate", "--json")
    assert answer.code == 3
    (problem,) = json.loads(answer.out)
    assert (problem["line"], problem["column"]) == (3, 5)
    assert json.loads(cxrun("-C", project(3, name="good").folder, "validate", "--json").out) == []


def test_single_files_are_checked_alone(cxrun: Cxrun, project: MakeProject) -> None:
    folder = project(3, more_rules={"bad": "ruleset: bad\nfilters:\n  - wher: {}\n"})
    good, bad = (folder.folder / "rulesets" / f"{name}.yaml" for name in ("retry", "bad"))
    assert cxrun("-C", folder.folder, "validate", good).out == "1 ruleset: no problems\n"
    assert cxrun("-C", folder.folder, "validate", good, bad).code == 3


def test_a_group_of_an_unknown_template_is_told_the_near_one(cxrun: Cxrun, project: MakeProject) -> None:
    folder = project(3)
    folder.campaign["groups"]["all"]["template"] = "plan"
    folder.save()
    answer = cxrun("-C", folder.folder, "validate")
    assert answer.code == 3
    assert "no template named 'plan'; did you mean 'plain'?" in answer.out


def test_case_files_are_checked_with_their_rulesets(
    project: Callable[..., ProjectFolder], cxrun: Callable[..., Answer]
) -> None:
    folder = project(2).folder
    file = folder / "rulesets" / "retry.cases.yaml"
    file.write_text(
        "cases: [{name: a, at: 2026-03-03 10:00, record: {phone: '+12125550123'}, expect: dail}]\n"
    )
    answer = cxrun("validate", file)
    assert answer.code == 3
    assert "'dail' is not known here; did you mean 'dial'?" in answer.out
    file.write_text(file.read_text().replace("dail", "dial"))
    assert cxrun("validate", file) == (0, "1 case file: no problems\n", "")


def test_a_campaign_by_another_name_is_checked_as_one(cxrun: Cxrun, project: MakeProject) -> None:
    folder = project(3)
    second = folder.write("winter.yaml", json.dumps(folder.campaign))
    assert cxrun("-C", folder.folder, "validate", second) == (0, "1 campaign: no problems\n", "")

    folder.campaign["groups"]["all"]["template"] = "plan"
    second.write_text(json.dumps(folder.campaign))
    answer = cxrun("validate", second, folder.folder / "rulesets" / "retry.yaml")
    assert answer.code == 3
    assert "winter.yaml:1:" in answer.out
    assert answer.out.endswith("no template named 'plan'; did you mean 'plain'?\n1 problem\n")
