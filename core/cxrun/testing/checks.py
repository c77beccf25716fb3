"""What `cxrun.testing.assert_element` looks at."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterator
from dataclasses import MISSING

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from cxrun.elements import ElementBase
from cxrun.errors import Problem, Problems
from cxrun.registry import KINDS, Registry, load_registry
from cxrun.ruleset import check, element_step
from cxrun.yamlfile import parse


def complaints_about(element: type[ElementBase]) -> Iterator[str]:
    """Everything that is wrong with an element class, as phrases."""
    kinds = [kind for kind, (_, base, _) in KINDS.items() if issubclass(element, base)]
    if len(kinds) != 1:
        bases = ", ".join(f"cxrun.{base.__name__}" for _, base, _ in KINDS.values())
        yield f"must inherit from one of {bases}"
        return
    _, base, method = KINDS[kinds[0]]
    if getattr(element, method) is getattr(base, method):
        yield f"a {kinds[0]} needs the method `{method}`"
    if not re.fullmatch("[a-z][a-z0-9_]*", element.name):
        yield f"name '{element.name}' is not in lower_case_words"
    if "__dataclass_fields__" not in vars(element):
        yield "is no dataclass; write @dataclass(frozen=True) above it"
    elif not getattr(element, "__dataclass_params__").frozen:  # noqa: B009 - unknown to type checkers
        yield "is not frozen; write @dataclass(frozen=True) above it"
    try:
        Draft202012Validator.check_schema(element.schema)
    except SchemaError as error:
        yield f"schema: {error.message}"
        return
    yield from _about_parameters(element)
    yield from _about_docstring(element, kinds[0])


def _about_parameters(element: type[ElementBase]) -> Iterator[str]:
    schema = element.schema
    if schema.get("type") != "object" or not dataclasses.is_dataclass(element):
        return
    if schema.get("additionalProperties") is not False:
        yield "schema: a misspelt parameter is not refused; write additionalProperties: False"
    properties = schema.get("properties", {})
    required = set(schema.get("required", ()))
    fields = {field.name: field for field in dataclasses.fields(element) if field.init}
    for name in properties.keys() - fields.keys():
        yield f"schema: parameter '{name}' is no field of the class"
    for name, field in fields.items():
        if name not in properties:
            yield f"schema: field '{name}' is no parameter"
            continue
        if not properties[name].get("description"):
            yield f"schema: parameter '{name}' has no description"
        optional = (field.default, field.default_factory) != (MISSING, MISSING)
        if optional and name in required:
            yield f"schema: parameter '{name}' is required, but its field has a default"
        if not optional and name not in required:
            yield f"schema: parameter '{name}' is not required, but its field has no default"


def _about_docstring(element: type[ElementBase], kind: str) -> Iterator[str]:
    text = inspect.cleandoc(element.__doc__ or "")
    if not text or text.startswith(f"{element.__name__}("):
        yield "has no docstring"
        return
    if not text.partition("\n")[0].endswith("."):
        yield "the first line of its docstring, which `cxrun plugins` shows, is not a whole sentence"
    example = inspect.cleandoc(text.partition("Example::\n")[2])
    if not example:
        yield "its docstring has no example; end it with `Example::` and an indented one"
    elif element.name not in example:
        yield "the example of its docstring does not use it"
    else:
        for problem in _problems_in(example, element, kind):
            yield f"the example of its docstring does not load: {problem}"


def _problems_in(example: str, element: type[ElementBase], kind: str) -> list[Problem]:
    """Load an example: a part of a ruleset, or `mode:` or `dialer:` as a profile has them."""
    registry = _Registry(element, kind)
    try:
        if kind not in ("dialing mode", "dialer"):
            return check(parse(f"ruleset: example\n{example}", "example"), registry)[1]
        document = parse(example, "example")
        setting = kind.rpartition(" ")[2]
        item = document.data.get(setting) if isinstance(document.data, dict) else None
        if not isinstance(item, dict):
            return [document.problem((), f"it is no `{setting}:` of a profile")]
        problems: list[Problem] = []
        element_step(document, (setting,), item, kind, registry, problems)
        return problems
    except Problems as error:
        return error.problems


class _Registry(Registry):
    """The installed elements, and the one in question though it may not be registered."""

    def __init__(self, element: type[ElementBase], kind: str) -> None:
        installed = load_registry()
        super().__init__(installed.manager, installed.plugins)
        self._element = element
        self._kind = kind

    def get(self, kind: str, name: str) -> type[ElementBase]:
        if (kind, name) == (self._kind, self._element.name):
            return self._element
        return super().get(kind, name)
