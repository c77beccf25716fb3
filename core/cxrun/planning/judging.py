"""The rules of one group, asked about records while nothing is dialed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from cxrun.campaign import Group
from cxrun.elements import Defer, Exclude, Filter, Moment
from cxrun.feed import Facts
from cxrun.model import Record, Rule
from cxrun.pipeline import GiveWay, Pipeline

NEVER: Final = math.inf
IN_TURN: Final = 2.0**60
"""A moment nobody can tell: when the chain comes to the record."""
_PATIENCE: Final = 20
"""How many deferrals in a row are followed to find when a record may be dialed."""


class Outlook(NamedTuple):
    """From when a record may be dialed (Unix UTC seconds, `IN_TURN`, or `NEVER`), and what objects until then.

    `rule` is None if nothing does, or if it is no rule that says so.
    """

    at: float
    reason: str = ""
    rule: Rule | None = None

    @property
    def never(self) -> bool:
        return self.at == NEVER

    @property
    def told(self) -> str:
        """What stands in its way, and which rule says so."""
        return f"{self.reason} ({self.rule})" if self.rule else self.reason


def pipeline_of(group: Group) -> Pipeline:
    """The rules of a group, compiled, without the filters that ask somebody outside."""
    quiet = [
        replace(
            ruleset,
            filters=tuple(
                step
                for step in ruleset.filters
                if not (isinstance(step.element, Filter) and step.element.asks_others)
            ),
        )
        for ruleset in group.rulesets
    ]
    return Pipeline(quiet, group.devices)


class Judge:
    """Asks the rules of a group when records may be dialed."""

    def __init__(self, group: Group) -> None:
        self.group = group
        self.pipeline = pipeline_of(group)
        self._ring_time = group.duration("ring_time")

    def outlook(
        self,
        record: Record,
        chain: Sequence[Record],
        facts: Facts,
        imports: Sequence[tuple[int, float]],
        since: float,
    ) -> Outlook:
        """From when the record may be dialed, not before `since` and not before its own schedule."""
        at = max(since, float(record.dial_sched_time))
        first = Outlook(at, "not due yet") if at > since else None
        moment = Moment(
            at, record, chain, facts.attempts(record), facts.suppressions(record), facts.attempts_by(record),
            self._ring_time, imports,
        )  # fmt: skip
        for _ in range(_PATIENCE):
            moment.now = at
            verdict, rule = self.pipeline.decide(moment)
            if isinstance(verdict, Exclude):
                return Outlook(NEVER, verdict.reason, rule)
            if isinstance(verdict, GiveWay):
                return Outlook(IN_TURN, verdict.reason, rule)
            if not isinstance(verdict, Defer):
                return Outlook(at) if first is None else first._replace(at=at)
            first = first if first is not None and first.rule else Outlook(at, verdict.reason, rule)
            at = float(max(math.ceil(verdict.until), int(at) + 1))
        assert first is not None
        return first._replace(at=at)
