"""What campaign groups at work beside each other share: agents, ports, and calls per second.

Whatever is free is dealt out one by one, each to the group that has least of it: the fewest agents at work, calls in
progress, or calls placed. Who has had more agents than the others for a while has fewer after it. A group that could
not use its share has none, so nothing lies idle while somebody wants it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from cxrun.agents import AgentPool
from cxrun.calls import LiveCall
from cxrun.elements import DialingMode, Pacing
from cxrun.engine import Engine

_BEAT: Final = 0.1
"""Seconds after which who did not get all that it wanted asks again."""
_EVEN: Final = 600.0
"""Seconds in which who has had an agent more than the others gives the agent's time back."""
_MOST_OWED: Final = 0.5
"""The part of its agents that a group may owe at most, or be owed."""
_BURST: Final = 1.0
"""Seconds of call rate that may be caught up at once after a stall."""


def dealt(wanted: int, free: int, mine: int, others: Iterable[int]) -> int:
    """How many of `free` fall to somebody who has `mine` and wants some more, if who has least always gets the next.

    `others` is what those have who want some, too. Between equals the one who asks is first.
    """
    others = list(others)
    taken = 0
    while taken < wanted and taken + 1 + sum(max(0, mine + taken - other) for other in others) <= free:
        taken += 1
    return taken


class SharedAgents:
    """The agents of an agent group: as many for each of its groups that can use them, over time."""

    def __init__(self, engines: Sequence[SharingEngine], now: float) -> None:
        self.engines = engines
        self._seen = now
        self._ahead = {id(engine): 0.0 for engine in engines}

    def deal(self, asking: SharingEngine, now: float, ready: int) -> tuple[int, int]:
        """Of the agents who are ready, how many are for a group; and how many it has too many."""
        self._reckon(now)
        others = [engine for engine in self.engines if engine is not asking and engine.takes_agents]
        mine, claims = asking.at_work + self._owed(asking), asking.claims
        unclaimed = ready - sum(engine.claims for engine in self.engines)
        have = [other.at_work + other.claims + self._owed(other) for other in others]
        share = min(ready, claims + dealt(unclaimed, unclaimed, mine + claims, have))
        if 0 < share < asking.fewest_agents <= unclaimed and not asking.at_work:
            # fewer would be of no use to it, and nobody would call at all
            share = asking.fewest_agents
        if not others:
            return share, 0
        all_agents = ready + asking.at_work + sum(other.at_work for other in others)
        return share, max(0, mine - -(-all_agents // (1 + len(others))))

    def _reckon(self, now: float) -> None:
        """Keep account of who has had more agents than the others, or fewer, in agent seconds.

        Who has not taken any for a while has not saved them up.
        """
        since, self._seen = now - self._seen, now
        active = [engine for engine in self.engines if engine.takes_agents]
        ahead = {id(engine): self._ahead[id(engine)] + engine.at_work * since for engine in active}
        mean = sum(ahead.values()) / max(1, len(ahead))
        most = _MOST_OWED * _EVEN * sum(engine.at_work for engine in active) / max(1, len(active))
        self._ahead = {id(engine): 0.0 for engine in self.engines}
        for key, seconds in ahead.items():
            self._ahead[key] = min(most, max(-most, seconds - mean))

    def _owed(self, engine: SharingEngine) -> int:
        return round(self._ahead[id(engine)] / _EVEN)


class SharedPorts:
    """The ports of a session profile: calls in progress at once, at most, of all its groups together."""

    def __init__(self, ports: int, engines: Sequence[SharingEngine]) -> None:
        self.ports = ports
        self.engines = engines

    @property
    def free(self) -> int:
        return self.ports - sum(engine.held for engine in self.engines)

    def dealt(self, wanted: int, asking: SharingEngine) -> int:
        others = (engine.held for engine in self.engines if engine is not asking and engine.wants)
        return dealt(wanted, self.free, asking.held, others)


class SharedPace:
    """The calls per second of a session profile, of all its groups together."""

    def __init__(self, rate: float, engines: Sequence[SharingEngine], now: float) -> None:
        self.rate = rate
        self.engines = engines
        self.slot = now
        self._level = 0
        self._made = {id(engine): 0 for engine in engines}

    def allowed(self, now: float) -> int:
        """How many calls may be placed at this moment."""
        self.slot = max(self.slot, now - _BURST)
        return int((now - self.slot) * self.rate + 1e-9) + 1 if now >= self.slot else 0

    def dealt(self, wanted: int, asking: SharingEngine, now: float) -> int:
        others = [self._made[id(engine)] for engine in self.engines if engine is not asking and engine.wants]
        if not asking.wants:
            # who has not wanted any for a while has not saved them up
            self._made[id(asking)] = max(self._made[id(asking)], self._level)
        return dealt(wanted, self.allowed(now), self._made[id(asking)], others)

    def placed(self, engine: SharingEngine, calls: int) -> None:
        self.slot += calls / self.rate
        self._level = max(self._level, self._made[id(engine)])
        self._made[id(engine)] += calls


class SharingEngine(Engine):
    """The engine of a group that is not alone; while it is `idle` it has no share."""

    def __init__(
        self,
        mode: DialingMode,
        pool: AgentPool | None,
        *,
        start: float,
        ports: int,
        calls_per_second: float,
        connect_window: float,
        abandon_message: str | None = None,
    ) -> None:
        self.shared_agents: SharedAgents | None = None
        self.shared_ports: SharedPorts | None = None
        self.shared_pace: SharedPace | None = None
        self._short = self._capped = False
        self._share = 0
        self._wished = 0
        super().__init__(
            mode,
            pool,
            start=start,
            ports=ports,
            calls_per_second=calls_per_second,
            connect_window=connect_window,
            abandon_message=abandon_message,
        )

    def _obey(self, mode: DialingMode, now: float) -> None:
        super()._obey(mode, now)
        wish = self._wish

        def beside_others(pacing: Pacing) -> int:
            if self.shared_agents is not None:
                self._share, too_many = self.shared_agents.deal(self, pacing.now, pacing.ready)
                pacing.ready = self._share
                pacing.agents = self.at_work + self._share
                pacing.queued += too_many
            self._wished = wish(pacing)
            return self._wished

        self._wish = beside_others

    # --- ports and pace ---

    @property
    def held(self) -> int:
        """The ports it has: calls in progress, and records that agents look at."""
        return len(self.calls) + len(self._previews)

    @property
    def wants(self) -> bool:
        """Whether it got fewer ports or calls than it could use when it last asked."""
        return self._short and not self.idle

    @property
    def _ports(self) -> int:
        own, shared = self._own_ports, self.shared_ports
        return own if shared is None else min(own, self.held + shared.free)

    @_ports.setter
    def _ports(self, ports: int) -> None:
        self._own_ports = ports

    def _allowed(self, now: float) -> int:
        allowed = super()._allowed(now)
        return allowed if self.shared_pace is None else min(allowed, self.shared_pace.allowed(now))

    def new_calls(self, now: float) -> int:
        self._wished = 0
        room = super().new_calls(now)
        if self.shared_agents is None and self.shared_ports is None and self.shared_pace is None:
            return room
        wished = self._wished
        if self._agent_first and self.pool is not None:
            wished = min(wished, len(self.pool.ready))
        wanted = min(wished, self._own_ports - self.held)
        placing = self._mode.preview_time <= 0
        if placing:
            wanted = min(wanted, super()._allowed(now))
        given = wanted
        if wanted > 0 and self.shared_ports is not None:
            given = self.shared_ports.dealt(given, self)
        if wanted > 0 and self.shared_pace is not None and placing:
            given = self.shared_pace.dealt(given, self, now)
        self._short, self._capped = given < wanted, given < wished
        return max(0, min(room, given))

    def place(self, call: LiveCall) -> None:
        super().place(call)
        if self.shared_pace is not None:
            self.shared_pace.placed(self, 1)

    def withdraw(self, attempt_id: str) -> LiveCall:
        if self.shared_pace is not None:
            self.shared_pace.placed(self, -1)
        return super().withdraw(attempt_id)

    # --- agents ---

    @property
    def takes_agents(self) -> bool:
        """Whether it could use more agents: it has records, and ports and calls per second left for them."""
        return not self.idle and not self._capped

    @property
    def fewest_agents(self) -> int:
        """How many agents it needs to place a call."""
        return self._mode.fewest_agents

    @property
    def at_work(self) -> int:
        """The agents it keeps busy: who talk, wrap up, are bound to a call, or look at a record."""
        bound = self.dialed + len(self._previews) if self._agent_first else 0
        return self.talking + len(self._wrapping) + bound

    @property
    def claims(self) -> int:
        """The ready agents it has counted on when it placed the calls that are not answered yet."""
        return 0 if self._agent_first else min(self._share, self.dialed + len(self.waiting))

    @property
    def _beside(self) -> Iterator[SharingEngine]:
        """The others that serve the same agents."""
        engines = () if self.shared_agents is None else self.shared_agents.engines
        return (engine for engine in engines if engine is not self)

    def eager(self, now: float) -> bool:
        """Whether it, or one that serves the same agents, should place calls or connect one."""
        if not self.idle and super().eager(now):
            return True
        return any(other.waiting or (not other.idle and Engine.eager(other, now)) for other in self._beside)

    def _is_next(self) -> bool:
        # who has waited longer takes the agent at the next tick of its own engine
        own = self._deadline() - self._connect_window
        return all(
            own <= other._deadline() - other._connect_window for other in self._beside if other.waiting
        )

    def next_at(self, now: float) -> float | None:
        moments = [moment for moment in (super().next_at(now),) if moment is not None]
        if self.wants:
            moments.append(now + _BEAT)
        if self.waiting and self.pool is not None and self.pool.ready:
            moments.append(now)
        return min(moments, default=None)
