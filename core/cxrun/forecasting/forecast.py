"""The coming hours of campaign groups: how many customers can be dialed in each, and when the lists are used up.

The first is exact: what the rules would say, asked of the pipeline. The second is a model in which calls flow like
water, from what the rules leave open through what a group can do in an hour; its assumptions are told with it.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cxrun.asking import Asking
from cxrun.campaign import Group
from cxrun.errors import UserError
from cxrun.forecasting.outlook import HOUR, Outlook, Pattern
from cxrun.forecasting.pace import Pace, pace_of
from cxrun.rota import stands
from cxrun.schedule import Shifts
from cxrun.store.database import Store
from cxrun.store.lists import stored_lists
from cxrun.store.orders import standing_orders
from cxrun.store.reading import call_figures, customers

_NOBODY: Final = 0.5
"""Customers, on average, from which down a list counts as used up."""

Progress = Callable[[str, int], None]


@dataclass
class ListForecast:
    """The coming hours of one list.

    `waiting` counts the customers who wait to be dialed, now or later. Of them `later` cannot be dialed within the
    hours, `excluded` are and stay excluded, by reason and rule, `never` are put off for ever, by why; `asleep` are
    those that were excluded before, `dialing` those in a call, `finished` the rest of the list. `open` is how many
    can be dialed in each hour, by zone. `dialed` and `left` are the model's: calls in each hour, customers who are
    not done at its end; `used_up` is when that is nobody (Unix UTC seconds), of those who are ever open.
    """

    name: str
    weight: int
    waiting: int
    asleep: int
    dialing: int
    finished: int
    open: list[int]
    zones: dict[str, list[int]]
    zone_customers: dict[str, int]
    later: int
    excluded: Counter[tuple[str, str]]
    never: Counter[str]
    patterns: Counter[Pattern] = field(repr=False, default_factory=Counter)
    dialed: list[float] = field(default_factory=list)
    left: list[float] = field(default_factory=list)
    used_up: float | None = None

    def as_data(self, edges: Sequence[float]) -> dict[str, Any]:
        """As plain data."""
        return {
            "list": self.name,
            "weight": self.weight,
            "waiting": self.waiting,
            "excluded_before": self.asleep,
            "dialing": self.dialing,
            "finished": self.finished,
            "later": self.later,
            "excluded": [
                {"reason": reason, "rule": rule or None, "customers": count}
                for (reason, rule), count in self.excluded.most_common()
            ],
            "never": [{"reason": reason, "customers": count} for reason, count in self.never.most_common()],
            "used_up": self.used_up,
            "hours": [
                {
                    "from": edges[n],
                    "till": edges[n + 1],
                    "open": self.open[n],
                    **(
                        {"calls": round(self.dialed[n], 2), "left": round(self.left[n], 2)}
                        if self.dialed
                        else {}
                    ),
                }
                for n in range(len(self.open))
            ],
            "zones": [
                {"zone": zone or None, "customers": self.zone_customers[zone], "open": hours}
                for zone, hours in sorted(self.zones.items())
            ],
        }


@dataclass
class GroupForecast:
    """The coming hours of one group; `shifts` are seconds of each hour in which it dials, `notes` sentences."""

    group: Group
    lists: list[ListForecast]
    pace: Pace | None
    shifts: list[float]
    notes: list[str]

    def as_data(self, edges: Sequence[float]) -> dict[str, Any]:
        """As plain data."""
        return {
            "group": self.group.name,
            "pace": None
            if self.pace is None
            else {
                "calls_per_hour": round(self.pace.calls, 2),
                "limit": self.pace.limit,
                "again": self.pace.again,
                "wait": self.pace.wait,
                "assumptions": list(self.pace.assumptions),
            },
            "notes": self.notes,
            "lists": [one.as_data(edges) for one in self.lists],
        }


@dataclass
class Forecast:
    """Everything; hour n is from `edges[n]` till `edges[n + 1]` (Unix UTC seconds)."""

    edges: list[float]
    groups: list[GroupForecast]

    @property
    def hours(self) -> int:
        return len(self.edges) - 1

    @property
    def lists(self) -> list[ListForecast]:
        """The lists of all groups."""
        return [one for group in self.groups for one in group.lists]

    def as_data(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "from": self.edges[0],
            "till": self.edges[-1],
            "counted": COUNTED,
            "groups": [group.as_data(self.edges) for group in self.groups],
        }


COUNTED: Final = (
    "a customer counts in each hour in which one of his numbers may be dialed, by schedule, rules and caps, "
    "if nobody calls him before"
)


def forecast(
    store: Store,
    groups: Sequence[Group],
    now: float,
    start: float,
    hours: int,
    calls_per_hour: float | None = None,
    progress: Progress = lambda name, done: None,
) -> Forecast:
    """Look at the hours from `start` on, which is `now` or later. Raises UserError for a list that is not imported."""
    known, orders = stored_lists(store), standing_orders(store)
    found = []
    edges: list[float] = []
    for group in groups:
        shifts = Shifts(group.schedule, start)
        lists: list[ListForecast] = []
        paces: list[Pace] = []
        notes = []
        running: list[float] = []
        if group.after:
            notes.append(f"comes after {', '.join(group.after)}; it is taken to dial all the same")
        order = orders.get(group.name)
        if order and stands(order, group.schedule, now):
            notes.append(f"has the order to {order.action}, by hand; the forecast leaves it out")
        for name, weight in group.lists.items():
            if name not in known:
                raise UserError(f"contact list '{name}' is not imported yet; `cxrun import {name}` does it")
            asking = Asking(store, group, known[name], now)
            outlook = Outlook(asking, shifts, start, hours)
            edges = outlook.edges
            running = [sum(till - since for since, till in outlook.spans(n)) for n in range(hours)]
            if weight:
                outlook.read(lambda done, name=name: progress(name, done))  # type: ignore[misc]
            else:
                notes.append(f"list {name} is paused: its weight is 0")
            for rule in asking.left_out:
                notes.append(f"{rule} asks somebody outside; it is taken to have no objection")
            if asking.rules_changed:
                notes.append(
                    f"the rules have changed since list {name} was dialed; it is looked at by the new ones"
                )
            lists.append(_of_list(store, known[name].list_id, name, weight, outlook))
            pace = pace_of(group, call_figures(store, known[name].list_id), calls_per_hour)
            if pace is not None:
                paces.append(pace)
        if not any(running):
            notes.append("its schedule does not let it dial in these hours")
        pace = _typical(paces, lists) if len(paces) == len(lists) else None
        found.append(GroupForecast(group, lists, pace, running, list(dict.fromkeys(notes))))
    _flow(found, edges)
    return Forecast(edges, found)


def _of_list(store: Store, list_id: int, name: str, weight: int, outlook: Outlook) -> ListForecast:
    hours = len(outlook.edges) - 1
    zones: dict[str, list[int]] = {}
    in_zone: Counter[str] = Counter()
    for pattern, count in outlook.patterns.items():
        of_zone = zones.setdefault(pattern.zone, [0] * hours)
        in_zone[pattern.zone] += count
        for n in range(hours):
            if pattern.hours >> n & 1:
                of_zone[n] += count
    closed_to = sum(count for pattern, count in outlook.patterns.items() if not pattern.hours)
    everybody, unfinished, dialing = customers(store, list_id)
    return ListForecast(
        name,
        weight,
        outlook.customers,
        0 if not weight else unfinished - dialing - outlook.customers,
        dialing,
        everybody - unfinished,
        [sum(of_zone[n] for of_zone in zones.values()) for n in range(hours)],
        zones,
        dict(in_zone),
        closed_to - outlook.excluded.total() - outlook.never.total(),
        outlook.excluded,
        outlook.never,
        outlook.patterns,
    )


def _typical(paces: Sequence[Pace], lists: Sequence[ListForecast]) -> Pace:
    """The pace of a group: that of the list with the most customers who wait."""
    return max(zip(paces, lists, strict=True), key=lambda both: both[1].waiting)[0]


# --- the model -------------------------------------------------------------------------------------


class _Stock:
    """The customers of one list on their way through the hours."""

    def __init__(self, one: ListForecast, pace: Pace) -> None:
        self.one = one
        self.again = pace.again
        self.delay = max(1, math.ceil(pace.wait / HOUR))
        self.waiting: defaultdict[int, float] = defaultdict(float)
        for pattern, count in one.patterns.items():
            if pattern.hours:
                self.waiting[pattern.hours] += count
        self.returning: defaultdict[int, dict[int, float]] = defaultdict(dict)
        self.left = sum(self.waiting.values())

    def begin(self, n: int) -> float:
        """How many can be dialed in an hour, those included who are to be called again by then."""
        for hours, count in self.returning.pop(n, {}).items():
            self.waiting[hours] += count
        return sum(count for hours, count in self.waiting.items() if hours >> n & 1)

    def dial(self, n: int, calls: float, open_now: float) -> None:
        """Make so many calls in an hour, to all who are open alike."""
        if calls > 0:
            share = calls / open_now
            back = self.returning[n + self.delay]
            for hours, count in self.waiting.items():
                if hours >> n & 1 and count > 0:
                    called = count * share
                    self.waiting[hours] -= called
                    back[hours] = back.get(hours, 0.0) + called * self.again
            self.left -= calls * (1 - self.again)
        self.one.dialed.append(calls)
        self.one.left.append(max(0.0, self.left))


def _flow(groups: Sequence[GroupForecast], edges: Sequence[float]) -> None:
    """Let the groups dial hour by hour; groups of the same agents share them while both have somebody to dial."""
    stocks = {id(group): [_Stock(one, group.pace) for one in group.lists] for group in groups if group.pace}
    at_work = [group for group in groups if group.pace]
    for n in range(len(edges) - 1):
        open_now = {id(stock): stock.begin(n) for each in stocks.values() for stock in each}
        busy = [
            group
            for group in at_work
            if group.shifts[n] and any(open_now[id(s)] > 0 for s in stocks[id(group)])
        ]
        pools = Counter(group.group.agent_group for group in busy if group.group.mode.needs_agents)
        for group in at_work:
            assert group.pace is not None
            calls = group.pace.calls * group.shifts[n] / HOUR if group in busy else 0.0
            if group.group.mode.needs_agents and group in busy:
                calls /= pools[group.group.agent_group]
            mine = stocks[id(group)]
            shares = _shared(calls, {id(s): (open_now[id(s)], s.one.weight) for s in mine})
            for stock in mine:
                stock.dial(n, shares[id(stock)], open_now[id(stock)])
                if stock.one.used_up is None and stock.left < _NOBODY and sum(stock.one.dialed) > 0:
                    stock.one.used_up = edges[n + 1]


def _shared(calls: float, lists: Mapping[int, tuple[float, int]]) -> dict[int, float]:
    """Share calls out by weight; what one list cannot use goes to the others."""
    shares = dict.fromkeys(lists, 0.0)
    wanting = {key: weight for key, (open_now, weight) in lists.items() if open_now > 0 and weight}
    while calls > 1e-9 and wanting:
        whole = sum(wanting.values())
        full = [key for key, w in wanting.items() if shares[key] + calls * w / whole >= lists[key][0]]
        if not full:
            for key, weight in wanting.items():
                shares[key] += calls * weight / whole
            break
        for key in full:
            calls -= lists[key][0] - shares[key]
            shares[key] = lists[key][0]
            del wanting[key]
    return shares
