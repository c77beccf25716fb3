"""Data against a JSON Schema: every way in which it breaks it, in words and with its place."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from cxrun.conditions import CONDITION_SCHEMA
from cxrun.errors import Problem, near
from cxrun.times import DURATION, TIME_OF_DAY
from cxrun.yamlfile import Document, Path

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_WRITTEN: Final[Mapping[str, str]] = {
    DURATION["anyOf"][1]["pattern"]: "no duration; write seconds, or a number with s, m, h or d, e.g. 30m",
    TIME_OF_DAY["pattern"]: "no time of day; write HH:MM, at most 24:00",
}
"""What to say of a text that does not match one of our own patterns."""
_TYPES: Final[Mapping[str, str]] = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "nothing",
}
_LONGEST: Final = 60
_BOUNDS: Final[Mapping[str, str]] = {
    "minimum": "at least",
    "exclusiveMinimum": "above",
    "maximum": "at most",
    "exclusiveMaximum": "below",
}
_CONDITION: Final = (
    "a condition is one of all, any, not, or a field with an operator, e.g. {field: attempt, lt: 3}"
)


def schema_problems(document: Document, path: Path, data: Any, schema: Mapping[str, Any]) -> list[Problem]:
    """Every way in which `data`, at `path` of the document, breaks `schema`."""
    return [
        document.problem(at, message)
        for error in _validator(_Frozen(schema)).iter_errors(data)
        for at, message in _messages(error, path)
    ]


def accepts(schema: Mapping[str, Any], data: Any) -> bool:
    """Whether `data` keeps to `schema`."""
    return bool(_validator(_Frozen(schema)).is_valid(data))


class _Frozen:
    """A schema as a cache key: schemas are constants of their classes."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self.schema = schema

    def __hash__(self) -> int:
        return id(self.schema)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Frozen) and self.schema is other.schema


@lru_cache(maxsize=256)
def _validator(schema: _Frozen) -> Any:
    from jsonschema import Draft202012Validator

    whole = {**schema.schema, "$defs": {"condition": CONDITION_SCHEMA}}
    return Draft202012Validator(whole)


def _messages(error: Any, base: Path) -> Iterator[tuple[Path, str]]:
    """What to tell of an error of the schema, and where."""
    at: Path = (*base, *error.absolute_path)
    rule, wanted, data = error.validator, error.validator_value, error.instance
    hint = error.schema.get("description", "")
    if list(error.absolute_schema_path)[-2:-1] == ["propertyNames"]:
        at = (*at, data)
    if rule == "additionalProperties":
        known = error.schema.get("properties", {})
        for key in data:
            if key not in known:
                yield (*at, key), f"unknown key '{key}'{near(key, known)}"
        return
    if rule in ("anyOf", "oneOf"):
        yield from _alternatives(error, at, base)
        return
    if rule == "dependentRequired":
        # one error for each missing key, but only its text says which
        pairs = ((given, key) for given, keys in wanted.items() for key in keys)
        given, key = next(pair for pair in pairs if error.message.startswith(repr(pair[1])))
        yield (*at, given), f"'{key}' is missing, which must be beside '{given}'"
        return
    if rule == "required":
        # one error for each missing key, but only its text says which
        key = next(key for key in wanted if error.message.startswith(repr(key)))
        message = f"'{key}' is missing"
        hint = error.schema.get("properties", {}).get(key, {}).get("description", "")
    elif rule == "type":
        kinds = [wanted] if isinstance(wanted, str) else wanted
        given = "is empty," if data is None else f"{_shown(data)} is"
        message = f"{given} not {' or '.join(_TYPES[kind] for kind in kinds)}"
    elif rule == "enum":
        message = f"{_shown(data)} is not known here{near(str(data), [str(word) for word in wanted])}"
        hint = ""
    elif rule == "pattern" and wanted in _WRITTEN:
        message, hint = f"{_shown(data)} is {_WRITTEN[wanted]}", ""
    elif rule == "pattern":
        message = f"{_shown(data)} is not understood"
        hint = hint or f"it must match {wanted}"
    elif rule in ("minItems", "minProperties", "minLength") and not data:
        message = "must not be empty"
    elif rule in ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"):
        message = f"must be {_BOUNDS[rule]} {_shown(wanted)}, not {_shown(data)}"
    elif rule == "maxProperties" and wanted == 1:
        named = at[-1] if at and isinstance(at[-1], str) else "thing"
        message = f"one {named} can be named, not {len(data)}: {', '.join(map(str, data))}"
    elif rule == "const":
        message = f"must be {_shown(wanted)}, not {_shown(data)}"
    elif rule == "not":
        message = f"{_shown(data)} cannot be used here"
    elif rule == "uniqueItems":
        message = f"{_shown(data)} names something twice"
    else:
        message = error.message
    yield at, _hinted(message, hint if at else "")


def _hinted(message: str, hint: str) -> str:
    """A message and what a description adds to it, as one phrase; a message that has its hint stays as it is."""
    if not hint or "; " in message:
        return message
    return f"{message}; {hint if hint[1:2].isupper() else hint[0].lower() + hint[1:]}".removesuffix(".")


def _alternatives(error: Any, at: Path, base: Path) -> Iterator[tuple[Path, str]]:
    """Where alternatives exist, speak of the only one the value's type leaves, else of what is expected."""
    if error.schema is CONDITION_SCHEMA:
        # a wrong type and unknown keys are told already
        if (
            isinstance(error.instance, dict)
            and error.instance.keys() <= CONDITION_SCHEMA["properties"].keys()
        ):
            yield at, _CONDITION
        return
    branches: dict[int, list[Any]] = {}
    for inner in error.context:
        branches.setdefault(inner.schema_path[0], []).append(inner)
    if all(inner.validator == "required" for found in branches.values() for inner in found):
        keys = [key for found in branches.values() for inner in found for key in inner.validator_value]
        yield at, " or ".join(f"'{key}'" for key in dict.fromkeys(keys)) + " is missing"
        return
    fitting = [
        found
        for found in branches.values()
        if not any(inner.validator == "type" and not inner.relative_path for inner in found)
    ]
    described = error.schema.get("description", "")
    if len(fitting) != 1:
        yield at, _hinted(f"{_shown(error.instance)} is not understood", described or "see the schema")
        return
    for inner in fitting[0]:
        for place, message in _messages(inner, base):
            yield place, _hinted(message, described)


def _shown(value: Any) -> str:
    """A value as a person would write it in YAML, on one line."""
    if isinstance(value, str):
        return f"'{value}'" if len(value) <= _LONGEST else f"'{value[:_LONGEST]}...'"
    text = "nothing" if value is None else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
