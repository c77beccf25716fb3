"""One campaign group at work: its rules, its engine, its line and its lists."""

from __future__ import annotations

from cxrun.campaign import Group
from cxrun.dialer import Line
from cxrun.engine import AgentPool, Engine
from cxrun.feed import Feed
from cxrun.pipeline import Pipeline


class Crew:
    """One campaign group at work: its rules, its engine, its line and its lists."""

    def __init__(
        self, group: Group, pool: AgentPool | None, line: Line, feeds: list[Feed], start: float
    ) -> None:
        settings = group.settings
        self.group = group
        self.pipeline = Pipeline(group.rulesets)
        self.line = line
        self.feeds = {feed.queue.list_id: feed for feed in feeds}
        self.previewed: set[int] = set()
        self.dialing: set[int] = set()
        self.external = group.dialer.external
        self.caller_id = settings["caller_id"].value if "caller_id" in settings else None
        self.ring_time = group.duration("ring_time")
        self.engine = Engine(
            group.mode,
            pool,
            start=start,
            ports=settings["ports"].value,
            calls_per_second=settings["calls_per_second"].value,
            connect_window=group.duration("connect_window"),
        )

    @property
    def held(self) -> set[int]:
        """The records an agent looks at and those that are being called; the queue still has them."""
        return self.previewed | self.dialing if self.previewed else self.dialing

    def next_feed(self) -> Feed | None:
        """The list whose turn it is: the most urgent record, then the list furthest behind its share."""
        best = None
        for feed in self.feeds.values():
            if feed and (best is None or feed.rank() < best.rank()):
                best = feed
        return best

    @property
    def starving(self) -> bool:
        """Whether a list has nothing buffered though more is waiting in the store."""
        return any(feed.more and not feed for feed in self.feeds.values())
