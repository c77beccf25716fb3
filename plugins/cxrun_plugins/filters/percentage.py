"""Percentage: a sample of the clients, the same one every time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from math import inf
from typing import ClassVar

from cxrun import PASS, Check, Exclude, Filter, Moment, Problem, Schema, Scope, Verdict, check, hookimpl


@dataclass(frozen=True, slots=True)
class Percentage(Filter):
    """Passes a stable sample of `share` percent of the clients, and excludes the others.

    Whether a client is in the sample depends on `salt` and on him alone: all his records fall alike, on
    every list, in every run. Another salt draws another sample. Every client has a place between 0 and
    100 percent; the sample is those from `skip` to `skip` plus `share`. So two groups with the same salt can
    try two strategies on people of which nobody is in both samples.

    A client without a ClientID is known by his chain.

    Example::

        filters:
          - percentage: {share: 20, salt: spring}
          - percentage: {share: 80, skip: 20, salt: spring}
    """

    name: ClassVar[str] = "percentage"
    schema: ClassVar[Schema] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["share"],
        "properties": {
            "share": {
                "description": "How large the sample is, in percent, e.g. 20.",
                "type": "number",
                "exclusiveMinimum": 0,
                "maximum": 100,
            },
            "skip": {
                "description": "Where the sample begins, in percent; what is before belongs to other samples.",
                "type": "number",
                "minimum": 0,
                "exclusiveMaximum": 100,
                "default": 0,
            },
            "salt": {
                "description": "Any text; filters with the same salt sort clients alike.",
                "type": "string",
                "default": "",
            },
        },
    }

    share: float
    skip: float = 0
    salt: str = ""
    _excluded: Exclude = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.skip + self.share > 100:
            raise ValueError(f"skip {self.skip:g} and share {self.share:g} go beyond 100 percent")
        object.__setattr__(self, "_excluded", Exclude(f"not in the sample of {self.share:g}%"))

    def alike(self, moment: Moment) -> bool:
        return self.check(moment) is PASS

    def passes_until(self, moment: Moment) -> float:
        return inf

    def check(self, moment: Moment) -> Verdict:
        digest = blake2b(f"{self.salt}:{moment.record.client}".encode(), digest_size=8).digest()
        # 53 bits: what a float can hold without rounding up to 100
        place = (int.from_bytes(digest, "big") >> 11) / 2**53 * 100
        return PASS if self.skip <= place < self.skip + self.share else self._excluded


@check("CX215", "error")
def samples_apart(scope: Scope) -> Iterator[Problem]:
    """The samples of a group have nobody in common.

    All filters of a group must pass. Two `percentage` filters with the same salt sort the clients alike; where their
    parts do not overlap, everybody is left out.

    Bad::

        ruleset: trial
        filters:
          - percentage: {share: 20, salt: spring}
          - percentage: {share: 80, skip: 20, salt: spring}

    Good::

        ruleset: trial
        filters:
          - percentage: {share: 20, salt: spring}
          - percentage: {share: 80, salt: spring}
    """
    for group in scope.groups:
        parts: dict[str, tuple[float, float]] = {}
        for ruleset, step in scope.filters(group):
            element = step.element
            if not isinstance(element, Percentage) or step.when is not None:
                continue
            begins, ends = parts.get(element.salt, (0.0, 100.0))
            begins, ends = max(begins, element.skip), min(ends, element.skip + element.share)
            parts[element.salt] = (begins, ends)
            if begins >= ends:
                message = f"leaves out everybody that the samples of salt '{element.salt}' before it let pass"
                yield scope.in_step(group, ruleset, step, message)


@hookimpl
def register_checks() -> Iterable[Check]:
    return [samples_apart]


@hookimpl
def register_filters() -> list[type[Filter]]:
    return [Percentage]
