"""Every ruleset that comes with cxrun is right, explains itself, and has cases that meet all its rules."""

from __future__ import annotations

from datetime import date
from functools import cache

import pytest

from cxrun.campaign import bundled
from cxrun.cases.covering import Coverage
from cxrun.cases.suite import Loader, Outcomes, play_all
from cxrun.cataloging import RulesetEntry, catalog
from cxrun.registry import load_registry
from cxrun.ruleset import read

NAMES = list(bundled())
PACKS = [
    "au_telemarketing", "ca_crtc", "fr_telemarketing", "uk_ofcom", "us_reg_f", "us_states", "us_telemarketing",
]  # fmt: skip

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
