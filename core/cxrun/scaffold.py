"""What `cxrun init` writes: a commented project that works at once."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from cxrun.campaign import CAMPAIGN_FILE
from cxrun.cases.format import CASES_SCHEMA
from cxrun.errors import UserError
from cxrun.registry import Registry
from cxrun.ruleset import composed_schema
from cxrun.settings import composed_campaign_schema

SCHEMAS: Final = ".cxrun"

_CAMPAIGN: Final = """\
# yaml-language-server: $schema=.cxrun/campaign.schema.json
# What to dial, with whom and how. `cxrun show GROUP` tells where each setting of a group comes from.

dialing_profiles:
  standard:
    default: true
    mode: {{progressive: {{lines_per_agent: 1}}}}  # `cxrun plugins` lists the modes, `cxrun docs MODE` explains one
    rulesets: [courtesy, retry]                # courtesy comes with cxrun and is required: nothing below can drop it
    connect_window: 2s                         # an answered person waits no longer for an agent

session_profiles:
  simulation:
    default: true
    ports: 50
    calls_per_second: 10
    virtual_start: 2026-03-02T13:00Z           # a Monday, 08:00 in New York
    dialer:
      simulated:                               # every chance and duration is a parameter: `cxrun docs simulated`
        outcomes: {{answer: 30, answering_machine: 36, no_answer: 24, busy: 8, sit_invalid_number: 2}}
        dispositions: {{SALE: 15, NOT_INTERESTED: 70, WRONG_PARTY: 12, DO_NOT_CALL: 3}}

agent_groups:
  sales: {{agents: 6}}

templates:
  welcome:
    agent_group: sales

groups:
  {group}:
    template: welcome
    lists: {{{name}: 10}}                      # list: weight

suppression_lists:
  dnc: people who asked not to be called again

lists:
  {name}:
{settings}"""

_RETRY: Final = """\
# yaml-language-server: $schema=../.cxrun/ruleset.schema.json
# What follows a call. Rules are tried in order; the treatments of the first that fits are applied in turn.
ruleset: retry
description: Try again soon, then later, then the next number of the customer.

results:
  - delivery: {answering_machine: drop, fax_detected: drop, silence: drop}
  - disposition: {codes: {WRONG_PARTY: wrong_party, DO_NOT_CALL: do_not_call}}

treatments:
  - on: busy
    do:
      - redial: {interval: 30m, increment: 5m, attempts: 2}
      - next_in_chain:
  - on: [no_answer, answering_machine, wrong_party]
    do:
      - next_in_chain:
      - retry_in: {interval: 4h, attempts: 2}
  - on: [abandoned, dropped]
    do:
      - retry_in: {interval: 1d}
  - on: do_not_call
    do:
      - do_not_call: {list: dnc, client: true}
  - on: answer
    do:
      - finish:
  - on: other                                  # every result that no rule above names
    do:
      - next_in_chain:
"""

_CASES: Final = """\
# yaml-language-server: $schema=../.cxrun/cases.schema.json
# What retry.yaml is to decide; `cxrun test` plays it. Write the results, `cxrun test --update` writes what follows.
ruleset: retry
defaults:
  record: {client_id: C1}
  chain: [{phone: "+12125550123", type: home}, {phone: "+12125550124", type: mobile}]
  at: 2026-03-02 10:00
cases:
  - name: a busy line twice again, then the other number
    timeline:
      - {dial: 1, result: busy, then: {dial: 1, at: 10:30, rule: redial}}
      - {dial: 1, result: busy, then: {dial: 1, at: 11:05, rule: redial}}
      - {dial: 1, result: busy, then: {dial: 2, rule: next_in_chain}}
      - {dial: 2, result: answer, then: finish}
  - name: no answer on either number is tried again hours later
    timeline:
      - {dial: 1, result: no_answer, then: {dial: 2, rule: next_in_chain}}
      - {dial: 2, result: answering_machine, then: {dial: 2, at: 14:00, rule: retry_in}}
      - {dial: 2, result: no_answer, then: {dial: 2, at: 18:00, rule: retry_in}}
      - {dial: 2, result: no_answer, then: {finish: treatments used up, rule: retry_in}}
  - name: the wrong person leads to the other number
    timeline:
      - {dial: 1, result: answer, disposition: WRONG_PARTY, becomes: wrong_party,
         then: {dial: 2, rule: next_in_chain}}
  - name: who was dropped is called the next day
    timeline:
      - {dial: 1, result: dropped, then: {dial: 1, at: 2026-03-03 10:00, rule: retry_in}}
  - name: who asks not to be called is on the list with all his numbers
    timeline:
      - {dial: 1, result: answer, disposition: DO_NOT_CALL, becomes: do_not_call,
         then: {do_not_call: [device, client], list: dnc, rule: do_not_call}}
  - name: a number that does not exist leads to the other
    timeline:
      - {dial: 1, result: sit_invalid_number, then: {dial: 2, rule: next_in_chain}}
"""

_WORKFLOW: Final = """\
# What is checked before a strategy is merged. Where the project is a part of its repository, move this file to
# .github/workflows at the top, and give the steps a `working-directory`.
name: cxrun
on: [push, pull_request]
permissions: {contents: read}
jobs:
  strategy:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with: {python-version: "3.12"}
      - name: Install cxrun
        run: python -m pip install cxrun
      - name: Every file is right
        run: cxrun validate
      - name: Nothing is there that was not meant
        run: cxrun lint --github
      - name: The rules decide what their cases say
        run: cxrun test --github
"""

_HOOKS: Final = """\
# What is checked before a commit; `pre-commit install` sets it up. The hooks run the cxrun of your environment.
repos:
  - repo: local
    hooks:
      - {id: cxrun-validate, name: cxrun validate, entry: cxrun validate, language: system, pass_filenames: false}
      - {id: cxrun-lint, name: cxrun lint, entry: cxrun lint --no-data, language: system, pass_filenames: false}
      - {id: cxrun-test, name: cxrun test, entry: cxrun test, language: system, pass_filenames: false}
"""

_PLACES: Final = (
    ("212", "NY"), ("312", "IL"), ("303", "CO"), ("213", "CA"), ("305", "FL"), ("602", "AZ"), ("808", "HI"),
    ("907", "AK"), ("713", "TX"), ("617", "MA"),
)  # fmt: skip
_FIRST: Final = ("Ada", "Ben", "Cora", "Dev", "Edith", "Femi", "Grace", "Hugo", "Ines", "Jon")
_LAST: Final = ("Abara", "Brandt", "Castillo", "Dubois", "Eriksen", "Fuchs", "Garcia")

_SAMPLE_SETTINGS: Final[Mapping[str, Any]] = {
    "file": "contacts.csv",
    "region": "US",
    "map": {
        "client_id": "Customer",
        "first_name": "First name",
        "last_name": "Last name",
        "devices": [{"column": "Home", "type": "home"}, {"column": "Mobile", "type": "mobile"}],
        "fields": {"state": "State", "balance": {"column": "Balance", "type": "integer"}},
    },
}


def write_project(folder: Path, registry: Registry, list_file: Path | None = None) -> list[Path]:
    """Write a project into `folder`, for `list_file` if given, else with a sample list of fictitious numbers.

    Returns the files written. Raises UserError if there is a campaign already.
    """
    if (folder / CAMPAIGN_FILE).exists():
        raise UserError(f"{folder / CAMPAIGN_FILE} exists already; nothing was written")
    if list_file is None:
        name, settings = "contacts", _SAMPLE_SETTINGS
    else:
        from cxrun.guess import guess_settings

        settings = guess_settings(list_file)
        name = re.sub("[^a-z0-9]+", "_", list_file.stem.lower()).strip("_") or "contacts"
        name = name if name[0].isalpha() else f"list_{name}"
        settings["file"] = list_file.name
    for part in (folder / "rulesets", folder / "plugins", folder / SCHEMAS):
        part.mkdir(parents=True, exist_ok=True)
    written = []

    def write(path: Path, text: str) -> None:
        path.write_text(text, encoding="utf-8")
        written.append(path)

    group = f"welcome_{name}"
    write(folder / CAMPAIGN_FILE, _CAMPAIGN.format(group=group, name=name, settings=_indented(settings, 4)))
    write(folder / "rulesets" / "retry.yaml", _RETRY)
    write(folder / "rulesets" / "retry.cases.yaml", _CASES)
    for kind, schema in (
        ("campaign", composed_campaign_schema(registry)),
        ("ruleset", composed_schema(registry)),
        ("cases", CASES_SCHEMA),
    ):
        write(folder / SCHEMAS / f"{kind}.schema.json", json.dumps(schema, indent=1) + "\n")
    write(folder / ".gitignore", "cxrun.db*\nrejects/\n")
    if list_file is None:
        _write_contacts(folder / "contacts.csv")
        written.append(folder / "contacts.csv")
    elif list_file.resolve().parent != folder.resolve():
        shutil.copyfile(list_file, folder / list_file.name)
        written.append(folder / list_file.name)
    return written


def write_ci(folder: Path) -> list[Path]:
    """Write what checks a project before a commit and on GitHub. Returns the files written.

    Raises UserError if one of them is there already; then nothing is written.
    """
    files = {folder / ".github/workflows/cxrun.yaml": _WORKFLOW, folder / ".pre-commit-config.yaml": _HOOKS}
    for path in files:
        if path.exists():
            raise UserError(f"{path} exists already; nothing was written for CI")
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return list(files)


def _indented(data: Mapping[str, Any], indent: int) -> str:
    """The settings of a list as YAML, one field a line."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Quotes what is text to YAML 1.1 but a number to 1.2, as 1e3 is."""

    Dumper.add_implicit_resolver(
        "tag:yaml.org,2002:float", re.compile(r"^-?[0-9.]+[eE][-+]?[0-9]+$"), list("-0123456789")
    )
    text = yaml.dump(
        dict(data), Dumper=Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=100
    )
    return "".join(f"{' ' * indent}{line}\n" for line in text.splitlines())


def _write_contacts(path: Path, count: int = 400) -> None:
    """A list of fictitious people on numbers reserved for fiction (555-0100 to 555-0199)."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("Customer", "First name", "Last name", "Home", "Mobile", "State", "Balance"))
        for number in range(count):
            area, state = _PLACES[number % len(_PLACES)]
            line = number // len(_PLACES)
            mobile = f"({area}) 555-{150 + line % 50:04}" if number % 3 else ""
            writer.writerow(
                (
                    f"C{number + 1:04}", _FIRST[number % 7 + number % 4], _LAST[number % len(_LAST)],
                    f"({area}) 555-{100 + line % 50:04}", mobile, state, number * 37 % 500,
                )
            )  # fmt: skip
