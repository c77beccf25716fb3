"""Where: only records of which a condition is true."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any, ClassVar, Self

from cxrun import PASS, Condition, Evidence, Exclude, Filter, Moment, Record, Schema, Verdict, hookimpl


@dataclass(frozen=True, slots=True)
class Where(Filter):
    """Excludes every record of which a condition is not true.

    The parameters are the condition itself: a field with one or more operators, or `all`, `any` and `not`
    of conditions, nested as deep as needed. As in SQL a comparison with a missing value is neither true
    nor false, and so is its `not`; such a record is excluded. Where that is not meant, say it with
    `empty`, e.g. `{any: [{field: balance, empty: true}, {field: balance, ge: 100}]}`.

    Example::

        filters:
          - where: {all: [{field: country, eq: US}, {field: attempt, lt: 5}]}
    """

    name: ClassVar[str] = "where"
    schema: ClassVar[Schema] = {"$ref": "#/$defs/condition"}

    condition: Condition
    _holds: Callable[[Record], bool] = field(init=False, repr=False, compare=False)
    _excluded: Exclude = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_holds", self.condition.holds)
        object.__setattr__(self, "_excluded", Exclude(f"not: {self.condition}"))

    @classmethod
    def build(cls, parameters: Mapping[str, Any] | None) -> Self:
        if not parameters:
            raise ValueError("a condition is expected, e.g. where: {field: attempt, lt: 3}")
        return cls(Condition(parameters))

    def alike(self, moment: Moment) -> bool:
        return self._holds(moment.record)

    def passes_until(self, moment: Moment) -> float:
        return inf

    def evidence(self, moment: Moment) -> Sequence[Evidence]:
        record = moment.record
        values = {name: getattr(record, name, record.fields.get(name)) for name in self.condition.fields()}
        return [
            Evidence(f"{name} is {'empty' if values[name] in (None, '') else values[name]}")
            for name in sorted(values)
        ]

    def check(self, moment: Moment) -> Verdict:
        return PASS if self._holds(moment.record) else self._excluded


@hookimpl
def register_filters() -> list[type[Filter]]:
    return [Where]
