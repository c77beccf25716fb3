"""The engine of one campaign group: agents, calls and pacing as a pure state machine.

Events in, commands out; it has no clock, store or dialer of its own, and cannot tell a simulation from a
real run. Times are Unix UTC seconds.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Mapping
from typing import Any, Final

from cxrun.agents import AgentPool
from cxrun.calls import CallOff, Command, Connect, GiveBack, HangUp, LiveCall, Over, Place, Push, PutBack
from cxrun.elements import Deliver, DialingMode, Drop, Pacer, Pacing
from cxrun.model import PERSONAL, CallResult, Record

_BEAT: Final = 0.1
"""Seconds between looks at the call rate: calls that are due together are placed together."""
_BURST: Final = 1.0
"""Seconds of call rate that may be caught up at once after a stall."""


class Engine:
    """One campaign group at work.

    `abandon_message` is the routing point that a person is connected to whom no agent has taken within
    `connect_window` seconds; without one he is hung up on.
    """

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
        self.pool = pool
        self.calls: dict[str, LiveCall] = {}
        self.waiting: deque[str] = deque()
        self.dialed = 0
        self.talking = 0
        self.placed = 0
        self.idle = False
        """Whether it has no record to dial, or may not; told to those that share with others alone."""
        self._start = start
        self._slot = start
        self._previews: list[tuple[float, int, Record, str]] = []
        self._pushed: set[int] = set()
        """The records that are shown to an agent who has not said yet what he wants."""
        self._waits: list[tuple[float, Record, str]] = []
        self._counter = 0
        self._wrapping: set[str] = set()
        self._pacing = Pacing(start, connect_window=connect_window)
        self._ports = ports
        self._rate = min(calls_per_second, mode.calls_per_second or calls_per_second)
        self._connect_window = connect_window
        self._abandon_message = abandon_message
        self._obey(mode, start)

    def _obey(self, mode: DialingMode, now: float) -> None:
        self._mode = mode
        self._pacer = mode.start(now)
        self._wish = self._pacer.new_calls
        self._told = self._pacer if isinstance(self._pacer, Pacer) else None
        self._surplus = self._pacer.surplus if mode.cancels_before_ring and self.pool is not None else None
        self._agent_first = mode.agent_first and self.pool is not None
        self._capacity = mode.capacity if self.pool is None else None

    def change(
        self,
        mode: DialingMode,
        now: float,
        *,
        ports: int,
        calls_per_second: float,
        connect_window: float,
        abandon_message: str | None = None,
    ) -> None:
        """Go on under other settings; calls in progress and previews stay as they are.

        A mode of the same kind goes on with what the one before has learned, and is told of the calls in progress.
        """
        self._ports = ports
        self._rate = min(calls_per_second, mode.calls_per_second or calls_per_second)
        self._connect_window = self._pacing.connect_window = connect_window
        self._abandon_message = abandon_message
        if mode == self._mode:
            return
        before = self._told
        self._obey(mode, now)
        told = self._told
        if told is None:
            return
        if before is not None and type(before) is type(told):
            told.recall(before.remember())
        for call in self.calls.values():
            told.placed(call.attempt_id, call.placed)
            if call.answered is not None:
                told.answered(call.attempt_id, call.answered, call.detected or call.result, delivered=True)
            if call.given_up:
                told.ended(call.attempt_id, now, CallResult.DROPPED)
            elif call.connected is not None:
                told.connected(call.attempt_id, call.agent_id, call.connected)

    @property
    def in_progress(self) -> int:
        return len(self.calls)

    @property
    def ports(self) -> int:
        """Calls it may have in progress at once."""
        return self._ports

    @property
    def wrapping(self) -> int:
        """Agents who wrap up."""
        return len(self._wrapping)

    @property
    def looking(self) -> int:
        """Agents who look at a record before it is dialed."""
        return len(self._previews)

    @property
    def channels(self) -> int:
        """The answered calls it can serve at once without agents; 0 with agents, or if only its ports limit them."""
        return self._capacity or 0

    @property
    def call_states(self) -> dict[str, int]:
        """How many of its calls ring (or are about to), are queued for an agent, and are connected."""
        ringing, queued = self.dialed, len(self.waiting)
        return {"ringing": ringing, "queued": queued, "connected": len(self.calls) - ringing - queued}

    @property
    def agents(self) -> dict[str, int]:
        """What agents do: those ready serve any group of their agent group, the others are at work for this one.

        Reserved are those bound to a call before anybody has answered it, or kept for a callback. Empty without agents.
        """
        pool = self.pool
        if pool is None:
            return {}
        bound = sum(call.agent_id is not None and call.connected is None for call in self.calls.values())
        return {
            "logged_in": len(pool.known) - len(pool.gone),
            "ready": len(pool.ready),
            "previewing": self.looking,
            "reserved": bound + len(pool.kept),
            "talking": self.talking,
            "wrapping": self.wrapping,
        }

    @property
    def full(self) -> bool:
        """Whether every port is taken."""
        return len(self.calls) + len(self._previews) >= self._ports

    @property
    def previewing(self) -> int:
        """Records held that are not dialed yet: an agent looks at them, or they wait for their own."""
        return len(self._previews) + len(self._waits)

    @property
    def remark(self) -> str:
        """What the journal should say of the pace; empty for nothing."""
        return self._told.remark if self._told else ""

    @property
    def watched(self) -> bool:
        """Whether the mode watches what happens."""
        return self._told is not None

    def count(self, days: Mapping[int, tuple[int, int]]) -> None:
        """Tell the mode of the people who answered before, and those of them abandoned, by UTC day since 1970."""
        if self._told:
            self._told.count(days)

    def remember(self) -> Mapping[str, Any]:
        """What the mode of the group's next run should know, as plain JSON data."""
        return self._told.remember() if self._told else {}

    def recall(self, memory: Mapping[str, Any]) -> None:
        """Start from what the last run's mode has remembered.

        Raises whatever the mode raises that cannot use it; then it starts from nothing.
        """
        if self._told:
            try:
                self._told.recall(memory)
            except Exception:
                self._obey(self._mode, self._start)
                raise

    def new_calls(self, now: float) -> int:
        """How many records to take now: what the mode wants, within ports and calls per second."""
        pacing, calls, pool = self._pacing, len(self.calls), self.pool
        pacing.now = now
        if pool is not None:
            pacing.ready = len(pool.ready)
            pacing.agents = len(pool.known) - len(pool.gone)
        elif self._capacity is not None:
            pacing.agents = self._capacity
            pacing.ready = self._capacity - self.talking
        pacing.talking = self.talking
        pacing.wrapping = len(self._wrapping)
        pacing.dialed = self.dialed
        pacing.queued = len(self.waiting)
        pacing.in_progress = calls
        pacing.placed = self.placed
        pacing.since_start = now - self._start
        wanted = self._wish(pacing)
        if wanted <= 0:
            return 0
        room = self._ports - calls - len(self._previews)
        if wanted < room:
            room = wanted
        if self._agent_first:
            assert pool is not None
            room = min(room, len(pool.ready))
            if self._mode.preview_time > 0:
                return max(0, room)
        if room <= 0:
            return 0
        allowed = self._allowed(now)
        return room if room < allowed else allowed

    def _allowed(self, now: float) -> int:
        """How many calls the call rate allows at this moment."""
        if self._slot < now - _BURST:
            self._slot = now - _BURST
        return int((now - self._slot) * self._rate + 1e-9) + 1 if now >= self._slot else 0

    def unwilling(self, now: float) -> bool:
        """Whether it places no call though it has none in progress and none held back by the call rate."""
        return not self.calls and not self.previewing and self._allowed(now) > 0

    def eager(self, now: float) -> bool:
        """Whether calls should be placed at once: an agent waits. Without agents the beat is soon enough."""
        if self.pool is None:
            return False
        accepted = bool(self._previews) and self._previews[0][0] <= now
        if accepted or self.pool.kept or self.new_calls(now) > 0:
            return True
        return self._surplus is not None and bool(self.surplus(now))

    def surplus(self, now: float) -> list[str]:
        """The newest calls, if agents have become too few for them: to be called off unless they ring."""
        if self._surplus is None or self.new_calls(now) > 0:
            return []
        many = self._surplus(self._pacing)
        newest = reversed(self.calls.values()) if many > 0 else ()
        return [call.attempt_id for call in newest if call.answered is None and not call.resumed][:many]

    def call_off(self, attempt_id: str, at: float) -> list[Command]:
        """Release a call that does not ring yet."""
        call = self.calls.get(attempt_id)
        if call is None or call.answered is not None:
            return []
        return self._hang_up(call, at, "called off before it rang, for want of agents")

    def take(self, record: Record, now: float) -> Place | Push | None:
        """A record the rules allow: dial it, or let an agent preview it first."""
        if self._agent_first or record.record_type in PERSONAL:
            assert self.pool is not None
            agent_id = self._bound(record)
            if self._mode.preview_time > 0:
                return self._preview(record, agent_id, now)
            return Place(record, agent_id)
        return Place(record, None)

    def _preview(self, record: Record, agent_id: str, now: float) -> Push | None:
        """Let an agent look at a record before it is dialed."""
        self._counter += 1
        until = now + self._mode.preview_time
        heapq.heappush(self._previews, (until, self._counter, record, agent_id))
        if self._mode.offer is None:
            return None
        self._pushed.add(record.record_id)
        return Push(record, agent_id, until)

    def previewed(self, record_id: int, agent_id: str, at: float, *, accepted: bool) -> list[Command]:
        """An agent accepts or rejects what was pushed to him. What is said too late, or by another one, is nothing."""
        for preview in self._previews if record_id in self._pushed else ():
            _, number, record, asked = preview
            if (record.record_id, asked) == (record_id, agent_id):
                self._previews.remove(preview)
                if accepted:
                    self._pushed.discard(record_id)
                    self._previews.append((at, number, record, agent_id))
                heapq.heapify(self._previews)
                return [] if accepted else [self._put_back(record, agent_id, at, "rejected by the agent")]
        return []

    def _put_back(self, record: Record, agent_id: str, at: float, reason: str) -> PutBack:
        """The record is not dialed now, and its agent looks at another one."""
        self._pushed.discard(record.record_id)
        self.release(agent_id)
        offer = self._mode.offer
        return PutBack(record, at + (offer.again_after if offer else 0.0), reason)

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
        if self._told:
            self._told.withdrawn(attempt_id)
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
        self._pushed.clear()
        for *_, agent_id in self._waits:
            assert self.pool is not None
            self.pool.wait_no_longer(agent_id, taken=False)
        self._waits.clear()

    def place(self, call: LiveCall) -> None:
        """The call is being dialed."""
        self.calls[call.attempt_id] = call
        self.placed += 1
        self._slot += 1 / self._rate
        if call.given_up:
            return
        self.dialed += 1
        if self._told:
            self._told.placed(call.attempt_id, call.placed)

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
        pool, told = self.pool, self._told
        delivered = isinstance(handling, Deliver) and (pool is None or handling.destination == "agent")
        if told:
            told.answered(attempt_id, at, result, delivered=delivered)
        if isinstance(handling, Drop):
            self._free(call)
            return [HangUp(attempt_id), self._over(call, at)]
        if not delivered:
            self._free(call)
            call.connected = at
            return [Connect(attempt_id, None, handling.destination)]
        if pool is None:
            if self._capacity is None or self.talking < self._capacity:
                return [self._serve(call, at, handling.destination)]
        elif call.agent_id is not None:
            return [self._connect(call, at, call.agent_id)]
        elif pool.ready:
            return [self._connect(call, at, pool.take())]
        self.waiting.append(attempt_id)
        return []

    def answered_again(self, call: LiveCall, at: float) -> list[Command]:
        """The line tells anew of an answer that is known: of a call that an earlier run has given up it must hear how
        that goes on."""
        return self._dropped(call, at) if call.given_up and call.resumed else []

    def ended(self, attempt_id: str, at: float, result: CallResult) -> list[Command]:
        """The call ended before anybody was connected, or while it heard the message for whom no agent takes."""
        call = self.calls.get(attempt_id)
        if call is None:
            return []
        if not call.given_up:
            call.result = result
            if self._told:
                self._told.ended(attempt_id, at, result)
        self._leave(call)
        return [self._over(call, at)]

    def hang_up(self, at: float, why: str) -> list[Command]:
        """Release every call that nobody has answered yet; who has answered is served."""
        ringing = [call for call in self.calls.values() if call.answered is None and not call.resumed]
        return [command for call in ringing for command in self._hang_up(call, at, why)]

    def _hang_up(self, call: LiveCall, at: float, why: str) -> list[Command]:
        call.hung_up = why
        call.result = CallResult.DROPPED_NO_ANSWER
        if self._told:
            self._told.withdrawn(call.attempt_id)
        self._leave(call)
        return [HangUp(call.attempt_id), self._over(call, at)]

    def completed(
        self, attempt_id: str, at: float, disposition: str | None, callback: float | None = None
    ) -> list[Command]:
        """The conversation is over; the agent wraps up. `callback` is when the customer wants to be called again.

        Of a call that was given up it is the message that is over.
        """
        call = self.calls.get(attempt_id)
        if call is None:
            return []
        call.disposition = disposition
        call.callback = callback
        if call.result is CallResult.UNKNOWN:
            # a conversation that began before a restart: nobody told this engine of the answer
            call.result = CallResult.ANSWER
        if self._told and not call.given_up:
            self._told.completed(attempt_id, call.agent_id, at)
        self._leave(call)
        return [self._over(call, at)]

    def agent_ready(self, agent_id: str, at: float) -> list[Command]:
        """An agent is free: he takes the call that waits longest, else he is ready."""
        self._wrapping.discard(agent_id)
        if self.pool is None:
            return []
        if self._told:
            self._told.agent_ready(agent_id, at)
        self.pool.gone.discard(agent_id)
        self.pool.known.add(agent_id)
        if self.waiting and self._is_next():
            return [self._connect(self.calls[self.waiting.popleft()], at, agent_id)]
        self.pool.free(agent_id)
        return []

    def agent_gone(self, agent_id: str, at: float) -> list[Command]:
        """An agent has left; he gets no further call."""
        self._wrapping.discard(agent_id)
        if self._told:
            self._told.agent_gone(agent_id, at)
        if self.pool is not None:
            self.pool.gone.add(agent_id)
            self.pool.kept.discard(agent_id)
            if agent_id in self.pool.ready:
                self.pool.ready.remove(agent_id)
        if not self._pushed:
            return []
        commands: list[Command] = []
        for preview in list(self._previews):
            _, _, record, asked = preview
            if asked == agent_id and record.record_id in self._pushed:
                self._previews.remove(preview)
                if record.record_type in PERSONAL:
                    self._pushed.discard(record.record_id)
                    commands.append(GiveBack(record))
                else:
                    commands.append(self._put_back(record, agent_id, at, "its agent has left"))
        heapq.heapify(self._previews)
        return commands

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
                push = self._preview(record, agent_id, now)
                commands += [push] if push else []
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
            offer = self._mode.offer if record.record_id in self._pushed else None
            self._pushed.discard(record.record_id)
            if offer is not None and offer.on_timeout == "skip":
                commands.append(self._put_back(record, agent_id, now, "the agent did not answer"))
                continue
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
        while self.waiting and self.pool is not None and self.pool.ready and self._is_next():
            call = self.calls[self.waiting.popleft()]
            commands.append(self._connect(call, now, self.pool.take()))
        while self.waiting and self._capacity is not None and self.talking < self._capacity:
            commands.append(self._serve(self.calls[self.waiting.popleft()], now))
        if self._surplus is not None:
            commands += [CallOff(attempt_id) for attempt_id in self.surplus(now)]
        while self.waiting and self._deadline() <= now:
            call = self.calls[self.waiting.popleft()]
            call.given_up = True
            call.result = CallResult.DROPPED
            if self._told:
                self._told.ended(call.attempt_id, now, CallResult.DROPPED)
            commands += self._dropped(call, now)
        return commands

    def next_at(self, now: float) -> float | None:
        """When to be asked again though nothing happens."""
        following = self._told.next_at(now) if self._told else None
        # the slot is a sum of fractions: it may fall short of the moment it has been used up to
        paced = (self.placed and self._slot > now - 1e-6) or self.pool is None
        if not (paced or self._previews or self.waiting or self._waits):
            return following
        moments = [] if following is None else [following]
        if self._previews:
            moments.append(max(self._previews[0][0], self._slot))
        if self.waiting:
            moments.append(self._deadline())
        if self._waits:
            moments.append(min(until for until, _, _ in self._waits))
        if paced:
            moments.append(max(self._slot, now + _BEAT))
        return min(moments, default=None)

    def _is_next(self) -> bool:
        """Whether of all calls that wait for the agents of the pool its own has waited longest."""
        return True

    def _deadline(self) -> float:
        call = self.calls[self.waiting[0]]
        assert call.answered is not None
        return call.answered + self._connect_window

    def _connect(self, call: LiveCall, at: float, agent_id: str) -> Connect:
        call.agent_id = agent_id
        call.connected = at
        self.talking += 1
        if self._told:
            self._told.connected(call.attempt_id, agent_id, at)
        return Connect(call.attempt_id, agent_id)

    def _serve(self, call: LiveCall, at: float, destination: str = "agent") -> Connect:
        """Connect an answered call of an IVR mode."""
        call.connected = at
        self.talking += self._capacity is not None
        if self._told:
            self._told.connected(call.attempt_id, None, at)
        return Connect(call.attempt_id, None, destination)

    def _dropped(self, call: LiveCall, at: float) -> list[Command]:
        """No agent has taken the call in time: a person hears the message, anybody else is hung up on."""
        message = self._abandon_message if self.pool is not None else None
        if message is None or call.detected != CallResult.ANSWER:
            return [HangUp(call.attempt_id), self._over(call, at)]
        if call.connected is None:
            call.connected = at
        return [Connect(call.attempt_id, None, message)]

    def _leave(self, call: LiveCall) -> None:
        """The call is no longer dialed, waiting or talked on; its agent is free, or wraps up."""
        if call.given_up:
            return
        if call.answered is None:
            self.dialed -= 1
            if call.connected is None:
                self._free(call)
                return
        if call.connected is None:
            if call.attempt_id in self.waiting:
                self.waiting.remove(call.attempt_id)
            self._free(call)
        elif call.agent_id is not None:
            self.talking -= 1
            if self.pool is None or call.agent_id not in self.pool.gone:
                self._wrapping.add(call.agent_id)
        elif self._capacity is not None:
            self.talking -= 1

    def _free(self, call: LiveCall) -> None:
        if call.agent_id is not None:
            self.release(call.agent_id)
            call.agent_id = None

    def _over(self, call: LiveCall, at: float) -> Over:
        call.ended = at
        del self.calls[call.attempt_id]
        return Over(call)
