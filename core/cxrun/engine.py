"""The engine of one campaign group: agents, calls and pacing as a pure state machine.

Events in, commands out; it has no clock, store or dialer of its own, and cannot tell a simulation from a
real run. Times are Unix UTC seconds.
"""

from __future__ import annotations

import heapq
from collections import Counter, deque
from typing import Final, NamedTuple

from cxrun.elements import Deliver, DialingMode, Drop, Pacing
from cxrun.model import PERSONAL, CallResult, PastAttempt, Record

_BEAT: Final = 0.1
"""Seconds between looks at the call rate: calls that are due together are placed together."""
_BURST: Final = 1.0
"""Seconds of call rate that may be caught up at once after a stall."""


class AgentPool:
    """The agents of one agent group, shared by every campaign group that it serves."""

    def __init__(self, name: str, size: int) -> None:
        self.name = name
        self.size = size
        self.gone: set[str] = set()
        self.ready: deque[str] = deque(f"{name}-{number}" for number in range(1, size + 1))
        self.known = set(self.ready)
        self.awaited: Counter[str] = Counter()
        """How many callbacks wait for an agent who is busy."""
        self.kept: set[str] = set()
        """Agents who are free, and kept for a callback that waits for them."""

    def take(self) -> str:
        """The agent who has been ready for longest."""
        return self.ready.popleft()

    def free(self, agent_id: str) -> None:
        """An agent has nothing to do: he is kept if a callback waits for him, else he is ready."""
        if agent_id in self.awaited:
            self.kept.add(agent_id)
        elif agent_id not in self.ready:
            self.ready.append(agent_id)

    def present(self, agent_id: str | None) -> bool:
        """Whether an agent is logged in, busy or not."""
        return agent_id in self.known and agent_id not in self.gone

    def wait_for(self, agent_id: str) -> None:
        """A callback waits for an agent."""
        self.awaited[agent_id] += 1

    def wait_no_longer(self, agent_id: str, *, taken: bool) -> None:
        """A callback that waited for an agent has him now, if `taken`, or does without."""
        self.awaited[agent_id] -= 1
        if self.awaited[agent_id] <= 0:
            del self.awaited[agent_id]
        if agent_id in self.kept and (taken or agent_id not in self.awaited):
            self.kept.discard(agent_id)
            if not taken:
                self.ready.append(agent_id)


class LiveCall:
    """A call in progress; times are None until they have come. `past` is the attempt as caps see it."""

    __slots__ = (
        "agent_id", "answered", "attempt_id", "callback", "connected", "detected", "disposition", "ended", "past",
        "placed",
        "record", "result", "stored",
    )  # fmt: skip

    def __init__(self, attempt_id: str, record: Record, placed: float, agent_id: str | None = None) -> None:
        self.attempt_id = attempt_id
        self.record = record
        self.placed = placed
        self.agent_id = agent_id
        self.answered: float | None = None
        self.detected: CallResult | None = None
        self.connected: float | None = None
        self.ended: float | None = None
        self.result = CallResult.UNKNOWN
        self.disposition: str | None = None
        self.callback: float | None = None
        self.past: PastAttempt | None = None
        self.stored = False


class Place(NamedTuple):
    """Dial the record; `agent_id` is the agent who is bound to the call."""

    record: Record
    agent_id: str | None


class Connect(NamedTuple):
    """Connect an answered call to an agent, or to another destination for None."""

    attempt_id: str
    agent_id: str | None
    destination: str = "agent"


class HangUp(NamedTuple):
    """Release the call."""

    attempt_id: str


class Over(NamedTuple):
    """The call has ended; settle it."""

    call: LiveCall


class GiveBack(NamedTuple):
    """The record's own agent has not become free in time, or has left: it is not dialed now."""

    record: Record


Command = Place | Connect | HangUp | Over | GiveBack


class Engine:
    """One campaign group at work."""

    def __init__(
        self,
        mode: DialingMode,
        pool: AgentPool | None,
        *,
        start: float,
        ports: int,
        calls_per_second: float,
        connect_window: float,
    ) -> None:
        self.pool = pool
        self.calls: dict[str, LiveCall] = {}
        self.waiting: deque[str] = deque()
        self.dialed = 0
        self.talking = 0
        self.placed = 0
        self._start = start
        self._slot = start
        self._previews: list[tuple[float, int, Record, str]] = []
        self._waits: list[tuple[float, Record, str]] = []
        self._counter = 0
        self._wrapping: set[str] = set()
        self._pacing = Pacing(start)
        self.change(mode, ports=ports, calls_per_second=calls_per_second, connect_window=connect_window)

    def change(
        self, mode: DialingMode, *, ports: int, calls_per_second: float, connect_window: float
    ) -> None:
        """Go on under other settings; calls in progress and previews stay as they are."""
        self._mode = mode
        self._ports = ports
        self._rate = min(calls_per_second, mode.calls_per_second or calls_per_second)
        self._connect_window = connect_window

    @property
    def in_progress(self) -> int:
        return len(self.calls)

    @property
    def full(self) -> bool:
        """Whether every port is taken."""
        return len(self.calls) + len(self._previews) >= self._ports

    @property
    def previewing(self) -> int:
        """Records held that are not dialed yet: an agent looks at them, or they wait for their own."""
        return len(self._previews) + len(self._waits)

    def new_calls(self, now: float) -> int:
        """How many records to take now: what the mode wants, within ports and calls per second."""
        pacing = self._observe(now)
        wanted = self._mode.new_calls(pacing)
        if wanted <= 0:
            return 0
        room = min(wanted, self._ports - len(self.calls) - len(self._previews))
        if self._mode.agent_first and self.pool is not None:
            room = min(room, len(self.pool.ready))
            if self._mode.preview_time > 0:
                return max(0, room)
        return max(0, min(room, self._allowed(now)))

    def _allowed(self, now: float) -> int:
        """How many calls the call rate allows at this moment."""
        self._slot = max(self._slot, now - _BURST)
        return int((now - self._slot) * self._rate + 1e-9) + 1 if now >= self._slot else 0

    def eager(self, now: float) -> bool:
        """Whether calls should be placed at once: an agent waits. Without agents the beat is soon enough."""
        return self.pool is not None and (bool(self.pool.kept) or self.new_calls(now) > 0)

    def _observe(self, now: float) -> Pacing:
        pacing = self._pacing
        pacing.now = now
        pacing.ready = len(self.pool.ready) if self.pool else 0
        pacing.talking = self.talking
        pacing.wrapping = len(self._wrapping)
        pacing.dialed = self.dialed
        pacing.queued = len(self.waiting)
        pacing.in_progress = len(self.calls)
        pacing.placed = self.placed
        pacing.since_start = now - self._start
        return pacing

    def take(self, record: Record, now: float) -> Place | None:
        """A record the rules allow: dial it, or let an agent preview it first."""
        if record.record_type in PERSONAL or (self._mode.agent_first and self.pool is not None):
            assert self.pool is not None
            agent_id = self._bound(record)
            if self._mode.preview_time > 0:
                self._preview(record, agent_id, now)
                return None
            return Place(record, agent_id)
        return Place(record, None)

    def _preview(self, record: Record, agent_id: str, now: float) -> None:
        """Let an agent look at a record before it is dialed."""
        self._counter += 1
        heapq.heappush(self._previews, (now + self._mode.preview_time, self._counter, record, agent_id))

    def _bound(self, record: Record) -> str:
        """The agent a call is bound to before it is placed."""
        assert self.pool is not None
        if record.record_type not in PERSONAL or record.agent_id is None:
            return self.pool.take()
        self.pool.ready.remove(record.agent_id)
        return record.agent_id

    def await_agent(self, record: Record, until: float) -> None:
        """The agent of a personal record is busy: hold it until he is free, or `until`."""
        assert self.pool is not None
        assert record.agent_id is not None
        self.pool.wait_for(record.agent_id)
        self._waits.append((until, record, record.agent_id))

    def withdraw(self, attempt_id: str) -> LiveCall:
        """A call was not placed after all; its agent is ready again."""
        call = self.calls.pop(attempt_id)
        self.dialed -= 1
        self.placed -= 1
        self._slot -= 1 / self._rate
        self._free(call)
        return call

    def release(self, agent_id: str | None) -> None:
        """An agent bound to a call that will not be placed is ready again."""
        if agent_id is not None and self.pool is not None and agent_id not in self.pool.gone:
            self.pool.free(agent_id)

    def end_previews(self) -> None:
        """No record that is looked at, or waits for its agent, will be dialed; the agents are ready again."""
        for *_, agent_id in self._previews:
            self.release(agent_id)
        self._previews.clear()
        for *_, agent_id in self._waits:
            assert self.pool is not None
            self.pool.wait_no_longer(agent_id, taken=False)
        self._waits.clear()

    def place(self, call: LiveCall) -> None:
        """The call is being dialed."""
        self.calls[call.attempt_id] = call
        self.dialed += 1
        self.placed += 1
        self._slot += 1 / self._rate

    def answered(
        self, attempt_id: str, at: float, result: CallResult, handling: Deliver | Drop
    ) -> list[Command]:
        """Somebody or something answered; it is delivered to an agent, waits for one, or is dropped."""
        call = self.calls.get(attempt_id)
        if call is None or call.answered is not None:
            return []
        call.answered = at
        call.detected = call.result = result
        self.dialed -= 1
        if isinstance(handling, Drop):
            self._free(call)
            return [HangUp(attempt_id), self._over(call, at)]
        if self.pool is None or handling.destination != "agent":
            self._free(call)
            call.connected = at
            return [Connect(attempt_id, None, handling.destination)]
        if call.agent_id is not None:
            return [self._connect(call, at, call.agent_id)]
        if self.pool.ready:
            return [self._connect(call, at, self.pool.take())]
        self.waiting.append(attempt_id)
        return []

    def ended(self, attempt_id: str, at: float, result: CallResult) -> list[Command]:
        """The call ended before anybody was connected."""
        call = self.calls.get(attempt_id)
        if call is None:
            return []
        call.result = result
        self._leave(call)
        return [self._over(call, at)]

    def completed(
        self, attempt_id: str, at: float, disposition: str | None, callback: float | None = None
    ) -> list[Command]:
        """The conversation is over; the agent wraps up. `callback` is when the customer wants to be called again."""
        call = self.calls.get(attempt_id)
        if call is None:
            return []
        call.disposition = disposition
        call.callback = callback
        if call.result is CallResult.UNKNOWN:
            # a conversation that began before a restart: nobody told this engine of the answer
            call.result = CallResult.ANSWER
        self._leave(call)
        return [self._over(call, at)]

    def agent_ready(self, agent_id: str, at: float) -> list[Command]:
        """An agent is free: he takes the call that waits longest, else he is ready."""
        self._wrapping.discard(agent_id)
        if self.pool is None:
            return []
        self.pool.gone.discard(agent_id)
        self.pool.known.add(agent_id)
        if self.waiting:
            return [self._connect(self.calls[self.waiting.popleft()], at, agent_id)]
        self.pool.free(agent_id)
        return []

    def agent_gone(self, agent_id: str, at: float) -> list[Command]:
        """An agent has left; he gets no further call."""
        self._wrapping.discard(agent_id)
        if self.pool is not None:
            self.pool.gone.add(agent_id)
            self.pool.kept.discard(agent_id)
            if agent_id in self.pool.ready:
                self.pool.ready.remove(agent_id)
        return []

    def _waited(self, now: float) -> list[Command]:
        """The records whose own agent is free now, and those that have waited long enough."""
        commands: list[Command] = []
        pool = self.pool
        assert pool is not None
        allowed = min(self._allowed(now), self._ports - len(self.calls) - len(self._previews))
        for wait in list(self._waits):
            until, record, agent_id = wait
            kept = agent_id in pool.kept
            taken = kept and allowed > 0
            if taken and self._mode.preview_time > 0:
                self._preview(record, agent_id, now)
            elif taken:
                commands.append(Place(record, agent_id))
            elif until <= now or not pool.present(agent_id):
                commands.append(GiveBack(record))
            else:
                continue
            allowed -= taken
            self._waits.remove(wait)
            pool.wait_no_longer(agent_id, taken=taken)
        return commands

    def tick(self, now: float) -> list[Command]:
        """What is due: previews that end, answered calls whose wait is over, callbacks whose agent is free."""
        commands: list[Command] = self._waited(now) if self._waits else []
        allowed = self._allowed(now) if self._previews else 0
        while allowed > 0 and self._previews and self._previews[0][0] <= now:
            _, number, record, agent_id = heapq.heappop(self._previews)
            if self.pool is not None and agent_id in self.pool.gone:
                if record.record_type in PERSONAL:
                    commands.append(GiveBack(record))
                    continue
                if not self.pool.ready:
                    heapq.heappush(self._previews, (now + 1, number, record, agent_id))
                    break
                agent_id = self.pool.take()
            commands.append(Place(record, agent_id))
            allowed -= 1
        # agents are shared with other groups, so one may have become ready unnoticed
        while self.waiting and self.pool is not None and self.pool.ready:
            call = self.calls[self.waiting.popleft()]
            commands.append(self._connect(call, now, self.pool.take()))
        while self.waiting and self._deadline() <= now:
            call = self.calls[self.waiting.popleft()]
            call.result = CallResult.DROPPED
            commands += [HangUp(call.attempt_id), self._over(call, now)]
        return commands

    def next_at(self, now: float) -> float | None:
        """When to be asked again though nothing happens."""
        moments = []
        if self._previews:
            moments.append(max(self._previews[0][0], self._slot))
        if self.waiting:
            moments.append(self._deadline())
        if self._waits:
            moments.append(min(until for until, _, _ in self._waits))
        if self._slot > now or self.pool is None:
            moments.append(max(self._slot, now + _BEAT))
        return min(moments, default=None)

    def _deadline(self) -> float:
        call = self.calls[self.waiting[0]]
        assert call.answered is not None
        return call.answered + self._connect_window

    def _connect(self, call: LiveCall, at: float, agent_id: str) -> Connect:
        call.agent_id = agent_id
        call.connected = at
        self.talking += 1
        return Connect(call.attempt_id, agent_id)

    def _leave(self, call: LiveCall) -> None:
        """The call is no longer dialed, waiting or talked on; its agent is free, or wraps up."""
        if call.answered is None:
            self.dialed -= 1
        if call.connected is None:
            if call.attempt_id in self.waiting:
                self.waiting.remove(call.attempt_id)
            self._free(call)
        elif call.agent_id is not None:
            self.talking -= 1
            self._wrapping.add(call.agent_id)

    def _free(self, call: LiveCall) -> None:
        self.release(call.agent_id)
        call.agent_id = None

    def _over(self, call: LiveCall, at: float) -> Over:
        call.ended = at
        del self.calls[call.attempt_id]
        return Over(call)
