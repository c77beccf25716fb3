"""Conditions: one structured language, compiled to a Python function and to an SQL expression.

    {all: [{field: balance, ge: 100}, {any: [{field: state, in: [CA, NV]}, {field: attempt, lt: 3}]}]}

Both follow SQLite: a comparison with a missing value is unknown, `not` of unknown is unknown, and a record
matches only if the whole is true. Between values of different kinds numbers sort before text. Code is
generated from checked names and bound constants only.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import Any, Final, NamedTuple

from cxrun.errors import near
from cxrun.model import CallResult, DeviceType, Record, RecordStatus, RecordType, Value, codes_by_word

Predicate = Callable[[Record], bool]

FIELD_TYPES: Final[Mapping[str, str]] = {
    "record_id": "integer",
    "chain_id": "integer",
    "chain_n": "integer",
    "chain_size": "integer",
    "contact_info": "text",
    "phone": "text",
    "contact_info_type": "device type",
    "tz": "text",
    "tz_source": "text",
    "country": "text",
    "state": "text",
    "area_code": "text",
    "exchange": "text",
    "daily_from": "integer",
    "daily_till": "integer",
    "record_type": "record type",
    "record_status": "record status",
    "call_result": "call result",
    "attempt": "integer",
    "dial_sched_time": "integer",
    "call_time": "integer",
    "agent_id": "text",
    "client_id": "text",
    "first_name": "text",
    "last_name": "text",
    "company": "text",
}
"""The fields every record has, and their types; a list adds its own of type text, integer or number.

`state` and `exchange` are no columns: a list's own field `state` is taken where it says something, else what the
area code tells.
"""

ENUMERATIONS: Final[Mapping[str, type[IntEnum]]] = {
    "device type": DeviceType,
    "record type": RecordType,
    "record status": RecordStatus,
    "call result": CallResult,
}
_NULLABLE: Final = frozenset(("state", "agent_id", "client_id", "first_name", "last_name", "company"))
_NEVER_NULL: Final = frozenset(FIELD_TYPES) - _NULLABLE

_COMPARE: Final[Mapping[str, tuple[str, str]]] = {
    "eq": ("==", "!="),
    "ne": ("!=", "=="),
    "lt": ("<", ">="),
    "le": ("<=", ">"),
    "gt": (">", "<="),
    "ge": (">=", "<"),
}
_SQL_COMPARE: Final = {"eq": "=", "ne": "<>", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_TEXT_ONLY: Final = ("like", "not_like", "contains", "not_contains")
OPERATORS: Final = (*_COMPARE, "in", "not_in", *_TEXT_ONLY, "empty")

_CONSTANT: Final = {
    "description": "One value: text, a number, true or false. For several there is `in`.",
    "anyOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}],
}
_CONSTANTS: Final = {
    "description": "Several values, e.g. [CA, NV].",
    "type": "array",
    "minItems": 1,
    "items": _CONSTANT,
}
CONDITION_SCHEMA: Final[Mapping[str, Any]] = {
    "description": "A condition: all, any, not, or one field with one or more operators.",
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "all": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/condition"}},
        "any": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/condition"}},
        "not": {"$ref": "#/$defs/condition"},
        "field": {"type": "string", "description": "A field of the record or of the list."},
        **{operator: _CONSTANT for operator in _COMPARE},
        "in": _CONSTANTS,
        "not_in": _CONSTANTS,
        "like": {"type": "string", "description": "% is any text, _ one character; ASCII case is ignored."},
        "not_like": {"type": "string"},
        "contains": {"type": "string"},
        "not_contains": {"type": "string"},
        "empty": {"type": "boolean", "description": "true: missing or empty text."},
    },
    "oneOf": [
        {"required": ["all"], "maxProperties": 1},
        {"required": ["any"], "maxProperties": 1},
        {"required": ["not"], "maxProperties": 1},
        {"required": ["field"], "minProperties": 2, "propertyNames": {"enum": ["field", *OPERATORS]}},
    ],
}
"""Schema of a condition; refers to itself as `#/$defs/condition`."""


class Complaint(NamedTuple):
    """What is wrong inside a condition, at a path below it."""

    path: tuple[str | int, ...]
    message: str


@dataclass(frozen=True)
class Condition:
    """One condition as written, with its compiled forms."""

    spec: Mapping[str, Any]

    @cached_property
    def holds(self) -> Predicate:
        """Whether the condition is true of a record: one generated function."""
        code = _Code([self.spec])
        body = f"return {code.true(self.spec)}"
        return code.function(body, lambda record: truth(self.spec, record) is True)

    def sql(self, columns: Mapping[str, str]) -> tuple[str, list[Value]]:
        """Return a WHERE expression and its parameters; `columns` maps each field to its SQL."""
        parameters: list[Value] = []
        return _sql(self.spec, columns, parameters), parameters

    def fields(self) -> set[str]:
        """The fields the condition reads."""
        return {leaf["field"] for leaf in _leaves(self.spec)}

    def complaints(self, own_fields: Mapping[str, str]) -> list[Complaint]:
        """Check names, types and constants against the fixed fields and a list's own fields."""
        return list(_complaints(self.spec, own_fields, ()))

    def __str__(self) -> str:
        return text(self.spec)


def compile_first(conditions: Sequence[Condition | None]) -> Callable[[Record], int]:
    """Return a function that gives the index of the first condition that is true of a record, else -1.

    None stands for a condition that is always true.
    """
    code = _Code([condition.spec for condition in conditions if condition is not None])
    lines = []
    for index, condition in enumerate(conditions):
        if condition is None:
            lines.append(f"return {index}")
            break
        lines.append(f"if {code.true(condition.spec)}: return {index}")
    else:
        lines.append("return -1")

    def slow(record: Record) -> int:
        for index, condition in enumerate(conditions):
            if condition is None or truth(condition.spec, record) is True:
                return index
        return -1

    function: Callable[[Record], int] = code.function("\n  ".join(lines), slow)
    return function


def constant(value: Any, field: str) -> Value:
    """Return a constant of a condition as the store holds it: words of enumerations become codes."""
    if isinstance(value, bool):
        return int(value)
    kind = FIELD_TYPES.get(field, "")
    if kind in ENUMERATIONS and isinstance(value, str):
        return codes_by_word(ENUMERATIONS[kind]).get(value, value)
    checked: Value = value
    return checked


def text(spec: Mapping[str, Any]) -> str:
    """Return a condition as a person would say it, on one line."""
    if "all" in spec:
        return " and ".join(_bracketed(part) for part in spec["all"])
    if "any" in spec:
        return " or ".join(_bracketed(part) for part in spec["any"])
    if "not" in spec:
        return f"not {_bracketed(spec['not'])}"
    field = spec["field"]
    words = []
    for operator, value in spec.items():
        if operator == "field":
            continue
        if operator == "empty":
            words.append(f"{field} is {'empty' if value else 'not empty'}")
        elif operator in _COMPARE:
            words.append(f"{field} {_SQL_COMPARE[operator]} {value}")
        elif isinstance(value, list):
            words.append(f"{field} {operator.replace('_', ' ')} {', '.join(str(item) for item in value)}")
        else:
            words.append(f"{field} {operator.replace('_', ' ')} '{value}'")
    return " and ".join(words)


def _bracketed(spec: Mapping[str, Any]) -> str:
    return f"({text(spec)})" if "all" in spec or "any" in spec or len(spec) > 2 else text(spec)


def truth(spec: Mapping[str, Any], record: Record) -> bool | None:
    """Evaluate a condition in three-valued logic; None is unknown. The meaning the compiled forms keep."""
    if "all" in spec:
        answers = [truth(part, record) for part in spec["all"]]
        return False if False in answers else None if None in answers else True
    if "any" in spec:
        answers = [truth(part, record) for part in spec["any"]]
        return True if True in answers else None if None in answers else False
    if "not" in spec:
        answer = truth(spec["not"], record)
        return None if answer is None else not answer
    field = spec["field"]
    value: Value = getattr(record, field) if field in FIELD_TYPES else record.fields.get(field)
    answers = [
        _leaf_truth(operator, value, spec[operator], field) for operator in spec if operator != "field"
    ]
    return False if False in answers else None if None in answers else True


def _leaf_truth(operator: str, value: Value, operand: Any, field: str) -> bool | None:
    if operator == "empty":
        return (value is None or value == "") is operand
    if value is None:
        return None
    if operator in ("in", "not_in"):
        return (value in [constant(item, field) for item in operand]) is (operator == "in")
    if operator in _TEXT_ONLY:
        if not isinstance(value, str):
            return None
        found = operand in value if "contains" in operator else bool(_like(operand).match(value))
        return found is not operator.startswith("not_")
    other = constant(operand, field)
    left, right = (isinstance(value, str), value), (isinstance(other, str), other)
    if operator in ("eq", "ne"):
        return (left == right) is (operator == "eq")
    below = left < right
    return {"lt": below, "le": below or left == right, "ge": not below, "gt": not below and left != right}[
        operator
    ]


def _like(pattern: str) -> re.Pattern[str]:
    first, *rest = (
        "".join("." if char == "_" else re.escape(char) for char in part) for part in pattern.split("%")
    )
    # A part between two % is taken where it is first found and never sought again: no blow-up on many of them.
    middle = "".join(f"(?>.*?{part})" for part in rest[:-1])
    last = f".*{rest[-1]}" if rest else ""
    return re.compile(rf"{first}{middle}{last}\Z", re.IGNORECASE | re.ASCII | re.DOTALL)


class _Code:
    """Builds the source of one function; constants and fields are bound by name.

    A field that is compared once is read where it is compared, any other before all.
    """

    def __init__(self, specs: Iterable[Mapping[str, Any]]) -> None:
        self.constants: dict[str, Any] = {}
        self.fields: dict[str, str] = {}
        compared = Counter(
            leaf["field"] for spec in specs for leaf in _leaves(spec) for op in leaf if op != "field"
        )
        self.once = {field for field, count in compared.items() if count == 1}

    def bind(self, value: Any) -> str:
        """How the source names a constant: a whole number as it is, all else by a name."""
        if type(value) is int:
            return repr(value)
        name = f"k{len(self.constants)}"
        self.constants[name] = value
        return name

    def field(self, name: str) -> str:
        return self.fields.setdefault(name, f"v{len(self.fields)}")

    def function(self, body: str, slow: Callable[[Record], Any]) -> Callable[[Record], Any]:
        """Compile; values a plain comparison cannot take (mixed kinds, absent fields) go the slow way."""
        lines = ["f = r.fields"] if any(field not in FIELD_TYPES for field in self.fields) else []
        lines += [
            f"{variable} = {self.read(field)}"
            for field, variable in self.fields.items()
            if field not in self.once
        ]
        head = "".join(f"{line}\n  " for line in lines)
        source = f"def holds(r):\n try:\n  {head}{body}\n except (TypeError, KeyError):\n  return slow(r)\n"
        namespace: dict[str, Any] = {**self.constants, "slow": slow}
        exec(source, namespace)
        compiled: Callable[[Record], Any] = namespace["holds"]
        return compiled

    def read(self, field: str) -> str:
        return f"r.{field}" if field in FIELD_TYPES else f"f[{self.bind(field)}]"

    def true(self, spec: Mapping[str, Any]) -> str:
        return self._side(spec, want=True)

    def _side(self, spec: Mapping[str, Any], *, want: bool) -> str:
        """Source that is true exactly if the condition is true (or, with want=False, is false)."""
        if "all" in spec or "any" in spec:
            parts = [self._side(part, want=want) for part in spec.get("all") or spec["any"]]
            return _joined(parts, "and" if ("all" in spec) is want else "or")
        if "not" in spec:
            return self._side(spec["not"], want=not want)
        leaves = [self._leaf(spec["field"], op, spec[op], want) for op in spec if op != "field"]
        return _joined(leaves, "and" if want else "or")

    def _leaf(self, field: str, operator: str, operand: Any, want: bool) -> str:
        v = self.field(field)
        source = self._comparison(v, field, operator, operand, want)
        if field not in self.once:
            return source
        before, after = source.split(v, 1)
        return f"{before}({v} := {self.read(field)}){after}"

    def _comparison(self, v: str, field: str, operator: str, operand: Any, want: bool) -> str:
        if operator == "empty":
            return f"({v} is None or {v} == '')" if operand is want else f"({v} is not None and {v} != '')"
        present = "" if field in _NEVER_NULL else f"{v} is not None and "
        if operator in ("in", "not_in"):
            members = self.bind(frozenset(constant(item, field) for item in operand))
            return f"{v} in {members}" if (operator == "in") is want else f"({present}{v} not in {members})"
        if operator in _TEXT_ONLY:
            positive = operator.startswith("not_") is not want
            if "contains" in operator:
                found = f"{self.bind(operand)} {'in' if positive else 'not in'} {v}"
            else:
                found = f"{self.bind(_like(operand).match)}({v}) is {'not None' if positive else 'None'}"
            return f"({v}.__class__ is str and {found})"
        sign = _COMPARE[operator][0 if want else 1]
        guard = "" if sign == "==" else present
        return f"({guard}{v} {sign} {self.bind(constant(operand, field))})"


def _joined(parts: list[str], word: str) -> str:
    return parts[0] if len(parts) == 1 else "(" + f" {word} ".join(parts) + ")"


def _sql(spec: Mapping[str, Any], columns: Mapping[str, str], parameters: list[Value]) -> str:
    if "all" in spec:
        return "(" + " AND ".join(_sql(part, columns, parameters) for part in spec["all"]) + ")"
    if "any" in spec:
        return "(" + " OR ".join(_sql(part, columns, parameters) for part in spec["any"]) + ")"
    if "not" in spec:
        return f"(NOT {_sql(spec['not'], columns, parameters)})"
    field = spec["field"]
    # unary plus strips the column's affinity, so that '5' is never taken for 5
    column = f"+{columns[field]}"
    parts = []
    for operator, operand in spec.items():
        if operator == "field":
            continue
        if operator == "empty":
            empty = f"({column} IS NULL OR {column} = '')"
            parts.append(empty if operand else f"(NOT {empty})")
        elif operator in ("in", "not_in"):
            parameters.extend(constant(item, field) for item in operand)
            marks = ", ".join("?" * len(operand))
            parts.append(f"{column} {'IN' if operator == 'in' else 'NOT IN'} ({marks})")
        elif operator in _TEXT_ONLY:
            parameters.append(operand)
            found = f"instr({column}, ?) > 0" if "contains" in operator else f"{column} LIKE ?"
            negation = "NOT " if operator.startswith("not_") else ""
            parts.append(f"CASE WHEN typeof({column}) = 'text' THEN {negation}({found}) END")
        else:
            parameters.append(constant(operand, field))
            parts.append(f"{column} {_SQL_COMPARE[operator]} ?")
    return parts[0] if len(parts) == 1 else "(" + " AND ".join(parts) + ")"


def _leaves(spec: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for part in [*spec.get("all", ()), *spec.get("any", ()), *([spec["not"]] if "not" in spec else ())]:
        yield from _leaves(part)
    if "field" in spec:
        yield spec


def _complaints(
    spec: Mapping[str, Any], own_fields: Mapping[str, str], path: tuple[str | int, ...]
) -> Iterator[Complaint]:
    for word in ("all", "any"):
        for index, part in enumerate(spec.get(word, ())):
            yield from _complaints(part, own_fields, (*path, word, index))
    if "not" in spec:
        yield from _complaints(spec["not"], own_fields, (*path, "not"))
    if "field" not in spec:
        return
    field = spec["field"]
    kind = FIELD_TYPES.get(field) or own_fields.get(field)
    if kind is None:
        yield Complaint(
            (*path, "field"), f"no field named '{field}'{near(field, [*FIELD_TYPES, *own_fields])}"
        )
        return
    for operator, operand in spec.items():
        if operator in ("field", "empty"):
            continue
        if operator in _TEXT_ONLY:
            if kind != "text":
                yield Complaint(
                    (*path, operator), f"'{operator}' compares text, but {field} is of type {kind}"
                )
            continue
        many = operand if isinstance(operand, list) else [operand]
        for index, value in enumerate(many):
            at = (*path, operator, index) if isinstance(operand, list) else (*path, operator)
            complaint = _constant_complaint(value, kind, field)
            if complaint:
                yield Complaint(at, complaint)


def _constant_complaint(value: Any, kind: str, field: str) -> str | None:
    shown = str(value).lower() if isinstance(value, bool) else str(value)
    if kind in ENUMERATIONS:
        words = codes_by_word(ENUMERATIONS[kind])
        if isinstance(value, str):
            return None if value in words else f"no {kind} named '{value}'{near(value, words)}"
        known = value in words.values() and not isinstance(value, bool)
        return None if known else f"{shown} is no code of a {kind}"
    if kind == "text":
        return None if isinstance(value, str) else f'{field} is of type text; write "{shown}" in quotes'
    if isinstance(value, str):
        return f"{field} is of type {kind}, '{value}' is text"
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return f"{value} does not fit into 64 bits"
    return None
