"""Campaigns with a past, whose lists have records of every kind, to look ahead from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import ProjectFolder

    from cxrun.asking import Asking

HELD = """\
ruleset: held
filters:
  - suppression
  - calling_hours: {hours: {mon-fri: "09:00-20:00", sat: "10:00-16:00"}}
  - attempts: {windows: [{at_most: 2, within: 24h}, {at_most: 3, within: 3d}]}
  - attempts: {at_most: 1, within: day, per: device, results: [answering_machine]}
  - quiet_after: {results: [answer, busy], days: 3}
  - where: {field: phone, ne: "+13125550103"}
  - record_age: {at_most: 5d}
"""
MOODY = '''\
"""Filters of which nothing is known but what they say."""
from dataclasses import dataclass
from cxrun import PASS, Defer, Exclude, Filter, hookimpl

@dataclass(frozen=True)
class Moody(Filter):
    """Has hours of its own for each record."""
    name = "moody"
    def check(self, moment):
        hour = int(moment.now // 3600)
        if (hour + moment.record.record_id) % 5 == 0:
            return Defer((hour + 1) * 3600, "in a mood")
        if moment.record.record_id % 11 == 0 and moment.now > 1772700000:
            return Exclude("is fed up")
        return PASS

@hookimpl
def register_filters():
    return [Moody]
'''
RETRY = """\
ruleset: retry
results:
  - delivery: {}
treatments:
  - on: busy
    do: [{redial: {interval: 30m, attempts: 2}}, {next_in_chain: }]
  - on: answer
    when: {field: chain_n, eq: 1}
    do: [{retry_in: {interval: 36h}}]
  - on: [no_answer, answering_machine]
    do: [{next_in_chain: {attempts: 2}}, {retry_in: {interval: 5h, attempts: 3}}]
"""


@pytest.fixture
def held(project: Callable[..., ProjectFolder]) -> Callable[..., ProjectFolder]:
    """A factory of projects that were dialed until their records are held back by every kind of rule."""

    def make(
        devices: int = 1,
        size: int = 60,
        *,
        until: float = 20 * 3600,
        in_order: bool = False,
        **settings: object,
    ) -> ProjectFolder:
        rules = {"held": HELD + settings.pop("filters", ""), "retry": RETRY}  # type: ignore[operator]
        made = project(size, devices, rules=rules, plugins={"moody": MOODY}, agents=3)
        made.campaign["groups"]["all"] |= settings
        if in_order:
            kinds = ("home", "mobile", "home")
            columns = [{"column": f"Phone {n}", "type": kind} for n, kind in enumerate(kinds[:devices], 1)]
            made.campaign["lists"]["people"]["map"]["devices"] = columns
            made.campaign["groups"]["all"]["devices"] = ["mobile", "home"]
        made.save()
        with made.store() as store, store.transaction():
            store.connection.executemany(
                "INSERT INTO suppressions VALUES ('client', ?, 'dnc', ?, ?)",
                [("C4", 0, None), ("C5", 0, 1772600000), ("C6", 1772600000, 1772650000)],
            )
        if until:
            made.run(until=1772456400 + until)
        else:
            made.import_lists()
        return made

    return make


@pytest.fixture
def asking() -> Callable[[ProjectFolder, float], Iterator[Asking]]:
    """A factory of what is asked about the list of a project from a moment on."""

    @contextmanager
    def ask(made: ProjectFolder, at: float) -> Iterator[Asking]:
        from cxrun.asking import Asking, reading
        from cxrun.store.lists import stored_lists

        group = made.load().group("all")
        with made.store() as store, reading(store, [group]):
            yield Asking(store, group, stored_lists(store)["people"], at)

    return ask  # type: ignore[return-value]
