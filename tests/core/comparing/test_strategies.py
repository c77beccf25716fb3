from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cxrun.errors import Problems, UserError
from cxrun.loading import load_project
from cxrun.registry import load_registry
from cxrun.strategies import Strategy, strategy

if TYPE_CHECKING:
    from tests.conftest import ProjectFolder

    MakeProject = Callable[..., ProjectFolder]

LATER = """\
ruleset: retry
filters: [{suppression: }]
treatments:
  - on: other
    do: [{retry_in: {interval: 2d}}]
"""


def names(folder: Path, ruleset: str = "retry") -> list[str]:
    """The elements of a ruleset in a project folder that can be loaded."""
    project = load_project(folder, load_registry(folder))
    return [step.name for step in project.rulesets[ruleset].steps()]


def git(folder: Path, *arguments: str) -> None:
    who = {
        f"GIT_{role}_{part}": "x@example.com"
        for role in ("AUTHOR", "COMMITTER")
        for part in ("NAME", "EMAIL")
    }
    subprocess.run(
        ["git", "-C", folder, *arguments], check=True, capture_output=True, env={**os.environ, **who}
    )


def test_point_is_the_project_itself(project: MakeProject, tmp_path: Path) -> None:
    made = project(3)
    assert strategy(".", made.folder, tmp_path) == Strategy("now", made.folder)


def test_folder_is_another_project(project: MakeProject, tmp_path: Path) -> None:
    made, other = project(3, name="one"), project(3, name="two")
    assert strategy(str(other.folder), made.folder, tmp_path).folder == other.folder


def test_ruleset_file_stands_in_for_the_one_of_its_name(project: MakeProject, tmp_path: Path) -> None:
    made = project(3, more_rules={"more": "ruleset: more\nfilters: [{location: {forbid: [CA]}}]\n"})
    made.import_lists()
    trial = made.write("trials/another-name.yaml", LATER)
    (scratch := tmp_path / "scratch").mkdir()
    found = strategy("trials/another-name.yaml", made.folder, scratch)
    assert names(found.folder) == ["suppression", "retry_in"]
    assert names(found.folder, "more") == ["location"]
    assert not (found.folder / "cxrun.db").exists()
    assert "redial" in names(made.folder)
    assert trial.read_text() == LATER


def test_campaign_file_stands_in_for_the_campaign(project: MakeProject, tmp_path: Path) -> None:
    made = project(3)
    text = (made.folder / "campaign.yaml").read_text()
    made.write("trial.yaml", text.replace('"agents": 5', '"agents": 50'))
    (scratch := tmp_path / "scratch").mkdir()
    found = strategy("trial.yaml", made.folder, scratch)
    assert load_project(found.folder, load_registry(found.folder)).groups["all"].agents == 50


def test_mistake_in_a_file_is_told_under_its_own_name(project: MakeProject, tmp_path: Path) -> None:
    made = project(3)
    trial = made.write("trial.yaml", "ruleset: retry\nfilters: [wher: {}]\n")
    with pytest.raises(Problems, match=r"trial\.yaml:rulesets/retry\.yaml:2:") as raised:
        strategy(str(trial), made.folder, tmp_path).load()
    assert str(tmp_path / "0") not in str(raised.value)


def test_revision_is_the_project_as_it_stood_with_the_lists_git_does_not_keep(
    project: MakeProject, tmp_path: Path
) -> None:
    made = project(3)
    made.write(".gitignore", "*.csv\n*.db*\n")
    git(made.folder, "init", "-q")
    git(made.folder, "add", "-A")
    git(made.folder, "commit", "-qm", "First plan")
    made.write("rulesets/retry.yaml", LATER)
    (scratch := tmp_path / "scratch").mkdir()
    found = strategy("HEAD", made.folder, scratch)
    assert "redial" in names(found.folder)
    assert names(made.folder) == ["suppression", "retry_in"]


def test_project_in_a_folder_of_a_repository(project: MakeProject, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()
    made = project(3)
    shutil.move(made.folder, repository / "calls")
    git(repository, "init", "-q")
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "First plan")
    (scratch := tmp_path / "scratch").mkdir()
    assert "redial" in names(strategy("HEAD", repository / "calls", scratch).folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no-such-thing", "'no-such-thing' is no project folder, no YAML file and no git revision"),
        ("--output=x", "is no project folder, no YAML file and no git revision"),
        ("neither.yaml", r"is neither a ruleset \(`ruleset: NAME`\) nor a campaign"),
        ("empty", "no project folder, no YAML file|there is no campaign.yaml"),
    ],
)
def test_what_is_no_strategy_is_refused(
    project: MakeProject, tmp_path: Path, text: str, message: str
) -> None:
    made = project(3)
    made.write("neither.yaml", "simulated: {}\n")
    (made.folder / "empty").mkdir()
    with pytest.raises(UserError, match=message):
        strategy(text, made.folder, tmp_path)
    assert not (made.folder / "x").exists()
