from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import ProjectFolder

    MakeProject = Callable[..., ProjectFolder]


def offered(line: str, begun: str) -> list[str]:
    """What bash is offered for the word begun after the line."""
    words = [*line.split(), begun]
    asked = {
        "COMP_WORDS": " ".join(words),
        "COMP_CWORD": str(len(words) - 1),
        "_CXRUN_COMPLETE": "bash_complete",
    }
    program = [sys.executable, "-c", "from cxrun.cli import main; main()"]
    said = subprocess.run(program, env={**os.environ, **asked}, capture_output=True, text=True, check=False)
    return [line.partition(",")[2] for line in said.stdout.splitlines() if line.startswith("plain,")]


@pytest.mark.parametrize(
    ("words", "begun", "expected"),
    [
        ("", "stat", ["status"]),
        ("run", "a", ["all"]),
        ("show", "", ["all"]),
        ("export", "pe", ["people"]),
        ("dnc list --list", "d", ["dnc"]),
        ("recycle people --result", "ans", ["answer", "answering_machine"]),
        ("docs", "redi", ["redial"]),
        ("docs", "us_reg", ["us_reg_f"]),
        ("test", "court", ["courtesy"]),
    ],
)
def test_the_shell_is_offered_what_the_project_has(
    project: MakeProject, words: str, begun: str, expected: list[str]
) -> None:
    assert offered(f"cxrun -C {project(1).folder} {words}", begun) == expected


def test_fields_of_the_lists_are_offered(project: MakeProject) -> None:
    made = project(1)
    made.add_field("segment", ["gold"])
    assert offered(f"cxrun -C {made.folder} learn --by", "s") == ["segment"]


def test_a_folder_without_a_project_offers_nothing(project: MakeProject) -> None:
    assert offered(f"cxrun -C {project(1).folder}/nowhere show", "") == []
