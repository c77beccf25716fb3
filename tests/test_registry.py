"""A walk over everything the plugins bring: each element is named, documented, described, and does its work."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import cxrun
import cxrun_plugins
from cxrun import elements, testing
from cxrun.conditions import CONDITION_SCHEMA
from cxrun.dialer import Opening
from cxrun.elements import Pacing
from cxrun.loading import load_project
from cxrun.parameters import parameters_text
from cxrun.registry import KINDS, Entry, Registry, load_registry
from cxrun.ruleset import Step, check, element_step
from cxrun.schema import accepts, schema_problems
from cxrun.yamlfile import parse

REGISTRY = load_registry()
ENTRIES = list(REGISTRY.all())
FOLDERS = {kind: f"{kind.replace(' ', '_')}s" for kind in KINDS}

every_element = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: f"{entry.kind}: {entry.name}")


def files() -> set[str]:
    """The modules in the folders of the bundled plugins."""
    root = Path(inspect.getfile(cxrun_plugins)).parent
    files = [file.with_suffix("") for file in root.glob("*/*.py") if file.stem != "__init__"]
    folders = [file.parent for file in root.glob("*/*/__init__.py")]
    return {".".join(path.relative_to(root).parts) for path in (*files, *folders)}


def test_tuple_of_plugins_names_the_files_in_the_folders() -> None:
    assert sorted(cxrun_plugins.PLUGINS) == sorted(files())


def test_there_is_an_element_of_every_kind() -> None:
    assert {entry.kind for entry in ENTRIES} == set(KINDS)


@every_element
def test_element_stands_in_the_module_of_its_name(entry: Entry) -> None:
    assert entry.plugin == f"{FOLDERS[entry.kind]}.{entry.name}"
    assert entry.element.__module__ == f"cxrun_plugins.{entry.plugin}"
    assert entry.version == cxrun.__version__


@every_element
def test_module_of_an_element_says_in_one_line_what_it_is(entry: Entry) -> None:
    module = importlib.import_module(entry.element.__module__)
    first = (module.__doc__ or "").partition("\n")[0]
    assert first.endswith(".")
    assert len(first) <= 110


@every_element
def test_element_has_a_test_beside_the_others(entry: Entry) -> None:
    assert (Path(__file__).parent / "plugins" / FOLDERS[entry.kind] / f"test_{entry.name}.py").exists()


@every_element
def test_element_has_a_summary_of_one_sentence(entry: Entry) -> None:
    assert entry.summary.endswith(".")
    assert 20 <= len(entry.summary) <= 110


@every_element
def test_element_is_what_plugin_authors_are_told_to_write(entry: Entry) -> None:
    testing.assert_element(entry.element)


@every_element
def test_element_is_a_frozen_dataclass_with_its_one_method(entry: Entry) -> None:
    _, base, method = KINDS[entry.kind]
    assert dataclasses.is_dataclass(entry.element)
    assert entry.element.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert getattr(entry.element, method) is not getattr(base, method)


def nested(schema: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(schema, Mapping):
        yield schema
        for value in schema.values():
            yield from nested(value)
    elif isinstance(schema, (list, tuple)):
        for value in schema:
            yield from nested(value)


@every_element
def test_schema_is_valid_and_names_the_fields(entry: Entry) -> None:
    schema = entry.element.schema
    Draft202012Validator.check_schema({**schema, "$defs": {"condition": CONDITION_SCHEMA}})
    if "$ref" in schema:
        assert (entry.name, schema) == ("where", {"$ref": "#/$defs/condition"})
        return
    fields = {field.name: field for field in dataclasses.fields(entry.element) if field.init}  # type: ignore[arg-type]
    assert set(schema.get("properties", {})) == set(fields)
    assert schema["additionalProperties"] is False
    without_default = {
        name
        for name, field in fields.items()
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }
    assert set(schema.get("required", ())) == without_default


@every_element
def test_every_property_is_described_by_a_sentence(entry: Entry) -> None:
    for schema in nested(entry.element.schema):
        for name, prop in schema.get("properties", {}).items():
            if isinstance(prop, Mapping) and "type" in schema:
                assert prop.get("description", "").endswith("."), name


@every_element
def test_parameters_as_yaml_are_those_an_element_has_without_any(entry: Entry) -> None:
    document = parse(parameters_text(entry), "parameters.yaml")
    assert document.problems == []
    (name,) = document.data
    assert name == entry.name
    given = document.data[name] or {}
    schema = entry.element.schema
    for parameter, value in given.items():
        assert schema_problems(document, (name,), value, schema["properties"][parameter]) == [], parameter
    if accepts(schema, {}):
        assert schema_problems(document, (name,), given, schema) == []
        assert entry.element.build(given) == entry.element.build({})


@every_element
def test_parameters_as_yaml_name_and_describe_each(entry: Entry) -> None:
    text = parameters_text(entry)
    words = " ".join(line.strip().removeprefix("# ") for line in text.splitlines())
    assert entry.summary in words
    for name, parameter in entry.element.schema.get("properties", {}).items():
        required = name in entry.element.schema.get("required", ())
        assert f"{'Required: ' if required else ''}{parameter['description']}" in words
        assert re.search(rf"^  {'# ' if parameter.get('default') is None else ''}{name}:", text, re.MULTILINE)
        for part, described in parameter.get("properties", {}).items() if parameter.get("default") else ():
            assert described["description"] in words
            assert re.search(rf"^    {part}: {described['default']}$", text, re.MULTILINE)
    assert max(map(len, text.splitlines())) <= 120


def example(entry: Entry) -> list[Step]:
    """The element as its documentation shows it, read by the loader that users meet."""
    text = inspect.cleandoc(inspect.cleandoc(entry.element.__doc__ or "").partition("Example::\n")[2])
    assert text, "no example"
    if entry.kind in ("dialing mode", "dialer"):
        document = parse(text, "example")
        problems: list[Any] = []
        key = entry.kind.rpartition(" ")[2]
        step = element_step(document, (key,), document.data[key], entry.kind, REGISTRY, problems)
        assert step is not None, problems
        return [step]
    ruleset, found = check(parse(f"ruleset: example\n{text}", "example"), REGISTRY)
    assert ruleset is not None, found
    steps = (*ruleset.filters, *ruleset.results, *(s for rule in ruleset.treatments for s in rule.steps))
    return [step for step in steps if isinstance(step.element, entry.element)]


NOW = testing.at("2026-03-02T12:00-05:00")
ASKED: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "filter": (lambda element: element.check(testing.make_moment(now=NOW)), elements.Verdict),
    "result handler": (
        lambda element: element.handle(testing.make_call("answer", disposition="WP")),
        elements.Handling | None,
    ),
    "treatment": (
        lambda element: element.apply(testing.make_call("busy")),
        elements.Action | elements.Effect | None,
    ),
    "dialing mode": (lambda element: element.new_calls(Pacing(NOW, ready=4)), int),
    "dialer": (lambda element: element.open(Opening(1, NOW, {})), object),
}


@every_element
def test_example_of_an_element_loads_and_decides(entry: Entry) -> None:
    steps = example(entry)
    assert steps
    ask, expected = ASKED[entry.kind]
    for step in steps:
        answer = ask(step.element)
        assert isinstance(answer, expected)
        if isinstance(answer, elements.Verdict | elements.Handling | elements.Action | elements.Effect):
            assert answer.reason or answer is elements.PASS


@pytest.mark.parametrize(
    "entry",
    [entry for entry in ENTRIES if entry.kind in ("dialing mode", "dialer")],
    ids=lambda entry: f"{entry.kind}: {entry.name}",
)
def test_modes_and_dialers_load_through_a_campaign(entry: Entry, tmp_path: Path) -> None:
    text = inspect.cleandoc(inspect.cleandoc(entry.element.__doc__ or "").partition("Example::\n")[2])
    lines = "".join(f"    {line}\n" for line in text.splitlines())
    (tmp_path / "people.csv").write_text("Client,Phone\nC1,(212) 555-0101\n", encoding="utf-8")
    (tmp_path / "campaign.yaml").write_text(
        "agent_groups: {sales: {agents: 2}}\n"
        f"templates:\n  plain:\n    agent_group: sales\n{lines}"
        "groups: {east: {template: plain, lists: [people]}}\n"
        "lists: {people: {file: people.csv, region: US, map: {client_id: Client, devices: [Phone]}}}\n",
        encoding="utf-8",
    )
    group = load_project(tmp_path, REGISTRY).groups["east"]
    step = group.mode_step if entry.kind == "dialing mode" else group.dialer_step
    assert isinstance(step.element, entry.element)


def test_public_face_is_what_its_homes_offer_in_order() -> None:
    offered = [name for names in cxrun._HOMES.values() for name in names]
    assert len(offered) == len(set(offered))
    assert set(cxrun.__all__) == set(offered)
    constants = sorted(name for name in offered if name.isupper())
    classes = sorted(name for name in offered if name[0].isupper() and not name.isupper())
    functions = sorted(name for name in offered if name[0].islower())
    assert cxrun.__all__ == [*constants, *classes, *functions]


@pytest.mark.parametrize("name", cxrun.__all__)
def test_public_name_resolves_to_that_of_its_home(name: str) -> None:
    (home,) = (module for module, names in cxrun._HOMES.items() if name in names)
    assert getattr(cxrun, name) is getattr(importlib.import_module(home), name)


@pytest.mark.parametrize("name", cxrun.__all__)
def test_public_name_is_used_by_a_plugin_of_ours_or_told_to_authors(name: str) -> None:
    folder = Path(cxrun_plugins.__file__).parent
    texts = [file.read_text() for file in folder.rglob("*.py")] + [(folder.parent / "README.md").read_text()]
    assert any(re.search(rf"\b{name}\b", text) for text in texts)


def test_name_that_is_not_public_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="module 'cxrun' has no attribute 'Stores'"):
        _ = cxrun.Stores


def test_unknown_element_is_told_the_near_word() -> None:
    with pytest.raises(KeyError, match=r"no treatment named 'redail'; did you mean 'redial'\?"):
        REGISTRY.get("treatment", "redail")


def test_registry_is_the_same_every_time() -> None:
    again: Registry = load_registry()
    assert [(entry.kind, entry.name, entry.element) for entry in again.all()] == [
        (entry.kind, entry.name, entry.element) for entry in ENTRIES
    ]
