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
def parted(project: MakeProject) -> ProjectFolder:
    """Twenty imported customers, and a list to move some of them into, with a group to dial it."""
    folder = project(20, 2)
    folder.campaign["lists"]["trial"] = {"split_from": "people"}
    folder.campaign["groups"]["test"] = {"template": "plain", "lists": ["trial"]}
    folder.save()
    return folder


def test_from_split_to_run(cxrun: Cxrun, parted: ProjectFolder) -> None:
    refused = cxrun("-C", parted.folder, "run", "test")
    assert refused.code == 3
    assert "`cxrun split people trial=50%`" in refused.err
    assert cxrun("-C", parted.folder, "import").code == 0
    answer = cxrun("-C", parted.folder, "split", "people", "trial=25%", "--seed", 3)
    assert (answer.code, answer.out) == (0, "people: 5 contacts moved to trial\n")
    ran = json.loads(cxrun("-C", parted.folder, "run", "test", "--json").out)
    assert set(ran["per_list"]) == {"trial"}
    assert ran["attempts"] > 0


def test_json_tells_how_many_each_got(cxrun: Cxrun, parted: ProjectFolder) -> None:
    cxrun("-C", parted.folder, "import")
    answer = cxrun("-C", parted.folder, "split", "people", "trial=C1,C2", "--by", "client_id", "--json")
    assert json.loads(answer.out) == {"list": "people", "moved": {"trial": 2}}


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("people", "trial"), 2, "'trial' is no part"),
        (("people", "trial=1", "trial=2"), 2, "'trial' is named twice"),
        (("peple", "trial=1"), 3, "no contact list named 'peple'; did you mean 'people'?"),
        (("people", "east=1"), 3, "  east: {split_from: people}"),
    ],
)
def test_mistakes_are_told(
    cxrun: Cxrun, parted: ProjectFolder, arguments: tuple[str, ...], code: int, message: str
) -> None:
    cxrun("-C", parted.folder, "import")
    answer = cxrun("-C", parted.folder, "split", *arguments)
    assert answer.code == code
    assert message in answer.err
