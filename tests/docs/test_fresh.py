"""What is generated is fresh, and nothing that exists is left out."""

from __future__ import annotations

import inspect
import re
import sqlite3
import tomllib
from contextlib import closing, redirect_stdout
from importlib.resources import files
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from cogapp import Cog
from jsonschema import Draft202012Validator

from cxrun import __version__, hookspecs
from cxrun.cases.format import CASES_SCHEMA
from cxrun.cli import COMMANDS, run
from cxrun.conditions import CONDITION_SCHEMA, FIELD_TYPES, OPERATORS, Condition
from cxrun.elements import Call, Moment, Pacing
from cxrun.events import AttemptSettled, RunFinished, RunStarted
from cxrun.registry import KINDS, load_registry
from cxrun.ruleset import ENVELOPE
from cxrun.settings import CAMPAIGN_SCHEMA
from cxrun.store import Store
from cxrun.yamlfile import parse

HOOKS = {
    name: function
    for name, function in vars(hookspecs).items()
    if inspect.isfunction(function) and function.__module__ == hookspecs.__name__
}
ELEMENTS = [entry for entry in load_registry().all()]


def code(text: str) -> set[str]:
    """Everything a page sets in `code`, and each word of it."""
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    spans = set(re.findall(r"`([^`\n]+)`", prose))
    return spans | {word for span in spans for word in re.findall(r"[A-Za-z_][A-Za-z0-9_]*", span)}


def test_generated_parts_are_fresh(page: Any, writing: bool) -> None:
    said = StringIO()
    with redirect_stdout(said):
        mode = "-r" if writing else "--check"
        result = Cog().main(["cog", mode, str(page.path)])
    assert result == 0, f"{said.getvalue()}refresh the pages with: CXRUN_DOCS=write pytest tests/docs"


def test_every_link_leads_somewhere(page: Any) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.text):
        assert (page.path.parent / target).exists(), target


def test_test_command_is_found_as_the_check_script_finds_it(pages: dict[str, Any]) -> None:
    section = pages["README.md"].text.partition("<!-- test command -->")[2]
    found = re.match(r"\s*```\w*\n(.*?)```", section, re.DOTALL)
    assert found is not None
    (command,) = found[1].splitlines()
    assert command.startswith("python3 -m venv .venv && ")
    assert command.endswith("--group test && .venv/bin/python -m pytest")


def test_every_command_is_in_the_table(pages: dict[str, Any]) -> None:
    rows = re.findall(r"^\| `cxrun ([a-z]+)", pages["README.md"].text, re.MULTILINE)
    assert rows == list(COMMANDS)


def test_every_exit_code_is_told(pages: dict[str, Any]) -> None:
    rows = re.findall(r"^\| ([0-9]+) \|", pages["README.md"].text, re.MULTILINE)
    assert rows == ["0", "1", "2", "3", "4", "130"]


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_is_documented_with_its_signature(pages: dict[str, Any], name: str) -> None:
    arguments = ", ".join(inspect.signature(HOOKS[name]).parameters)
    assert f"`{name}({arguments})`" in pages["core/README.md"].text


def test_no_hook_is_documented_that_does_not_exist(pages: dict[str, Any]) -> None:
    rows = re.findall(
        r"^\| `((?:register|run|attempt)_[a-z_]+)\(", pages["core/README.md"].text, re.MULTILINE
    )
    assert rows == list(HOOKS)


def settings(schema: dict[str, Any]) -> set[str]:
    """Every key a schema names, at any depth."""
    names = set(schema.get("properties", ()))
    for value in schema.values():
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, dict):
                names |= settings(part)
    for part in schema.get("properties", {}).values():
        names |= settings(part)
    return names


def test_every_setting_of_a_campaign_is_documented(pages: dict[str, Any]) -> None:
    found = settings(dict(CAMPAIGN_SCHEMA))
    assert found - {"$schema"} <= code(pages["core/README.md"].text)


def test_every_field_of_a_ruleset_is_documented(pages: dict[str, Any]) -> None:
    found = settings(dict(ENVELOPE)) | {"on", "disposition", "when", "do"}
    assert found <= code(pages["rulesets/README.md"].text)


def test_every_key_of_a_case_file_is_documented(pages: dict[str, Any]) -> None:
    found = settings(dict(CASES_SCHEMA)) - {"cases"}
    assert found <= code(pages["rulesets/README.md"].text)


def test_every_option_of_the_test_command_is_documented(pages: dict[str, Any]) -> None:
    from cxrun.cli.test import command

    options = {name for parameter in command.params for name in parameter.opts if name.startswith("-")}
    assert options <= {word for span in code(pages["rulesets/README.md"].text) for word in span.split()}


def test_every_operator_and_field_of_a_condition_is_documented(pages: dict[str, Any]) -> None:
    assert {*OPERATORS, *FIELD_TYPES, "all", "any", "not"} <= code(pages["core/README.md"].text)


def test_examples_of_conditions_are_conditions(pages: dict[str, Any]) -> None:
    section = pages["core/README.md"].text.partition("## Conditions")[2].partition("\n## ")[0]
    examples = re.findall(r"`(\{field: .*?\})`", section) + re.findall(
        r"```yaml\n(.*?)```", section, re.DOTALL
    )
    assert len(examples) == 7
    validator = Draft202012Validator({"$ref": "#/$defs/condition", "$defs": {"condition": CONDITION_SCHEMA}})
    own = {"balance": "number", "state": "text", "email": "text"}
    for example in examples:
        spec = parse(example, "example").data
        validator.validate(spec)
        assert not Condition(spec).complaints(own), example


def test_every_table_of_the_store_is_documented(pages: dict[str, Any], tmp_path: Path) -> None:
    with closing(Store(tmp_path / "cxrun.db")), closing(sqlite3.connect(tmp_path / "cxrun.db")) as database:
        rows = database.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')").fetchall()
    tables = {name for (name,) in rows if not name.startswith(("sqlite_", "_sqlite"))}
    assert tables <= code(pages["core/README.md"].text)


def test_every_kind_of_element_is_explained(pages: dict[str, Any]) -> None:
    text = pages["plugins/README.md"].text
    for hook, base, method in KINDS.values():
        signature = re.sub(r"[\"']", "", str(inspect.signature(getattr(base, method))))
        assert f"def {method}{signature}" in text
        assert {hook, base.__name__} <= code(text)


@pytest.mark.parametrize("about", [Moment, Call, Pacing, RunStarted, AttemptSettled, RunFinished])
def test_what_elements_and_observers_are_told_is_explained(pages: dict[str, Any], about: type) -> None:
    fields = getattr(about, "_fields", None) or getattr(about, "__dataclass_fields__")  # noqa: B009
    assert set(fields) <= code(pages["plugins/README.md"].text)


@pytest.mark.parametrize("entry", ELEMENTS, ids=lambda entry: entry.name)
def test_every_element_is_listed_and_explains_itself(
    pages: dict[str, Any], entry: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert f"| {entry.kind} | `{entry.name}` |" in pages["plugins/README.md"].text
    assert run(["docs", entry.name]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{entry.name} ({entry.kind}, ")
    assert "\nExample\n" in said
    for parameter in entry.element.schema.get("properties", ()):
        assert re.search(rf"^  {parameter}\b.*: \S", said, re.MULTILINE), parameter


def test_every_bundled_ruleset_is_listed(pages: dict[str, Any]) -> None:
    names = {
        file.name.removesuffix(".yaml")
        for file in files("cxrun_rulesets").iterdir()
        if file.name.endswith(".yaml")
    }
    assert {name for name in names if "." not in name} <= code(pages["rulesets/README.md"].text)


def test_changelog_begins_with_the_current_version(
    pages: dict[str, Any], pytestconfig: pytest.Config
) -> None:
    declared = tomllib.loads((pytestconfig.rootpath / "pyproject.toml").read_text())["project"]["version"]
    assert declared == __version__
    newest = re.findall(r"^## (.*)$", pages["CHANGELOG.md"].text, re.MULTILINE)[0]
    assert __version__ in newest
