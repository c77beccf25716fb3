from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.conftest import Answer, ProjectFolder

    Cxrun = Callable[..., Answer]
    MakeProject = Callable[..., ProjectFolder]


def test_imports_are_listed_and_one_is_undone(cxrun: Cxrun, project: MakeProject) -> None:
    folder = project(12, 2)
    cxrun("-C", folder.folder, "import")
    listed = cxrun("-C", folder.folder, "undo")
    assert listed.code == 0
    assert listed.out.splitlines()[1].split()[:4] == ["1", "people", "people.csv", "append"]
    answer = cxrun("-C", folder.folder, "undo", 1)
    assert (
        answer.out
        == "import 1 undone: 12 contacts taken out (24 records), 0 kept that were dialed or closed since\n"
    )
    (told,) = json.loads(cxrun("-C", folder.folder, "undo", "--json").out)
    assert (told["state"], told["counts"]["loaded"]) == ("undone", 12)


def test_what_was_dialed_is_kept_and_counted(cxrun: Cxrun, dialed: ProjectFolder) -> None:
    told = json.loads(cxrun("-C", dialed.folder, "undo", 1, "--json").out)
    assert told["import"] == 1
    assert told["kept"] > 0
    assert told["kept"] + told["contacts"] == 20


def test_an_unknown_import_exits_3(cxrun: Cxrun, dialed: ProjectFolder) -> None:
    answer = cxrun("-C", dialed.folder, "undo", 9)
    assert answer.code == 3
    assert "no import 9; `cxrun undo` lists them" in answer.err
