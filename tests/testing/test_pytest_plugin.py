from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = '''
from dataclasses import dataclass
from typing import ClassVar

from cxrun import PASS, Exclude, Filter, Finish, Treatment, hookimpl


@dataclass(frozen=True)
class GiveUp(Treatment):
    """Gives up.

    Example::

        treatments: [{on: busy, do: [{give_up: }]}]
    """

    name: ClassVar[str] = "give_up"

    def apply(self, call):
        return Finish("given up")


@dataclass(frozen=True)
class Never(Filter):
    """Never dials.

    Example::

        filters: [{never: }]
    """

    name: ClassVar[str] = "never"

    def check(self, moment):
        return Exclude("never")


@hookimpl
def register_treatments():
    return [GiveUp]


@hookimpl
def register_filters():
    return [Never]
'''
TESTS = """
from cxrun.testing import assert_element

RULES = "ruleset: rules\\nfilters: [{never: }]\\ntreatments: [{on: busy, do: [{give_up: }]}]\\n"


def test_all_fixtures(cx_project, cx_registry, cx_build, cx_decide, cx_settle):
    assert (cx_project / "campaign.yaml").exists()
    assert_element(cx_registry.get("treatment", "give_up"))
    assert cx_build("filter", "never").name == "never"
    assert cx_decide(RULES).verdict.reason == "never"
    assert cx_settle(RULES, "busy").action.reason == "given up"
"""


@pytest.fixture
def plugin_project(tmp_path: Path) -> Path:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "campaign.yaml").write_text("{}\n")
    (tmp_path / "plugins" / "give_up.py").write_text(PLUGIN)
    (tmp_path / "tests" / "test_give_up.py").write_text(TESTS)
    return tmp_path


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)


def test_fixtures_see_the_plugins_of_the_project(plugin_project: Path) -> None:
    found = run(plugin_project)
    assert "1 passed" in found.stdout, found.stdout


def test_fixtures_see_them_from_another_folder_too(plugin_project: Path) -> None:
    found = run(plugin_project.parent, str(plugin_project / "tests"))
    assert "1 passed" in found.stdout, found.stdout


def test_without_a_project_there_are_the_installed_elements(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "def test_it(cx_project, cx_build):\n"
        "    assert cx_project is None\n"
        "    assert cx_build('treatment', 'redial', {'interval': 5}).interval == 5\n"
    )
    found = run(tmp_path)
    assert "1 passed" in found.stdout, found.stdout


def test_every_fixture_is_documented_and_has_the_prefix(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").touch()
    found = run(tmp_path, "--fixtures", "-v").stdout
    ours = found.partition("fixtures defined from cxrun.testing.pytest_plugin")[2].partition("\n---")[0]
    lines = ours.splitlines()
    fixtures = [line.split()[0] for line in lines if " -- " in line]
    assert fixtures == sorted(
        {"cx_build", "cx_decide", "cx_project", "cx_registry", "cx_settle"}, key=fixtures.index
    )
    assert "no docstring available" not in ours


def test_plugin_imports_nothing_of_cxrun_before_it_is_needed() -> None:
    code = (
        "import sys, cxrun.testing.pytest_plugin\n"
        "print(*sorted(name for name in sys.modules if name.startswith('cxrun')))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert found.split() == ["cxrun", "cxrun.testing", "cxrun.testing.pytest_plugin"]


def test_case_files_are_collected_one_test_for_each_case(plugin_project: Path) -> None:
    (plugin_project / "rulesets").mkdir()
    (plugin_project / "rulesets" / "quit.yaml").write_text(
        "ruleset: quit\ntreatments: [{on: busy, do: [give_up]}]\n"
    )
    (plugin_project / "rulesets" / "quit.cases.yaml").write_text(
        "defaults: {record: {phone: '+12125550123'}, at: 2026-03-03 10:00}\ncases:\n"
        "  - {name: gives up, timeline: [{dial: 1, result: busy, then: {finish: given up, rule: give_up}}]}\n"
        "  - {name: fails, timeline: [{dial: 1, result: busy, then: {dial: 1, at: 10:30}}]}\n"
    )
    found = run(plugin_project, "-v")
    assert "quit.cases.yaml::gives up PASSED" in found.stdout
    assert "quit.cases.yaml::fails FAILED" in found.stdout
    assert "but {finish: given up, rule: give_up}; given up" in found.stdout
    assert "2 passed" in found.stdout


def test_case_file_that_cannot_be_read_is_an_error_of_collection(tmp_path: Path) -> None:
    (tmp_path / "quit.yaml").write_text("ruleset: quit\n")
    (tmp_path / "quit.cases.yaml").write_text("cases: [{nam: a}]\n")
    found = run(tmp_path)
    assert "quit.cases.yaml:1:10: cases[0].nam: unknown key 'nam'" in found.stdout
    assert found.returncode == 2


def test_file_of_somebody_else_with_such_a_name_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "quit.cases.yaml").write_text("cases: [{nam: a}]\n")
    assert "no tests ran" in run(tmp_path).stdout
