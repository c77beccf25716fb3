from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.conftest import Answer, ProjectFolder

    Cxrun = Callable[..., Answer]
    MakeProject = Callable[..., ProjectFolder]

MINE = '''
"""Passes all."""

from cxrun import PASS, Filter, hookimpl

__version__ = "3.1"


class Mine(Filter):
    """Has no objection, ever.

    Example::

        filters:
          - mine:
    """

    name = "mine"

    def check(self, moment):
        return PASS


@hookimpl
def register_filters():
    return [Mine]
'''


def test_every_element_is_listed_with_its_plugin_and_version(cxrun: Cxrun, project: MakeProject) -> None:
    folder = project(3, plugins={"mine": MINE})
    answer = cxrun("-C", folder.folder, "plugins")
    assert answer.code == 0
    lines = [line.split() for line in answer.out.splitlines()]
    assert ["filter", "mine", "plugins/mine.py", "3.1"] in [line[:4] for line in lines]
    assert {"redial", "where", "progressive", "delivery", "simulated"} <= {
        word for line in lines for word in line
    }


def test_json_has_one_entry_per_element(cxrun: Cxrun, project: MakeProject) -> None:
    entries = json.loads(cxrun("-C", project(3, plugins={"mine": MINE}).folder, "plugins", "--json").out)
    (mine,) = [entry for entry in entries if entry["name"] == "mine"]
    assert (mine["kind"], mine["element"], mine["summary"]) == ("filter", "Mine", "Has no objection, ever.")


def test_it_works_without_a_project(cxrun: Cxrun) -> None:
    assert cxrun("-C", "/", "plugins").code == 0


def test_docs_of_a_projects_own_element_are_printed(cxrun: Cxrun, project: MakeProject) -> None:
    answer = cxrun("-C", project(3, plugins={"mine": MINE}).folder, "docs", "mine")
    assert "mine (filter, plugins/mine.py 3.1)" in answer.out
    assert "Has no objection, ever." in answer.out
