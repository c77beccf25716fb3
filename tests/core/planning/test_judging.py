"""The quick way of judging many records says what asking about each by itself says."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cxrun.elements import Defer, Exclude, Moment
from cxrun.feed import Facts
from cxrun.model import Suppression
from cxrun.pipeline import GiveWay
from cxrun.planning.judging import IN_TURN, NEVER, Judge, Outlook
from cxrun.store.lists import imports_of, stored_lists
from cxrun.store.queue import Queue
from cxrun.store.suppressions import add_suppressions

if TYPE_CHECKING:
    from tests.conftest import ProjectFolder

    MakeProject = Callable[..., ProjectFolder]

RULES = """\
ruleset: plain
filters:
  - attempts: {windows: [{at_most: 2, within: 24h}, {at_most: 3, within: 5d}]}
  - calling_hours: {hours: {mon-fri: "09:00-12:00", sat: "10:00-11:00"}}
  - quiet_after: {results: [answering_machine], period: 30h}
  - suppression
  - where: {field: attempt, lt: 2}
    when: {field: chain_n, eq: 2}
  - record_age: {at_least: 1h, at_most: 3d}
treatments:
  - on: other
    do: [{next_in_chain: }, {retry_in: {interval: 1h, attempts: 5}}]
"""
HOUR = 3600


def by_itself(judge: Judge, moment: Moment, since: float) -> Outlook:
    """Every filter asked about one record, again and again."""
    at = moment.now
    first = Outlook(at, "not due yet") if at > since else None
    for _ in range(20):
        moment.now = at
        verdict, rule = judge.pipeline.decide(moment)
        if isinstance(verdict, Exclude | GiveWay):
            return Outlook(NEVER if isinstance(verdict, Exclude) else IN_TURN, verdict.reason, rule)
        if not isinstance(verdict, Defer):
            return Outlook(at) if first is None else first._replace(at=at)
        first = first if first is not None and first.rule else Outlook(at, verdict.reason, rule)
        at = float(max(math.ceil(verdict.until), int(at) + 1))
    assert first is not None
    return first._replace(at=at)


def test_outlook_is_that_of_asking_every_filter_about_every_record(project: MakeProject) -> None:
    folder = project(60, 2, rules={"plain": RULES})
    folder.import_lists()
    folder.run(limit=150)
    start = folder.reached()
    with folder.store() as store, store.transaction():
        add_suppressions(
            store,
            [
                Suppression(
                    "dnc", "client", f"C{n}", start + n * HOUR, None if n % 3 else start + 2 * n * HOUR
                )
                for n in range(1, 60, 4)
            ],
        )
    group = folder.load().group("all")
    quick = Judge(group)
    seen = set()
    with folder.store() as store:
        (stored,) = stored_lists(store).values()
        queue = Queue(store, stored.list_id, [])
        records = queue.waiting((-1, -1, -1), 500)
        facts = Facts(store, quick.pipeline.window)
        facts.learn(records, start)
        imports = imports_of(store, stored)
        chains = queue.members({record.chain_id for record in records})

        @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
        @given(st.floats(-10 * 24, 10 * 24).map(lambda hours: start + hours * HOUR))
        def same(since: float) -> None:
            for record in records:
                chain = chains.get(record.chain_id, [record])
                found = quick.outlook(record, chain, facts, imports, since)
                at = max(since, float(record.dial_sched_time))
                moment = Moment(
                    at, record, chain, facts.attempts(record), facts.suppressions(record), {},
                    group.duration("ring_time"), imports,
                )  # fmt: skip
                assert found == by_itself(quick, moment, since), record
                seen.add(found.rule.name if found.rule else found.reason)

        same()
    assert len(records) == 60
    assert seen >= {"", "attempts", "calling_hours", "suppression", "record_age", "not due yet"}
