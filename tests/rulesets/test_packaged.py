"""Every ruleset that comes with cxrun is right, explains itself, and has cases that meet all its rules."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from functools import cache
from typing import TYPE_CHECKING

import pytest

from cxrun.cases.covering import Coverage
from cxrun.cases.suite import Loader, Outcomes, play_all
from cxrun.cataloging import RulesetEntry, catalog
from cxrun.registry import load_registry
from cxrun.ruleset import bundled, read

if TYPE_CHECKING:
    from tests.conftest import Answer, ProjectFolder

NAMES = list(bundled())
PACKS = [
    "au_telemarketing", "ca_crtc", "fr_telemarketing", "uk_ofcom", "us_reg_f", "us_states", "us_telemarketing",
]  # fmt: skip

AROUND = {
    **{pack: (pack, "patient_retry") for pack in ("courtesy", *PACKS)},
    "technical_failures": ("technical_failures", "survey"),
    **{
        name: ("technical_failures", name)
        for name in ("callback_first", "device_escalation", "lead_follow_up", "survey")
    },
}
"""With which others a ruleset is attached that does not answer everything by itself."""

every_ruleset = pytest.mark.parametrize("name", NAMES)


@cache
def entries() -> dict[str, RulesetEntry]:
    return {entry.name: entry for entry in catalog(bundled()["courtesy"].parent)}


@cache
def outcomes(name: str) -> Outcomes:
    coverage = Coverage()
    file = bundled()[name].with_name(f"{name}.cases.yaml")
    return play_all(Loader(coverage).load([file]), coverage=coverage)


def test_there_are_rulesets_to_choose_from() -> None:
    assert [entry.name for entry in entries().values() if entry.jurisdiction] == PACKS
    assert len(NAMES) - len(PACKS) >= 8


@every_ruleset
def test_ruleset_is_right_and_named_as_its_file(name: str) -> None:
    ruleset, problems, _ = read(bundled()[name], load_registry())
    assert problems == []
    assert ruleset is not None
    assert ruleset.name == name


@every_ruleset
def test_cases_hold(name: str) -> None:
    told = [str(problem) for file, played, _ in outcomes(name).played for problem in file.told(played)]
    assert told == []


@every_ruleset
def test_cases_meet_every_branch_of_every_rule(name: str) -> None:
    coverage = outcomes(name).coverage
    assert coverage is not None
    missed = [branch for branch, cases in coverage.met.items() if branch.ruleset == name and not cases]
    assert missed == []
    assert coverage.share([name]) == 100


@every_ruleset
def test_lint_finds_nothing_in_it_as_one_uses_it(
    name: str, project: Callable[..., ProjectFolder], cxrun: Callable[..., Answer]
) -> None:
    """Behind courtesy, on a list with the fields it asks for; what it leaves open is for rules of one's own."""
    folder = project(3, 2)
    (folder.folder / "rulesets" / "retry.yaml").unlink()
    folder.write(
        "people.csv",
        "Client,Phone 1,Phone 2,Amount,Status,Cohort,Day\nC1,2125550100,3125550100,1,new,A,2026-03-01\n",
    )
    folder.campaign["dialing_profiles"]["standard"] |= {
        "rulesets": list(dict.fromkeys(["courtesy", *AROUND.get(name, (name,))])),
        "connect_window": "2s",
        "abandon_message": "announcement",
    }
    folder.campaign["session_profiles"]["line"]["routing_points"] = {"announcement": None}
    folder.campaign["suppression_lists"] = {"dnc": "people who asked not to be called again"}
    folder.campaign["lists"]["people"]["map"] = {
        "client_id": "Client",
        "devices": [{"column": "Phone 1", "type": "home"}, {"column": "Phone 2", "type": "mobile"}],
        "fields": {
            "balance": {"column": "Amount", "type": "integer"}, "status": "Status", "cohort": "Cohort",
            "remind_from": {"column": "Day", "type": "text"}, "last_order": {"column": "Day", "type": "text"},
        },
    }  # fmt: skip
    folder.save()

    said = cxrun("-C", folder.folder, "lint", "--ignore", "CX104,CX113,CX307", "--json")
    assert said.err == ""
    found = json.loads(said.out)

    assert [(each["code"], each["message"]) for each in found] == []


@every_ruleset
def test_cases_are_about_the_ruleset(name: str) -> None:
    assert outcomes(name).about == [name]


@every_ruleset
def test_description_tells_what_it_is_for(name: str) -> None:
    entry = entries()[name]
    assert entry.description.endswith(".")
    assert 30 < len(entry.summary) <= 100


@pytest.mark.parametrize("name", PACKS)
def test_pack_names_its_source_and_claims_nothing(name: str) -> None:
    entry = entries()[name]
    assert entry.description.endswith("It is no legal advice.")
    assert entry.source
    assert date.fromisoformat(entry.reviewed) >= date(2026, 11, 1)
    assert entry.unenforced
    assert entry.required


@pytest.mark.parametrize("name", PACKS)
def test_pack_asks_the_suppression_lists_first(name: str) -> None:
    ruleset, _, _ = read(bundled()[name], load_registry())
    assert ruleset is not None
    assert ruleset.filters[0].name == "suppression"
    assert ruleset.filters[0].when is None
    assert not ruleset.treatments


def test_pack_without_its_source_is_refused() -> None:
    from cxrun.ruleset import check
    from cxrun.yamlfile import parse

    _, problems = check(
        parse("ruleset: law\njurisdiction: US\ndescription: A law.\n", "law.yaml"), load_registry()
    )
    assert [str(problem) for problem in problems] == [
        "law.yaml:2:1: jurisdiction: 'source' is missing, which must be beside 'jurisdiction'",
        "law.yaml:2:1: jurisdiction: 'reviewed' is missing, which must be beside 'jurisdiction'",
    ]
