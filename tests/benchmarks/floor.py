"""A made-up floor for the benchmark of pacing: agents, calls and a heap, driving the engine that drives a real run.

Whom a call reaches and how long an agent talks are drawn before anything happens, by the number of the call or
of the conversation: every dialing mode meets the same people and the same agents, and none of them can know.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from hashlib import blake2b
from heapq import heappop, heappush
from random import Random
from statistics import NormalDist
from time import process_time
from typing import Final, NamedTuple

from cxrun.agents import AgentPool
from cxrun.calls import Command, Connect, LiveCall, Over
from cxrun.elements import Deliver, DialingMode, Drop
from cxrun.engine import Engine
from cxrun.model import CallResult
from cxrun.testing import make_record

START: Final = 1_772_409_600.0
"""A midnight, so that the day of the budget is the day of the benchmark."""
HOUR: Final = 3600.0
_ANSWER, _MACHINE = CallResult.ANSWER, CallResult.ANSWERING_MACHINE
_NO_ANSWER, _ABANDONED, _DROPPED = CallResult.NO_ANSWER, CallResult.ABANDONED, CallResult.DROPPED
_DELIVER, _DROP = Deliver("a person"), Drop("a machine")


@dataclass(frozen=True)
class World:
    """What calls meet, in seconds and shares. `markov` makes ring, talk and patience exponential, with no wrap-up."""

    rate: Callable[[float], float] = field(default=lambda hour: 0.3)
    talk: tuple[float, float] = (120, 0.9)
    wrap: tuple[float, float] = (20, 0.5)
    churn: bool = False
    detection: bool = False
    ports_per_agent: float | None = None
    markov: bool = False
    window: float = 2.0


def _always(rate: float) -> Callable[[float], float]:
    return lambda hour: rate


def moving(hour: float) -> float:
    """The answer rate of S6: a wave over the day, a better list at 4 h, a worse one at 6 h."""
    rate = 0.12 + 0.22 * math.sin(math.pi * hour / 8) ** 2
    return min(0.95, rate * (1.6 if 4 <= hour < 6 else 0.7 if hour >= 6 else 1.0))


SCENARIOS: Final = {
    "S1": World(),
    "S2": World(_always(0.1)),
    "S3": World(_always(0.6)),
    "S4": World(talk=(45, 0.9), wrap=(10, 0.5)),
    "S5": World(talk=(300, 0.9), wrap=(60, 0.5)),
    "S6": World(moving),
    "S7": World(churn=True),
    "S8": World(detection=True),
    "S9": World(ports_per_agent=1.5),
    "S10": World(talk=(120, 2)),
    "S11": World(moving, talk=(120, 2), churn=True),
    **{f"M{rate}": World(_always(rate), talk=(140, 1), markov=True) for rate in (0.1, 0.3, 0.6)},
}


class Luck:
    """The chances of a seed: of each call whom it reaches and when, of each conversation how long it lasts."""

    def __init__(self, seed: int) -> None:
        self._people = Random(f"{seed}:people")
        self._service = Random(f"{seed}:service")
        self.who, self.delay, self.pick_up = array("d"), array("d"), array("d")
        self.talk, self.wrap = array("d"), array("d")

    def more_calls(self) -> None:
        chance = self._people.random
        chances = [chance() for _ in range(3 * 4096)]
        self.who.extend(chances[0::3])
        self.delay.extend(chances[1::3])
        self.pick_up.extend(chances[2::3])

    def patience_of(self, number: int) -> float:
        """A chance of its own for a call that waits."""
        return self.who[number] * 1e6 % 1

    def more_talks(self) -> None:
        chance = self._service.random
        chances = [_normal(chance() or 0.5) for _ in range(2 * 4096)]
        self.talk.extend(chances[0::2])
        self.wrap.extend(chances[1::2])


_NORMAL: Final = NormalDist()
_normal: Final = _NORMAL.inv_cdf


@cache
def luck_of(seed: int) -> Luck:
    return Luck(seed)


def _lognormal(mean: float, cv: float) -> tuple[float, float]:
    variance = math.log1p(cv * cv)
    return math.log(mean) - variance / 2, math.sqrt(variance)


class Day(NamedTuple):
    """What came of the counted hours. Times are in seconds; `staffed`, `worked` and `talked` are sums over the agents.

    `live` people answered, of whom `abandoned` got no agent; `waits` are those of agents between calls. `events` are
    all that the engine was told, `seconds` of processor time were spent on them.
    """

    staffed: float
    worked: float
    talked: float
    placed: int
    connects: int
    live: int
    abandoned: int
    worst_hour: float
    waits: list[float]
    events: int
    seconds: float
    log: str

    @property
    def utilisation(self) -> float:
        return 100 * self.worked / self.staffed

    @property
    def abandon(self) -> float:
        return 100 * self.abandoned / max(1, self.live)


_ANSWERS, _ENDS, _TALKED, _READY, _COMES, _LEAVES, _GIVES_UP, _COUNTS = range(8)


class Floor:
    """One group of agents at work in a world for some hours; what comes before `warm_up` hours is not counted.

    When counting begins, the mode is told that nobody has answered yet: what it has saved up before it may not spend.

    `turn` is when another luck begins (seconds from the start) and its seed: what is placed or connected
    earlier ends differently after that moment. `log` keeps a digest of everything that happens.
    """

    def __init__(
        self,
        world: World,
        agents: int,
        mode: DialingMode,
        seed: int,
        *,
        hours: float = 8.0,
        warm_up: float = 0.0,
        turn: tuple[float, int] | None = None,
        log: bool = False,
    ) -> None:
        self.world = world
        self.end = START + (hours + warm_up) * HOUR
        self.counted = START + warm_up * HOUR
        self.luck = luck_of(seed)
        self.other = None if turn is None else luck_of(turn[1])
        self.turn = math.inf if turn is None else START + turn[0]
        self.pool = AgentPool("floor", agents)
        ports = 10**9 if world.ports_per_agent is None else int(world.ports_per_agent * agents)
        self.engine = Engine(
            mode, self.pool, start=START, ports=ports, calls_per_second=1e9, connect_window=world.window
        )
        self.heap: list[tuple[float, int, int, str]] = []
        self.count = self.placed = self.live = self.abandoned = self.connects = self.talks = 0
        self.called_off = 0
        self.worked = self.talked = 0.0
        self.waits: list[float] = []
        self.hours: dict[int, list[int]] = {}
        self.free_since = dict.fromkeys(self.pool.ready, self.counted)
        self.talk_of: dict[str, tuple[str, int]] = {}
        self.machines: set[str] = set()
        self.leaving: set[str] = set()
        self.away_since: dict[str, float] = {}
        self.absent = 0.0
        self.decisions: list[tuple[float, int]] = []
        self.digest = blake2b(digest_size=16) if log else None
        self.record = make_record()
        self._talk = _lognormal(*world.talk)
        self._wrap = _lognormal(*world.wrap)
        self._pick_up = _lognormal(8, 0.55)
        if world.churn:
            self._roster()
        if warm_up:
            self._at(self.counted, _COUNTS, "")

    def _roster(self) -> None:
        """S7: half the agents join at 1 h, 30 % are away from 3 to 4 h, half leave from 6 to 6.5 h."""
        names = list(self.pool.ready)
        early, late = names[: len(names) // 2], names[len(names) // 2 :]
        for name in late:
            self.pool.ready.remove(name)
            self.pool.known.discard(name)
            self.away_since[name] = START
            self._at(START + HOUR, _COMES, name)
        for name in early[: round(0.3 * len(names))]:
            self._at(START + 3 * HOUR, _LEAVES, name)
            self._at(START + 4 * HOUR, _COMES, name)
        for number, name in enumerate(late):
            self._at(START + (6 + 0.5 * number / len(late)) * HOUR, _LEAVES, name)

    def _at(self, at: float, kind: int, what: str) -> None:
        self.count += 1
        heappush(self.heap, (at, self.count, kind, what))

    def run(self) -> Day:
        while len(self.luck.who) < 8 * self.pool.size * (self.end - START) / HOUR:
            self.luck.more_calls()
        began = process_time()
        engine, heap, end, waiting = self.engine, self.heap, self.end, self.engine.waiting
        now, events = START, 0
        self._dial(now)
        horizon = engine.next_at(now) or math.inf
        while True:
            if heap and heap[0][0] <= horizon:
                now, _, kind, what = heappop(heap)
                if now > end:
                    break
                if kind == _ENDS:
                    engine.ended(what, now, _NO_ANSWER)
                elif kind == _ANSWERS:
                    self._answered(now, what)
                elif kind == _TALKED:
                    self._completed(now, what)
                elif kind == _READY:
                    self._ready(now, what)
                else:
                    self._other(now, kind, what)
                if self.digest is not None:
                    self.digest.update(f"{now!r} {kind} {what};".encode())
            elif horizon <= end:
                now = horizon
                self._obey(engine.tick(now), now)
            else:
                break
            events += 1
            room = engine.new_calls(now)
            if room:
                self._place(room, now)
            else:
                self._call_off(now)
            if room or waiting or now >= horizon:
                horizon = max(engine.next_at(now) or math.inf, now + 0.001)
        return self._day(events, process_time() - began)

    def _dial(self, now: float) -> None:
        self._place(self.engine.new_calls(now), now)

    def _place(self, room: int, now: float) -> None:
        world, engine, luck, heap = self.world, self.engine, self.luck, self.heap
        if self.digest is not None:
            self.decisions.append((now, room))
        rate = world.rate((now - START) / HOUR)
        for _ in range(room):
            number = self.placed
            self.placed += 1
            if number >= len(luck.who):
                luck.more_calls()
            name = str(number)
            engine.place(LiveCall(name, self.record, now))
            at, kind = self._fate(luck, number, rate, now)
            if at >= self.turn and self.other is not None:
                if number >= len(self.other.who):
                    self.other.more_calls()
                at, kind = self._fate(self.other, number, rate, now)
                at = max(at, self.turn)
            self.count += 1
            heappush(heap, (at, self.count, kind, name))

    def _call_off(self, now: float) -> None:
        """Calls that are too many end before they ring, if the mode wants that."""
        for name in self.engine.surplus(now):
            delay = 1.5 + 2 * self.luck.delay[int(name)]
            if now < self.engine.calls[name].placed + delay:
                self.called_off += 1
                self._obey(self.engine.call_off(name, now), now)

    def _fate(self, luck: Luck, number: int, rate: float, now: float) -> tuple[float, int]:
        """When and how the ringing of a call ends."""
        who, world = luck.who[number], self.world
        if world.markov:
            return now - 11 * math.log(1 - luck.delay[number]), _ANSWERS if who < rate else _ENDS
        at = now + 1.5 + 2 * luck.delay[number]
        if who < rate:
            rings = math.exp(self._pick_up[0] + self._pick_up[1] * _normal(luck.pick_up[number] or 0.5))
            if rings >= 25:
                return at + 25, _ENDS
            if world.detection:
                at += 2
            return at + rings, _ANSWERS
        kind = (who - rate) / (1 - rate)
        if kind < 0.1:
            return now + 1, _ENDS
        if kind < 0.7:
            rings = 12 + 10 * (kind - 0.1) / 0.6
            if not world.detection:
                return at + rings, _ENDS
            return at + rings + 2, _ANSWERS
        return at + 25, _ENDS

    def _answered(self, now: float, name: str) -> None:
        world, luck = self.world, self.luck
        number = int(name)
        if world.detection:
            rate = world.rate(0)
            person = luck.who[number] < rate
            chance = luck.who[number] * 1e6 % 1
            if chance < 0.01 if person else chance >= 0.05:
                if person:
                    self._count(now, abandoned=True)
                self._obey(self.engine.answered(name, now, _MACHINE, _DROP), now)
                return
            if not person:
                self.machines.add(name)
        commands = self.engine.answered(name, now, _ANSWER, _DELIVER)
        if commands:
            self._obey(commands, now)
        elif world.markov:
            patience = -world.window * math.log(1 - luck.patience_of(number))
            self._at(now + patience, _GIVES_UP, name)

    def _count(self, now: float, *, abandoned: bool) -> None:
        if now >= self.counted:
            self.live += 1
            self.abandoned += abandoned
            hour = self.hours.setdefault(int((now - START) // HOUR), [0, 0])
            hour[0] += 1
            hour[1] += abandoned

    def _obey(self, commands: list[Command], now: float) -> None:
        for command in commands:
            if isinstance(command, Connect):
                self._connected(now, command.attempt_id, command.agent_id or "")
            elif isinstance(command, Over) and command.call.result in (_DROPPED, _ABANDONED):
                name = command.call.attempt_id
                if name not in self.machines:
                    self._count(now, abandoned=True)

    def _connected(self, now: float, name: str, agent: str) -> None:
        if name in self.machines:
            lasts, number = 6.0, -1
        else:
            self._count(now, abandoned=False)
            number = self.talks
            self.talks += 1
            luck = self.luck
            if number >= len(luck.talk):
                luck.more_talks()
            lasts = self._lasts(luck, number)
            if now + lasts >= self.turn and self.other is not None:
                if number >= len(self.other.talk):
                    self.other.more_talks()
                lasts = max(self.turn - now, self._lasts(self.other, number))
        if now >= self.counted:
            self.connects += 1
            self.waits.append(now - self.free_since[agent])
        until = now + lasts
        self.talk_of[name] = (agent, number)
        if until > self.counted:
            spent = (until if until < self.end else self.end) - (now if now > self.counted else self.counted)
            self.talked += spent
            self.worked += spent
        self.count += 1
        heappush(self.heap, (until, self.count, _TALKED, name))

    def _lasts(self, luck: Luck, number: int) -> float:
        if self.world.markov:
            return -self.world.talk[0] * math.log(1 - _NORMAL.cdf(luck.talk[number]))
        return math.exp(self._talk[0] + self._talk[1] * luck.talk[number])

    def _completed(self, now: float, name: str) -> None:
        self.engine.completed(name, now, None)
        agent, number = self.talk_of.pop(name)
        if number < 0 or self.world.markov:
            self._ready(now, agent)
            return
        until = now + math.exp(self._wrap[0] + self._wrap[1] * self.luck.wrap[number])
        if until > self.counted:
            self.worked += (until if until < self.end else self.end) - (
                now if now > self.counted else self.counted
            )
        self.count += 1
        heappush(self.heap, (until, self.count, _READY, agent))

    def _ready(self, now: float, agent: str) -> None:
        if agent in self.leaving:
            self.leaving.discard(agent)
            self._gone(now, agent)
            return
        self.free_since[agent] = now
        commands = self.engine.agent_ready(agent, now)
        if commands:
            self._obey(commands, now)

    def _gone(self, now: float, agent: str) -> None:
        self.away_since[agent] = now
        self.engine.agent_gone(agent, now)

    def _other(self, now: float, kind: int, what: str) -> None:
        if kind == _GIVES_UP:
            if what in self.engine.waiting:
                self._obey(self.engine.ended(what, now, _ABANDONED), now)
        elif kind == _COUNTS:
            self.engine.count({})
        elif kind == _COMES:
            self.leaving.discard(what)
            if what in self.away_since:
                self.absent += now - self.away_since.pop(what)
                self._ready(now, what)
        elif what in self.pool.ready:
            self._gone(now, what)
        else:
            self.leaving.add(what)

    def _day(self, events: int, seconds: float) -> Day:
        absent = self.absent + sum(self.end - since for since in self.away_since.values())
        busiest = [100 * gone / live for live, gone in self.hours.values() if live >= 20]
        return Day(
            staffed=self.pool.size * (self.end - self.counted) - absent,
            worked=self.worked,
            talked=self.talked,
            placed=self.placed,
            connects=self.connects,
            live=self.live,
            abandoned=self.abandoned,
            worst_hour=max(busiest, default=0.0),
            waits=self.waits,
            events=events + self.placed,
            seconds=seconds,
            log=self.digest.hexdigest() if self.digest else "",
        )
