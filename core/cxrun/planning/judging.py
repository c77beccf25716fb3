"""The rules of one group, asked about records while nothing is dialed.

Of records of which every filter says the same (`Filter.alike`) one is asked about; a filter that cannot say so is asked
about each record by itself, and if it passes for good (`Filter.passes_until`), the others decide.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Final, NamedTuple

from cxrun import life
from cxrun.asking import asking_nobody
from cxrun.campaign import Group
from cxrun.elements import Defer, Exclude, Moment, Pass
from cxrun.feed import Facts
from cxrun.model import Record, Rule
from cxrun.pipeline import GiveWay

NEVER: Final = math.inf
IN_TURN: Final = 2.0**60
"""A moment nobody can tell: when the chain comes to the record."""
_PATIENCE: Final = 20
"""How many deferrals in a row are followed to find when a record may be dialed."""
_KINDS: Final = 20_000
"""Kinds of records whose outlook is remembered before they are forgotten."""


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


class Judge:
    """Asks the rules of a group when records may be dialed."""

    def __init__(self, group: Group) -> None:
        self.group = group
        self.pipeline, _ = asking_nobody(group)
        self._ring_time = group.duration("ring_time")
        self._known: dict[Hashable, Outlook] = {}

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
        moment = facts.moment(at, record, chain, self._ring_time, imports)
        kinds = self.pipeline.alike(moment)
        alone = [n for n, kind in enumerate(kinds) if kind is None] if None in kinds else ()
        if alone and not self._pass_for_good(alone, moment):
            return self._follow(moment, since)
        key = (at, since, kinds)
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= _KINDS:
                self._known.clear()
            known = self._known[key] = self._follow(moment, since)
        return known

    def _pass_for_good(self, alone: Sequence[int], moment: Moment) -> bool:
        """Whether these filters have nothing against a record, nor ever will if nothing else happens."""
        filters = [self.pipeline.filters[n] for n in alone]
        return all(
            isinstance(asked.ask(moment).verdict, Pass) and asked.passes_until(moment) == NEVER
            for asked in filters
        )

    def _follow(self, moment: Moment, since: float) -> Outlook:
        """Ask about a record from the moment on, and whenever a rule that puts it off says it may be asked again."""
        at = moment.now
        first = Outlook(at, "not due yet") if at > since else None
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
            at = float(life.asked_again(verdict, at))
        assert first is not None
        return first._replace(at=at)
