from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest

if TYPE_CHECKING:
    from tests.conftest import Answer, ProjectFolder

    Cxrun = Callable[..., Answer]

CASES = """\
defaults: {record: {phone: "+12125550123"}, at: 2026-03-03 10:00}
cases:
  - name: busy, then answered
    timeline:
      - {dial: 1, result: busy, then: {dial: 1, at: 10:30}}
      - {dial: 1, result: answer, then: finish}
  - name: wrong
    timeline:
      - {dial: 1, result: busy, then: {dial: 1, at: 10:40}}
"""
TOLD = (
    "rulesets/retry.cases.yaml:9:33: wrong: 10:00: stated {dial: 1, at: 10:40}, but {dial: 1, at: 10:30, "
    "rule: redial}; redial in 30m, 1 of 2 (rulesets/retry.yaml:7 redial)"
)


@pytest.fixture
def tested(project: Callable[..., ProjectFolder], monkeypatch: pytest.MonkeyPatch) -> ProjectFolder:
    """A project with cases, one of which fails; its folder is the current one."""
    made = project(2)
    made.write("rulesets/retry.cases.yaml", CASES)
    monkeypatch.chdir(made.folder)
    return made


def test_failures_are_told_with_place_and_rule(tested: ProjectFolder, cxrun: Cxrun) -> None:
    answer = cxrun("test")
    assert answer == (1, f"{TOLD}\n2 cases of 1 ruleset: 1 failed\n", "")


def test_only_cases_that_contain_the_text_are_played(tested: ProjectFolder, cxrun: Cxrun) -> None:
    assert cxrun("test", "-k", "ANSWERED") == (0, "1 case of 1 ruleset: all hold\n", "")


@pytest.mark.parametrize("target", ["retry", "rulesets/retry.yaml", "rulesets/retry.cases.yaml", "rulesets"])
def test_cases_are_found_by_ruleset_file_and_folder(tested: ProjectFolder, cxrun: Cxrun, target: str) -> None:
    assert cxrun("test", target).out.endswith("2 cases of 1 ruleset: 1 failed\n")


def test_cases_are_found_from_another_folder(
    tested: ProjectFolder, cxrun: Cxrun, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cxrun("test", tested.folder / "rulesets" / "retry.yaml", "-k", "answered").code == 0
    assert cxrun("-C", tested.folder, "test", "-k", "answered").code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere",), "no ruleset with cases and no file named 'nowhere'"),
        (
            ("rulesets/other.yaml",),
            "rulesets/other.yaml has no cases; they go into other.cases.yaml beside it",
        ),
        (("plugins",), "no cases in plugins; they are files named NAME.cases.yaml"),
    ],
)
def test_what_has_no_cases_is_told(
    tested: ProjectFolder, cxrun: Cxrun, arguments: tuple[str, ...], message: str
) -> None:
    tested.write("rulesets/other.yaml", "ruleset: other\n")
    tested.write("plugins/one.txt", "")
    answer = cxrun("test", *arguments)
    assert answer.code == 3
    assert message in answer.err


def test_project_without_cases_is_told_where_they_go(
    project: Callable[..., ProjectFolder], cxrun: Cxrun
) -> None:
    answer = cxrun("-C", project(2).folder, "test")
    assert answer.code == 3
    assert "write them beside a ruleset, as NAME.cases.yaml" in answer.err


def test_bad_file_is_told_with_all_its_problems(tested: ProjectFolder, cxrun: Cxrun) -> None:
    tested.write("rulesets/retry.cases.yaml", "cases: [{nam: a}, {name: b, at: x}]\n")
    answer = cxrun("test")
    assert (answer.code, answer.out) == (3, "")
    assert answer.err.splitlines() == [
        "rulesets/retry.cases.yaml:1:9: cases[0]: 'name' is missing; what is so, as a sentence",
        "rulesets/retry.cases.yaml:1:10: cases[0].nam: unknown key 'nam'; did you mean 'name'?",
    ]


def test_update_writes_what_is_decided(tested: ProjectFolder, cxrun: Cxrun) -> None:
    answer = cxrun("test", "--update")
    assert answer == (0, "1 case rewritten; read what is stated now\n2 cases of 1 ruleset: all hold\n", "")
    written = (tested.folder / "rulesets/retry.cases.yaml").read_text()
    assert written == CASES.replace("at: 10:40}", "at: 10:30, rule: redial}")


def test_json_has_every_case(tested: ProjectFolder, cxrun: Cxrun) -> None:
    answer = cxrun("test", "--json", "--coverage")
    data = json.loads(answer.out)
    assert answer.code == 1
    assert [(case["case"], case["line"], case["passed"]) for case in data["cases"]] == [
        ("busy, then answered", 3, True),
        ("wrong", 7, False),
    ]
    assert data["cases"][1]["failures"][0]["line"] == 9
    assert data["failed"] == 1
    branches = {(b["rule"], b["does"]): b["times"] for b in data["coverage"]["retry"]["branches"]}
    assert branches["redial", "applies"] == 2
    assert branches["do_not_call", "applies"] == 0


def test_junit_report_names_files_cases_and_failures(tested: ProjectFolder, cxrun: Cxrun) -> None:
    cxrun("test", "--junit", "report.xml")
    (suite,) = ElementTree.parse(tested.folder / "report.xml").getroot()
    assert (suite.get("name"), suite.get("tests"), suite.get("failures")) == (
        "rulesets/retry.cases.yaml",
        "2",
        "1",
    )
    passed, failed = suite
    assert len(passed) == 0
    assert failed.get("name") == "wrong"
    assert failed[0].text == TOLD


def test_github_annotates_the_line(tested: ProjectFolder, cxrun: Cxrun) -> None:
    lines = cxrun("test", "--github").out.splitlines()
    assert lines[1].startswith(
        "::error file=rulesets/retry.cases.yaml,line=9,col=33,title=wrong::10:00: stated"
    )


def test_coverage_shows_every_branch_and_min_fails_below(tested: ProjectFolder, cxrun: Cxrun) -> None:
    answer = cxrun("test", "--coverage", "--min", "90", "-k", "answered")
    assert answer.code == 1
    rows = [line.split(maxsplit=4) for line in answer.out.splitlines()]
    assert ["rulesets/retry.yaml:7", "redial", "applies", "1", "busy, then answered"] in rows
    assert ["rulesets/retry.yaml:7", "next_in_chain", "applies", "0", "no case"] in rows
    assert answer.out.endswith("36.4% of the branches of the rules are met, 90% are demanded\n")
    assert cxrun("test", "--min", "30", "-k", "answered").code == 0


def test_packaged_cases_need_no_project(
    cxrun: Cxrun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cxrun("test", "--packaged").code == 0
    assert cxrun("test", "courtesy").code == 0


def test_watch_plays_again_when_a_file_changes(tested: ProjectFolder) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "cxrun", "test", "--watch"], cwd=tested.folder, stdout=subprocess.PIPE, text=True
    ) as watching:  # fmt: skip
        assert watching.stdout is not None

        def said(ending: str) -> str:
            return next(line for line in watching.stdout if ending in line)  # type: ignore[union-attr]

        assert said("2 cases") == "2 cases of 1 ruleset: 1 failed\n"
        said("waiting")
        tested.write("rulesets/retry.cases.yaml", CASES.replace("10:40", "10:30"))
        assert said("2 cases") == "2 cases of 1 ruleset: all hold\n"
        said("waiting")
        tested.write("rulesets/retry.yaml", "ruleset: [\n")
        said("waiting")
        time.sleep(0.6)
        watching.send_signal(signal.SIGINT)
        assert watching.wait(20) == 0


def test_a_thousand_cases_take_seconds(tested: ProjectFolder, cxrun: Cxrun) -> None:
    case = CASES.partition("cases:\n")[2].partition("  - name: wrong")[0]
    many = "".join(case.replace("name: busy", f"name: {n} busy") for n in range(1000))
    tested.write("rulesets/retry.cases.yaml", CASES.partition("cases:\n")[0] + "cases:\n" + many)
    began = time.process_time()
    assert cxrun("test") == (0, "1,000 cases of 1 ruleset: all hold\n", "")
    assert time.process_time() - began < 6


def test_schema_of_case_files_accepts_them(tested: ProjectFolder, cxrun: Cxrun) -> None:
    from jsonschema import Draft202012Validator

    from cxrun.yamlfile import parse

    schema: Any = json.loads(cxrun("schema", "cases").out)
    Draft202012Validator(schema).validate(parse(CASES, "cases").data)
