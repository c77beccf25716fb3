from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Answer, ProjectFolder

    Cxrun = Callable[..., Answer]


def test_packaged_and_own_rulesets_are_listed(project: Callable[..., ProjectFolder], cxrun: Cxrun) -> None:
    made = project(2)
    made.write("rulesets/courtesy.yaml", "ruleset: courtesy\ndescription: Ours is another one. Really.\n")
    made.write("rulesets/broken.yaml", "ruleset: [\n")
    made.write("rulesets/retry.cases.yaml", "ruleset: retry\ncases: []\n")
    data = {entry["name"]: entry for entry in json.loads(cxrun("-C", made.folder, "rulesets", "--json").out)}
    assert data["courtesy"]["description"] == "Ours is another one. Really."
    assert data["courtesy"]["own"]
    assert data["us_reg_f"]["jurisdiction"] == "US"
    assert not data["us_reg_f"]["own"]
    assert "broken" not in data
    lines = cxrun("-C", made.folder, "rulesets").out.splitlines()
    assert lines[0].split()[:2] == ["ruleset", "from"]
    (own,) = [line for line in lines if line.startswith("courtesy")]
    assert own.split(maxsplit=2) == ["courtesy", "own", "Ours is another one"]


def test_no_project_is_needed_to_list_them(cxrun: Cxrun, tmp_path: Path) -> None:
    assert "us_reg_f" in cxrun("-C", tmp_path, "rulesets").out


def test_docs_shows_source_text_and_what_is_not_enforced(cxrun: Cxrun) -> None:
    said = cxrun("docs", "us_reg_f").out
    assert said.startswith("us_reg_f (compliance pack, US, required)\n")
    assert "Source: 12 CFR 1006.6(b) and 1006.14(b)(2) (CFPB Regulation F), reviewed 2026-11-23\n" in said
    assert "Not decided by its rules\n  - Figures are per person and debt." in said
    assert "  - quiet_after: {results: [answer], days: 7, per: client}\n" in said


def test_docs_of_neither_element_nor_ruleset_tells_the_near_one(cxrun: Cxrun) -> None:
    answer = cxrun("docs", "us_regf")
    assert (answer.code, answer.err) == (
        3, "no element, ruleset or check named 'us_regf'; did you mean 'us_reg_f'?\n"
    )  # fmt: skip
