"""Projects around the examples of checks, and what lint finds in them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cxrun.yamlfile import parse

if TYPE_CHECKING:
    from tests.conftest import ProjectFolder

    from cxrun.linting.lint import Result

TODAY = date(2026, 12, 1)
CONTACTS = "Client,Home,Mobile,VIP,Notes\nC1,(212) 555-0101,(917) 555-0102,yes,none\n"
OTHERS = "Client,Home,Mobile,VIP\nD1,(212) 555-0103,(917) 555-0104,no\n"
REST = """\
ruleset: rest
treatments:
  - {on: other, do: [finish: ]}
  - {disposition: REFUSED, do: [do_not_call: {list: dnc}]}
"""
DEVICES = [{"column": "Home", "type": "home"}, {"column": "Mobile", "type": "mobile"}]


def campaign(rulesets: list[str]) -> dict[str, Any]:
    people = {"file": "people.csv", "region": "US", "map": {"client_id": "Client", "devices": DEVICES}}
    return {
        "dialing_profiles": {"standard": {"default": True, "rulesets": ["courtesy", *rulesets, "rest"]}},
        "session_profiles": {"line": {"default": True, "dialer": {"simulated": {}}}},
        "agent_groups": {"sales": {"agents": 6}},
        "templates": {"plain": {"agent_group": "sales"}},
        "groups": {"all": {"template": "plain", "lists": {"people": 10}}},
        "suppression_lists": {"dnc": "asked not to be called"},
        "lists": {"people": people},
    }


def overlaid(below: Any, above: Any) -> Any:
    """What an example says over what every project has; the schedule, rulesets and lists of a group replace."""
    if isinstance(below, dict) and isinstance(above, dict):
        return {**below, **{key: overlaid(below.get(key), value) for key, value in above.items()}}
    return above


@pytest.fixture
def example(tmp_path: Path) -> Callable[[str], Any]:
    """Writes the project that an example is a part of: rulesets, parts of campaign.yaml, contacts, a plugin."""
    from tests.conftest import ProjectFolder

    def write(text: str) -> ProjectFolder:
        made = ProjectFolder(tmp_path / "project")
        rules: dict[str, str] = {"rest": REST}
        parts: list[Mapping[str, Any]] = []
        contacts = CONTACTS
        for part in text.split("\n---\n"):
            data = parse(part, "example").data
            if "ruleset" in data:
                rules[data["ruleset"]] = part + "\n"
            elif "contacts" in data:
                contacts = data["contacts"]
            elif "plugin" in data:
                made.write("plugins/example.py", data["plugin"])
            else:
                parts.append(data)
        made.campaign = campaign([name for name in rules if name not in ("rest", "courtesy")])
        for part in parts:
            made.campaign = overlaid(made.campaign, part)
        named = {name for group in made.campaign["groups"].values() for name in group["lists"]}
        for name in named - set(made.campaign["lists"]):
            made.campaign["lists"][name] = {**made.campaign["lists"]["people"], "file": f"{name}.csv"}
        attached = json.dumps(made.campaign)
        for name, rule in rules.items():
            if f'"{name}"' in attached or name != "rest":
                made.write(f"rulesets/{name}.yaml", rule)
        for declared in made.campaign["lists"].values():
            made.write(declared["file"], OTHERS)
        made.write("people.csv", contacts)
        made.save()
        return made

    return write


@pytest.fixture
def findings() -> Callable[..., Result]:
    """What lint says of a project, its lists imported, on the first of December 2026."""
    from cxrun.linting.lint import checks, chosen, lint

    def look(made: ProjectFolder, *select: str, data: bool = True) -> Result:
        project = made.load()
        wanted = chosen(checks(project.registry), select, ())
        if not data:
            return lint(project, wanted, TODAY)
        made.import_lists()
        with made.store() as store:
            return lint(project, wanted, TODAY, store)

    return look
