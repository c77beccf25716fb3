from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Answer, ProjectFolder

    Cxrun = Callable[..., Answer]
    MakeProject = Callable[..., ProjectFolder]


@pytest.fixture
def two(project: MakeProject) -> ProjectFolder:
    """A project, and a trial of another plan that leaves one area out."""
    made = project(40)
    text = (made.folder / "rulesets" / "retry.yaml").read_text()
    text = text.replace("filters:\n", "filters:\n  - where: {field: area_code, not_in: ['212']}\n")
    made.write("trial.yaml", text.replace("interval: 4h, attempts: 1", "interval: 4h, attempts: 3"))
    return made


def test_text_page_and_json_tell_the_same(cxrun: Cxrun, two: ProjectFolder) -> None:
    page = two.folder / "report.html"
    options = ("-C", two.folder, "compare", ".", "trial.yaml", "--seeds", "4", "--jobs", "1")
    text = cxrun(*options, "--html", page)
    assert text.code == 0, text.err
    lines = text.out.splitlines()
    assert lines[0] == "now -> trial.yaml"
    assert lines[1].endswith(", 4 seeds, 0 to 3")
    assert lines[-1] == f"wrote {page}"
    assert "no longer dialed: 2.0 records, 2.0 blocked by a rule" in lines
    assert any(line.startswith("         2.0  rulesets/retry.yaml:") for line in lines)
    data = json.loads(cxrun(*options, "--json").out)
    assert data["figures"]["dials"]["difference"]["mean"] > 0
    assert json.dumps(data) in page.read_text().replace("\\u003e", ">")
    for finding in data["findings"]:
        assert f"{finding}." in lines
    assert not two.store_file.exists()


def test_what_is_at_hand_is_compared_by_default(cxrun: Cxrun, two: ProjectFolder) -> None:
    answer = cxrun("-C", two.folder, "compare", "trial.yaml", "--seeds", "1", "--until", "1h")
    assert answer.out.startswith("trial.yaml -> now\n")
    assert "newly dialed: 2.0 records, 2.0 blocked by a rule" in answer.out


def test_processes_of_their_own_give_the_same(cxrun: Cxrun, two: ProjectFolder) -> None:
    options = ("-C", two.folder, "compare", ".", "trial.yaml", "--seeds", "2", "--json", "--jobs")
    assert cxrun(*options, "2").out == cxrun(*options, "1").out


def test_mistakes_are_said(cxrun: Cxrun, two: ProjectFolder) -> None:
    answer = cxrun("-C", two.folder, "compare", "HAED~1")
    assert answer.code == 3
    assert "'HAED~1' is no project folder, no YAML file and no git revision" in answer.err
    assert "is in no git repository" in answer.err
    two.write("trial.yaml", "ruleset: retry\nfilters: [{supression: }]\n")
    answer = cxrun("-C", two.folder, "compare", ".", "trial.yaml", "--jobs", "2")
    assert answer.code == 3
    assert "no filter named 'supression'; did you mean 'suppression'?" in answer.err
