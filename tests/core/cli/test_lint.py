from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.conftest import Answer, ProjectFolder

    Cxrun = Callable[..., Answer]
    MakeProject = Callable[..., ProjectFolder]

RULES = """\
ruleset: retry
filters: [suppression: , calling_hours: {hours: "09:00-20:00"}, attempts: {at_most: 2, within: 24h}]
treatments:
  - {on: busy, do: [redial: {interval: 10m, attempts: 4}]}
  - {on: busy, do: [finish: ]}
  - {on: do_not_call, do: [do_not_call: {list: dnc}]}
  - {on: other, do: [finish: ]}
"""


@pytest.fixture
def folder(project: MakeProject) -> ProjectFolder:
    return project(3, rules={"retry": RULES})


def test_findings_are_shown_with_their_places_and_exit_1(cxrun: Cxrun, folder: ProjectFolder) -> None:
    answer = cxrun("-C", folder.folder, "lint")
    assert answer.code == 1
    lines = answer.out.splitlines()
    file = folder.folder / "rulesets" / "retry.yaml"
    assert lines[0].startswith(
        f"{file}:4:21: CX204 warning: treatments[0].do[0].redial: dial 3 for busy comes"
    )
    assert lines[1] == f"{file}:5:5: CX101 warning: treatments[1]: is never asked: {file}:4 answers before it"
    assert lines[2] == "not imported yet, so their records were not looked at: 'people'"
    assert lines[3].endswith(" checks: 2 findings")


def test_a_project_with_notes_only_is_well(cxrun: Cxrun, folder: ProjectFolder) -> None:
    folder.campaign["groups"]["all"]["lists"] = {"people": 80}
    folder.save()
    answer = cxrun("-C", folder.folder, "lint", "--ignore", "cx101,CX204")
    assert answer.code == 0
    assert "CX308 note: groups.all.lists.people: weight 80 cannot matter" in answer.out


def test_checks_are_selected_by_the_beginning_of_their_code(cxrun: Cxrun, folder: ProjectFolder) -> None:
    answer = cxrun("-C", folder.folder, "lint", "--select", "CX1")
    assert "CX101" in answer.out
    assert "CX204" not in answer.out
    assert "1 finding" in answer.out


def test_an_unknown_code_is_told_the_near_one(cxrun: Cxrun, folder: ProjectFolder) -> None:
    answer = cxrun("-C", folder.folder, "lint", "--select", "CX2044")
    assert (answer.code, answer.err) == (3, "no check named 'CX2044'; did you mean 'CX204'?\n")


def test_a_broken_project_is_told_as_everywhere(cxrun: Cxrun, folder: ProjectFolder) -> None:
    folder.write("rulesets/retry.yaml", RULES.replace("redial", "redail"))
    answer = cxrun("-C", folder.folder, "lint")
    assert answer.code == 3
    assert "did you mean 'redial'?" in answer.err


def test_json_has_every_finding(cxrun: Cxrun, folder: ProjectFolder) -> None:
    answer = cxrun("-C", folder.folder, "lint", "--json")
    assert answer.code == 1
    first, second = json.loads(answer.out)
    assert (first["code"], first["line"], first["severity"]) == ("CX204", 4, "warning")
    assert (second["code"], second["name"], second["path"]) == ("CX101", "never_asked", "treatments[1]")


def test_imported_lists_are_looked_at_unless_told_not_to(cxrun: Cxrun, folder: ProjectFolder) -> None:
    folder.write_list("people", [["C1", "+12125550101"], ["C2", "+12125550101"]])
    folder.import_lists()
    assert "CX401" in cxrun("-C", folder.folder, "lint").out
    without = cxrun("-C", folder.folder, "lint", "--no-data").out
    assert "CX401" not in without
    assert "not imported" not in without


def test_annotations_are_printed_for_github(cxrun: Cxrun, folder: ProjectFolder) -> None:
    answer = cxrun("-C", folder.folder, "lint", "--github")
    file = str(folder.folder / "rulesets" / "retry.yaml")
    assert f"::warning file={file},line=5,col=5,title=CX101 never asked::is never asked: " in answer.out


TEXT: dict[str, Any] = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}}
LEVEL: dict[str, Any] = {"enum": ["none", "note", "warning", "error"]}
SARIF: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["version", "runs"],
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["tool"],
                "properties": {
                    "tool": {
                        "type": "object",
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "type": "object",
                                "required": ["name"],
                                "properties": {
                                    "name": {"type": "string"},
                                    "version": {"type": "string"},
                                    "rules": {
                                        "type": "array",
                                        "uniqueItems": True,
                                        "items": {
                                            "type": "object",
                                            "additionalProperties": False,
                                            "required": ["id"],
                                            "properties": {
                                                "id": {"type": "string"},
                                                "name": {"type": "string"},
                                                "shortDescription": TEXT,
                                                "fullDescription": TEXT,
                                                "help": TEXT,
                                                "defaultConfiguration": {"properties": {"level": LEVEL}},
                                            },
                                        },
                                    },
                                },
                            }
                        },
                    },
                    "results": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "additionalProperties": False,
                            "required": ["message"],
                            "properties": {
                                "ruleId": {"type": "string"},
                                "ruleIndex": {"type": "integer", "minimum": 0},
                                "level": LEVEL,
                                "message": TEXT,
                                "suppressions": {
                                    "type": "array",
                                    "items": {
                                        "required": ["kind"],
                                        "properties": {"kind": {"enum": ["inSource", "external"]}},
                                    },
                                },
                                "locations": {
                                    "type": "array",
                                    "items": {
                                        "properties": {
                                            "physicalLocation": {
                                                "required": ["artifactLocation"],
                                                "properties": {
                                                    "artifactLocation": {
                                                        "required": ["uri"],
                                                        "properties": {"uri": {"type": "string"}},
                                                    },
                                                    "region": {
                                                        "properties": {
                                                            "startLine": {"type": "integer", "minimum": 1},
                                                            "startColumn": {"type": "integer", "minimum": 1},
                                                        }
                                                    },
                                                },
                                            }
                                        }
                                    },
                                },
                            },
                        },
                    },
                },
            },
        },
    },
}
"""What the JSON Schema of SARIF 2.1.0 asks of the parts that are written."""


def test_sarif_keeps_to_its_schema_and_marks_what_is_silenced(cxrun: Cxrun, folder: ProjectFolder) -> None:
    from jsonschema import Draft202012Validator

    folder.write("rulesets/retry.yaml", RULES.replace("4}]}", "4}]}  # cxrun: ignore CX204"))
    log = folder.folder / "lint.sarif"
    assert cxrun("-C", folder.folder, "lint", "--sarif", log).out.endswith("1 finding, 1 silenced\n")
    data = json.loads(log.read_text())
    Draft202012Validator(SARIF).validate(data)
    (run,) = data["runs"]
    rules = run["tool"]["driver"]["rules"]
    found, silenced = run["results"]
    assert rules[found["ruleIndex"]]["id"] == found["ruleId"] == "CX101"
    assert silenced["ruleId"] == "CX204"
    assert "suppressions" not in found
    assert silenced["suppressions"] == [{"kind": "inSource"}]
    region = found["locations"][0]["physicalLocation"]["region"]
    assert (region["startLine"], region["startColumn"]) == (5, 5)


def test_docs_explain_a_check_with_its_examples(cxrun: Cxrun) -> None:
    answer = cxrun("docs", "cx204")
    assert answer.code == 0
    assert answer.out.startswith(
        "CX204 retry_within_cap (warning)\n\nA retry comes sooner than a cap lets it.\n"
    )
    assert "\nBad\n    ruleset: retry\n" in answer.out
    assert "\nGood\n    ruleset: retry\n" in answer.out
    assert cxrun("docs", "CX401").out.startswith("CX401 shared_number (warning, of imported lists)\n")
