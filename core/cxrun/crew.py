"""One campaign group at work: its rules, its engine, its line and its lists."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TypedDict

from cxrun.agents import AgentPool
from cxrun.campaign import Group
from cxrun.dialer import Line, Opening, PreviewLine
from cxrun.engine import Engine
from cxrun.errors import UserError
from cxrun.feed import Feed, Given, GivenFeed
from cxrun.ordered import OrderedFeed
from cxrun.shares import Shares
from cxrun.sharing import SharedAgents, SharedPace, SharedPorts, SharingEngine
from cxrun.store.database import Store
from cxrun.store.lists import StoredList
from cxrun.store.pacing import memory_of
from cxrun.store.queue import Queue
from cxrun.store.ready import Ready
from cxrun.store.runs import answers_by_day


class Crew:
    """One campaign group at work: its rules, its engine, its line and its lists.

    `alone`: it is the only group of its run, and shares nothing. `working` says whether it may dial now, `watched`
    whether anything follows from its last call; a rota decides both.
    """

    def __init__(
        self,
        group: Group,
        pool: AgentPool | None,
        line: Line,
        feeds: list[Feed],
        start: float,
        credits: dict[int, float],
        *,
        alone: bool = True,
    ) -> None:
        self.line = line
        self.feeds = {feed.queue.list_id: feed for feed in feeds}
        self.previewed: dict[int, int] = {}
        """Records the engine holds though they are not dialed yet, each with its chain."""
        self.dialing: set[int] = set()
        """Records that are being called."""
        self.working = True
        self.watched = False
        self.refused = 0
        self.forgotten = ""
        self.remark = ""
        """What the journal says of the pace."""
        self.paced: defaultdict[str, float] = defaultdict(float)
        """Seconds it has had work, by what was said of the pace; an empty phrase for nothing."""
        self.external = group.dialer.external
        self.engine = (Engine if alone else SharingEngine)(group.mode, pool, start=start, **_pace(group))
        self._obey(group, credits)

    def _obey(self, group: Group, credits: Mapping[int, float]) -> None:
        """Work by the rules and settings of a group."""
        self.group = group
        self.pipeline = group.pipeline
        self.callbacks = group.callbacks
        self.caller_id = group.settings["caller_id"].value if "caller_id" in group.settings else None
        self.ring_time = group.duration("ring_time")
        self.addresses = {point.name: point.address for point in group.routing_points.values()}
        """What the dialer connects to, by routing point."""
        for feed in self.feeds.values():
            feed.paused = not group.lists[feed.name]
            if feed.paused:
                feed.drop()
        weights = {key: group.lists[feed.name] for key, feed in self.feeds.items() if not feed.paused}
        self.shares = Shares(weights, credits)
        self._only = self.feeds[next(iter(weights))] if len(weights) == 1 else None

    def change(self, group: Group, now: float) -> None:
        """Go on under other rules and settings."""
        self.engine.change(group.mode, now, **_pace(group))
        self._obey(group, self.shares.credits)

    def recall(self, store: Store) -> None:
        """Let the mode start from what it has learned; what it cannot use, it forgets, and `forgotten` says so."""
        mode = self.group.mode.name
        try:
            memory = memory_of(store, self.group.name, mode)
            if memory:
                self.engine.recall(memory)
        except Exception as error:
            self.forgotten = (
                f"group {self.group.name}: {mode} cannot use what it has learned before, and starts from nothing "
                f"({type(error).__name__}: {error})"
            )

    def count_answers(self, store: Store) -> None:
        """Tell a mode that watches what happens who has answered before, and who of them was abandoned."""
        if self.engine.watched:
            self.engine.count(answers_by_day(store, self.feeds))

    def hang_up(self, attempt_id: str, at: float) -> None:
        """Release a call nobody is there for; a dialer that cannot has nothing to add."""
        with suppress(Exception):
            self.line.hang_up(attempt_id, at)

    @property
    def held(self) -> set[int]:
        """The records that are previewed or being called; the queue still has them."""
        return self.previewed.keys() | self.dialing if self.previewed else self.dialing

    def next_feed(self) -> Feed | None:
        """The list whose turn it is: the most urgent record, then the list furthest behind its share.

        None if there is nothing to dial, or if a list must be read on first: it has not run empty.
        """
        if self._only is not None:
            return self._only if len(self._only) else None
        having = {key: feed.urgency for key, feed in self.feeds.items() if len(feed)}
        if not having or self.starving:
            return None
        first = min(having.values())
        return self.feeds[
            self.shares.turn(having, [key for key, urgency in having.items() if urgency == first])
        ]

    def took(self, feed: Feed) -> None:
        """A record of the list is dialed."""
        if self._only is None:
            self.shares.took(feed.queue.list_id)

    @property
    def buffered(self) -> bool:
        """Whether it may dial and has a record at hand."""
        return self.working and any(map(len, self.feeds.values()))

    @property
    def starving(self) -> bool:
        """Whether a list has nothing buffered though more is waiting in the store."""
        return any(feed.more and not len(feed) for feed in self.feeds.values())

    @property
    def waits_for(self) -> str:
        """What a group that may dial lacks: records, ports or agents; empty if nothing.

        While it calls anybody it lacks no agents: it dials ahead of those who will be ready.
        """
        engine = self.engine
        if not any(map(len, self.feeds.values())):
            return "records"
        if engine.full:
            return "ports"
        mode = self.group.mode
        if engine.pool is None or engine.dialed or len(engine.pool.ready) >= mode.fewest_agents:
            return ""
        return (
            "agents" if mode.fewest_agents <= 1 else f"agents: {mode.name} needs {mode.fewest_agents} ready"
        )


def crew_of(
    group: Group,
    store: Store,
    lists: Mapping[str, StoredList],
    pools: dict[str, AgentPool],
    opening: Opening,
    given: Given | None,
    *,
    alone: bool,
) -> Crew:
    """A group made ready to dial: its agents, whom others may share by `pools`, its line, and its lists.

    It is `alone` if it shares nothing with other groups.

    Raises UserError if a list is not imported, or the dialer cannot do what the mode needs.
    """
    for name in group.lists:
        if name not in lists:
            raise UserError(f"contact list '{name}' is not imported yet; `cxrun import {name}` does it")
    feeds = [_feed(group, name, store, lists[name], given) for name in group.lists]
    pool = None
    if group.mode.needs_agents and group.agent_group:
        pool = pools.setdefault(group.agent_group, AgentPool(group.agent_group, group.agents))
    lasts = {point.address: point.lasts for point in group.routing_points.values() if point.lasts is not None}
    line = group.dialer.open(opening._replace(lasts=lasts))
    if group.mode.offer is not None and not isinstance(line, PreviewLine):
        raise UserError(
            f"group '{group.name}': the dialer {group.dialer.name} cannot show a record to an agent and be told "
            f"whether he accepts it, as {group.mode.name} needs"
        )
    credits = {feed.queue.list_id: lists[feed.name].credit for feed in feeds}
    crew = Crew(group, pool, line, feeds, opening.start, credits, alone=alone)
    if crew.engine.watched:
        crew.recall(store)
    crew.count_answers(store)
    return crew


def _feed(group: Group, name: str, store: Store, stored: StoredList, given: Given | None) -> Feed:
    ordering = group.ordering
    queue = Queue(store, stored.list_id, list(stored.field_types))
    if given is not None:
        return GivenFeed(name, queue, given)
    if ordering.usual:
        return Feed(name, queue)
    own, keys, places = stored.field_types, ordering.keys, ordering.places
    ready = Ready(store, queue, own, keys, places, newest_first=ordering.lifo)
    return OrderedFeed(name, queue, ready, ordering)


class _Pace(TypedDict):
    ports: int
    calls_per_second: float
    connect_window: float
    abandon_message: str | None


def _pace(group: Group) -> _Pace:
    """The settings of a group that its engine obeys beside the mode."""
    return {
        "ports": group.settings["ports"].value,
        "calls_per_second": group.settings["calls_per_second"].value,
        "connect_window": group.duration("connect_window"),
        "abandon_message": group.abandon_message,
    }


def share(crews: Sequence[Crew], now: float) -> None:
    """Let groups share what they have in common: agents, and the ports and calls per second of a session profile.

    A template or group that sets its own ports or calls per second has them for itself.
    """
    engines = [(crew.group, crew.engine) for crew in crews if isinstance(crew.engine, SharingEngine)]
    for _, engine in engines:
        engine.shared_agents = engine.shared_ports = engine.shared_pace = None
    pools = {id(engine.pool): engine.pool for _, engine in engines if engine.pool is not None}
    for pool in pools.values():
        serving = [engine for _, engine in engines if engine.pool is pool]
        agents = SharedAgents(serving, now)
        for engine in serving if len(serving) > 1 else ():
            engine.shared_agents = agents
    for name in ("ports", "calls_per_second"):
        common: dict[str, list[SharingEngine]] = {}
        limits: dict[str, float] = {}
        for group, engine in engines:
            limit, origin = group.settings[name]
            if origin.level.startswith("session profile "):
                common.setdefault(origin.level, []).append(engine)
                limits[origin.level] = limit
        for level, sharing in common.items():
            ports = SharedPorts(int(limits[level]), sharing) if name == "ports" else None
            pace = SharedPace(limits[level], sharing, now) if name == "calls_per_second" else None
            for engine in sharing if len(sharing) > 1 else ():
                engine.shared_ports = ports or engine.shared_ports
                engine.shared_pace = pace or engine.shared_pace
