"""One campaign group at work: its rules, its engine, its line and its lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from cxrun.campaign import Group
from cxrun.dialer import Line
from cxrun.engine import AgentPool, Engine
from cxrun.feed import Feed
from cxrun.shares import Shares


class Crew:
    """One campaign group at work: its rules, its engine, its line and its lists.

    `working` says whether it may dial now, `watched` whether anything follows from its last call; a rota
    decides both.
    """

    def __init__(
        self,
        group: Group,
        pool: AgentPool | None,
        line: Line,
        feeds: list[Feed],
        start: float,
        credits: dict[int, float],
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
        self.external = group.dialer.external
        self.engine = Engine(group.mode, pool, start=start, **_pace(group))
        self._obey(group, credits)

    def _obey(self, group: Group, credits: Mapping[int, float]) -> None:
        """Work by the rules and settings of a group."""
        self.group = group
        self.pipeline = group.pipeline
        self.callbacks = group.callbacks
        self.caller_id = group.settings["caller_id"].value if "caller_id" in group.settings else None
        self.ring_time = group.duration("ring_time")
        for feed in self.feeds.values():
            feed.paused = not group.lists[feed.name]
            if feed.paused:
                feed.drop()
        weights = {key: group.lists[feed.name] for key, feed in self.feeds.items() if not feed.paused}
        self.shares = Shares(weights, credits)
        self._only = self.feeds[next(iter(weights))] if len(weights) == 1 else None

    def change(self, group: Group) -> None:
        """Go on under other rules and settings."""
        self.engine.change(group.mode, **_pace(group))
        self._obey(group, self.shares.credits)

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
        """What a group that may dial lacks: records, ports or agents; empty if nothing."""
        engine = self.engine
        if not any(map(len, self.feeds.values())):
            return "records"
        if engine.full:
            return "ports"
        return "agents" if engine.pool is not None and not engine.pool.ready else ""


class _Pace(TypedDict):
    ports: int
    calls_per_second: float
    connect_window: float


def _pace(group: Group) -> _Pace:
    """The settings of a group that its engine obeys beside the mode."""
    return {
        "ports": group.settings["ports"].value,
        "calls_per_second": group.settings["calls_per_second"].value,
        "connect_window": group.duration("connect_window"),
    }
