"""Rulesets: the envelope, dispatch by element name, and every problem with its place.

    ruleset: evening_retry
    filters:    [- calling_hours: {hours: "09:00-20:00"}]
    results:    [- delivery: {answering_machine: drop}]
    treatments: [- {on: busy, do: [- redial: {interval: 30m}]}]

An element is checked by the schema of the plugin its name points to, so a message speaks of that element.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path as FilePath
from typing import Any, Final

from cxrun.conditions import CONDITION_SCHEMA, Condition
from cxrun.elements import ElementBase, Filter, Treatment
from cxrun.errors import Mark, Problem, Problems, near
from cxrun.limits import LIMITS_SCHEMA, Limit, limits_of
from cxrun.model import RESULT_GROUPS, CallResult, codes_by_word
from cxrun.registry import Registry
from cxrun.schema import DRAFT, accepts, schema_problems
from cxrun.yamlfile import Document, Path, load

_RESULTS: Final[Mapping[str, frozenset[int]]] = {
    **{word: frozenset({code}) for word, code in codes_by_word(CallResult).items()},
    **{word: frozenset(int(result) for result in group) for word, group in RESULT_GROUPS.items()},
}
"""What may stand in `on:`: a call result, or a group of them by its name."""
OTHER: Final = "other"
"""In `on:`, every call result that no other treatment answers."""
_ITEM: Final = {
    "type": ["object", "string"],
    "description": "An element and its parameters, e.g. `redial: {interval: 30m}`; without any, `finish`.",
}

_WHEN: Final = {
    "$ref": "#/$defs/condition",
    "description": "Only for records of which this condition is true.",
}
_TREATMENT: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["do"],
    "anyOf": [{"required": ["on"]}, {"required": ["disposition"]}],
    "properties": {
        "on": {
            "description": "Call results this sequence answers, groups of them ("
            + ", ".join(f"`{name}`" for name in RESULT_GROUPS)
            + "), or `other` for all that nothing else answers.",
            "anyOf": [{"type": "string"}, {"type": "array", "minItems": 1, "items": {"type": "string"}}],
        },
        "disposition": {
            "description": "Disposition codes of the agent this sequence answers.",
            "anyOf": [{"type": "string"}, {"type": "array", "minItems": 1, "items": {"type": "string"}}],
        },
        "when": _WHEN,
        "do": {
            "description": "The sequence: treatments in the order they are tried.",
            "type": "array",
            "minItems": 1,
            "items": _ITEM,
        },
    },
}
ENVELOPE: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["ruleset"],
    "dependentRequired": {"jurisdiction": ["description", "source", "reviewed"]},
    "properties": {
        "ruleset": {
            "type": "string",
            "pattern": "^[a-z][a-z0-9_]*$",
            "description": "The name profiles, templates and groups attach it by: small letters, digits and _.",
        },
        "description": {"type": "string", "description": "What it is for, in a sentence."},
        "jurisdiction": {
            "type": "string",
            "minLength": 1,
            "description": "Whose law it is about, which makes it a compliance pack: source and reviewed must be told.",
        },
        "source": {"type": "string", "description": "Where its figures come from."},
        "reviewed": {
            "type": "string",
            "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
            "description": "When its figures were last checked, YYYY-MM-DD.",
        },
        "unenforced": {
            "type": "array",
            "items": {"type": "string"},
            "description": "What the source asks for that no rule here decides: for the settings, and for you.",
        },
        "required": {
            "type": "boolean",
            "description": "true: no lower level can drop it.",
            "default": False,
        },
        "limits": LIMITS_SCHEMA,
        "filters": {
            "type": "array",
            "items": _ITEM,
            "description": "Asked in order before a dial.",
        },
        "results": {
            "type": "array",
            "items": _ITEM,
            "description": "Call-result handlers, in order.",
        },
        "treatments": {
            "type": "array",
            "items": {
                "type": "object",
                "description": "A treatment rule, e.g. `{on: busy, do: [redial: {interval: 30m}]}`.",
            },
            "description": "What follows a call.",
        },
    },
}
PACKAGED: Final = "cxrun_rulesets/"
"""How messages call the folder of the rulesets that come with cxrun."""
SECTIONS: Final[Mapping[str, str]] = {"filters": "filter", "results": "result handler"}
"""The sections that are plain lists of elements, and their kind."""


@dataclass(frozen=True)
class Step:
    """One element as a ruleset uses it."""

    name: str
    element: ElementBase
    when: Condition | None
    mark: Mark
    path: Path
    parameters: Any

    def __str__(self) -> str:
        return f"{self.mark.file}:{self.mark.line} {self.name}"

    @property
    def asks_others(self) -> bool:
        """Whether it is a filter that asks somebody outside."""
        return isinstance(self.element, Filter) and self.element.asks_others


@dataclass(frozen=True)
class TreatmentRule:
    """A sequence of treatments, and the results and dispositions it answers.

    `other` means every result that no rule names.
    """

    on: frozenset[int]
    other: bool
    dispositions: frozenset[str]
    when: Condition | None
    steps: tuple[Step, ...]
    mark: Mark
    path: Path


@dataclass(frozen=True)
class Ruleset:
    """A checked ruleset."""

    name: str
    description: str
    required: bool
    filters: tuple[Step, ...]
    results: tuple[Step, ...]
    treatments: tuple[TreatmentRule, ...]
    document: Document
    limits: tuple[Limit, ...] = ()

    def steps(self) -> tuple[Step, ...]:
        """Every element of the ruleset."""
        return (*self.filters, *self.results, *(step for rule in self.treatments for step in rule.steps))

    @property
    def packaged(self) -> bool:
        """Whether it comes with cxrun."""
        return self.document.file.startswith(PACKAGED)

    @property
    def outside(self) -> tuple[Step, ...]:
        """Its filters that ask somebody outside."""
        return tuple(step for step in self.filters if step.asks_others)

    @property
    def alone(self) -> Ruleset:
        """The same without the filters that ask somebody outside."""
        return replace(self, filters=tuple(step for step in self.filters if not step.asks_others))

    def conditions(self) -> Iterator[tuple[Condition, Path]]:
        """Every condition of the ruleset and its path in the document."""
        for step in self.steps():
            if step.when:
                yield step.when, (*step.path, "when")
            own = getattr(step.element, "condition", None)
            if isinstance(own, Condition):
                yield own, (*step.path, step.name)
        for rule in self.treatments:
            if rule.when:
                yield rule.when, (*rule.path, "when")


def read(
    file: FilePath, registry: Registry, name: str | None = None
) -> tuple[Ruleset | None, list[Problem], Document]:
    """Read one ruleset file. With problems, the ruleset is what could be read of it, None if it has no name."""
    try:
        document = load(file, name)
    except Problems as error:
        return None, error.problems, Document(name or str(file), None, {}, [])
    return *check(document, registry), document


def bundled() -> dict[str, FilePath]:
    """The rulesets that come with cxrun, by name."""
    from importlib.resources import files

    folder = FilePath(str(files("cxrun_rulesets")))
    return {file.stem: file for file in sorted(folder.glob("*.yaml")) if "." not in file.stem}


def check(document: Document, registry: Registry) -> tuple[Ruleset | None, list[Problem]]:
    """Check a document against the envelope and the schemas of its elements, collecting all problems.

    The ruleset holds what is right of it, so that its conditions can be checked against lists all the same.
    """
    problems = list(document.problems)
    if document.data is None:
        return None, problems or [document.problem((), "is empty; a ruleset begins with `ruleset: NAME`")]
    broken = schema_problems(document, (), document.data, ENVELOPE)
    problems += broken
    if not isinstance(document.data, dict):
        return None, problems
    data = document.data
    sections = {}
    for section, kind in SECTIONS.items():
        sections[section] = _steps(document, (section,), data.get(section), kind, registry, problems)
    treatments = tuple(_treatments(document, data.get("treatments"), registry, problems))
    if not isinstance(data.get("ruleset"), str):
        return None, problems
    ruleset = Ruleset(
        name=data["ruleset"],
        description=str(data.get("description", "")),
        required=data.get("required") is True,
        filters=sections["filters"],
        results=sections["results"],
        treatments=treatments,
        document=document,
        limits=() if broken else tuple(limits_of(data)),
    )
    return ruleset, problems


def _treatments(
    document: Document, data: Any, registry: Registry, problems: list[Problem]
) -> Iterator[TreatmentRule]:
    for index, item in enumerate(data if isinstance(data, list) else ()):
        if not isinstance(item, dict):
            continue
        path: Path = ("treatments", index)
        broken = schema_problems(document, path, item, _TREATMENT)
        problems += broken
        on = _words(item.get("on"))
        for number, word in enumerate(on):
            if word != OTHER and word not in _RESULTS:
                at = (*path, "on", number) if isinstance(item["on"], list) else (*path, "on")
                close = near(word, [*_RESULTS, OTHER])
                problems.append(document.problem(at, f"no call result named '{word}'{close}"))
        rule = TreatmentRule(
            on=frozenset(code for word in on for code in _RESULTS.get(word, ())),
            other=OTHER in on,
            dispositions=frozenset(_words(item.get("disposition"))),
            when=Condition(item["when"]) if "when" in item and not broken else None,
            steps=_steps(document, (*path, "do"), item.get("do"), "treatment", registry, problems),
            mark=document.mark(path),
            path=path,
        )
        problems += _out_of_place(document, rule, registry)
        yield rule


def _out_of_place(document: Document, rule: TreatmentRule, registry: Registry) -> Iterator[Problem]:
    """Treatments that have no answer to an agent who is absent when his callback is due."""
    if CallResult.AGENT_CALLBACK_ERROR not in rule.on:
        return
    for step in rule.steps:
        if isinstance(step.element, Treatment) and not step.element.for_absent_agents:
            able = sorted(
                name
                for name, entry in registry.entries("treatment").items()
                if issubclass(entry.element, Treatment) and entry.element.for_absent_agents
            )
            message = f"cannot answer agent_callback_error; {', '.join(able[:-1])} and {able[-1]} can"
            yield document.problem((*step.path, step.name), message)


def _words(value: Any) -> list[str]:
    many = value if isinstance(value, list) else [value]
    return [word for word in many if isinstance(word, str)]


def _steps(
    document: Document, path: Path, items: Any, kind: str, registry: Registry, problems: list[Problem]
) -> tuple[Step, ...]:
    steps = []
    for index, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, str):
            item = {item: None}
        if isinstance(item, dict):
            step = element_step(document, (*path, index), item, kind, registry, problems)
            if step:
                steps.append(step)
    return tuple(steps)


def element_step(
    document: Document,
    path: Path,
    item: Mapping[str, Any],
    kind: str,
    registry: Registry,
    problems: list[Problem],
) -> Step | None:
    """Check `{name: parameters, when: condition}` and build the element; problems are appended."""
    names = [name for name in item if name != "when"]
    if len(names) != 1:
        found = ", ".join(names) or "none"
        problems.append(document.problem(path, f"exactly one {kind} is expected here, found {found}"))
        return None
    name = names[0]
    try:
        element_class = registry.get(kind, name)
    except KeyError as error:
        problems.append(document.problem((*path, name), str(error.args[0])))
        return None
    before = len(problems)
    if "when" in item:
        problems += schema_problems(document, (*path, "when"), item["when"], _WHEN)
    parameters = item[name]
    checked = {} if parameters is None else parameters
    problems += schema_problems(document, (*path, name), checked, element_class.schema)
    if len(problems) > before:
        return None
    try:
        element = element_class.build(checked)
    except Exception as error:
        said = str(error) if isinstance(error, ValueError) else f"raised {type(error).__name__}: {error}"
        problems.append(document.problem((*path, name), said))
        return None
    when = Condition(item["when"]) if "when" in item else None
    return Step(name, element, when, document.mark((*path, name)), path, checked)


def composed_schema(registry: Registry) -> dict[str, Any]:
    """The JSON Schema of a whole ruleset file, composed from the envelope and every registered element."""

    def elements(kind: str) -> dict[str, Any]:
        choices: list[dict[str, Any]] = []
        bare = []
        for name, entry in registry.entries(kind).items():
            schema = entry.element.schema
            optional = accepts(schema, {})
            bare += [name] if optional else []
            choices.append(
                {
                    "type": "object",
                    "required": [name],
                    "additionalProperties": False,
                    "properties": {
                        name: {
                            **({"anyOf": [schema, {"type": "null"}]} if optional else schema),
                            **entry.hover,
                        },
                        "when": _WHEN,
                    },
                }
            )
        return {"oneOf": [*choices, {"enum": bare}] if bare else choices}

    treatment = {
        **_TREATMENT,
        "properties": {
            **_TREATMENT["properties"],
            "on": {
                "description": _TREATMENT["properties"]["on"]["description"],
                "anyOf": [
                    {"enum": [*_RESULTS, OTHER]},
                    {"type": "array", "minItems": 1, "items": {"enum": [*_RESULTS, OTHER]}},
                ],
            },
            "do": {**_TREATMENT["properties"]["do"], "items": {"$ref": "#/$defs/treatment"}},
        },
    }
    properties = {**ENVELOPE["properties"]}
    for section, kind in SECTIONS.items():
        properties[section] = {**properties[section], "items": {"$ref": f"#/$defs/{kind.replace(' ', '_')}"}}
    properties["treatments"] = {**properties["treatments"], "items": treatment}
    return {
        "$schema": DRAFT,
        "title": "cxrun ruleset",
        **ENVELOPE,
        "properties": properties,
        "$defs": {
            "condition": CONDITION_SCHEMA,
            "filter": elements("filter"),
            "result_handler": elements("result handler"),
            "treatment": elements("treatment"),
        },
    }
