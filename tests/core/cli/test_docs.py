from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.conftest import Answer, ProjectFolder

    Cxrun = Callable[..., Answer]
    MakeProject = Callable[..., ProjectFolder]


def test_every_element_has_documentation_with_an_example(cxrun: Cxrun) -> None:
    for entry in json.loads(cxrun("plugins", "--json").out):
        answer = cxrun("docs", entry["name"])
        assert answer.code == 0
        assert answer.out.startswith(f"{entry['name']} ({entry['kind']}, ")
        assert "\nExample\n" in answer.out, entry["name"]


def test_parameters_are_described(cxrun: Cxrun) -> None:
    out = cxrun("docs", "redial").out
    assert "  interval (required): " in out
    assert "  attempts: " in out


def test_an_unknown_element_exits_3_with_the_near_word(cxrun: Cxrun) -> None:
    answer = cxrun("docs", "redail")
    assert answer.code == 3
    assert "no element, ruleset or check named 'redail'; did you mean 'redial'?" in answer.err


def test_a_default_is_told_as_one_writes_it(cxrun: Cxrun) -> None:
    assert "(default: [public])" in cxrun("docs", "calling_dates").out
    assert "(default: true)" in cxrun("docs", "quiet_after").out
    assert "(default: )" not in cxrun("docs", "percentage").out
